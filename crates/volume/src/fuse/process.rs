//! What a process must be to stand between a file system and its disk.
#![expect(unsafe_code, reason = "work between fork and exec")]

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mm::MlockAllFlags;

use super::kmsg;

/// Prepares a child that is to outlive us: a session of its own, and of our descriptors only the three standard ones.
pub(crate) fn detach(command: &mut Command) -> &mut Command {
    // SAFETY: only two system calls, both safe between fork and exec; neither touches memory.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            // A descriptor that somebody left open to us (a lock, say) would otherwise stay open for as long as the volume is.
            let _ = libc::close_range(
                3,
                libc::c_uint::MAX,
                libc::CLOSE_RANGE_CLOEXEC.cast_signed(),
            );
            Ok(())
        })
    }
}

/// The first argument of a process that systemd's last killing at shutdown passes over begins with this
/// (<https://systemd.io/ROOT_STORAGE_DAEMONS>).
const SPARED: &str = "@";

/// Starts this program again under a name that shutdown spares, unless it has one. Killed like the rest, the daemon would take the disk
/// from under a file system that is still mounted then; so it ends when that is unmounted, a moment later.
pub(crate) fn spared_at_shutdown(name: &str) {
    let mut arguments = std::env::args_os();
    let Some(program) = arguments.next() else {
        return;
    };
    if program.as_encoded_bytes().starts_with(SPARED.as_bytes()) {
        return;
    }
    let mut spared = std::ffi::OsString::from(SPARED);
    spared.push(program);
    let error = Command::new("/proc/self/exe")
        .arg0(spared)
        .args(arguments)
        .exec();
    kmsg::notice(name, format_args!("not spared at shutdown: {error}"));
}

/// Makes this process fit to serve a block device, and its memory unreadable. Called before any thread is started, since some of it
/// is a property of threads that they inherit.
///
/// # Errors
/// Where memory cannot be locked though the machine swaps, or the process kept out of core dumps.
pub(crate) fn prepare(name: &str) -> io::Result<()> {
    crypto::harden().map_err(io::Error::other)?;
    lock_memory(name)?;
    // Else an allocation of ours could wait for a write-back that waits for us.
    if let Err(errno) = rustix::process::configure_io_flusher_behavior(true) {
        kmsg::notice(
            name,
            format_args!("not an I/O flusher: {}", io::Error::from(errno)),
        );
    }
    // Killing us frees a few megabytes and takes the disk from everybody.
    if let Err(error) = fs::write("/proc/self/oom_score_adj", "-1000") {
        kmsg::notice(
            name,
            format_args!("not exempt from the OOM killer: {error}"),
        );
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    std::env::set_current_dir("/")
}

/// Keeps key schedules and plaintext out of swap, and the process from waiting for a swap device that waits for it.
fn lock_memory(name: &str) -> io::Result<()> {
    // As pages are first used: all at once would pull in the whole executable.
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let Err(errno) = rustix::mm::mlockall(flags) else {
        return Ok(());
    };
    if swaps() {
        return Err(io::Error::new(
            io::ErrorKind::OutOfMemory,
            io::Error::from(errno),
        ));
    }
    kmsg::notice(
        name,
        format_args!(
            "memory is not locked ({}); there is no swap it could go to",
            io::Error::from(errno)
        ),
    );
    Ok(())
}

/// Whether there is swap, or no way to tell.
fn swaps() -> bool {
    fs::read_to_string("/proc/swaps").map_or(true, |table| table.lines().count() > 1)
}

/// Points the standard descriptors at nothing, which tells whoever waits on them that no more will come.
///
/// # Errors
/// What the system says.
pub(crate) fn release_stdio() -> io::Result<()> {
    let null = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

const NOT_AT_ALL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// Whether whoever started this process still listens to what it reports on its standard output.
pub(crate) fn is_heard() -> bool {
    let out = rustix::stdio::stdout();
    let mut asked = [PollFd::from_borrowed_fd(out, PollFlags::empty())];
    let _ = poll(&mut asked, Some(&NOT_AT_ALL));
    !asked[0].revents().contains(PollFlags::ERR)
}

/// Whether a process has ended, its files closed. Its first thread may be a zombie (proc(5): the state stands behind the name) while
/// others are still on their way out, and until the last of them the files are open.
pub(crate) fn has_ended(process: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else {
        return true;
    };
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    let is_zombie = state.is_some_and(|state| state.starts_with(['Z', 'X']));
    is_zombie
        && std::fs::read_dir(format!("/proc/{process}/task"))
            .map_or(true, |threads| threads.count() <= 1)
}
