//! An open backing, file or block device: reads, writes, flushes, discards.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Advice, FallocateFlags, FlockOperation, SeekFrom};

use crate::engine::Changed;
use crate::host::{Access, BackingKind, Device, HostError, Identity};
use crate::linux::failure::{about, host_error};
use crate::linux::{identity, ioctl, loopdev};

/// A file or block device, open. Dropping it gives up the claim.
#[derive(Debug)]
pub(super) struct OpenDevice {
    file: File,
    kind: BackingKind,
    name: String,
    size: u64,
    logical_block_size: u64,
}

impl OpenDevice {
    /// Opens a backing and makes sure that it is the one that was identified.
    pub(super) fn open(backing: &Identity, access: Access) -> Result<Self, HostError> {
        let exclusive_device = access == Access::Exclusive && backing.kind == BackingKind::Device;
        let flags = libc::O_NOFOLLOW | if exclusive_device { libc::O_EXCL } else { 0 };
        let name = backing.path.display().to_string();
        let file = File::options()
            .read(true)
            .write(access != Access::Read)
            .custom_flags(flags)
            .open(&backing.path)
            .map_err(about(&backing.path))?;
        let same = identity::token_of(&file).map_err(about(&backing.path))? == backing.token;
        if !same {
            return Err(HostError::Replaced { what: name });
        }
        if access == Access::Exclusive && backing.kind == BackingKind::File {
            claim_file(&file, &backing.path)?;
        }
        let size = size_of(&file, backing.kind).map_err(about(&backing.path))?;
        Ok(Self {
            file,
            kind: backing.kind,
            name,
            size,
            logical_block_size: u64::from(backing.logical_block_size.max(1)),
        })
    }

    fn failed(&self, doing: &str, source: io::Error) -> HostError {
        match source.raw_os_error() {
            // What to say of a file system that is full, or a medium that is read-only, is about the backing.
            Some(
                libc::ENOSPC
                | libc::EDQUOT
                | libc::EFBIG
                | libc::EROFS
                | libc::EPERM
                | libc::EACCES,
            ) => host_error(self.name.clone(), source),
            _ => HostError::Io {
                what: format!("{doing} {}", self.name),
                source,
            },
        }
    }
}

/// Claims a file that no loop device sits on.
fn claim_file(file: &File, path: &Path) -> Result<(), HostError> {
    let what = || path.display().to_string();
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).map_err(
        |error| match error {
            rustix::io::Errno::WOULDBLOCK => HostError::Busy {
                what: what(),
                by: "another program that has locked it".into(),
            },
            other => host_error(what(), other.into()),
        },
    )?;
    if let Some(device) = loopdev::find(path)?.first() {
        return Err(HostError::Busy {
            what: what(),
            by: device.display().to_string(),
        });
    }
    Ok(())
}

/// The size of an open file or device in bytes.
fn size_of(file: &File, kind: BackingKind) -> io::Result<u64> {
    match kind {
        BackingKind::File => Ok(file.metadata()?.len()),
        BackingKind::Device => device_size(file),
    }
}

/// The size of an open block device in bytes.
pub(super) fn device_size(file: &File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    ioctl::fixed(file.as_fd(), ioctl::BLKGETSIZE64, &mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The size of a block device in bytes.
pub(super) fn block_size_bytes(path: &Path) -> io::Result<u64> {
    device_size(&File::open(path)?)
}

impl Device for OpenDevice {
    fn size(&self) -> u64 {
        size_of(&self.file, self.kind).unwrap_or(self.size)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), HostError> {
        self.file
            .read_exact_at(buf, offset)
            .map_err(|error| self.failed("reading", error))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), HostError> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|error| self.failed("writing", error))
    }

    fn flush(&self) -> Result<(), HostError> {
        self.file
            .sync_all()
            .map_err(|error| self.failed("flushing", error))
    }

    fn discard(&self, offset: u64, len: u64) -> Result<Changed, HostError> {
        // Only whole blocks can be discarded; what sticks out stays as it was.
        let end = offset.saturating_add(len).min(self.size());
        let block = if self.kind == BackingKind::Device {
            self.logical_block_size
        } else {
            1
        };
        let (start, end) = (offset.next_multiple_of(block), end - end % block);
        if start >= end {
            return Ok(Changed::No);
        }
        let done = match self.kind {
            BackingKind::File => rustix::fs::fallocate(
                &self.file,
                FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
                start,
                end - start,
            )
            .map_err(io::Error::from),
            BackingKind::Device => {
                let mut range = [0; 16];
                range[..8].copy_from_slice(&start.to_ne_bytes());
                range[8..].copy_from_slice(&(end - start).to_ne_bytes());
                ioctl::fixed(self.file.as_fd(), ioctl::BLKDISCARD, &mut range)
            }
        };
        match done {
            Ok(()) => Ok(Changed::Yes),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) => {
                Ok(Changed::No)
            }
            Err(error) => Err(self.failed("discarding", error)),
        }
    }

    fn drop_caches(&self) -> Result<(), HostError> {
        self.flush()?;
        match self.kind {
            BackingKind::File => {
                rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed).map_err(io::Error::from)
            }
            BackingKind::Device => ioctl::scalar(self.file.as_fd(), ioctl::BLKFLSBUF, 0).map(drop),
        }
        .map_err(|error| self.failed("dropping the cache of", error))
    }

    fn next_data(&self, from: u64) -> Option<u64> {
        match rustix::fs::seek(&self.file, SeekFrom::Data(from)) {
            Ok(offset) => Some(offset),
            Err(rustix::io::Errno::NXIO) => None,
            // Block devices, and file systems that cannot tell: everything may be data.
            Err(_) => Some(from),
        }
    }
}
