//! Device numbers and device nodes: for machines (containers, minimal systems) where no udev makes them.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::{FileType, Mode};

/// A block device's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Number {
    /// The driver.
    pub(super) major: u32,
    /// The device.
    pub(super) minor: u32,
}

impl Number {
    /// From `st_rdev` or `st_dev`.
    pub(super) fn from_stat(dev: u64) -> Self {
        Self {
            major: rustix::fs::major(dev),
            minor: rustix::fs::minor(dev),
        }
    }

    /// From the form that the kernel's own structures have (`huge_encode_dev`).
    pub(super) fn from_kernel(dev: u64) -> Self {
        // Only 32 bits are in use: 12 of the major number between 8 and 12 of the minor one.
        let dev = u32::try_from(dev & 0xFFFF_FFFF).unwrap_or_default();
        Self {
            major: dev >> 8 & 0xFFF,
            minor: dev & 0xFF | dev >> 12 & 0xF_FF00,
        }
    }

    fn to_stat(self) -> u64 {
        rustix::fs::makedev(self.major, self.minor)
    }

    /// The kernel's folder for the device.
    pub(super) fn sysfs(self) -> PathBuf {
        PathBuf::from(format!("/sys/dev/block/{self}"))
    }

    /// The kernel's name for the device (`nvme1n1`), if it is there.
    pub(super) fn kernel_name(self) -> Option<String> {
        let folder = fs::canonicalize(self.sysfs()).ok()?;
        Some(folder.file_name()?.to_str()?.replace('!', "/"))
    }

    /// The device's path as a person knows it: `/dev/mapper/NAME` for a mapping, else `/dev` and the kernel's name.
    pub(super) fn path(self) -> Option<PathBuf> {
        match fs::read_to_string(self.sysfs().join("dm/name")) {
            Ok(mapping) => Some(Path::new("/dev/mapper").join(mapping.trim_end())),
            Err(_) => Some(Path::new("/dev").join(self.kernel_name()?)),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for Number {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            major: major.parse()?,
            minor: minor.parse()?,
        })
    }
}

/// Makes a block device's node, mode 0600, unless a node of that very device is there. What is there for another
/// device is replaced: it is left over from one that is gone.
pub(super) fn make_block(path: &Path, number: Number) -> io::Result<()> {
    for _ in 0..2 {
        match rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            FileType::BlockDevice,
            Mode::RUSR | Mode::WUSR,
            number.to_stat(),
        ) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        if number_of(path)? == Some(number) {
            return Ok(());
        }
        fs::remove_file(path)?;
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The number of the block device that a path leads to; `None` when it leads to nothing or to something else.
pub(super) fn number_of(path: &Path) -> io::Result<Option<Number>> {
    match rustix::fs::stat(path) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice => {
            Ok(Some(Number::from_stat(stat.st_rdev)))
        }
        Ok(_) | Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes the node of device-mapper's control device, whose number `/proc/misc` tells.
///
/// # Errors
/// `NotFound` when the kernel has no device-mapper.
pub(super) fn make_control(path: &Path) -> io::Result<()> {
    const MISC_MAJOR: u32 = 10;
    let misc = fs::read_to_string("/proc/misc")?;
    let minor = misc_minor(&misc, "device-mapper").ok_or(io::ErrorKind::NotFound)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        FileType::CharacterDevice,
        Mode::RUSR | Mode::WUSR,
        rustix::fs::makedev(MISC_MAJOR, minor),
    ) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn misc_minor(misc: &str, name: &str) -> Option<u32> {
    misc.lines().find_map(|line| {
        let (minor, found) = line.trim().split_once(' ')?;
        if found.trim() == name {
            minor.parse().ok()
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_form_of_a_number_is_read() {
        // new_encode_dev(MKDEV(259, 0x12345)) = (0x45) | 259 << 8 | 0x12300 << 12
        let dev = 0x45 | 259 << 8 | 0x1_2300_u64 << 12;
        assert_eq!(
            Number::from_kernel(dev),
            Number {
                major: 259,
                minor: 0x1_2345
            }
        );
    }

    #[test]
    fn the_control_device_is_found_among_the_misc_devices() {
        let misc = "236 device-mapper\n229 fuse\n  1 psaux\n";
        assert_eq!(misc_minor(misc, "device-mapper"), Some(236));
        assert_eq!(misc_minor(misc, "psaux"), Some(1));
        assert_eq!(misc_minor(misc, "mapper"), None);
    }

    #[test]
    fn a_number_is_written_as_the_kernel_writes_it() {
        let number: Number = "254:3".parse().unwrap();
        assert_eq!(
            number,
            Number {
                major: 254,
                minor: 3
            }
        );
        assert_eq!(number.to_string(), "254:3");
        assert!("254".parse::<Number>().is_err());
    }
}
