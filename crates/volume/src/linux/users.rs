//! Who uses a device or a mount, for the message that says why something is busy. All of it is a best effort: what it
//! sees may have gone, and other mount namespaces may hold what it does not see.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, StatxFlags};

use crate::linux::mounts::{self, MountLine, shown};
use crate::linux::node;

/// How many are named before "and others".
const NAMED: usize = 4;

/// Who uses a block device: mounts, other devices, swap, processes.
pub(super) fn of_device(number: node::Number) -> Option<String> {
    let mut users: Vec<String> = mounts::lines()
        .unwrap_or_default()
        .into_iter()
        .filter(|line| line.device == number)
        .map(|line| format!("the mount at {}", line.target.display()))
        .collect();
    users.extend(
        holders(number)
            .into_iter()
            .map(|name| describe_holder(&name)),
    );
    let is_this = |path: &PathBuf| node::number_of(path).ok().flatten() == Some(number);
    users.extend(
        mounts::swaps()
            .unwrap_or_default()
            .iter()
            .filter(|path| is_this(path))
            .map(|_| "swap".to_owned()),
    );
    users.extend(processes(|path| {
        fs::metadata(path)
            .is_ok_and(|file| is_block(&file) && node::Number::from_stat(file.rdev()) == number)
    }));
    list(users)
}

/// Who uses a mount: mounts on it, loop devices over files on it, processes with files or their folder on it.
pub(super) fn of_mount(mount: &MountLine) -> Option<String> {
    let mut users: Vec<String> = mounts::lines()
        .unwrap_or_default()
        .into_iter()
        .filter(|line| line.target != mount.target && line.target.starts_with(&mount.target))
        .map(|line| format!("the mount at {}", line.target.display()))
        .collect();
    users.extend(loops_on(&mount.target));
    users.extend(processes(|path| device_of(path) == Some(mount.device)));
    list(users)
}

/// Who uses the file system on a block device, wherever that is mounted, or no longer is.
pub(super) fn of_file_system(device: &Path) -> Option<String> {
    let number = node::number_of(device).ok().flatten()?;
    let lines = mounts::lines().unwrap_or_default();
    let mut on_it = lines
        .iter()
        .filter(|line| line.device == number || line.source == device);
    on_it
        .find_map(of_mount)
        .or_else(|| list(processes(|path| device_of(path) == Some(number))))
}

fn is_block(file: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    file.file_type().is_block_device()
}

/// The device of the file system that an open file is on. Asked without waiting for a file system that is dead.
fn device_of(path: &Path) -> Option<node::Number> {
    let stat = rustix::fs::statx(
        rustix::fs::CWD,
        path,
        AtFlags::STATX_DONT_SYNC,
        StatxFlags::empty(),
    )
    .ok()?;
    Some(node::Number {
        major: stat.stx_dev_major,
        minor: stat.stx_dev_minor,
    })
}

/// The block devices that hold a device, by the kernel's names.
pub(super) fn holders(number: node::Number) -> Vec<String> {
    let Ok(entries) = fs::read_dir(number.sysfs().join("holders")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .map(|entry| shown(&entry.file_name()))
        .collect();
    names.sort();
    names
}

/// A mapping by the name that a person gave it.
fn describe_holder(name: &str) -> String {
    match fs::read_to_string(Path::new("/sys/class/block").join(name).join("dm/name")) {
        Ok(mapping) => format!("the mapping {}", mapping.trim()),
        Err(_) => name.to_owned(),
    }
}

fn loops_on(target: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/block") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| {
            fs::read_to_string(entry.path().join("loop/backing_file"))
                .is_ok_and(|file| Path::new(file.trim_end()).starts_with(target))
        })
        .map(|entry| format!("/dev/{}", shown(&entry.file_name())))
        .collect()
}

/// The processes that have something open for which `uses` holds, as "name (pid)".
fn processes(uses: impl Fn(&Path) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path(),
            ))
        })
        .filter(|(_, folder)| {
            ["cwd", "root", "exe"]
                .iter()
                .any(|name| uses(&folder.join(name)))
                || fs::read_dir(folder.join("fd"))
                    .is_ok_and(|open| open.filter_map(Result::ok).any(|file| uses(&file.path())))
        })
        .map(|(pid, folder)| {
            let name = fs::read(folder.join("comm")).unwrap_or_default();
            let name = String::from_utf8_lossy(&name);
            format!(
                "{} ({pid})",
                name.trim().replace(|c: char| c.is_control(), "?")
            )
        })
        .collect()
}

fn list(mut users: Vec<String>) -> Option<String> {
    users.dedup();
    if users.len() > NAMED {
        users.truncate(NAMED);
        users.push("others".into());
    }
    let last = users.pop()?;
    Some(if users.is_empty() {
        last
    } else {
        format!("{} and {last}", users.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_listed_as_a_sentence_and_not_without_end() {
        let names = |count: usize| (0..count).map(|index| format!("u{index}")).collect();
        assert_eq!(list(names(0)), None);
        assert_eq!(list(names(1)).as_deref(), Some("u0"));
        assert_eq!(list(names(3)).as_deref(), Some("u0, u1 and u2"));
        assert_eq!(
            list(names(40)).as_deref(),
            Some("u0, u1, u2, u3 and others")
        );
    }
}
