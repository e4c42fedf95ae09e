//! Which file or device a path is: names that survive a reboot, and a token that tells one device from the next that
//! takes its path. Enumeration order (`/dev/nvme1n1`) is never an identity.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, StatxFlags};

use crate::host::{BackingKind, HostError, Identity};
use crate::linux::device::device_size;
use crate::linux::failure::about;
use crate::linux::{ioctl, node};

/// The model by which AWS's local disks know themselves.
const INSTANCE_STORE_MODEL: &str = "Amazon EC2 NVMe Instance Storage";
/// Links under `/dev/disk/by-id` that name a number or what lies on the disk, not the disk as its label has it.
const LESS_TELLING: [&str; 6] = [
    "wwn-",
    "nvme-eui.",
    "nvme-nvme.",
    "dm-uuid-",
    "md-uuid-",
    "lvm-pv-uuid-",
];

/// Says what is at a path.
pub(super) fn identify(path: &Path) -> Result<Option<Identity>, HostError> {
    let resolved = match fs::canonicalize(path) {
        Ok(resolved) => resolved,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(about(path)(error)),
    };
    let stat = rustix::fs::stat(&resolved).map_err(|error| about(path)(error.into()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => file(&resolved).map(Some).map_err(about(path)),
        FileType::BlockDevice => device(&resolved, node::Number::from_stat(stat.st_rdev))
            .map(Some)
            .map_err(about(path)),
        _ => Err(HostError::WrongKind {
            what: path.display().to_string(),
            wanted: "a file or a block device",
        }),
    }
}

fn file(path: &Path) -> io::Result<Identity> {
    let file = File::open(path)?;
    Ok(Identity {
        path: path.to_owned(),
        kind: BackingKind::File,
        stable_name: path.display().to_string(),
        size: file.metadata()?.len(),
        logical_block_size: 512,
        physical_block_size: 4096,
        read_only: rustix::fs::fstatvfs(&file)?
            .f_flag
            .contains(rustix::fs::StatVfsMountFlags::RDONLY),
        token: token_of(&file)?,
        members: Vec::new(),
    })
}

/// The block device of that number, whose node is that path.
pub(super) fn of_number(number: node::Number, path: &Path) -> io::Result<Identity> {
    device(path, number)
}

fn device(path: &Path, number: node::Number) -> io::Result<Identity> {
    let path = kernels_node(number).unwrap_or_else(|| path.to_owned());
    let file = File::open(&path)?;
    let word = |request| {
        let mut bytes = [0; 4];
        ioctl::fixed(file.as_fd(), request, &mut bytes).map(|()| u32::from_ne_bytes(bytes))
    };
    let size = device_size(&file)?;
    let logical_block_size = word(ioctl::BLKSSZGET)?;
    Ok(Identity {
        stable_name: by_id(Path::new("/dev/disk/by-id"), number)
            .map(|link| link.display().to_string())
            .or_else(|| label(&number.sysfs(), size))
            .unwrap_or_else(|| path.display().to_string()),
        kind: BackingKind::Device,
        size,
        logical_block_size,
        physical_block_size: word(ioctl::BLKPBSZGET)?.max(logical_block_size),
        read_only: word(ioctl::BLKROGET)? != 0,
        token: token_of(&file)?,
        members: Vec::new(),
        path,
    })
}

/// `/dev/NAME` under the kernel's own name, if that node is there and is the device.
fn kernels_node(number: node::Number) -> Option<PathBuf> {
    let path = Path::new("/dev").join(number.kernel_name()?);
    (node::number_of(&path).ok()? == Some(number)).then_some(path)
}

/// What tells this very device or inode from a later one. Numbers are used again: so a device's also has the kernel's
/// count of disks (`diskseq`, Linux 5.15), and an inode's its time of birth.
pub(super) fn token_of(file: &File) -> io::Result<String> {
    let stat = rustix::fs::fstat(file)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice {
        let number = node::Number::from_stat(stat.st_rdev);
        let sequence = read_word(&whole_disk(&number.sysfs()).join("diskseq")).unwrap_or_default();
        return Ok(format!("device:{number}:{sequence}"));
    }
    let birth = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME)
        .ok()
        .filter(|stat| stat.stx_mask & StatxFlags::BTIME.bits() != 0)
        .map_or_else(String::new, |stat| {
            format!("{}.{:09}", stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec)
        });
    Ok(format!("file:{}:{}:{birth}", stat.st_dev, stat.st_ino))
}

/// A partition's folder lies in its disk's.
fn whole_disk(sysfs: &Path) -> PathBuf {
    match fs::canonicalize(sysfs) {
        Ok(folder) if folder.join("partition").exists() => {
            folder.parent().map_or(folder.clone(), Path::to_owned)
        }
        Ok(folder) => folder,
        Err(_) => sysfs.to_owned(),
    }
}

fn read_word(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// The most telling link of a device in a folder of links.
fn by_id(folder: &Path, number: node::Number) -> Option<PathBuf> {
    fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|link| node::number_of(link).ok().flatten() == Some(number))
        .min_by_key(|link| {
            let name = link
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (
                LESS_TELLING.iter().any(|prefix| name.starts_with(prefix)),
                name.len(),
                name,
            )
        })
}

/// "MODEL SERIAL SIZE", as far as the kernel knows them; `None` without a model and a serial number.
fn label(sysfs: &Path, size: u64) -> Option<String> {
    let disk = whole_disk(sysfs);
    let model = read_word(&disk.join("device/model"));
    let serial = ["device/serial", "serial", "device/wwid"]
        .iter()
        .find_map(|name| read_word(&disk.join(name)));
    if model.is_none() && serial.is_none() {
        return None;
    }
    let partition = read_word(&sysfs.join("partition")).map(|number| format!("partition {number}"));
    Some(
        [model, serial, partition, Some(size.to_string())]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// The machine's instance-store disks, by stable name.
pub(super) fn instance_stores() -> Result<Vec<Identity>, HostError> {
    let mut found = Vec::new();
    for name in disks_of_model(Path::new("/sys/block"), INSTANCE_STORE_MODEL) {
        found.extend(identify(&Path::new("/dev").join(name))?);
    }
    found.sort_by(|a, b| a.stable_name.cmp(&b.stable_name));
    Ok(found)
}

fn disks_of_model(sys_block: &Path, model: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(sys_block) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| read_word(&entry.path().join("device/model")).as_deref() == Some(model))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(root: &Path, name: &str, model: &str, serial: &str) {
        let folder = root.join(name).join("device");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model"), model).unwrap();
        fs::write(folder.join("serial"), serial).unwrap();
    }

    #[test]
    fn instance_stores_are_found_by_model_and_not_by_name() {
        let root = tempfile::tempdir().unwrap();
        disk(
            root.path(),
            "nvme0n1",
            "Amazon Elastic Block Store              \n",
            "vol1",
        );
        disk(
            root.path(),
            "nvme2n1",
            "Amazon EC2 NVMe Instance Storage        \n",
            "AWS2",
        );
        disk(
            root.path(),
            "nvme1n1",
            "Amazon EC2 NVMe Instance Storage        \n",
            "AWS1",
        );
        fs::create_dir_all(root.path().join("loop0")).unwrap();
        assert_eq!(
            disks_of_model(root.path(), INSTANCE_STORE_MODEL),
            ["nvme1n1", "nvme2n1"]
        );
    }

    #[test]
    fn a_disk_without_a_link_is_named_by_model_serial_and_size() {
        let root = tempfile::tempdir().unwrap();
        disk(root.path(), "sdb", "Example  Disk \n", " S3R1AL\n");
        assert_eq!(
            label(&root.path().join("sdb"), 4096).as_deref(),
            Some("Example Disk S3R1AL 4096")
        );
        assert_eq!(label(&root.path().join("sdc"), 4096), None);
    }

    #[test]
    fn a_file_that_was_replaced_has_another_token() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("image");
        fs::write(&path, "one").unwrap();
        let first = identify(&path).unwrap().unwrap();
        assert_eq!(identify(&path).unwrap().unwrap(), first);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "two").unwrap();
        assert_ne!(identify(&path).unwrap().unwrap().token, first.token);
    }

    #[test]
    fn what_is_no_backing_is_told_from_what_is_not_there() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(
            identify(root.path()),
            Err(HostError::WrongKind { .. })
        ));
        assert!(matches!(
            identify(Path::new("/dev/null")),
            Err(HostError::WrongKind { .. })
        ));
        assert_eq!(identify(&root.path().join("none")).unwrap(), None);
    }
}
