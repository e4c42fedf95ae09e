//! Striped volumes in a real kernel: device-mapper's `striped` target over the disks of the guest that `tests/kernel/run` boots, with mkfs and
//! mount; the key service is simulated. `the_guest` starts it, and the tests marked as ignored are what it runs there. cryptsetup and dmsetup are
//! the oracles.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod guest;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use volume::config::Config;
use volume::engine::Changed;
use volume::host::{Access, Host};
use volume::linux::LinuxHost;
use volume::sim::{Keys, Objects};
use volume::verbs::{Asked, Kluis, Mode, Stage, UpOptions};
use volume::{Error, ExitCode, Silent};

const MIB: u64 = 1 << 20;
/// The guest's disks, by the names that a udev would give them.
const DISKS: [(&str, &str); 3] = [
    ("/dev/disk/by-id/kluis-a", "/dev/ubda"),
    ("/dev/disk/by-id/kluis-b", "/dev/ubdb"),
    ("/dev/disk/by-id/kluis-c", "/dev/ubdc"),
];
const STRIPE: &str = "/dev/mapper/v:raid0";

#[test]
fn the_guest() {
    let folder = tempfile::tempdir().unwrap();
    let disks = ["a", "b", "c"].map(|name| {
        let disk = folder.path().join(name);
        // The first is a little smaller.
        let more = if name == "a" { 0 } else { 65536 };
        File::create(&disk)
            .unwrap()
            .set_len(64 * MIB + more)
            .unwrap();
        disk
    });
    guest::passes(5, &disks);
}

/// What it says, without the line's end.
fn run(program: &str, arguments: &[&str]) -> String {
    guest::run(program, arguments).trim().to_owned()
}

/// Blanks a disk, as an instance store is after a stop.
fn blank(disk: usize) {
    run("true", &[]);
    let file = File::options().write(true).open(DISKS[disk].1).unwrap();
    let zeros = vec![0; usize::try_from(MIB).unwrap()];
    for at in 0..=64 {
        let len = match (at, disk) {
            (64, 0) => 0,
            (64, _) => 65536,
            _ => zeros.len(),
        };
        file.write_all_at(&zeros[..len], at * MIB).unwrap();
    }
    file.sync_all().unwrap();
}

fn link(name: usize, disk: usize) {
    let name = Path::new(DISKS[name].0);
    fs::create_dir_all(name.parent().unwrap()).unwrap();
    let _ = fs::remove_file(name);
    symlink(DISKS[disk].1, name).unwrap();
}

struct Guest {
    folder: tempfile::TempDir,
    host: LinuxHost,
    keys: Keys,
    objects: Objects,
    config: Config,
}

impl Guest {
    /// Blank disks under their own names, and a volume on the first of them.
    fn new(count: usize) -> Self {
        for disk in 0..DISKS.len() {
            blank(disk);
            link(disk, disk);
        }
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new();
        keys.set_alias("alias/k", 1);
        let (state, run) = (folder.path().join("state"), folder.path().join("run"));
        Self {
            host: LinuxHost::new(state, run, Vec::new()),
            keys,
            objects: Objects::new(),
            config: Self::config(&folder, &(0..count).collect::<Vec<_>>()),
            folder,
        }
    }

    fn made(count: usize) -> Self {
        let guest = Self::new(count);
        assert_eq!(guest.up().unwrap(), Changed::Yes);
        fs::write(guest.file(), pattern()).unwrap();
        guest
    }

    fn closed(count: usize) -> Self {
        let guest = Self::made(count);
        assert_eq!(guest.down().unwrap(), Changed::Yes);
        guest
    }

    fn config(folder: &tempfile::TempDir, order: &[usize]) -> Config {
        let disks: Vec<&str> = order.iter().map(|disk| DISKS[*disk].0).collect();
        let mount = folder.path().join("mnt");
        Config::parse(&format!(
            "[agent]\nmachine = \"a-machine\"\n[volume.v]\nraid0 = {disks:?}\nmount = \"{}\"\nkey = \"alias/k\"\n",
            mount.display()
        ))
        .unwrap()
    }

    fn ordered(mut self, order: &[usize]) -> Self {
        self.config = Self::config(&self.folder, order);
        self
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("mnt/file")
    }

    fn kluis<T>(&self, work: impl FnOnce(&Kluis<'_>) -> T) -> T {
        work(&Kluis {
            host: &self.host,
            keys: &self.keys,
            objects: &self.objects,
            config: &self.config,
            occasion: volume::Occasion::ByHand,
            waiting: &Silent,
        })
    }

    fn up(&self) -> Result<Changed, Error> {
        self.up_with(&UpOptions::default())
    }

    fn up_with(&self, options: &UpOptions) -> Result<Changed, Error> {
        let up = self.kluis(|kluis| kluis.up(&[], options, &mut Silent));
        up?.remove(0).result
    }

    fn down(&self) -> Result<Changed, Error> {
        let down = self.kluis(|kluis| kluis.down(&[], Mode::Apply, &mut Silent));
        down?.remove(0).result
    }

    fn refused(&self, code: ExitCode, words: &[&str]) {
        let before = sums();
        let error = self.up().unwrap_err();
        assert_eq!(error.exit_code(), code, "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "{word:?} in: {error}");
        }
        assert_eq!(before, sums(), "nothing was written");
        println!("refused: {error}");
    }

    fn keeps(&self) {
        assert!(fs::read(self.file()).unwrap() == pattern());
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.down();
        let _ = self.kluis(|kluis| kluis.release(None, Mode::Apply));
    }
}

/// Bytes that no sector shares with another: more than a row of chunks, and no whole number of them.
fn pattern() -> Vec<u8> {
    (0..9 * MIB + 12345)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect()
}

fn sums() -> String {
    let disks = DISKS.map(|(_, disk)| disk);
    run("sha256sum", &disks)
}

fn exists(mapping: &str) -> bool {
    run("dmsetup", &["ls"])
        .lines()
        .any(|line| line.split_whitespace().next() == Some(mapping))
}

fn number(disk: usize) -> String {
    run("lsblk", &["-ndo", "MAJ:MIN", DISKS[disk].1])
}

#[test]
#[ignore = "runs inside the guest"]
fn a_volume_is_made_closed_and_opened_again_over_the_kernels_stripe() {
    let guest = Guest::made(2);
    let table = run("dmsetup", &["table", "v:raid0"]);
    let (a, b) = (number(0), number(1));
    println!("{table}");
    assert_eq!(table, format!("0 262144 striped 2 1024 {a} 0 {b} 0"));
    let over = run("cryptsetup", &["status", "v"]);
    println!("{over}");
    assert!(over.contains(&format!("device:  {STRIPE}")), "{over}");
    let uuid = run("cryptsetup", &["luksUUID", STRIPE]);
    assert_eq!(guest.up().unwrap(), Changed::No);

    assert_eq!(guest.down().unwrap(), Changed::Yes);
    assert!(!exists("v") && !exists("v:raid0") && !Path::new(STRIPE).exists());
    assert_eq!(guest.down().unwrap(), Changed::No);
    // What is read through the disks is what the kernel had made of them.
    let shown = guest.kluis(|kluis| kluis.header_show("v")).unwrap();
    assert_eq!(shown.json["uuid"].as_str(), Some(uuid.as_str()));
    let status = guest.kluis(|kluis| kluis.status(&[])).unwrap().remove(0);
    assert_eq!((status.stage, &status.note), (Stage::Closed, &None));
    assert_eq!(status.raid0, [DISKS[0].0, DISKS[1].0]);

    assert_eq!(guest.up().unwrap(), Changed::Yes);
    guest.keeps();
}

/// The other way round, too: cryptsetup opens it over a stripe that dmsetup makes.
#[test]
#[ignore = "runs inside the guest"]
fn cryptsetup_and_dmsetup_open_what_kluis_made() {
    let guest = Guest::closed(3);
    let disks: Vec<String> = (0..3).map(|disk| format!("{} 0", number(disk))).collect();
    // The same stripe, made by hand; no more than the smallest disk, in whole chunks, of each.
    let table = format!("0 393216 striped 3 1024 {}", disks.join(" "));
    run("dmsetup", &["create", "by-hand", "--table", &table]);
    let by_hand = "/dev/mapper/by-hand";
    run("dmsetup", &["mknodes"]);
    let dump = run("cryptsetup", &["luksDump", by_hand]);
    assert!(dump.contains("Label:         \tv"), "{dump}");
    // Meanwhile the disks are somebody's, and that is told.
    guest.refused(ExitCode::Busy, &[DISKS[0].0, "held by dm-"]);
    run("dmsetup", &["remove", "by-hand"]);

    run(
        "dmsetup",
        &[
            "create",
            "v:raid0",
            "--uuid",
            "KLUIS-RAID0-v",
            "--table",
            &table,
        ],
    );
    run("dmsetup", &["mknodes"]);
    let asked = Asked {
        device: STRIPE.as_ref(),
        uuid: None,
        header: None,
    };
    let passphrase = guest.kluis(|kluis| kluis.token_open(asked)).unwrap();
    guest::run_with(
        "cryptsetup",
        &["open", "--key-file", "-", STRIPE, "theirs"],
        passphrase.danger_expose(),
    );
    fs::create_dir_all("/tmp/theirs").unwrap();
    run("dmsetup", &["mknodes"]);
    run("mount", &["-o", "ro", "/dev/mapper/theirs", "/tmp/theirs"]);
    assert!(fs::read("/tmp/theirs/file").unwrap() == pattern());
    // A stripe in use is told of, and not taken away.
    let error = guest.down().unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Busy, "{error}");
    assert!(error.to_string().contains("theirs"), "{error}");
    run("umount", &["/tmp/theirs"]);
    run("cryptsetup", &["close", "theirs"]);
    // It is the right one: adopted.
    guest.up().unwrap();
    guest.keeps();
}

#[test]
#[ignore = "runs inside the guest"]
fn what_a_killed_run_has_left_is_adopted_made_anew_or_refused() {
    let guest = Guest::closed(2);
    // Killed after the mapping was made, and after its table was loaded.
    let create = ["create", "v:raid0", "--uuid", "KLUIS-RAID0-v", "--notable"];
    let (a, b) = (number(0), number(1));
    let table = format!("0 262144 striped 2 1024 {a} 0 {b} 0");
    for is_loaded in [false, true] {
        run("dmsetup", &create);
        if is_loaded {
            run("dmsetup", &["load", "v:raid0", "--table", &table]);
        }
        guest.up().unwrap();
        guest.keeps();
        guest.down().unwrap();
        assert!(!exists("v:raid0"));
    }
    // After it served.
    run(
        "dmsetup",
        &[
            "create",
            "v:raid0",
            "--uuid",
            "KLUIS-RAID0-v",
            "--table",
            &table,
        ],
    );
    guest.up().unwrap();
    guest.keeps();
    guest.down().unwrap();
    // Another table, and another's mapping of that name.
    let table = format!("0 262144 striped 2 1024 {b} 0 {a} 0");
    run(
        "dmsetup",
        &[
            "create",
            "v:raid0",
            "--uuid",
            "KLUIS-RAID0-v",
            "--table",
            &table,
        ],
    );
    guest.refused(ExitCode::Busy, &[STRIPE, "another order"]);
    assert_eq!(guest.down().unwrap(), Changed::Yes);
    run("dmsetup", &["create", "v:raid0", "--table", "0 8 zero"]);
    guest.refused(ExitCode::Busy, &[STRIPE, "not of kluis"]);
    assert_eq!(guest.down().unwrap(), Changed::No);
    run("dmsetup", &["remove", "v:raid0"]);
    guest.up().unwrap();
    guest.keeps();
}

#[test]
#[ignore = "runs inside the guest"]
fn a_disk_that_is_missing_exchanged_or_replaced_is_refused() {
    let guest = Guest::closed(3);
    fs::remove_file(DISKS[1].0).unwrap();
    guest.refused(ExitCode::Device, &["disk 2 of 3", DISKS[1].0]);
    link(1, 0);
    guest.refused(ExitCode::Parameters, &["same disk", DISKS[0].0, DISKS[1].0]);
    // Exchanged under their names.
    link(1, 2);
    link(2, 1);
    guest.refused(ExitCode::Device, &[DISKS[1].0, "does not hold"]);
    link(1, 1);
    link(2, 2);
    // Exchanged in the configuration.
    let guest = guest.ordered(&[0, 2, 1]);
    guest.refused(ExitCode::Device, &["order", DISKS[1].0]);
    let guest = guest.ordered(&[1, 0, 2]);
    guest.refused(ExitCode::Device, &["order", DISKS[0].0]);
    let guest = guest.ordered(&[0, 1, 2]);
    guest.up().unwrap();
    guest.keeps();
    guest.down().unwrap();
    // Replaced by a blank one.
    blank(2);
    guest.refused(ExitCode::Device, &[DISKS[2].0, "does not hold"]);
    blank(0);
    guest.refused(ExitCode::Device, &[DISKS[1].0, "not blank"]);
}

#[test]
#[ignore = "runs inside the guest"]
fn a_disk_with_something_on_it_is_refused_and_wiped_when_told() {
    let guest = Guest::new(2);
    run("mkfs.ext4", &["-q", DISKS[1].1]);
    guest.refused(ExitCode::Device, &[DISKS[1].0, "ext4", "--wipe"]);
    let options = UpOptions {
        wipe: BTreeSet::from(["v".to_owned()]),
        ..UpOptions::default()
    };
    guest.up_with(&options).unwrap();
    fs::write(guest.file(), pattern()).unwrap();
    guest.down().unwrap();
    guest.up().unwrap();
    guest.keeps();
}

#[test]
#[ignore = "runs inside the guest"]
fn after_stop_and_start_it_is_made_anew_and_an_erase_is_of_all_disks() {
    let guest = Guest::closed(2);
    blank(0);
    blank(1);
    guest.up().unwrap();
    assert!(!guest.file().exists());
    guest.down().unwrap();
    let before = sums();
    let erased = guest.kluis(|kluis| kluis.erase("v", Mode::Apply, &mut Silent));
    erased.unwrap().result.unwrap();
    assert!(!exists("v:raid0"));
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    for (before, after) in lines(&before).iter().zip(lines(&sums())).take(2) {
        assert_ne!(
            before, &after,
            "each disk has its part of the header overwritten"
        );
    }
    guest.refused(ExitCode::Device, &["--wipe"]);
}

#[test]
#[ignore = "runs inside the guest"]
fn what_is_written_through_the_disks_is_what_the_kernel_reads() {
    let guest = Guest::made(3);
    guest.down().unwrap();
    // A rekey of a closed volume writes through the disks.
    let rekeyed = guest.kluis(|kluis| kluis.rekey(&[], None, Mode::Apply, &mut Silent));
    rekeyed.unwrap().remove(0).result.unwrap();
    guest.up().unwrap();
    guest.keeps();
    // And of an open one through the kernel's stripe.
    let rekeyed = guest.kluis(|kluis| kluis.rekey(&[], None, Mode::Apply, &mut Silent));
    rekeyed.unwrap().remove(0).result.unwrap();
    guest.down().unwrap();
    guest.up().unwrap();
    guest.keeps();
    let identity = guest.host.identify(STRIPE.as_ref()).unwrap().unwrap();
    let device = guest.host.open(&identity, Access::Read).unwrap();
    assert_eq!(device.size(), 3 * 64 * MIB);
}
