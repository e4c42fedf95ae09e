//! Where the bytes come from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A device as a reader of signatures wants it.
pub trait Source {
    /// Why a read failed.
    type Error;

    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` from `offset`. Never asked for anything beyond [`Source::len`].
    ///
    /// # Errors
    /// When any of it cannot be read.
    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), Self::Error>;

    /// The first offset at or after `from` that may hold anything but zeros; `None` when there is none.
    fn next_data(&mut self, from: u64) -> Option<u64> {
        Some(from)
    }
}

/// Reads `N` bytes, or nothing where the device is too short to have them.
pub(super) fn take<const N: usize, S: Source>(
    source: &mut S,
    offset: u64,
) -> Result<Option<[u8; N]>, S::Error> {
    if offset
        .checked_add(N as u64)
        .is_none_or(|end| end > source.len())
    {
        return Ok(None);
    }
    let mut bytes = [0; N];
    source.read_at(offset, &mut bytes)?;
    Ok(Some(bytes))
}

/// A file, or a block device, of known length.
#[derive(Debug)]
pub struct FileSource<'a> {
    file: &'a File,
    len: u64,
}

impl<'a> FileSource<'a> {
    /// Reads the first `len` bytes of a file.
    pub fn new(file: &'a File, len: u64) -> Self {
        Self { file, len }
    }
}

impl Source for FileSource<'_> {
    type Error = io::Error;

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }

    fn next_data(&mut self, from: u64) -> Option<u64> {
        match rustix::fs::seek(self.file, rustix::fs::SeekFrom::Data(from)) {
            Ok(offset) => Some(offset),
            Err(rustix::io::Errno::NXIO) => None,
            Err(_) => Some(from),
        }
    }
}
