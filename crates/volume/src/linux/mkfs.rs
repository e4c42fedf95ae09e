//! File systems, made by the system's own programs. Nothing is zero-filled and nothing grows with the disk that can be
//! left for later, since making one stands between a fresh machine and its first work.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use uuid::Uuid;

use crate::host::{FileSystem, Hold, HostError};
use crate::linux::failure::about;

/// How much of what a program says is kept.
const WORDS_MAX: usize = 2000;
/// The longest labels: ext4 has 16 bytes, XFS 12, btrfs 255.
const LABEL_MAX: [usize; 3] = [16, 12, 255];

/// From this size on an ext4 file system has two backups of its group descriptors, not a score: each grows with the disk, to 1 MiB at
/// 2 TiB. Such a file system grows only while it is not mounted, and so needs no room that is kept for that.
const EXT4_FEW_BACKUPS_FROM: u64 = 256 << 30;
/// Groups whose bitmaps and inode tables lie together, below and from [`EXT4_FEW_BACKUPS_FROM`]: each such place is written to.
const EXT4_TOGETHER: [&str; 2] = ["128", "512"];

/// The XFS journal, which mkfs writes full of zeros: by default it grows with the disk, to 1 GiB at 2 TiB. This is the least that mkfs.xfs
/// gives a disk of some size, since smaller ones make writers wait.
const XFS_LOG: &str = "size=64m";
/// From this size on a disk gets that journal; smaller ones get what mkfs.xfs thinks best, which is no more.
const XFS_LOG_FROM: u64 = 2 << 30;

/// No discard. Metadata is kept twice, as btrfs has it by default: XTS turns a flipped bit into noise, which its checksums find and the
/// second copy mends. What it writes does not grow with the disk.
const BTRFS_WORDS: [&str; 5] = ["-q", "-f", "-K", "-m", "dup"];
const BTRFS_SUPERBLOCK: u64 = 64 << 10;

impl Hold for File {}

/// Makes a file system over whatever is there, and makes it durable. The device is open from before until the caller closes it: the kernel
/// drops what it has cached of a device with its last user, and the mount that follows would read it all again.
pub(super) fn make(
    device: &Path,
    kind: FileSystem,
    label: &str,
    uuid: Uuid,
) -> Result<File, HostError> {
    let (program, package) = match kind {
        FileSystem::Ext4 => ("mkfs.ext4", "e2fsprogs"),
        FileSystem::Xfs => ("mkfs.xfs", "xfsprogs"),
        FileSystem::Btrfs => ("mkfs.btrfs", "btrfs-progs"),
    };
    let file = File::open(device).map_err(about(device))?;
    let size = (&file).seek(SeekFrom::End(0)).map_err(about(device))?;
    let mut command = Command::new(program);
    if kind == FileSystem::Btrfs {
        clear_btrfs(device)?;
    }
    command.args(arguments(kind, label, uuid, size)).arg(device);
    run(command, program, package)?;
    file.sync_all().map_err(about(device))?;
    Ok(file)
}

/// mkfs.btrfs refuses a UUID that any device has, also the one that it is making anew after a kill.
fn clear_btrfs(device: &Path) -> Result<(), HostError> {
    let file = File::options()
        .write(true)
        .open(device)
        .map_err(about(device))?;
    file.write_all_at(&[0; 4096], BTRFS_SUPERBLOCK)
        .map_err(about(device))
}

/// See `docs/decisions/0010-mkfs-options.md` for what each costs.
fn arguments(kind: FileSystem, label: &str, uuid: Uuid, size: u64) -> Vec<String> {
    let [ext4, xfs, btrfs] = LABEL_MAX;
    let (words, label) = match kind {
        FileSystem::Ext4 => (ext4_words(size), cut(label, ext4)),
        FileSystem::Xfs => (xfs_words(size), cut(label, xfs)),
        FileSystem::Btrfs => (BTRFS_WORDS.to_vec(), cut(label, btrfs)),
    };
    let (flag, uuid) = match kind {
        FileSystem::Ext4 | FileSystem::Btrfs => ("-U", uuid.to_string()),
        FileSystem::Xfs => ("-m", format!("uuid={uuid}")),
    };
    let words = words.into_iter().chain([flag, &uuid, "-L", label]);
    words.map(str::to_owned).collect()
}

fn ext4_words(size: u64) -> Vec<&'static str> {
    let lazy = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
    let [small, large] = EXT4_TOGETHER;
    let mut words = vec!["-q", "-F", "-b", "4096", "-E", lazy];
    if size < EXT4_FEW_BACKUPS_FROM {
        words.extend(["-G", small]);
    } else {
        words.extend(["-G", large, "-O", "sparse_super2,^resize_inode"]);
    }
    words
}

fn xfs_words(size: u64) -> Vec<&'static str> {
    let mut words = vec!["-q", "-f", "-K", "-b", "size=4096"];
    if size >= XFS_LOG_FROM {
        words.extend(["-l", XFS_LOG]);
    }
    words
}

/// As much of a label as fits, whole characters.
pub(super) fn cut(label: &str, max: usize) -> &str {
    &label[..label.floor_char_boundary(max)]
}

/// Runs a program to its end, with nothing to read and nothing of our environment (which may hold credentials), and keeps
/// what it says.
pub(super) fn run(
    mut command: Command,
    program: &'static str,
    package: &'static str,
) -> Result<(), HostError> {
    command
        .env_clear()
        .env(
            "PATH",
            "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin",
        )
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(HostError::MissingProgram { program, package });
        }
        Err(source) => {
            return Err(HostError::Io {
                what: format!("running {program}"),
                source,
            });
        }
    };
    if output.status.success() {
        return Ok(());
    }
    Err(HostError::Program {
        program,
        words: words(&output.stderr, &output.status.to_string()),
    })
}

/// What a program said, on one line and within bounds; how it ended if it said nothing.
fn words(said: &[u8], ended: &str) -> String {
    let said = &said[..said.len().min(WORDS_MAX)];
    let text = String::from_utf8_lossy(said);
    let text = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    let text = text.replace(|c: char| c.is_control(), "?");
    if text.is_empty() {
        ended.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_is_too_long_is_cut_between_characters() {
        assert_eq!(
            arguments(FileSystem::Xfs, "secretfs-of-mine", Uuid::nil(), 0)
                .last()
                .unwrap(),
            "secretfs-of-"
        );
        assert_eq!(
            arguments(FileSystem::Ext4, "éééééééééé", Uuid::nil(), 0)
                .last()
                .unwrap(),
            "éééééééé"
        );
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = run(
            Command::new("mkfs.nothing"),
            "mkfs.nothing",
            "nothing-tools",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "mkfs.nothing is not installed; run: apt-get install nothing-tools"
        );
    }

    #[test]
    fn a_programs_words_are_one_bounded_line() {
        assert_eq!(words(b"one\n\n  two \x1b[0m\n", "exit 1"), "one; two ?[0m");
        assert_eq!(words(b"\n", "exit status: 1"), "exit status: 1");
        assert!(words(&[b'x'; 5000], "").len() <= WORDS_MAX);
    }
}
