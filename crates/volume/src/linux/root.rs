//! The root of a mounted volume: whose it is, and who may enter.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Gid, Mode, OFlags, Uid};

use crate::engine::Changed;
use crate::host::{HostError, RootFolder, RootWanted};
use crate::linux::failure::about;
use crate::linux::mounts;

/// Whose it is.
pub(super) fn look(at: &Path) -> Result<RootFolder, HostError> {
    describe(&open(at)?, at)
}

/// Makes it so, where it is not.
pub(super) fn set(at: &Path, wanted: RootWanted) -> Result<Changed, HostError> {
    set_on(&open(at)?, at, wanted)
}

/// The same of a folder in hand, which is or will be at that place.
pub(super) fn set_on(
    folder: &OwnedFd,
    at: &Path,
    wanted: RootWanted,
) -> Result<Changed, HostError> {
    let now = describe(folder, at)?;
    if wanted.is_met_by(now) {
        return Ok(Changed::No);
    }
    let failed = |error: rustix::io::Errno| about(at)(error.into());
    let uid = wanted.uid.filter(|uid| *uid != now.uid);
    let gid = wanted.gid.filter(|gid| *gid != now.gid);
    if uid.is_some() || gid.is_some() {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        rustix::fs::fchown(folder, uid, gid).map_err(failed)?;
    }
    // After the owner: a change of that takes set-group-id away.
    if let Some(mode) = wanted.mode {
        rustix::fs::fchmod(folder, Mode::from_raw_mode(mode)).map_err(failed)?;
    }
    rustix::fs::fsync(folder).map_err(failed)?;
    Ok(Changed::Yes)
}

fn open(at: &Path) -> Result<OwnedFd, HostError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(mounts::resolved(at), flags, Mode::empty())
        .map_err(|error| about(at)(error.into()))
}

fn describe(folder: &OwnedFd, at: &Path) -> Result<RootFolder, HostError> {
    let stat = rustix::fs::fstat(folder).map_err(|error| about(at)(error.into()))?;
    Ok(RootFolder {
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode & 0o7777,
    })
}
