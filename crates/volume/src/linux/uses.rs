//! What keeps a backing from being taken: mounts, swap, holders, partitions, loop devices, claims.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::host::{BackingKind, HostError, Identity, Use};
use crate::linux::failure::about;
use crate::linux::mounts::{self, shown};
use crate::linux::{loopdev, node, users};

/// Everything that uses a backing now.
pub(super) fn of(backing: &Identity) -> Result<Vec<Use>, HostError> {
    match backing.kind {
        BackingKind::File => of_file(&backing.path),
        BackingKind::Device => of_device(&backing.path),
    }
}

fn of_file(path: &Path) -> Result<Vec<Use>, HostError> {
    let mut found = Vec::new();
    for device in loopdev::find(path)? {
        // What sits on the loop device sits on the file: a mount, or a mapping under another name.
        found.extend(of_device(&device)?);
        found.push(Use::Loop(device));
    }
    if mounts::swaps()?.iter().any(|swap| swap == path) {
        found.push(Use::Swap);
    }
    // A file can itself be a mount point.
    found.extend(
        mounts::lines()?
            .into_iter()
            .filter(|line| line.target == path)
            .map(|line| Use::Mount(line.target)),
    );
    Ok(found)
}

fn of_device(path: &Path) -> Result<Vec<Use>, HostError> {
    let number =
        node::number_of(path)
            .map_err(about(path))?
            .ok_or_else(|| HostError::NotFound {
                what: path.display().to_string(),
            })?;
    let mut found: Vec<Use> = mounts::lines()?
        .into_iter()
        .filter(|line| line.device == number)
        .map(|line| Use::Mount(line.target))
        .collect();
    let is_this = |swap: &std::path::PathBuf| node::number_of(swap).ok().flatten() == Some(number);
    if mounts::swaps()?.iter().any(is_this) {
        found.push(Use::Swap);
    }
    found.extend(users::holders(number).into_iter().map(Use::Holder));
    found.extend(partitions(&number.sysfs()).into_iter().map(Use::Partition));
    if found.is_empty() && is_claimed(path)? {
        found.push(Use::Claimed);
    }
    Ok(found)
}

/// The partitions that the kernel has found on a disk: sub-folders with a file `partition`.
fn partitions(sysfs: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(sysfs) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("partition").exists())
        .map(|entry| shown(&entry.file_name()))
        .collect();
    names.sort();
    names
}

/// Whether somebody has the device for himself: btrfs and multi-device file systems, a program with `O_EXCL`.
fn is_claimed(path: &Path) -> Result<bool, HostError> {
    match File::options()
        .read(true)
        .custom_flags(libc::O_EXCL)
        .open(path)
    {
        Ok(_) => Ok(false),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(true),
        Err(error) => Err(about(path)(error)),
    }
}
