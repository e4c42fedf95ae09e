//! The reader of signatures on what real programs make, with `wipefs` as the oracle where it can see it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that cannot go on fails the test"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use volume::signatures::{FileSource, file_system, inspect};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

struct Image {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Image {
    fn new(size: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        File::create(&path).unwrap().set_len(size).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    /// Made by a program whose last argument is the image.
    fn made_by(size: u64, program: &str, arguments: &[&str]) -> Self {
        let image = Self::new(size);
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        let output = Command::new(program)
            .env("PATH", path)
            .args(arguments)
            .arg(&image.path)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}; run: scripts/setup test"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
        image
    }

    fn wipe(self, offset: u64, len: u64) -> Self {
        let file = File::options().write(true).open(&self.path).unwrap();
        let zeros = vec![0; usize::try_from(len).unwrap()];
        file.write_all_at(&zeros, offset).unwrap();
        self
    }

    fn names(&self) -> BTreeSet<String> {
        let file = File::open(&self.path).unwrap();
        let len = file.metadata().unwrap().len();
        let report = inspect(&mut FileSource::new(&file, len)).unwrap();
        assert!(!report.is_blank());
        report.found.into_iter().map(|found| found.name).collect()
    }

    fn mounts_as(&self) -> Option<String> {
        let file = File::open(&self.path).unwrap();
        let len = file.metadata().unwrap().len();
        file_system(&mut FileSource::new(&file, len))
            .unwrap()
            .map(|found| found.kind)
    }

    /// What `wipefs` would wipe, by libblkid's names.
    fn oracle(&self) -> BTreeSet<String> {
        let output = Command::new("/usr/sbin/wipefs")
            .args(["--no-act", "--noheadings", "--output", "TYPE"])
            .arg(&self.path)
            .output()
            .unwrap();
        assert!(output.status.success());
        let types = String::from_utf8(output.stdout).unwrap();
        types.lines().map(|line| line.trim().to_owned()).collect()
    }
}

/// libblkid's name of a signature of ours.
fn oracles_name(name: &str) -> &str {
    match name {
        "LUKS1" | "LUKS2" | "LUKS2 secondary header" => "crypto_LUKS",
        "ext journal" => "jbd",
        "MBR partition table" => "dos",
        "GPT partition table" | "GPT partition table, backup" => "gpt",
        other => other,
    }
}

#[test]
fn what_programs_make_is_found_and_named_as_the_oracle_names_it() {
    let luks = |kind: &str| {
        let arguments = [
            "luksFormat",
            "--batch-mode",
            "--type",
            kind,
            "--pbkdf",
            "pbkdf2",
        ];
        let more = [
            "--pbkdf-force-iterations",
            "1000",
            "--key-file",
            "/proc/sys/kernel/ostype",
        ];
        Image::made_by(
            32 * MIB,
            "cryptsetup",
            &[&arguments[..], &more[..]].concat(),
        )
    };
    let images = [
        Image::made_by(32 * MIB, "mkfs.ext2", &["-q", "-F"]),
        Image::made_by(32 * MIB, "mkfs.ext3", &["-q", "-F"]),
        Image::made_by(32 * MIB, "mkfs.ext4", &["-q", "-F"]),
        Image::made_by(
            32 * MIB,
            "mke2fs",
            &["-q", "-F", "-b", "4096", "-O", "journal_dev"],
        ),
        Image::made_by(400 * MIB, "mkfs.xfs", &["-q"]),
        Image::made_by(200 * MIB, "mkfs.btrfs", &["-q"]),
        Image::made_by(4 * MIB, "mkfs.vfat", &["-F", "12"]),
        Image::made_by(32 * MIB, "mkfs.vfat", &["-F", "16"]),
        Image::made_by(64 * MIB, "mkfs.vfat", &["-F", "32"]),
        Image::made_by(4 * MIB, "mkswap", &[]),
        Image::made_by(4 * MIB, "mkfs.minix", &["-1"]),
        Image::made_by(4 * MIB, "mkfs.minix", &["-2"]),
        Image::made_by(4 * MIB, "mkfs.minix", &["-3"]),
        Image::made_by(4 * MIB, "mkfs.bfs", &[]),
        luks("luks1"),
        luks("luks2"),
    ];
    for image in images {
        let expected = image.oracle();
        assert!(!expected.is_empty());
        // A FAT's boot sector is one for us as well, and a copy of a superblock is not news.
        let found: BTreeSet<String> = image
            .names()
            .iter()
            .map(|name| oracles_name(name).to_owned())
            .filter(|name| name != "boot sector" && !name.contains(", second superblock"))
            .collect();
        assert!(
            found.is_superset(&expected),
            "the oracle sees {expected:?}, and we {found:?}"
        );
        assert_eq!(found.len(), 1, "and nothing that is not there: {found:?}");
    }
}

#[test]
fn a_file_system_is_named_as_mount_wants_it() {
    for (program, arguments, size, kind) in [
        ("mkfs.ext2", &["-q", "-F"][..], 32 * MIB, Some("ext2")),
        ("mkfs.ext3", &["-q", "-F"], 32 * MIB, Some("ext3")),
        ("mkfs.ext4", &["-q", "-F"], 32 * MIB, Some("ext4")),
        (
            "mkfs.ext4",
            &["-q", "-F", "-O", "^has_journal"],
            32 * MIB,
            Some("ext4"),
        ),
        ("mkfs.xfs", &["-q"], 400 * MIB, Some("xfs")),
        ("mkfs.btrfs", &["-q"], 200 * MIB, Some("btrfs")),
        ("mkswap", &[], 4 * MIB, None),
    ] {
        let image = Image::made_by(size, program, arguments);
        assert_eq!(
            image.mounts_as().as_deref(),
            kind,
            "{program} {arguments:?}"
        );
    }
}

#[test]
fn a_file_system_that_was_ever_mounted_is_told_from_a_fresh_one() {
    for (program, size) in [("mkfs.ext4", 64), ("mkfs.xfs", 320), ("mkfs.btrfs", 128)] {
        let image = Image::made_by(size * MIB, program, &["-q"]);
        let was_mounted = || {
            let file = File::open(&image.path).unwrap();
            let len = file.metadata().unwrap().len();
            let found = file_system(&mut FileSource::new(&file, len)).unwrap();
            found.unwrap().was_mounted
        };
        assert!(!was_mounted(), "{program}");
        let folder = tempfile::tempdir().unwrap();
        let run = |program: &str, arguments: &[&std::ffi::OsStr]| {
            let output = Command::new(program).args(arguments).output().unwrap();
            assert!(output.status.success(), "{program}: {output:?}");
        };
        let (at, from) = (folder.path().as_os_str(), image.path.as_os_str());
        run("mount", &["-o".as_ref(), "loop".as_ref(), from, at]);
        run("umount", &[at]);
        assert!(was_mounted(), "{program}");
    }
}

#[test]
fn what_a_careless_wipe_leaves_is_still_found() {
    let ext = Image::made_by(GIB, "mkfs.ext4", &["-q", "-F", "-b", "4096"]).wipe(0, 16 * MIB);
    assert!(ext.names().contains("ext, superblock copy"));
    let btrfs = Image::made_by(GIB, "mkfs.btrfs", &["-q"]).wipe(0, 16 * MIB);
    assert!(btrfs.names().contains("btrfs, second superblock"));
    let arguments = [
        "luksFormat",
        "--batch-mode",
        "--pbkdf",
        "pbkdf2",
        "--pbkdf-force-iterations",
        "1000",
        "--key-file",
        "/proc/sys/kernel/ostype",
    ];
    let luks = Image::made_by(32 * MIB, "cryptsetup", &arguments).wipe(0, 4096);
    assert!(luks.names().contains("LUKS2 secondary header"));
}

#[test]
fn an_image_of_a_machine_named_by_mistake_is_recognised() {
    let image = Image::new(0);
    let made = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2"])
        .arg(&image.path)
        .arg("1G")
        .status()
        .expect("qemu-img; run: scripts/setup test");
    assert!(made.success());
    assert!(image.names().contains("qcow2 image"));
}
