//! Swap on an open mapping, by the system's own programs.

use std::path::Path;
use std::process::Command;

use crate::engine::Changed;
use crate::host::HostError;
use crate::linux::failure::about;
use crate::linux::{mkfs, mounts, node};

/// The longest label.
const LABEL_MAX: usize = 16;

/// Makes swap space of a device.
pub(super) fn make(device: &Path, label: &str) -> Result<(), HostError> {
    let mut command = Command::new("mkswap");
    command
        .args(["-L", mkfs::cut(label, LABEL_MAX)])
        .arg(device);
    mkfs::run(command, "mkswap", "util-linux")
}

/// Lets the kernel swap to a device.
pub(super) fn on(device: &Path) -> Result<Changed, HostError> {
    if is(device)? {
        return Ok(Changed::No);
    }
    let mut command = Command::new("swapon");
    command.arg(device);
    mkfs::run(command, "swapon", "mount")?;
    Ok(Changed::Yes)
}

/// Takes everything back from a device; fails where there is no memory for it.
pub(super) fn off(device: &Path) -> Result<Changed, HostError> {
    if !is(device)? {
        return Ok(Changed::No);
    }
    let mut command = Command::new("swapoff");
    command.arg(device);
    mkfs::run(command, "swapoff", "mount")?;
    Ok(Changed::Yes)
}

/// Whether the kernel swaps to a device, whatever it was called then.
pub(super) fn is(device: &Path) -> Result<bool, HostError> {
    let Some(number) = node::number_of(device).map_err(about(device))? else {
        return Ok(false);
    };
    Ok(mounts::swaps()?
        .iter()
        .any(|swap| node::number_of(swap).ok().flatten() == Some(number)))
}
