//! Two file systems of one UUID: XFS mounts only one of them, and the kernel calls that an invalid argument.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use uuid::Uuid;

use super::mounts::{self, MountLine};

/// The superblock's magic, and where its UUID is.
const MAGIC: &[u8] = b"XFSB";
const UUID_AT: usize = 32;

/// The UUID of the XFS on a device, if one is there and can be read.
fn uuid_of(device: &Path) -> Option<Uuid> {
    let mut start = [0; UUID_AT + 16];
    File::open(device).ok()?.read_exact_at(&mut start, 0).ok()?;
    start.starts_with(MAGIC).then_some(())?;
    Uuid::from_slice(&start[UUID_AT..]).ok()
}

/// The mounted XFS, on another device, that has the same UUID as the one on `device`.
pub(super) fn twin(device: &Path) -> Option<MountLine> {
    let uuid = uuid_of(device)?;
    mounts::lines().ok()?.into_iter().find(|line| {
        let other = line.source_node();
        line.file_system == "xfs" && other != device && uuid_of(&other) == Some(uuid)
    })
}
