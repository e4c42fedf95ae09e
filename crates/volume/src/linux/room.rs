//! How much room there is where a file lies.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::host::{HostError, Room};
use crate::linux::failure::{about, host_error};

/// What stat(2) counts blocks in.
const BLOCK: u64 = 512;

/// Of a file of `size` bytes, which need not be there yet.
pub(super) fn of(file: &Path, size: u64) -> Result<Room, HostError> {
    let taken = match fs::metadata(file) {
        Ok(there) => there.blocks().saturating_mul(BLOCK),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(about(file)(error)),
    };
    let mut place = file;
    let around = loop {
        match rustix::fs::statvfs(place) {
            Ok(around) => break around,
            Err(rustix::io::Errno::NOENT) => {
                place = place.parent().ok_or_else(|| HostError::NotFound {
                    what: file.display().to_string(),
                })?;
            }
            Err(error) => return Err(host_error(place.display().to_string(), error.into())),
        }
    };
    Ok(Room {
        free: around.f_bfree.saturating_mul(around.f_frsize),
        untaken: size.saturating_sub(taken),
    })
}
