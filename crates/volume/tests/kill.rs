//! Killed at every change, in every way, and run again: the work is completed and nothing acknowledged is lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use stage::{FILE, SEED, Stage, TOKEN, Then};
use volume::engine::EngineKind;
use volume::sim::Kill;

/// Before the next change is after this one, so two ways are all.
const WAYS: [Kill; 2] = [Kill::Torn, Kill::After];
/// What comes after each.
const THEN: [Then; 2] = [Then::Restart, Then::PowerCut(1)];

/// Each change meets one of the four combinations in turn, and all of them when `KLUIS_KILL_ALL` is set.
fn at_every_change(
    prepare: impl Fn() -> Stage,
    work: impl Fn(&Stage) -> bool,
    check: impl Fn(&Stage, &str),
) {
    let all = std::env::var_os("KLUIS_KILL_ALL").is_some();
    let ways = |n: u64| {
        let combinations = WAYS
            .into_iter()
            .flat_map(|how| THEN.map(|then| (how, then)));
        let meets = |number: u64| all || n % 4 == number;
        combinations
            .zip(0..)
            .filter(|(_, number)| meets(*number))
            .map(|(way, _)| way)
            .collect()
    };
    let _ = stage::at_every_change(ways, prepare, work, check);
}

fn comes_up(stage: &Stage, when: &str) {
    stage.up().unwrap_or_else(|error| panic!("{when}: {error}"));
    assert!(stage.machine.write_file("/mnt/v", "data"), "{when}");
    // Whatever the killed run had left unsynced is lost now, and the data must be there all the same.
    stage.machine.power_cut(4);
    stage.up().unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_eq!(stage.text().as_deref(), Some("data"), "{when}");
}

#[test]
fn a_first_up_is_completed() {
    at_every_change(|| Stage::new(TOKEN), |stage| stage.up().is_ok(), comes_up);
}

#[test]
fn a_first_up_of_a_shared_secret_is_completed() {
    let prepare = || {
        let stage = Stage::new(SEED);
        stage.seal_if_shared();
        stage
    };
    at_every_change(prepare, |stage| stage.up().is_ok(), comes_up);
}

#[test]
fn a_first_up_by_fuse_is_completed() {
    let prepare = || {
        let stage = Stage::new(TOKEN);
        stage.machine.without_engine(EngineKind::DmCrypt, "none");
        stage
    };
    at_every_change(prepare, |stage| stage.up().is_ok(), comes_up);
}

#[test]
fn an_ephemeral_up_is_completed_and_its_successors_too() {
    let config = TOKEN.replace("alias/k", "ephemeral");
    let up = |stage: &Stage, when: &str| {
        stage.up().unwrap_or_else(|error| panic!("{when}: {error}"));
        assert!(stage.machine.write_file("/mnt/v", "scratch"), "{when}");
        assert_eq!(stage.text().as_deref(), Some("scratch"), "{when}");
    };
    at_every_change(|| Stage::new(&config), |stage| stage.up().is_ok(), up);
    let used = || {
        let stage = Stage::new(&config);
        stage.up().unwrap();
        stage.machine.power_cut(9);
        stage
    };
    at_every_change(used, |stage| stage.up().is_ok(), up);
}

fn with_data() -> Stage {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage
}

fn keeps(stage: &Stage, when: &str) {
    stage.up().unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_eq!(stage.text().as_deref(), Some("precious"), "{when}");
}

#[test]
fn down_and_up_lose_nothing() {
    at_every_change(with_data, |stage| stage.down().is_ok(), keeps);
    let closed = || {
        let stage = with_data();
        stage.down().unwrap();
        stage
    };
    at_every_change(closed, |stage| stage.up().is_ok(), keeps);
}

#[test]
fn a_repair_of_the_header_loses_nothing() {
    let damaged = || {
        let stage = with_data();
        stage.down().unwrap();
        stage.machine.poke(FILE, 200, &[0x55; 16]);
        stage
    };
    at_every_change(damaged, |stage| stage.up().is_ok(), keeps);
}

#[test]
fn a_rekey_is_completed_in_use() {
    let moved = |stage: &Stage, when: &str| {
        keeps(stage, when);
        stage
            .rekey_one(None)
            .unwrap_or_else(|error| panic!("{when}: {error}"));
        stage.machine.power_cut(5);
        keeps(stage, when);
        let shown = stage.kluis(|kluis| kluis.header_show("v")).unwrap().json;
        let (slots, tokens) = (&shown["metadata"]["keyslots"], &shown["metadata"]["tokens"]);
        assert_eq!(
            (
                slots.as_object().unwrap().len(),
                tokens.as_object().unwrap().len()
            ),
            (1, 1),
            "{when}"
        );
    };
    at_every_change(with_data, |stage| stage.rekey_one(None).is_ok(), moved);
}

#[test]
fn a_rekey_of_a_shared_secret_is_completed() {
    const NEW: &str = "s3://bucket/new";
    let prepare = || {
        let stage = Stage::new(SEED);
        stage.seal_if_shared();
        stage.up().unwrap();
        stage.machine.write_file("/mnt/v", "precious");
        let stage = stage.with_config(&SEED.replace("s3://bucket/secret", NEW));
        stage.seal_if_shared();
        stage
    };
    let rekey = |stage: &Stage| stage.rekey_one(Some("s3://bucket/secret"));
    at_every_change(
        prepare,
        |stage| rekey(stage).is_ok(),
        |stage, when| {
            rekey(stage).unwrap_or_else(|error| panic!("{when}: {error}"));
            stage.machine.power_cut(5);
            keeps(stage, when);
        },
    );
}

#[test]
fn an_erase_is_completed() {
    // Sixteen of its changes write a mebibyte each: of those, one speaks for all.
    for n in [1, 2, 3, 10, 17, 18, 19, 20, 21, 22, 23, 24, 25] {
        let stage = with_data();
        stage
            .kluis(|kluis| kluis.header_backup("v", "/root/backup".as_ref()))
            .unwrap();
        stage.down().unwrap();
        stage.machine.kill_at(n, Kill::Torn);
        let first = stage.erase();
        // A mount point that could not be given back is no failure of the erase.
        let was_killed = stage.machine.is_killed();
        assert!(first.is_ok() || was_killed, "change {n}");
        THEN[usize::from(n % 2 == 0)].happens(&stage);
        if was_killed {
            stage
                .erase()
                .unwrap_or_else(|error| panic!("change {n}: {error}"));
        }
        assert!(
            stage.machine.immutable_folders().is_empty(),
            "change {n}: given back"
        );
        assert!(
            stage.up().unwrap_err().to_string().contains("--wipe"),
            "change {n}"
        );
        assert_eq!(stage.machine.file("/root/backup"), None, "change {n}");
        if n == 10 {
            stage.up_wiping().unwrap();
            assert_ne!(stage.text().as_deref(), Some("precious"));
        }
    }
}

#[test]
fn a_wipe_is_completed() {
    let foreign = || {
        let stage = Stage::new(&TOKEN.replace(
            "file = \"/img\"\nsize = \"64MiB\"",
            "device = \"/dev/disk/by-id/x\"",
        ));
        let mut disk = volume::sim::Disk::blank(64 << 20);
        disk.write(1080, b"\x53\xef");
        disk.write((64 << 20) - 600, b"tail");
        disk.flush();
        stage.machine.add_device("/dev/disk/by-id/x", disk);
        stage
    };
    at_every_change(
        foreign,
        |stage| stage.up_wiping().is_ok(),
        |stage, when| {
            // Until it is open it may be wiped again; once it is open that would be refused, and it only goes on.
            if stage.up().is_err() {
                stage
                    .up_wiping()
                    .unwrap_or_else(|error| panic!("{when}: {error}"));
            }
            comes_up(stage, when);
        },
    );
}
