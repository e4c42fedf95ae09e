//! What holds a volume's ciphertext.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::{ConfigError, is_plain_absolute, units};
use crate::host::Purpose;

/// What holds a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A sparse file, made if it is not there.
    File {
        /// Its path.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// A block device by a name that survives reboots.
    Device(PathBuf),
    /// The machine's instance-store disk, or each of them.
    InstanceStore,
    /// Several block devices, striped, in this order.
    Raid0(Vec<PathBuf>),
}

pub(super) fn check(
    file: Option<Spanned<PathBuf>>,
    device: Option<Spanned<PathBuf>>,
    size: Option<Spanned<String>>,
    purpose: Purpose,
    span: &Range<usize>,
) -> Result<Backing, ConfigError> {
    match (file, device, size) {
        (Some(_), Some(device), _) => Err(ConfigError::at(
            &device,
            "a volume has a file or a device, not both",
        )),
        (None, None, _) => Err(ConfigError {
            message: "a volume needs file = \"/path\" with size, device = \"/dev/disk/by-id/…\", or raid0 = [disks]"
                .to_owned(),
            span: Some(span.clone()),
        }),
        (None, Some(_), Some(size)) => Err(ConfigError::at(
            &size,
            "size is that of a file; a device has its own",
        )),
        (Some(file), None, None) => Err(ConfigError::at(
            &file,
            "a file needs a size, such as size = \"2GiB\"",
        )),
        (Some(file), None, Some(size)) => {
            if !is_plain_absolute(file.get_ref()) {
                return Err(ConfigError::at(
                    &file,
                    "file is an absolute path without \"..\"",
                ));
            }
            let bytes = units::size(size.get_ref()).ok_or_else(|| {
                ConfigError::at(
                    &size,
                    "size is a number and a unit, such as \"2GiB\" or \"500MB\"",
                )
            })?;
            let least = purpose.least();
            if bytes < least {
                return Err(ConfigError::at(
                    &size,
                    format!("a volume with {purpose} has at least {}MiB", least >> 20),
                ));
            }
            if bytes % 4096 != 0 {
                return Err(ConfigError::at(&size, "size is a multiple of 4096 bytes"));
            }
            Ok(Backing::File {
                path: file.into_inner(),
                size: bytes,
            })
        }
        (None, Some(device), None) if device.get_ref() == Path::new("instance-store") => {
            Ok(Backing::InstanceStore)
        }
        (None, Some(device), None) => {
            check_device(&device, "device is a path in /dev, or \"instance-store\"")?;
            Ok(Backing::Device(device.into_inner()))
        }
    }
}

/// A name in `/dev` that survives reboots.
pub(super) fn check_device(device: &Spanned<PathBuf>, wanted: &str) -> Result<(), ConfigError> {
    if !is_plain_absolute(device.get_ref()) || !device.get_ref().starts_with("/dev") {
        return Err(ConfigError::at(device, wanted));
    }
    if is_enumerated(device.get_ref()) {
        return Err(ConfigError::at(
            device,
            format!(
                "{} is named by the order in which disks were found, which changes; use its name in /dev/disk/by-id (ls -l /dev/disk/by-id)",
                device.get_ref().display()
            ),
        ));
    }
    Ok(())
}

/// Whether a name in `/dev` depends on the order of discovery.
fn is_enumerated(device: &Path) -> bool {
    let Some(name) = device.strip_prefix("/dev").ok().and_then(Path::to_str) else {
        return false;
    };
    let after = |prefix: &str| {
        name.strip_prefix(prefix)
            .and_then(|rest| rest.bytes().next())
    };
    ["sd", "vd", "xvd", "hd"]
        .iter()
        .any(|prefix| after(prefix).is_some_and(|b| b.is_ascii_lowercase()))
        || ["nvme", "mmcblk", "md", "dm-"]
            .iter()
            .any(|prefix| after(prefix).is_some_and(|b| b.is_ascii_digit()))
}
