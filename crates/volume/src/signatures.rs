//! What is on a raw device: known signatures wherever they live, and any byte that is not zero at either end. Formatting
//! is refused on anything that this finds, so a signature too many is a question to the operator and one too few may be
//! his data. No I/O: bytes come through [`Source`].

mod magic;
pub mod property;
mod source;
mod structures;

#[cfg(test)]
mod tests;

pub use source::{FileSource, Source};

use crate::host::{SCAN_LEN, Signature, SignatureReport};

/// Read at once when looking for bytes that are not zero.
const CHUNK: usize = 256 << 10;

/// Reports what is on a device.
///
/// # Errors
/// The source's own, from its first failed read: an unreadable device is not blank.
pub fn inspect<S: Source>(source: &mut S) -> Result<SignatureReport, S::Error> {
    let mut found = Vec::new();
    magic::find(source, &mut found)?;
    structures::find(source, &mut found)?;
    found.sort_by(|a: &Signature, b| (a.offset, &a.name).cmp(&(b.offset, &b.name)));
    found.dedup();

    let len = source.len();
    let front = SCAN_LEN.min(len);
    let back = len.saturating_sub(SCAN_LEN).max(front);
    let mut first_nonzero = scan(source, 0, front)?;
    if first_nonzero.is_none() {
        first_nonzero = scan(source, back, len)?;
    }
    Ok(SignatureReport {
        found,
        first_nonzero,
    })
}

/// The type of the file system that a device holds, as `mount` calls it.
///
/// # Errors
/// The source's own.
pub fn file_system<S: Source>(source: &mut S) -> Result<Option<String>, S::Error> {
    if let Some(kind) = structures::ext(source, structures::EXT_PRIMARY, None)?
        && kind != structures::EXT_JOURNAL
    {
        return Ok(Some(kind.to_owned()));
    }
    magic::file_system(source)
}

/// The first byte of a range that is not zero. Holes are skipped, not read.
fn scan<S: Source>(source: &mut S, start: u64, end: u64) -> Result<Option<u64>, S::Error> {
    let mut buffer = vec![0; CHUNK];
    let mut at = start;
    while let Some(data) = source
        .next_data(at)
        .map(|data| data.max(at))
        .filter(|&data| data < end)
    {
        let part = usize::try_from(end - data).unwrap_or(CHUNK).min(CHUNK);
        let bytes = &mut buffer[..part];
        source.read_at(data, bytes)?;
        if let Some(index) = first_nonzero(bytes) {
            return Ok(Some(data + index as u64));
        }
        at = data + part as u64;
    }
    Ok(None)
}

/// Sixteen bytes at a time: most devices that are looked at are zero throughout.
fn first_nonzero(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<16>();
    let skip = words
        .iter()
        .position(|word| u128::from_ne_bytes(*word) != 0)
        .unwrap_or(words.len())
        * 16;
    bytes[skip..]
        .iter()
        .position(|&byte| byte != 0)
        .map(|index| skip + index)
}
