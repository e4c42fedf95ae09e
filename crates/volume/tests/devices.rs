//! Volumes that hold no files, on the simulated machine: swap, and raw devices.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use stage::{Stage, TOKEN};
use volume::engine::{Changed, EngineKind};
use volume::host::{Host, RootWanted};
use volume::sim::{Disk, Kill};
use volume::verbs::Stage as At;

const DISK: &str = "/dev/disk/by-id/x";
const SWAP: &str = "[volume.v]\ndevice = \"/dev/disk/by-id/x\"\nkey = \"ephemeral\"\nswap = true\n";

fn raw() -> String {
    TOKEN.replace("mount = \"/mnt/v\"", "filesystem = \"none\"")
}

fn swapping() -> Stage {
    let stage = Stage::new(SWAP);
    stage.machine.add_device(DISK, Disk::blank(64 << 20));
    stage
}

fn is_swap(stage: &Stage) -> bool {
    stage.machine.is_swap("/dev/mapper/v".as_ref()).unwrap()
}

fn steps(stage: &Stage) -> Vec<String> {
    let plan = stage.dry_run().plan.unwrap();
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn swap_is_made_anew_at_each_boot_and_asks_nobody() {
    let stage = swapping();
    assert_eq!(
        steps(&stage),
        [
            "write a LUKS2 header",
            "open with dm-crypt",
            "make swap",
            "mark the volume ready",
            "swap to it"
        ]
    );
    for _ in 0..2 {
        assert_eq!(stage.up().unwrap(), Changed::Yes);
        assert!(is_swap(&stage));
        assert_eq!(stage.up().unwrap(), Changed::No);
        let status = stage.status();
        assert_eq!((status.stage, status.mount), (At::Mounted, None));
        assert_eq!(status.file_system.as_deref(), Some("swap"));
        stage.machine.power_cut(1);
    }
    assert_eq!(stage.keys.calls().len(), 0);
}

#[test]
fn swap_is_taken_back_before_the_volume_is_closed() {
    let stage = swapping();
    stage.up().unwrap();
    assert_eq!(stage.down().unwrap(), Changed::Yes);
    assert!(!is_swap(&stage));
    assert_eq!(stage.status().stage, At::Closed);
    let log = stage.machine.log();
    assert_eq!(log[log.len() - 2..], ["swap off", "close mapping"]);
}

#[test]
fn there_is_no_swap_without_dm_crypt() {
    let stage = swapping();
    stage
        .machine
        .without_engine(EngineKind::DmCrypt, "no device-mapper");
    let error = stage.up().unwrap_err().to_string();
    assert!(error.contains("no device-mapper"), "{error}");
    assert_eq!(stage.machine.disk_writes(), 0);
}

#[test]
fn swap_is_not_made_of_a_disk_that_holds_something() {
    let stage = Stage::new(SWAP);
    let mut disk = Disk::blank(64 << 20);
    disk.write(1080, b"\x53\xef");
    stage.machine.add_device(DISK, disk);
    assert!(stage.up().unwrap_err().to_string().contains("--wipe"));
    assert_eq!(stage.machine.disk_writes(), 0);
}

#[test]
fn a_raw_device_is_opened_and_nothing_is_made_in_it_or_mounted() {
    let stage = Stage::new(&raw());
    let planned = steps(&stage);
    assert_eq!(planned.last().unwrap(), "mark the volume ready");
    assert_eq!(stage.up().unwrap(), Changed::Yes);
    assert_eq!(stage.up().unwrap(), Changed::No);
    let status = stage.status();
    assert_eq!((status.stage, status.mount), (At::Open, None));
    assert!(stage.machine.mounted().is_empty());
    assert_eq!(stage.machine.immutable_folders().len(), 0);
    stage.machine.mkfs_as("/dev/mapper/v", "theirs");
    stage.down().unwrap();
    stage.up().unwrap();
    let found = stage.machine.file_system_on("/dev/mapper/v".as_ref());
    assert_eq!(found.unwrap().unwrap().kind, "theirs", "left alone");
}

#[test]
fn a_raw_device_that_somebody_has_mounted_is_not_unmounted() {
    let stage = Stage::new(&raw());
    stage.up().unwrap();
    let at = std::path::Path::new("/srv/theirs");
    let options = volume::host::MountOptions::default();
    stage
        .machine
        .mount(
            "/dev/mapper/v".as_ref(),
            at,
            "theirs",
            &options,
            RootWanted::default(),
        )
        .unwrap();
    assert_eq!(stage.up().unwrap(), Changed::No);
    let error = stage.down().unwrap_err();
    assert_eq!(error.exit_code(), volume::ExitCode::Busy);
    assert!(error.to_string().contains("/srv/theirs"), "{error}");
}

/// Killed at every change and run again, swap comes up and goes down.
#[test]
fn a_kill_anywhere_is_mended_by_the_next_run() {
    for n in 1..200 {
        let mut all_done = true;
        for how in [Kill::Torn, Kill::After] {
            let stage = swapping();
            stage.machine.kill_at(n, how);
            let _ = stage.up().and_then(|_| stage.down());
            all_done &= !stage.machine.is_killed();
            if n % 2 == 0 {
                stage.machine.power_cut(n);
            } else {
                stage.machine.restart();
            }
            let when = |error: volume::Error| -> Changed { panic!("{n} {how:?}: {error}") };
            stage.up().unwrap_or_else(when);
            assert!(is_swap(&stage), "{n} {how:?}");
            stage.down().unwrap_or_else(when);
        }
        if all_done {
            return;
        }
    }
    panic!("the work never ends");
}

#[test]
fn a_raw_device_survives_a_kill_anywhere() {
    for n in 1..200 {
        let stage = Stage::new(&raw());
        stage.machine.kill_at(n, Kill::Torn);
        let first = stage.up();
        let was_killed = stage.machine.is_killed();
        stage.machine.power_cut(n);
        let when = |error: volume::Error| -> Changed { panic!("{n}: {error}") };
        stage.up().unwrap_or_else(when);
        stage.machine.mkfs_as("/dev/mapper/v", "theirs");
        stage.machine.power_cut(n + 1);
        stage.up().unwrap_or_else(when);
        let found = stage.machine.file_system_on("/dev/mapper/v".as_ref());
        assert_eq!(found.unwrap().unwrap().kind, "theirs", "{n}");
        if !was_killed {
            first.unwrap();
            return;
        }
    }
    panic!("the work never ends");
}
