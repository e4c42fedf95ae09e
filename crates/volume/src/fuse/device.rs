//! `/dev/fuse`: the mount, and one connection to it for each worker.
#![expect(unsafe_code, reason = "FUSE_DEV_IOC_CLONE is an ioctl")]

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;

use rustix::ioctl::{Setter, ioctl, opcode};
use rustix::mount::MountFlags;

use super::protocol::{Answer, WRITE_HEAD_LEN};

const PATH: &str = "/dev/fuse";
/// `FUSE_DEV_IOC_CLONE`: the connection of another descriptor, with a queue of its own for requests that are being worked on.
const CLONE: rustix::ioctl::Opcode = opcode::read::<u32>(229, 0);

/// A connection to the kernel.
pub(crate) struct Device(File);

/// What came of waiting for a request.
pub(crate) enum Received {
    /// This many bytes, header and payload together.
    Request(usize),
    /// The file system is no longer mounted.
    Unmounted,
}

impl Device {
    /// Mounts a file system that consists of one regular file upon the regular file `target`.
    ///
    /// # Errors
    /// `NotFound` without `/dev/fuse`; what the system says otherwise.
    pub(crate) fn mount(target: &Path, source: &str, read_only: bool) -> io::Result<Self> {
        let device = Device(open()?);
        let data = format!(
            "fd={},rootmode={:o},user_id=0,group_id=0",
            device.0.as_raw_fd(),
            libc::S_IFREG | 0o600
        );
        let data = CString::new(data)?;
        let mut flags =
            MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        if read_only {
            flags |= MountFlags::RDONLY;
        }
        rustix::mount::mount(
            source,
            target,
            super::MOUNT_TYPE,
            flags,
            Some(data.as_c_str()),
        )?;
        Ok(device)
    }

    /// A further connection to the same mount.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn another(&self) -> io::Result<Self> {
        let file = open()?;
        let own: RawFd = self.0.as_raw_fd();
        // SAFETY: CLONE reads one 32-bit descriptor number through the pointer and changes nothing but the fresh `file`.
        unsafe { ioctl(&file, Setter::<CLONE, RawFd>::new(own))? };
        Ok(Device(file))
    }

    /// Waits for one request; its head and what follows the head go to buffers of their own.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn receive(
        &self,
        head: &mut [u8; WRITE_HEAD_LEN],
        rest: &mut [u8],
    ) -> io::Result<Received> {
        loop {
            match (&self.0).read_vectored(&mut [IoSliceMut::new(head), IoSliceMut::new(rest)]) {
                Ok(len) => return Ok(Received::Request(len)),
                Err(error) => match error.raw_os_error() {
                    // A request that was interrupted before it was read, a signal, a spurious wake-up.
                    Some(libc::ENOENT | libc::EINTR | libc::EAGAIN) => {}
                    Some(libc::ENODEV | libc::ECONNABORTED) => return Ok(Received::Unmounted),
                    _ => return Err(error),
                },
            }
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// What the system says. `NotFound` for a request that was interrupted meanwhile is none.
    pub(crate) fn answer(&self, answer: &Answer, payload: &[u8]) -> io::Result<()> {
        match (&self.0).write_vectored(&[IoSlice::new(answer.as_bytes()), IoSlice::new(payload)]) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(PATH)
}
