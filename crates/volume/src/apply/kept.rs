//! What is about to be overwritten and may be somebody's: a copy of it in the state folder first.

use crate::error::Error;
use crate::host::{Device, Host};

/// Where they lie.
pub(crate) const FOLDER: &str = "kept";

/// Copies the first `len` bytes of a device into root-owned state. Returns the name there, which `cryptsetup luksHeaderRestore` and `kluis header
/// restore` take if those bytes were a header.
///
/// # Errors
/// The machine's: then nothing may be overwritten.
pub(crate) fn keep(
    host: &dyn Host,
    volume: &str,
    device: &dyn Device,
    len: u64,
) -> Result<String, Error> {
    let len = len.min(device.size());
    let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
    device.read_at(0, &mut bytes)?;
    let taken = host.state_names(FOLDER)?;
    let name = (1..=u32::MAX)
        .map(|number| format!("{FOLDER}/{volume}.{number}"))
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| format!("{FOLDER}/{volume}"));
    host.write_state(&name, &bytes)?;
    Ok(name)
}

/// How many there are, of all volumes.
pub(crate) fn count(host: &dyn Host) -> Result<usize, Error> {
    Ok(host.state_names(FOLDER)?.len())
}

/// What was kept of a volume: a header among it still opens what was not discarded.
pub(crate) fn all(host: &dyn Host, volume: &str) -> Result<Vec<String>, Error> {
    let mut names = host.state_names(FOLDER)?;
    names.retain(|name| {
        let number = name.strip_prefix(FOLDER).and_then(|rest| {
            rest.strip_prefix('/')?
                .strip_prefix(volume)?
                .strip_prefix('.')
        });
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    });
    Ok(names)
}
