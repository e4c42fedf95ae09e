//! What holds the ciphertext: a regular file or a block device, claimed for this engine alone.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::FlockOperation;

use super::buffer::AlignedBuffer;
use super::sectors::{Backing, Geometry};

/// A disk answers each request only after a while.
const REQUESTS_TO_DISK: usize = 16;
/// Memory answers at once, and every further thread has caches of its own to warm.
const REQUESTS_TO_MEMORY: usize = 4;

/// An open file or block device.
pub(crate) struct Storage {
    file: File,
    in_memory: bool,
    /// A sync has failed. The kernel reports lost pages once only, so no later sync may claim that they are safe.
    lost: AtomicBool,
}

impl Storage {
    /// Opens and claims `path`: a block device exclusively, a file under a lock.
    ///
    /// The page cache is passed by where the backing can do that with sectors of this size, so that no block is cached both above the
    /// view and below it, and no write waits in memory that only this process could free.
    ///
    /// # Errors
    /// `ResourceBusy` where somebody else has claimed it; `InvalidInput` for anything but a file or block device, or where the payload
    /// does not fit in it; what the system says otherwise.
    pub(crate) fn open(path: &Path, geometry: &Geometry, read_only: bool) -> io::Result<Self> {
        let kind = std::fs::metadata(path)?.file_type();
        let exclusive = match (kind.is_block_device(), kind.is_file()) {
            (true, _) => libc::O_EXCL,
            (_, true) => 0,
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is neither a file nor a block device",
                ));
            }
        };
        let open = |direct: i32| {
            OpenOptions::new()
                .read(true)
                .write(!read_only)
                .custom_flags(exclusive | direct)
                .open(path)
        };
        let file = match open(libc::O_DIRECT) {
            Ok(file) if takes_sectors(&file, geometry)? => file,
            // Dropped before it is opened again: an exclusive open excludes ourselves too.
            Ok(file) => {
                drop(file);
                open(0)?
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => open(0)?,
            Err(error) => return Err(error),
        };
        if kind.is_file() {
            let lock = if read_only {
                FlockOperation::NonBlockingLockShared
            } else {
                FlockOperation::NonBlockingLockExclusive
            };
            rustix::fs::flock(&file, lock).map_err(|errno| match errno {
                rustix::io::Errno::WOULDBLOCK => io::Error::from(io::ErrorKind::ResourceBusy),
                other => other.into(),
            })?;
        }
        let in_memory = in_memory(&file);
        let storage = Storage {
            file,
            in_memory,
            lost: AtomicBool::new(false),
        };
        storage.probe_end(geometry)?;
        Ok(storage)
    }

    /// Reads the last sector: a payload that reaches past the end shows now, not at some later request.
    fn probe_end(&self, geometry: &Geometry) -> io::Result<()> {
        let size = geometry.sector_size() as usize;
        let last = geometry.payload().end - size as u64;
        self.read_exact_at(&mut AlignedBuffer::new(size), last)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the payload reaches past its end",
                ),
                _ => error,
            })
    }
}

/// Whether direct I/O takes single sectors, at any place in memory that is a multiple of them: found out by doing it.
fn takes_sectors(file: &File, geometry: &Geometry) -> io::Result<bool> {
    let size = geometry.sector_size() as usize;
    let mut buffer = AlignedBuffer::new(2 * size);
    match file.read_at(&mut buffer[size..], geometry.payload().start) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a file is on a tmpfs.
fn in_memory(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|fs| fs.f_type == libc::TMPFS_MAGIC)
}

impl Backing for Storage {
    fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        if self.lost.load(Ordering::Acquire) {
            return Err(io::Error::other(
                "an earlier sync failed and what it covered may be lost",
            ));
        }
        self.file
            .sync_data()
            .inspect_err(|_| self.lost.store(true, Ordering::Release))
    }

    fn requests_at_a_time(&self) -> usize {
        if self.in_memory {
            REQUESTS_TO_MEMORY
        } else {
            REQUESTS_TO_DISK
        }
    }
}
