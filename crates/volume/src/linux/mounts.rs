//! The mount table, and mounting.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags};

use crate::engine::Changed;
use crate::host::{HostError, Mount, MountFlag, MountOptions, RootWanted, Unmount};
use crate::linux::failure::{about, host_error};
use crate::linux::{mount_point, node, root, users, xfs};

/// How much of a file system's words about an option is kept.
const WORDS_MAX: usize = 512;

/// A line of `/proc/self/mountinfo` (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MountLine {
    /// The device's number, as files on it have it in `st_dev`.
    pub(super) device: node::Number,
    /// Which part of the file system: `/` for the whole.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) target: PathBuf,
    /// Options of this mount and of the file system, each separated by commas.
    pub(super) options: String,
    /// The type.
    pub(super) file_system: String,
    /// What was mounted, as it was named.
    pub(super) source: PathBuf,
}

/// Reads a mount table. Lines that make no sense are left out: the kernel may come to write more kinds of them.
pub(super) fn parse(table: &[u8]) -> Vec<MountLine> {
    table
        .split(|&byte| byte == b'\n')
        .filter_map(parse_line)
        .collect()
}

/// `ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS [TAG…] - TYPE SOURCE SUPER-OPTIONS`
fn parse_line(line: &[u8]) -> Option<MountLine> {
    let mut words = line.split(|&byte| byte == b' ');
    let device = std::str::from_utf8(words.nth(2)?).ok()?.parse().ok()?;
    let root = unescape(words.next()?).into();
    let target = unescape(words.next()?).into();
    let options = String::from_utf8_lossy(words.next()?).into_owned();
    words.find(|word| *word == b"-")?;
    let file_system = String::from_utf8_lossy(words.next()?).into_owned();
    let source = unescape(words.next()?).into();
    let super_options = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
    Some(MountLine {
        device,
        root,
        target,
        options: format!("{options},{super_options}"),
        file_system,
        source,
    })
}

/// Space, tab, newline and backslash are written as three octal digits.
pub(super) fn unescape(word: &[u8]) -> OsString {
    let mut text = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'\\'
            && let Some(digits @ [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7']) = tail.first_chunk::<3>()
        {
            text.push(
                digits
                    .iter()
                    .fold(0, |value, digit| value << 3 | (digit - b'0')),
            );
            rest = &tail[3..];
        } else {
            text.push(first);
            rest = tail;
        }
    }
    OsString::from_vec(text)
}

impl MountLine {
    /// Whether writes are refused, by the mount or by the file system.
    fn read_only(&self) -> bool {
        self.options.split(',').any(|option| option == "ro")
    }

    /// The mounted device as engines name it. By its number, since what `mount` was told may be a link that now leads
    /// elsewhere; as it was named where the number is no block device's (btrfs, tmpfs).
    pub(super) fn source_node(&self) -> PathBuf {
        self.device.path().unwrap_or_else(|| self.source.clone())
    }
}

/// The mount table of this process, as the kernel gives it, oldest first.
pub(super) fn lines() -> Result<Vec<MountLine>, HostError> {
    let path = Path::new("/proc/self/mountinfo");
    Ok(parse(&fs::read(path).map_err(about(path))?))
}

/// The mount table of this process.
pub(super) fn table() -> Result<Vec<Mount>, HostError> {
    Ok(lines()?
        .into_iter()
        .map(|line| Mount {
            source: line.source_node(),
            read_only: line.read_only(),
            file_system: line.file_system,
            options: line.options,
            target: line.target,
        })
        .collect())
}

/// What is mounted at a place, the uppermost if several are.
pub(super) fn at(target: &Path) -> Result<Option<MountLine>, HostError> {
    let target = resolved(target);
    Ok(lines()?
        .into_iter()
        .rev()
        .find(|line| line.target == target))
}

/// Whether a file system of that type is mounted at a place.
pub(crate) fn is_mounted(target: &Path, file_system: &str) -> Result<bool, HostError> {
    Ok(at(target)?.is_some_and(|line| line.file_system == file_system))
}

/// A mount point's path with links resolved, but without asking the file system that is mounted there: it may be dead,
/// and would keep the asker waiting.
pub(super) fn resolved(target: &Path) -> PathBuf {
    match (target.parent(), target.file_name()) {
        (Some(parent), Some(name)) => {
            let whole = fs::canonicalize(parent)
                .unwrap_or_else(|_| parent.to_owned())
                .join(name);
            match fs::read_link(&whole) {
                Ok(_) => fs::canonicalize(&whole).unwrap_or(whole),
                Err(_) => whole,
            }
        }
        _ => target.to_owned(),
    }
}

/// Mounts a device, making the mount point if need be, with its root as wanted from the first instant on. That it is mounted
/// there already is fine.
pub(super) fn mount(
    device: &Path,
    target: &Path,
    file_system: &str,
    options: &MountOptions,
    root: RootWanted,
) -> Result<(), HostError> {
    let _ = mount_point::make(target)?;
    let target = mount_point::place(target)?;
    let number = node::number_of(device)
        .map_err(about(device))?
        .ok_or_else(|| HostError::NotFound {
            what: device.display().to_string(),
        })?;
    if let Some(there) = at(&target)? {
        // A file system with a number of its own (btrfs) is told by what it was mounted from.
        if there.device == number || there.source == device {
            return Ok(());
        }
        return Err(HostError::Busy {
            what: target.display().to_string(),
            by: format!("{}, mounted there", there.source.display()),
        });
    }
    let mount = detached(device, &target, file_system, options)?;
    // Before it is anywhere: whoever waits for the mount may use it from the first instant on.
    if root.is_any() {
        let folder = rustix::fs::openat(
            &mount,
            ".",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(|error| about(&target)(error.into()))?;
        root::set_on(&folder, &target, root)?;
    }
    let by_descriptors =
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    mount_point::without_links(&target, OFlags::PATH | OFlags::DIRECTORY)
        .and_then(|at| rustix::mount::move_mount(mount.as_fd(), "", at.as_fd(), "", by_descriptors))
        .map_err(|error| {
            let what = format!("mounting {} at {}", device.display(), target.display());
            host_error(what, error.into())
        })
}

/// A mount that is nowhere yet.
fn detached(
    device: &Path,
    target: &Path,
    file_system: &str,
    options: &MountOptions,
) -> Result<OwnedFd, HostError> {
    let what = || format!("mounting {} at {}", device.display(), target.display());
    let context = rustix::mount::fsopen(file_system, FsOpenFlags::FSOPEN_CLOEXEC).map_err(
        |error| match error {
            rustix::io::Errno::NODEV => HostError::Unsupported {
                what: format!("the file system {file_system}"),
                why: format!(
                    "the kernel has none of that type; modprobe {file_system} may bring it"
                ),
            },
            other => host_error(what(), other.into()),
        },
    )?;
    rustix::mount::fsconfig_set_string(&context, "source", device)
        .map_err(|error| host_error(what(), error.into()))?;
    let flags = options
        .flags
        .iter()
        .filter_map(|flag| super_block_flag(*flag));
    for option in flags.chain(options.data.iter().map(String::as_str)) {
        let set = match option.split_once('=') {
            Some((key, value)) => rustix::mount::fsconfig_set_string(&context, key, value),
            None => rustix::mount::fsconfig_set_flag(&context, option),
        };
        set.map_err(|error| HostError::Unsupported {
            what: format!("the mount option {option}"),
            why: words(&context).unwrap_or_else(|| io::Error::from(error).to_string()),
        })?;
    }
    rustix::mount::fsconfig_create(&context).map_err(|error| match error {
        // The superblock is not what it should be, or an option is not.
        rustix::io::Errno::INVAL | rustix::io::Errno::UCLEAN => {
            if let Some(twin) = xfs::twin(device).filter(|_| file_system == "xfs") {
                return HostError::SameUuid {
                    what: device.display().to_string(),
                    file_system: "xfs",
                    other: twin.source_node().display().to_string(),
                    at: twin.target.display().to_string(),
                };
            }
            let why = words(&context).map_or_else(String::new, |words| format!(" ({words})"));
            let options = if options.data.is_empty() {
                String::new()
            } else {
                format!(", or refuses one of {}", options.data.join(", "))
            };
            host_error(
                format!(
                    "{}, where the file system is damaged or larger than its device{options}{why} (dmesg says which)",
                    what()
                ),
                error.into(),
            )
        }
        other => host_error(what(), other.into()),
    })?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(options))
        .map_err(|error| host_error(what(), error.into()))
}

/// What is a matter of the file system, however often it is mounted.
fn super_block_flag(flag: MountFlag) -> Option<&'static str> {
    match flag {
        MountFlag::ReadOnly => Some("ro"),
        MountFlag::Synchronous => Some("sync"),
        MountFlag::DirSync => Some("dirsync"),
        MountFlag::LazyTime => Some("lazytime"),
        MountFlag::Suid
        | MountFlag::Dev
        | MountFlag::NoExec
        | MountFlag::NoAtime
        | MountFlag::NoDirAtime
        | MountFlag::StrictAtime => None,
    }
}

/// What is a matter of this one mount.
fn attributes(options: &MountOptions) -> MountAttrFlags {
    let mut attributes = MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID;
    for option in &options.flags {
        match option {
            MountFlag::ReadOnly => attributes |= MountAttrFlags::MOUNT_ATTR_RDONLY,
            MountFlag::Suid => attributes -= MountAttrFlags::MOUNT_ATTR_NOSUID,
            MountFlag::Dev => attributes -= MountAttrFlags::MOUNT_ATTR_NODEV,
            MountFlag::NoExec => attributes |= MountAttrFlags::MOUNT_ATTR_NOEXEC,
            MountFlag::NoAtime => attributes |= MountAttrFlags::MOUNT_ATTR_NOATIME,
            MountFlag::NoDirAtime => attributes |= MountAttrFlags::MOUNT_ATTR_NODIRATIME,
            MountFlag::StrictAtime => attributes |= MountAttrFlags::MOUNT_ATTR_STRICTATIME,
            MountFlag::Synchronous | MountFlag::DirSync | MountFlag::LazyTime => {}
        }
    }
    attributes
}

/// The file system's own words about what it was told last: a letter for how bad it is, a blank, the words.
fn words(context: &OwnedFd) -> Option<String> {
    let mut said = [0; WORDS_MAX];
    let len = rustix::io::read(context, &mut said).ok()?;
    let words = String::from_utf8_lossy(said.get(2..len)?);
    let words = words.trim().replace(|c: char| c.is_control(), "?");
    (!words.is_empty()).then_some(words)
}

/// Unmounts what is at a place.
pub(super) fn unmount(target: &Path, how: Unmount) -> Result<Changed, HostError> {
    let Some(line) = at(target)? else {
        return Ok(Changed::No);
    };
    let flags = UnmountFlags::NOFOLLOW
        | match how {
            Unmount::IfIdle => UnmountFlags::empty(),
            Unmount::Detach => UnmountFlags::DETACH,
        };
    match rustix::mount::unmount(&line.target, flags) {
        Ok(()) => Ok(Changed::Yes),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(Changed::No),
        Err(rustix::io::Errno::BUSY) => Err(HostError::Busy {
            what: line.target.display().to_string(),
            by: users::of_mount(&line).unwrap_or_else(|| "another program".into()),
        }),
        Err(error) => Err(host_error(
            format!("unmounting {}", line.target.display()),
            error.into(),
        )),
    }
}

/// The devices and files in use as swap, from `/proc/swaps`.
pub(super) fn swaps() -> Result<Vec<PathBuf>, HostError> {
    let path = Path::new("/proc/swaps");
    match fs::read(path) {
        Ok(table) => Ok(parse_swaps(&table)),
        // A kernel without swap.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(about(path)(error)),
    }
}

pub(super) fn parse_swaps(table: &[u8]) -> Vec<PathBuf> {
    table
        .split(|&byte| byte == b'\n')
        .skip(1)
        .filter_map(|line| line.split(|&byte| byte == b' ' || byte == b'\t').next())
        .filter(|word| !word.is_empty())
        .map(|word| PathBuf::from(unescape(word)))
        .collect()
}

/// A path for people, where a name may hold anything.
pub(super) fn shown(name: &OsStr) -> String {
    String::from_utf8_lossy(name.as_bytes()).replace(|c: char| c.is_control(), "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_tags_and_escapes_is_read() {
        let table = b"36 35 254:0 / /mnt/my\\040files rw,nosuid shared:7 master:1 - ext4 /dev/mapper/x ro,stripe=4\n";
        let lines = parse(table);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].target, Path::new("/mnt/my files"));
        assert_eq!(
            lines[0].device,
            node::Number {
                major: 254,
                minor: 0
            }
        );
        assert_eq!(lines[0].file_system, "ext4");
        assert_eq!(lines[0].source, Path::new("/dev/mapper/x"));
        assert!(lines[0].read_only(), "the file system itself is read-only");
    }

    #[test]
    fn a_line_without_tags_and_with_an_empty_source_is_read() {
        let lines = parse(b"1 0 0:2 / / rw - rootfs  rw\n\nrubbish\n");
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].source, Path::new(""));
        assert!(!lines[0].read_only());
    }

    #[test]
    fn a_backslash_that_begins_no_escape_stands_for_itself() {
        assert_eq!(unescape(b"a\\134b\\9\\04"), OsStr::new("a\\b\\9\\04"));
    }

    #[test]
    fn swaps_are_read_without_their_heading() {
        let table = b"Filename\tType\n/dev/zram0                              partition\t1\t0\t-2\n/a\\040b file 1 0 -3\n";
        assert_eq!(
            parse_swaps(table),
            [Path::new("/dev/zram0"), Path::new("/a b")]
        );
    }
}
