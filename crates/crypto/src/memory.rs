//! A run of pages for secrets: never swapped, never in a core dump, not in a forked child, and fenced by a page
//! that cannot be touched on either side. It knows pages; `arena` cuts them up.
//!
//! Two kinds, tried in order:
//! 1. `memfd_secret(2)` (Linux 5.14): also outside the kernel's own map of memory, so neither `ptrace`, nor
//!    `/proc/*/mem`, nor another bug in the kernel reads it.
//! 2. private anonymous memory with `mlock2`, `MADV_DONTDUMP` and `MADV_WIPEONFORK`.
//!
//! Where the limit on locked memory (`RLIMIT_MEMLOCK`) refuses both, the pages are used unlocked and say so.
#![expect(
    unsafe_code,
    reason = "mapping, locking and advising pages has no safe interface"
)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::mm::{self, Advice, MapFlags, MprotectFlags, ProtFlags};

/// Set once the kernel has said that it has no `memfd_secret`, so that it is asked once.
static NO_SECRET_FILES: AtomicBool = AtomicBool::new(false);

/// Pages that stay mapped for the life of the process.
pub(crate) struct Pages {
    pub(crate) start: NonNull<u8>,
    pub(crate) len: usize,
    /// Whether the kernel promised never to write them to swap.
    pub(crate) locked: bool,
}

/// The size of a page.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// Maps `len` bytes (rounded up to pages), zeroed.
pub(crate) fn map(len: usize) -> io::Result<Pages> {
    let page = page_size();
    let len = len.div_ceil(page) * page;
    match map_secret_file(len, page) {
        Ok(pages) => Ok(pages),
        Err(_) => map_anonymous(len, page),
    }
}

/// Gives pages back. They must hold no secret any more.
///
/// # Safety
/// Nothing may refer to the pages.
pub(crate) unsafe fn unmap(pages: &Pages) {
    let page = page_size();
    // SAFETY: `map` made exactly this range, guards included, and the caller says that nothing refers to it.
    // A failure leaves it mapped, which is harmless.
    let _ = unsafe {
        mm::munmap(
            pages.start.as_ptr().wrapping_sub(page).cast(),
            pages.len + 2 * page,
        )
    };
}

fn map_secret_file(len: usize, page: usize) -> io::Result<Pages> {
    if NO_SECRET_FILES.load(Ordering::Relaxed) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    // SAFETY: memfd_secret takes flags and returns a descriptor or -1; it touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let Ok(fd @ 0..) = i32::try_from(fd) else {
        let error = io::Error::last_os_error();
        if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) {
            NO_SECRET_FILES.store(true, Ordering::Relaxed);
        }
        return Err(error);
    };
    // SAFETY: the descriptor was opened just now and nobody else has it.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    let whole = len + 2 * page;
    rustix::fs::ftruncate(&file, whole as u64)?;
    // SAFETY: a new mapping at an address of the kernel's choice aliases nothing.
    let base = unsafe {
        mm::mmap(
            ptr::null_mut(),
            whole,
            ProtFlags::empty(),
            MapFlags::SHARED,
            &file,
            0,
        )
    }?;
    let pages = open_between_guards(base, len, page, true)?;
    // Shared pages cannot be wiped in a child; they are left out of it instead, so that a child that drops
    // its copy of a secret does not wipe ours.
    // SAFETY: the range is ours and the advice changes only what fork copies.
    let kept = unsafe { mm::madvise(pages.start.as_ptr().cast(), len, Advice::LinuxDontFork) };
    finish(pages, kept.map_err(Into::into))
}

fn map_anonymous(len: usize, page: usize) -> io::Result<Pages> {
    let whole = len + 2 * page;
    // SAFETY: a new mapping at an address of the kernel's choice aliases nothing.
    let base = unsafe {
        mm::mmap_anonymous(
            ptr::null_mut(),
            whole,
            ProtFlags::empty(),
            MapFlags::PRIVATE,
        )
    }?;
    let mut pages = open_between_guards(base, len, page, false)?;
    let at = pages.start.as_ptr().cast();
    // SAFETY: the range is ours, freshly mapped and unshared; locking and advising do not change its contents.
    let (locked, kept) = unsafe {
        (
            mm::mlock(at, len).is_ok(),
            mm::madvise(at, len, Advice::LinuxDontDump)
                .and_then(|()| mm::madvise(at, len, Advice::LinuxWipeOnFork)),
        )
    };
    pages.locked = locked;
    finish(pages, kept.map_err(Into::into))
}

/// Makes the pages between the first and the last readable and writable.
fn open_between_guards(
    base: *mut core::ffi::c_void,
    len: usize,
    page: usize,
    locked: bool,
) -> io::Result<Pages> {
    let start = base.cast::<u8>().wrapping_add(page);
    let Some(start) = NonNull::new(start) else {
        return Err(io::ErrorKind::OutOfMemory.into());
    };
    let pages = Pages { start, len, locked };
    // SAFETY: the range lies inside the mapping `base` of len + 2 pages that the caller just made.
    let opened = unsafe {
        mm::mprotect(
            start.as_ptr().cast(),
            len,
            MprotectFlags::READ | MprotectFlags::WRITE,
        )
    };
    finish(pages, opened.map_err(Into::into))
}

fn finish(pages: Pages, outcome: io::Result<()>) -> io::Result<Pages> {
    match outcome {
        Ok(()) => Ok(pages),
        Err(error) => {
            // SAFETY: the pages were never handed out.
            unsafe { unmap(&pages) };
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smaps_flags_of(pages: &Pages) -> String {
        let address = format!("{:x}-", pages.start.as_ptr() as usize);
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&address));
        lines
            .find(|line| line.starts_with("VmFlags:"))
            .unwrap()
            .to_owned()
    }

    #[test]
    fn secret_file_pages_are_kept_out_of_dumps_and_children() {
        let pages = match map_secret_file(4096, page_size()) {
            Ok(pages) => pages,
            Err(error) => {
                assert!(
                    NO_SECRET_FILES.load(Ordering::Relaxed),
                    "only a kernel without memfd_secret may refuse it here: {error}"
                );
                return;
            }
        };
        let flags = smaps_flags_of(&pages);
        for flag in [" dd", " lo", " dc"] {
            assert!(flags.contains(flag), "{flag} missing in {flags}");
        }
    }

    #[test]
    fn anonymous_pages_are_kept_out_of_dumps_and_wiped_in_children() {
        let pages = map_anonymous(4096, page_size()).unwrap();
        let flags = smaps_flags_of(&pages);
        for flag in [" dd", " wf"] {
            assert!(flags.contains(flag), "{flag} missing in {flags}");
        }
        assert_eq!(pages.locked, flags.contains(" lo"), "{flags}");
    }

    #[test]
    fn both_neighbours_of_a_run_are_out_of_bounds() {
        let pages = map(3 * 4096).unwrap();
        let start = pages.start.as_ptr() as usize;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let permission_at = |address: usize| {
            maps.lines()
                .find_map(|line| {
                    let (range, rest) = line.split_once(' ')?;
                    let (from, to) = range.split_once('-')?;
                    let range = usize::from_str_radix(from, 16).ok()?
                        ..usize::from_str_radix(to, 16).ok()?;
                    range.contains(&address).then(|| rest[..3].to_owned())
                })
                .unwrap()
        };
        assert_eq!(permission_at(start - 1), "---");
        assert_eq!(permission_at(start), "rw-");
        assert_eq!(permission_at(start + pages.len), "---");
    }
}
