//! The log's port to the file system: one folder, one segment that grows. Tests put a disk in its place that fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::segment;

/// The room kept back for the notice that there is none.
const RESERVE_LEN: usize = 64 << 10;
const RESERVE: &str = "reserve";

/// What the writer does to the disk. Lengths are those of the current segment.
pub(crate) trait Disk: Send {
    /// Makes an empty segment, durably, and goes on there.
    fn begin_segment(&mut self, number: u64) -> io::Result<()>;
    /// Writes at the end of the segment; after an error a part may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything appended durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the segment, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Makes sure that the reserve takes its room.
    fn keep_reserve(&mut self) -> io::Result<()>;
    /// Gives the reserve's room free.
    fn release_reserve(&mut self) -> io::Result<()>;
}

/// A real folder.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: PathBuf,
    segment: File,
}

impl Folder {
    /// Goes on in the segment `number`, which exists.
    pub(crate) fn resume(folder: &Path, number: u64) -> io::Result<Self> {
        let segment = OpenOptions::new()
            .append(true)
            .open(segment::path(folder, number))?;
        Ok(Self {
            folder: folder.to_owned(),
            segment,
        })
    }

    /// Begins with the segment `number`.
    pub(crate) fn begin(folder: &Path, number: u64) -> io::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            segment: create(folder, number)?,
        })
    }
}

fn create(folder: &Path, number: u64) -> io::Result<File> {
    let path = segment::path(folder, number);
    // A segment that an attempt before left behind is empty: nothing was ever appended to it.
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.len() != 0 {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the next segment is there already",
        ));
    }
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

impl Disk for Folder {
    fn begin_segment(&mut self, number: u64) -> io::Result<()> {
        self.segment = create(&self.folder, number)?;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.segment.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.segment.set_len(length)?;
        self.segment.sync_all()
    }

    fn keep_reserve(&mut self) -> io::Result<()> {
        let path = self.folder.join(RESERVE);
        if fs::metadata(&path).is_ok_and(|reserve| reserve.len() == RESERVE_LEN as u64) {
            return Ok(());
        }
        let mut reserve = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        // Written and not just extended: a hole keeps no room.
        let kept = reserve
            .write_all(&vec![0; RESERVE_LEN])
            .and_then(|()| reserve.sync_all());
        if kept.is_err() {
            reserve.set_len(0)?;
        }
        kept
    }

    fn release_reserve(&mut self) -> io::Result<()> {
        let reserve = OpenOptions::new()
            .write(true)
            .open(self.folder.join(RESERVE))?;
        reserve.set_len(0)?;
        reserve.sync_all()
    }
}
