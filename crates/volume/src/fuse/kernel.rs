//! What the kernel says of a view: is it mounted, which loop device shows it, and who uses that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const MOUNT_INFO: &str = "/proc/self/mountinfo";

/// Whether a view is mounted at `path`.
///
/// # Errors
/// What the system says.
pub(crate) fn is_mounted(path: &Path) -> io::Result<bool> {
    let table = fs::read_to_string(MOUNT_INFO)?;
    Ok(mounts(&table).any(|mount| mount.point == path && mount.kind == super::MOUNT_TYPE))
}

/// Where the block device `device` is mounted.
///
/// # Errors
/// What the system says.
pub(crate) fn mount_point_of(device: &Path) -> io::Result<Option<PathBuf>> {
    let table = fs::read_to_string(MOUNT_INFO)?;
    let numbers = fs::read_to_string(sysfs(device).join("dev"))?;
    Ok(mounts(&table).find(|mount| mount.numbers == numbers.trim()).map(|mount| mount.point))
}

/// The loop devices that show the file `path`; more than one only if somebody else attached another.
///
/// # Errors
/// What the system says.
pub(crate) fn loops_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block")? {
        let entry = entry?;
        // Detached meanwhile, or no loop device: no such file.
        let Ok(backing) = fs::read_to_string(entry.path().join("loop/backing_file")) else {
            continue;
        };
        if Path::new(backing.trim_end_matches('\n')) == path {
            found.push(Path::new("/dev").join(entry.file_name()));
        }
    }
    found.sort();
    Ok(found)
}

/// The device's folder below `/sys/block`.
pub(crate) fn sysfs(device: &Path) -> PathBuf {
    Path::new("/sys/block").join(device.file_name().unwrap_or_default())
}

struct MountLine<'t> {
    numbers: &'t str,
    point: PathBuf,
    kind: &'t str,
}

/// `proc_pid_mountinfo(5)`: id, parent, major:minor, root, point, options, optional fields, "-", type, source, options.
fn mounts(table: &str) -> impl Iterator<Item = MountLine<'_>> {
    table.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut fields = left.split(' ');
        let numbers = fields.nth(2)?;
        let point = unescape(fields.nth(1)?);
        Some(MountLine { numbers, point, kind: right.split(' ').next()? })
    })
}

/// Space, tab, newline and backslash come as three octal digits after a backslash.
fn unescape(field: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = tail.get(..3).filter(|_| first == b'\\');
        let value = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() { &tail[3..] } else { tail };
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_line_gives_numbers_point_and_type() {
        let table = "36 35 0:33 / /run/kluis/a\\040b/volume rw,nosuid shared:1 master:2 - fuse.kluis kluis-a rw,user_id=0\n";
        let mount = mounts(table).next().unwrap();
        assert_eq!((mount.numbers, mount.kind), ("0:33", "fuse.kluis"));
        assert_eq!(mount.point, Path::new("/run/kluis/a b/volume"));
    }

    #[test]
    fn lines_that_are_not_of_that_form_are_passed_over() {
        assert_eq!(mounts("\n36 35\n - fuse.kluis\n36 35 0:33 / /x\n").count(), 0);
    }
}
