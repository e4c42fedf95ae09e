//! The loop device over a view: attached with direct I/O and the view's sector size, detached only when nobody uses it.
#![expect(unsafe_code, reason = "scratch")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(crate) fn attach(view: &Path, sector_size: u32, read_only: bool) -> io::Result<PathBuf> {
    let view = OpenOptions::new().read(true).write(!read_only).open(view)?;
    let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control")?;
    for _ in 0..64 {
        // SAFETY: no argument.
        let n = unsafe { libc::ioctl(control.as_raw_fd(), 0x4C82) };
        if n < 0 {
            return Err(io::Error::last_os_error());
        }
        let path = PathBuf::from(format!("/dev/loop{n}"));
        let dev = OpenOptions::new().read(true).write(!read_only).open(&path)?;
        let mut cfg = [0u8; 304];
        cfg[0..4].copy_from_slice(&(view.as_raw_fd() as u32).to_ne_bytes());
        cfg[4..8].copy_from_slice(&sector_size.to_ne_bytes());
        let flags: u32 = 16 | u32::from(read_only);
        cfg[8 + 52..8 + 56].copy_from_slice(&flags.to_ne_bytes());
        // SAFETY: struct loop_config.
        if unsafe { libc::ioctl(dev.as_raw_fd(), 0x4C0A, cfg.as_ptr()) } == 0 {
            return Ok(path);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EBUSY) {
            return Err(error);
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

pub(crate) fn open_exclusive(device: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_EXCL).open(device)
}

pub(crate) fn detach(device: &File) -> io::Result<()> {
    // SAFETY: no argument.
    if unsafe { libc::ioctl(device.as_raw_fd(), 0x4C01, 0) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
