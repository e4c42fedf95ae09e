//! The only call of ioctl(2). Requests are constants of a type that says what the kernel touches, so that the rest of
//! `linux` builds and reads plain bytes and needs no `unsafe`.
#![expect(
    unsafe_code,
    reason = "ioctl(2) takes raw memory; every request here says how much of it the kernel touches"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::linux::dm::{Command, Message};

/// A request whose argument is a number, or nothing (0): the kernel touches none of our memory.
#[derive(Clone, Copy)]
pub(super) struct Scalar(libc::Ioctl);

/// A request whose argument is a structure of exactly `N` bytes that holds no pointers.
#[derive(Clone, Copy)]
pub(super) struct Fixed<const N: usize>(libc::Ioctl);

/// Finds, and makes if need be, a free loop device; returns its number.
pub(super) const LOOP_CTL_GET_FREE: Scalar = Scalar(0x4C82);
/// Detaches a loop device, at once or when its last user goes.
pub(super) const LOOP_CLR_FD: Scalar = Scalar(0x4C01);
/// Whether a loop device goes past the page cache of the file beneath.
pub(super) const LOOP_SET_DIRECT_IO: Scalar = Scalar(0x4C08);
/// `struct loop_info64`.
pub(super) const LOOP_GET_STATUS64: Fixed<232> = Fixed(0x4C05);
/// `struct loop_config`.
pub(super) const LOOP_CONFIGURE: Fixed<304> = Fixed(0x4C0A);
/// Size of a block device in bytes.
pub(super) const BLKGETSIZE64: Fixed<8> = Fixed(0x8008_1272);
/// Logical block size.
pub(super) const BLKSSZGET: Fixed<4> = Fixed(0x1268);
/// Physical block size.
pub(super) const BLKPBSZGET: Fixed<4> = Fixed(0x127B);
/// Whether a block device refuses writes.
pub(super) const BLKROGET: Fixed<4> = Fixed(0x125E);
/// Discards a range: offset and length in bytes.
pub(super) const BLKDISCARD: Fixed<16> = Fixed(0x1277);
/// Writes back and drops a block device's page cache.
pub(super) const BLKFLSBUF: Scalar = Scalar(0x1261);

/// Performs a request that takes a number; gives the kernel's result.
pub(super) fn scalar(fd: BorrowedFd<'_>, request: Scalar, argument: usize) -> io::Result<i32> {
    // SAFETY: the file descriptor is open for the length of the call, and only the requests above can be named, whose
    // argument the kernel takes as a number.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request.0, argument) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Performs a request that reads or writes a structure of `N` bytes.
pub(super) fn fixed<const N: usize>(
    fd: BorrowedFd<'_>,
    request: Fixed<N>,
    bytes: &mut [u8; N],
) -> io::Result<()> {
    // SAFETY: the file descriptor is open for the length of the call; `N` is the size of the structure that the kernel
    // copies in and out for this request, which it does bytewise and so without asking for alignment.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request.0, bytes.as_mut_ptr()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Performs a device-mapper command.
pub(super) fn device_mapper(
    fd: BorrowedFd<'_>,
    command: Command,
    message: &mut Message,
) -> io::Result<()> {
    let bytes = message.sized();
    // SAFETY: the file descriptor is open for the length of the call. The kernel copies in and out at most as many
    // bytes as the message's `data_size` field says, and `sized` sets that field to the length of this very slice.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), command.request(), bytes.as_mut_ptr()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
