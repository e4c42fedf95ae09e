//! The segments: their names, their order, their lines.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::TrailError;

/// A place in the log, for a person and for `sed -n 'LINEp'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// Where the line begins, in bytes from the file's beginning.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {} (byte {})", self.file, self.line, self.offset)
    }
}

/// The file name of the segment `number`, from 1.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:08}.jsonl")
}

pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(file_name(number))
}

/// How many segments there are; they are numbered from 1 without gaps.
pub(crate) fn count(folder: &Path) -> Result<u64, TrailError> {
    let read = |error: io::Error| TrailError::io(folder, &error);
    let mut numbers = Vec::new();
    for file in fs::read_dir(folder).map_err(read)? {
        let name = file.map_err(read)?.file_name();
        let Some(digits) = name.to_str().and_then(|name| name.strip_suffix(".jsonl")) else {
            continue;
        };
        if let Ok(number) = digits.parse::<u64>()
            && name.to_str() == Some(&file_name(number))
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    for (wanted, found) in (1..).zip(&numbers) {
        if wanted != *found {
            let place = Place {
                file: file_name(wanted),
                line: 1,
                offset: 0,
            };
            return Err(TrailError::Corrupt {
                place,
                what: "the segment is missing",
            });
        }
    }
    Ok(numbers.len() as u64)
}

/// The lines of a segment with their places; the last one may lack its line feed.
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    file: String,
    line: u64,
    offset: usize,
}

/// One line of a segment.
pub(crate) struct RawLine<'a> {
    /// Without its line feed.
    pub(crate) bytes: &'a [u8],
    pub(crate) place: Place,
    /// Whether a line feed ends it.
    pub(crate) complete: bool,
}

pub(crate) fn lines(bytes: &[u8], number: u64) -> Lines<'_> {
    Lines {
        bytes,
        file: file_name(number),
        line: 0,
        offset: 0,
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = RawLine<'a>;

    fn next(&mut self) -> Option<RawLine<'a>> {
        let rest = &self.bytes[self.offset..];
        if rest.is_empty() {
            return None;
        }
        self.line += 1;
        let place = Place {
            file: self.file.clone(),
            line: self.line,
            offset: self.offset as u64,
        };
        let end = rest.iter().position(|byte| *byte == b'\n');
        self.offset += end.map_or(rest.len(), |end| end + 1);
        Some(RawLine {
            bytes: &rest[..end.unwrap_or(rest.len())],
            place,
            complete: end.is_some(),
        })
    }
}
