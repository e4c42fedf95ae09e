//! What stands over a daemon: its mount, and the loop device over that. Put up from below, taken down from the top.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::mount::UnmountFlags;

use super::run_dir::RunDir;
use super::{MOUNT_TYPE, failed, process, refused};
use crate::engine::{EngineError, Mapping};
use crate::linux::is_mounted;
use crate::linux::loopdev::{LoopDevice, LoopOptions};

/// How long a closed device and its daemon may take to go.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The loop devices that show the file `path`, found by its name: a dead daemon's file cannot be asked for its inode. More than one only
/// if somebody else attached another.
///
/// # Errors
/// What the system says.
pub(crate) fn loops_over(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block")? {
        let entry = entry?;
        // Detached meanwhile, or no loop device: no such file.
        let Ok(backing) = fs::read_to_string(entry.path().join("loop/backing_file")) else {
            continue;
        };
        if Path::new(backing.trim_end_matches('\n')) == path {
            found.push(Path::new("/dev").join(entry.file_name()));
        }
    }
    found.sort();
    Ok(found)
}

/// Makes a disk of the view. The block size is the sector size: XTS over 4096 bytes under 512-byte blocks would let mkfs succeed and the
/// mount fail.
pub(crate) fn attach(volume: &Path, mapping: &Mapping<'_>) -> Result<PathBuf, EngineError> {
    let options = LoopOptions {
        block_size: mapping.sector_size,
        read_only: mapping.read_only,
        autoclear: false,
        direct_io: true,
    };
    let device = LoopDevice::attach(volume, options).map_err(refused)?;
    if !device.is_direct() {
        tracing::warn!(
            "{} does not do direct I/O on {}: slow, and cached twice",
            device.path().display(),
            volume.display()
        );
    }
    Ok(device.path().to_owned())
}

/// Takes away whatever there is of a view, from the top: loop device, mount, daemon, files. Whatever is in use stays, and all below it.
pub(crate) fn take_down(dir: &RunDir) -> Result<(), EngineError> {
    let volume = dir.volume();
    let daemon = dir.living();
    detach_all(&volume)?;
    unmount(&volume, dir.is_alive())?;
    // It gives up its mark on the way out, and a moment later its backing, which may lie in a volume that is closed next.
    let has_ended = || !dir.is_alive() && daemon.is_none_or(process::has_ended);
    if !wait_until(has_ended) {
        return Err(failed(
            volume.display(),
            io::Error::new(io::ErrorKind::TimedOut, "its daemon does not end"),
        ));
    }
    dir.remove()
        .map_err(|error| failed(volume.display(), error))
}

/// Called by the daemon itself: takes away what is above it, if nobody uses that, upon which it ends.
pub(crate) fn retire(dir: &RunDir) -> Result<(), EngineError> {
    let volume = dir.volume();
    detach_all(&volume)?;
    unmount(&volume, true)
}

/// Called by the daemon before it serves: takes its mount away, which nobody has used yet.
pub(crate) fn forsake(dir: &RunDir) -> io::Result<()> {
    let flags = UnmountFlags::NOFOLLOW | UnmountFlags::DETACH;
    Ok(rustix::mount::unmount(dir.volume(), flags)?)
}

/// Waits, boundedly, until a daemon that is on its way shows its view or has gone: one whose opener was killed.
pub(crate) fn settle(dir: &RunDir) {
    let volume = dir.volume();
    let _ = wait_until(|| {
        !dir.is_alive()
            || loops_over(&volume).is_ok_and(|loops| !loops.is_empty())
            // One that is about to give up opens for nobody.
            || (is_mounted(&volume, MOUNT_TYPE).unwrap_or(true) && fs::File::open(&volume).is_ok())
    });
}

fn detach_all(volume: &Path) -> Result<(), EngineError> {
    for device in loops_over(volume).map_err(|error| failed("/sys/block", error))? {
        detach(&device, volume)?;
    }
    Ok(())
}

fn detach(device: &Path, volume: &Path) -> Result<(), EngineError> {
    let claimed = LoopDevice::claim(device).map_err(refused)?;
    // What was written to the device itself, without a file system. A dead daemon cannot take it: those writes were never synced.
    if let Err(error) = claimed.sync() {
        tracing::warn!("unsynced writes are lost: {error}");
    }
    claimed.detach().map_err(refused)?;
    // At once if we were the only one to have it open; else when the last of those who look at new disks (udev) closes it.
    let gone = || loops_over(volume).is_ok_and(|loops| !loops.iter().any(|other| other == device));
    if wait_until(gone) {
        Ok(())
    } else {
        Err(in_use(device))
    }
}

fn in_use(what: &Path) -> EngineError {
    EngineError::Busy {
        what: what.display().to_string(),
        by: "another program".to_owned(),
    }
}

fn unmount(volume: &Path, alive: bool) -> Result<(), EngineError> {
    // The loop device lets go of the file a moment after it has gone.
    let busy =
        || rustix::mount::unmount(volume, UnmountFlags::NOFOLLOW) == Err(rustix::io::Errno::BUSY);
    // More than one only after a kill between mounting and the daemon's first word.
    while is_mounted(volume, MOUNT_TYPE).map_err(refused)? {
        if !alive {
            // Nobody is left to ask, and whoever holds the file gets errors anyway.
            let flags = UnmountFlags::NOFOLLOW | UnmountFlags::DETACH;
            rustix::mount::unmount(volume, flags)
                .map_err(|errno| failed(volume.display(), errno.into()))?;
        } else if !wait_until(|| !busy()) {
            return Err(in_use(volume));
        }
    }
    Ok(())
}

fn wait_until(done: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    while !done() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    true
}
