//! The root: enrolled beside what an installer made, opened without it, and never harmed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use std::cell::Cell;

use crypto::SecretBytes;
use luks::luks2::FormatOptions;
use luks::{Header, KdfChoice, Profile, Step, VolumeKey};
use stage::Stage;
use volume::config::Config;
use volume::engine::Changed;
use volume::host::Host as _;
use volume::sim::{Disk, Fault, Kill};
use volume::verbs::Mode;
use volume::{Error, ExitCode, Silent};

const DEVICE: &str = "/dev/disk/by-uuid/7d0a9d3e-6bb4-4d5e-9b0a-3d9a8b7c6d5e";
const CONFIG: &str = "[root]\ndevice = \"/dev/disk/by-uuid/7d0a9d3e-6bb4-4d5e-9b0a-3d9a8b7c6d5e\"\nkey = \"alias/k\"\nname = \"vda2_crypt\"\n";
const PASSPHRASE: &str = "the installer asked for it";
const SIZE: u64 = 64 << 20;
/// `enroll-root` makes fewer changes than this.
const CHANGES_MAX: u64 = 60;

/// A machine whose root an installer has encrypted.
fn installed() -> Stage {
    let stage = Stage::new(CONFIG);
    let key = VolumeKey::random(64).unwrap();
    let options = FormatOptions::new(SIZE).unwrap();
    let mut header = luks::luks2::Header::format(&options, &key).unwrap();
    let kdf = KdfChoice::MACHINE_SECRET;
    let (_, area) = header
        .add_keyslot(PASSPHRASE.as_bytes(), &key, kdf, None)
        .unwrap();
    let mut disk = Disk::blank(SIZE);
    for step in [Step::from(area)]
        .into_iter()
        .chain(header.commit().unwrap())
    {
        if let Step::Write { offset, bytes } = step {
            disk.write(offset, &bytes);
        }
    }
    disk.write(20 << 20, b"the root's own");
    disk.flush();
    stage.machine.add_device(DEVICE, disk);
    stage
}

fn enroll_with(stage: &Stage, passphrase: &str) -> Result<Changed, Error> {
    stage
        .kluis(|kluis| {
            kluis.enroll_root(Mode::Apply, &mut Silent, || {
                Ok(SecretBytes::copy_of(passphrase.as_bytes())?)
            })
        })
        .and_then(|outcome| outcome.result)
}

fn enroll(stage: &Stage) -> Result<Changed, Error> {
    enroll_with(stage, PASSPHRASE)
}

fn open(stage: &Stage) -> Result<Changed, Error> {
    stage
        .kluis(|kluis| kluis.open_root(Mode::Apply, &mut Silent))
        .and_then(|outcome| outcome.result)
}

fn is_open(stage: &Stage) -> bool {
    let engines = stage.machine.engines();
    engines
        .iter()
        .any(|engine| engine.find("vda2_crypt").unwrap().is_some())
}

fn header(disk: &Disk) -> Header {
    let mut source = |offset: u64, len: usize| Ok(read(disk, offset, len));
    let read = Header::read(&mut source, disk.size(), Profile::Strict);
    read.unwrap().header
}

fn read(disk: &Disk, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    disk.read(offset, &mut bytes);
    bytes
}

/// Whether the installer's passphrase opens the root, in the keyslot that it always had.
fn opens_by_passphrase(disk: &Disk) -> bool {
    let header = header(disk);
    let area = header.keyslot_area(0).unwrap();
    let len = usize::try_from(area.end - area.start).unwrap();
    let area = read(disk, area.start, len);
    header.unlock(0, PASSPHRASE.as_bytes(), &area).is_ok()
}

#[test]
fn a_root_is_enrolled_and_opened_and_its_passphrase_opens_it_still() {
    let stage = installed();
    assert_eq!(enroll(&stage).unwrap(), Changed::Yes);
    let disk = stage.machine.disk(DEVICE).unwrap();
    assert_eq!(header(&disk).keyslot_ids(), [0, 1]);
    assert!(opens_by_passphrase(&disk));

    assert_eq!(open(&stage).unwrap(), Changed::Yes);
    assert!(is_open(&stage));
    assert_eq!(open(&stage).unwrap(), Changed::No);
    assert_eq!(read(&disk, 20 << 20, 14), b"the root's own");
}

#[test]
fn enrolling_twice_changes_nothing_and_asks_nobody() {
    let stage = installed();
    enroll(&stage).unwrap();
    let before = stage.machine.disk_writes();
    let outcome = stage.kluis(|kluis| {
        kluis.enroll_root(Mode::Apply, &mut Silent, || {
            panic!("a root that is enrolled needs no passphrase")
        })
    });
    assert_eq!(outcome.unwrap().result.unwrap(), Changed::No);
    assert_eq!(stage.machine.disk_writes(), before);
}

#[test]
fn a_wrong_passphrase_writes_nothing() {
    let stage = installed();
    let error = enroll_with(&stage, "a guess").unwrap_err();
    assert!(matches!(error, Error::WrongPassphrase { .. }), "{error}");
    assert_eq!(error.exit_code(), ExitCode::Key);
    assert_eq!(stage.machine.disk_writes(), 0);
}

#[test]
fn a_key_service_that_fails_writes_nothing() {
    let stage = installed();
    for (fault, code) in [
        (Fault::Unreachable, ExitCode::Temporary),
        (Fault::Denied, ExitCode::Key),
    ] {
        stage.keys.set_fault(fault);
        assert_eq!(enroll(&stage).unwrap_err().exit_code(), code);
    }
    assert_eq!(stage.machine.disk_writes(), 0);
}

#[test]
fn a_dry_run_asks_nobody_and_writes_nothing() {
    let stage = installed();
    let outcome = stage
        .kluis(|kluis| {
            kluis.enroll_root(Mode::DryRun, &mut Silent, || {
                panic!("it was only asked what would be")
            })
        })
        .unwrap();
    assert_eq!(outcome.result.unwrap(), Changed::Yes);
    assert_eq!(outcome.plan.unwrap().steps.len(), 2);
    assert!(stage.keys.calls().is_empty());
    assert_eq!(stage.machine.disk_writes(), 0);
}

#[test]
fn what_is_no_root_is_refused_before_anybody_is_asked() {
    let foreign = {
        let mut disk = Disk::blank(SIZE);
        disk.write(1080, &[0x53, 0xef]);
        disk.flush();
        disk
    };
    for disk in [Some(Disk::blank(SIZE)), Some(foreign), None] {
        let stage = Stage::new(CONFIG);
        if let Some(disk) = disk {
            stage.machine.add_device(DEVICE, disk);
        }
        let asked = Cell::new(false);
        let outcome = stage.kluis(|kluis| {
            kluis.enroll_root(Mode::Apply, &mut Silent, || {
                asked.set(true);
                Ok(SecretBytes::copy_of(b"x")?)
            })
        });
        let error = outcome.map(|outcome| outcome.result).unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Device, "{error}");
        assert!(!error.to_string().contains("--wipe"), "{error}");
        assert!(!asked.get());
        assert_eq!(stage.machine.disk_writes(), 0);
    }
}

#[test]
fn a_root_that_is_not_enrolled_is_not_opened_and_says_what_to_do() {
    let stage = installed();
    let error = open(&stage).unwrap_err();
    assert!(error.to_string().contains("kluis enroll-root"), "{error}");
    assert!(stage.keys.calls().is_empty());
    assert!(!is_open(&stage));
}

#[test]
fn a_service_that_is_down_leaves_the_root_shut_and_to_its_passphrase() {
    let stage = installed();
    enroll(&stage).unwrap();
    stage.keys.set_fault(Fault::Unreachable);
    assert_eq!(open(&stage).unwrap_err().exit_code(), ExitCode::Temporary);
    assert!(!is_open(&stage));
    assert!(opens_by_passphrase(&stage.machine.disk(DEVICE).unwrap()));
}

#[test]
fn an_enrolled_root_under_another_name_is_refused_with_the_way_back() {
    let stage = installed();
    enroll(&stage).unwrap();
    let stage = stage.with_config(&CONFIG.replace("vda2_crypt", "sda2_crypt"));
    let before = stage.machine.disk_writes();
    let error = enroll(&stage).unwrap_err();
    assert!(
        matches!(error, Error::RootToken { token: 0, .. }),
        "{error}"
    );
    assert!(open(&stage).is_err());
    assert_eq!(stage.machine.disk_writes(), before);
}

#[test]
fn killed_at_any_change_it_opens_by_its_passphrase_and_is_enrolled_by_running_it_again() {
    for n in 1..CHANGES_MAX {
        let how = if n % 2 == 0 { Kill::Torn } else { Kill::After };
        let stage = installed();
        stage.machine.kill_at(n, how);
        let _ = enroll(&stage);
        if !stage.machine.is_killed() {
            return;
        }
        if n % 3 == 0 {
            stage.machine.restart();
        } else {
            stage.machine.power_cut(n);
        }
        let disk = stage.machine.disk(DEVICE).unwrap();
        assert!(opens_by_passphrase(&disk), "killed {how:?} change {n}");
        enroll(&stage).unwrap_or_else(|error| panic!("killed {how:?} change {n}: {error}"));
        let disk = stage.machine.disk(DEVICE).unwrap();
        assert!(opens_by_passphrase(&disk), "killed {how:?} change {n}");
        open(&stage).unwrap_or_else(|error| panic!("killed {how:?} change {n}: {error}"));
    }
    panic!("the work never ends");
}

#[test]
fn a_root_is_configured_by_a_lasting_name_and_a_key_that_lasts() {
    for (part, other, words) in [
        (
            "/dev/disk/by-uuid/7d0a9d3e-6bb4-4d5e-9b0a-3d9a8b7c6d5e",
            "/dev/vda2",
            "order",
        ),
        (
            "/dev/disk/by-uuid/7d0a9d3e-6bb4-4d5e-9b0a-3d9a8b7c6d5e",
            "instance-store",
            "blank after every stop",
        ),
        ("alias/k", "ephemeral", "gone at the next boot"),
        ("vda2_crypt", "no name", "cannot name a volume"),
        ("name =", "nom =", "nom"),
    ] {
        let error = Config::parse(&CONFIG.replace(part, other)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.span.is_some());
    }
    let shared = format!(
        "{CONFIG}[volume.vda2_crypt]\nfile = \"/img\"\nsize = \"64MiB\"\nmount = \"/m\"\nkey = \"alias/k\"\n"
    );
    assert!(
        Config::parse(&shared)
            .unwrap_err()
            .to_string()
            .contains("give one of them another")
    );
    let same =
        format!("{CONFIG}[volume.v]\ndevice = \"{DEVICE}\"\nmount = \"/m\"\nkey = \"alias/k\"\n");
    assert!(
        Config::parse(&same)
            .unwrap_err()
            .to_string()
            .contains("lies on the root's device")
    );
    let unnamed = Config::parse(&CONFIG.replace("name = \"vda2_crypt\"\n", "")).unwrap();
    assert_eq!(unnamed.root.unwrap().name, "root");
}
