//! Volumes that are striped over several disks, on the simulated machine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use std::path::PathBuf;

use stage::{Stage, TOKEN, Then};
use volume::engine::{Changed, EngineKind};
use volume::host::Use;
use volume::sim::{Disk, Fault, Kill};
use volume::verbs::{Level, Mode, Proof, Stage as At};
use volume::{Error, ExitCode, Silent};

const MIB: u64 = 1 << 20;
const NAMES: [&str; 3] = [
    "/dev/disk/by-id/a",
    "/dev/disk/by-id/b",
    "/dev/disk/by-id/c",
];
const STRIPE: &str = "/dev/mapper/v:raid0";

fn over(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    TOKEN.replace(
        "file = \"/img\"\nsize = \"64MiB\"",
        &format!("raid0 = [{}]", names.join(", ")),
    )
}

fn striped_by(config: &str, count: usize) -> Stage {
    let stage = Stage::new(config);
    for (name, more) in NAMES[..count].iter().zip(0..) {
        // The first is a little smaller.
        let disk = Disk::blank(48 * MIB + 4096.min(more * 4096));
        stage.machine.add_device(name, disk);
    }
    stage
}

fn striped(count: usize) -> Stage {
    striped_by(&over(&NAMES[..count]), count)
}

fn with_data(count: usize) -> Stage {
    let stage = striped(count);
    stage.up().unwrap();
    assert!(stage.machine.write_file("/mnt/v", "precious"));
    stage
}

fn closed(count: usize) -> Stage {
    let stage = with_data(count);
    stage.down().unwrap();
    stage
}

fn disks(stage: &Stage) -> Vec<Disk> {
    let disks = NAMES.iter().filter_map(|name| stage.machine.disk(name));
    disks.collect()
}

/// What `up` says, having written nothing and left no stripe.
fn refused(stage: &Stage) -> Error {
    let before = (disks(stage), stage.machine.stripes());
    let error = stage.up().unwrap_err();
    assert!(before.0 == disks(stage), "nothing is written");
    assert_eq!(before.1, stage.machine.stripes());
    error
}

fn refused_with(stage: &Stage, code: ExitCode, words: &[&str]) {
    let error = refused(stage);
    assert_eq!(error.exit_code(), code, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} in: {error}");
    }
}

fn steps(stage: &Stage) -> Vec<String> {
    let plan = stage.dry_run().plan.unwrap();
    plan.steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_volume_lives_on_several_disks_as_on_one() {
    for count in [2, 3] {
        let stage = with_data(count);
        assert_eq!(stage.up().unwrap(), Changed::No);
        assert_eq!(stage.machine.stripes(), [PathBuf::from(STRIPE)]);
        let status = stage.status();
        assert_eq!(status.stage, At::Mounted);
        assert_eq!(status.raid0, NAMES[..count]);
        assert_eq!(status.backing_bytes, Some(48 * MIB * count as u64));
        assert_eq!(status.device, PathBuf::from(STRIPE));

        assert_eq!(stage.down().unwrap(), Changed::Yes);
        assert!(stage.machine.stripes().is_empty());
        assert_eq!(stage.down().unwrap(), Changed::No);
        assert_eq!(stage.status().stage, At::Closed);
        assert_eq!(stage.status().note, None);
        stage.machine.power_cut(3);
        stage.up().unwrap();
        assert_eq!(stage.text().as_deref(), Some("precious"));
        for disk in disks(&stage) {
            assert!(disk.written() > 0, "every disk has its part");
        }
    }
}

#[test]
fn a_plan_names_the_disks_in_their_order_and_changes_nothing() {
    let stage = striped(2);
    assert_eq!(
        steps(&stage)[1..],
        [
            "fetch the secret",
            "assemble the stripe of 2 disks, in this order: /dev/disk/by-id/a, /dev/disk/by-id/b",
            "write a LUKS2 header",
            "open with dm-crypt",
            "make ext4",
            "mark the volume ready",
            "mount at /mnt/v",
        ]
    );
    assert_eq!(stage.machine.changes(), 0);
    stage.up().unwrap();
    let down = stage
        .kluis(|kluis| kluis.down(&[], Mode::DryRun, &mut Silent))
        .unwrap();
    let down: Vec<String> = down[0]
        .plan
        .as_ref()
        .unwrap()
        .steps
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        down,
        [
            "unmount /mnt/v",
            "close with dm-crypt, forget the key",
            "take the stripe apart"
        ]
    );
}

#[test]
fn a_disk_that_is_missing_is_named() {
    let stage = closed(3);
    stage.machine.remove_instance_store(NAMES[1]);
    refused_with(&stage, ExitCode::Device, &["disk 2 of 3", NAMES[1]]);
    assert_eq!(stage.status().stage, At::Missing);
    assert!(stage.status().note.unwrap().contains(NAMES[1]));
    for error in [
        stage.erase().unwrap_err(),
        stage.rekey_one(None).unwrap_err(),
    ] {
        assert_eq!(error.exit_code(), ExitCode::Device);
        assert!(error.to_string().contains(NAMES[1]), "{error}");
    }
}

#[test]
fn a_volume_closes_that_has_lost_a_disk() {
    let stage = with_data(2);
    stage.machine.remove_instance_store(NAMES[1]);
    assert_eq!(stage.down().unwrap(), Changed::Yes);
    assert!(stage.machine.stripes().is_empty());
}

#[test]
fn a_disk_with_something_on_it_is_refused_by_its_name() {
    // In front, where the volume's second chunk would be; and at the very end, which no stripe reaches.
    for offset in [1080, 48 * MIB + 4096 - 512] {
        let stage = striped(2);
        let mut disk = Disk::blank(48 * MIB + 4096);
        disk.write(offset, b"\x53\xefsomething");
        disk.flush();
        stage.machine.set_disk(NAMES[1], disk);
        refused_with(&stage, ExitCode::Device, &[NAMES[1], "not blank", "--wipe"]);
        assert!(!refused(&stage).to_string().contains(NAMES[0]));

        stage.up_wiping().unwrap();
        assert!(stage.machine.write_file("/mnt/v", "new"));
        let found = stage.machine.peek(NAMES[1], offset, 4);
        assert_ne!(&found[..2], b"\x53\xef", "wiped beyond the stripe too");
    }
}

#[test]
fn a_disk_in_use_or_read_only_is_refused_by_its_name() {
    let stage = striped(2);
    stage
        .machine
        .set_use(NAMES[1], Use::Mount("/srv/other".into()));
    refused_with(&stage, ExitCode::Busy, &[NAMES[1], "/srv/other"]);
    let stage = striped(2);
    stage.machine.set_read_only(NAMES[1], true);
    refused_with(&stage, ExitCode::Device, &[NAMES[1], "read-only"]);
    assert!(!refused(&stage).to_string().contains(NAMES[0]));
}

#[test]
fn disks_in_another_order_are_refused() {
    for order in [[1, 0, 2], [0, 2, 1], [2, 0, 1]] {
        let stage = closed(3).with_config(&over(&order.map(|n| NAMES[n])));
        refused_with(&stage, ExitCode::Device, &["order", "was /dev/disk/by-id/"]);
        let error = stage.erase().unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Device, "{error}");
    }
}

/// Two disks whose names cannot tell them apart (a machine without serial numbers) have what was written on them.
#[test]
fn disks_that_were_exchanged_under_their_names_are_refused() {
    let stage = closed(3);
    let (b, c) = (disks(&stage)[1].clone(), disks(&stage)[2].clone());
    stage.machine.set_disk(NAMES[1], c);
    stage.machine.set_disk(NAMES[2], b);
    refused_with(&stage, ExitCode::Device, &[NAMES[1], "does not hold"]);
}

#[test]
fn a_disk_that_was_replaced_by_a_blank_is_refused() {
    for name in NAMES {
        let stage = closed(3);
        let size = stage.machine.disk(name).unwrap().size();
        stage.machine.set_disk(name, Disk::blank(size));
        let error = refused(&stage);
        assert_eq!(error.exit_code(), ExitCode::Device, "{error}");
    }
    // The same under another name, also where all that is left happens to look blank.
    let stage = closed(2);
    stage.machine.add_device(NAMES[2], Disk::blank(48 * MIB));
    for name in &NAMES[..2] {
        let size = stage.machine.disk(name).unwrap().size();
        stage.machine.set_disk(name, Disk::blank(size));
    }
    let stage = stage.with_config(&over(&[NAMES[2], NAMES[1]]));
    refused_with(&stage, ExitCode::Device, &[NAMES[0], NAMES[2]]);
}

#[test]
fn a_disk_of_another_volumes_set_is_refused() {
    let stage = closed(2);
    let other = closed(2);
    stage.machine.set_disk(NAMES[1], disks(&other)[1].clone());
    refused_with(&stage, ExitCode::Device, &[NAMES[1], "disk 2 of 2"]);
}

#[test]
fn disks_that_all_have_one_name_are_told_apart_by_what_is_on_them() {
    let stage = striped(3);
    for name in NAMES {
        stage.machine.set_stable_name(name, "(null) 419430400");
    }
    stage.up().unwrap();
    assert!(stage.machine.write_file("/mnt/v", "precious"));
    stage.machine.power_cut(2);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    stage.down().unwrap();
    let stage = stage.with_config(&over(&[NAMES[0], NAMES[2], NAMES[1]]));
    refused_with(&stage, ExitCode::Device, &["does not hold"]);
}

#[test]
fn disks_that_have_grown_hold_what_they_held() {
    let stage = closed(2);
    for name in &NAMES[..2] {
        stage.machine.grow_disk(name, 96 * MIB);
    }
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    assert_eq!(stage.status().backing_bytes, Some(192 * MIB));
}

#[test]
fn without_the_record_of_its_disks_a_volume_is_not_opened() {
    let stage = closed(2);
    let record = stage.machine.state_names();
    let record = record
        .iter()
        .find(|name| name.ends_with("v.raid0"))
        .unwrap();
    let bytes = volume::host::Host::read_state(&stage.machine, record).unwrap();
    stage.machine.lose_state();
    refused_with(&stage, ExitCode::Device, &["no record", "volumes/v.raid0"]);
    stage.machine.set_state(record, &bytes.unwrap());
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn after_stop_and_start_all_disks_are_blank_and_it_is_made_anew() {
    let stage = with_data(2);
    stage.machine.power_cut(1);
    for name in &NAMES[..2] {
        let size = stage.machine.disk(name).unwrap().size();
        stage.machine.set_disk(name, Disk::blank(size));
    }
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some(""));
    // And on another host the disks have other names.
    stage.machine.power_cut(1);
    let names = ["/dev/disk/by-id/x", "/dev/disk/by-id/y"];
    for name in NAMES {
        stage.machine.remove_instance_store(name);
    }
    for name in names {
        stage.machine.add_device(name, Disk::blank(48 * MIB));
    }
    let stage = stage.with_config(&over(&names));
    stage.up().unwrap();
    assert!(stage.machine.write_file("/mnt/v", "new"));
    stage.down().unwrap();
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("new"));
}

#[test]
fn a_stripe_that_was_left_is_adopted_and_another_is_refused() {
    for n in 1.. {
        let stage = closed(2);
        stage.machine.kill_at(n, Kill::After);
        let _ = stage.up();
        stage.machine.restart();
        if stage.machine.stripes().len() == 1 && stage.status().stage == At::Closed {
            assert!(steps(&stage).iter().all(|step| !step.contains("assemble")));
            // The configuration has changed since.
            let other = stage.with_config(&over(&[NAMES[1], NAMES[0]]));
            refused_with(
                &other,
                ExitCode::Busy,
                &[STRIPE, "another order", "kluis down v"],
            );
            other.down().unwrap();
            let stage = other.with_config(&over(&NAMES[..2]));
            stage.up().unwrap();
            assert_eq!(stage.text().as_deref(), Some("precious"));
            break;
        }
    }
    let stage = closed(2);
    stage.machine.add_foreign_stripe(STRIPE);
    refused_with(&stage, ExitCode::Busy, &[STRIPE, "not of kluis"]);
    assert_eq!(
        stage.down().unwrap(),
        Changed::No,
        "it is not ours to take away"
    );
}

#[test]
fn a_failure_leaves_no_stripe() {
    let stage = closed(2);
    stage.keys.set_fault(Fault::Denied);
    let _ = refused(&stage);
    let stage = closed(2);
    stage
        .machine
        .without_engine(EngineKind::DmCrypt, "no device-mapper");
    refused_with(&stage, ExitCode::Parameters, &["no device-mapper"]);
}

#[test]
fn an_erase_is_of_all_disks_and_takes_the_stripe_apart() {
    let stage = closed(2);
    let before = disks(&stage);
    assert_eq!(stage.erase().unwrap(), Changed::Yes);
    assert!(stage.machine.stripes().is_empty());
    for (before, after) in before.iter().zip(disks(&stage)) {
        let (mut old, mut new) = ([0; 4096], [0; 4096]);
        assert!(before.read(8 * MIB - 4096, &mut old) && after.read(8 * MIB - 4096, &mut new));
        assert_ne!(old, new, "the header's part is overwritten on each");
    }
    assert_eq!(stage.status().stage, At::Erased);
    assert!(stage.up_wiping_is_needed());
    stage.up_wiping().unwrap();
    assert_eq!(stage.text().as_deref(), Some(""));
}

#[test]
fn a_rekey_is_of_open_and_of_closed_volumes() {
    let stage = with_data(2);
    assert_eq!(stage.rekey_one(None).unwrap(), Changed::Yes);
    stage.machine.power_cut(2);
    assert_eq!(stage.rekey_one(None).unwrap(), Changed::Yes);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    assert_eq!(stage.status().generation, Some(3));
}

#[test]
fn a_header_is_backed_up_and_restored_over_the_disks() {
    let stage = closed(2);
    let file = "/root/backup".as_ref();
    stage.kluis(|kluis| kluis.header_backup("v", file)).unwrap();
    for offset in [0, 16 << 10] {
        stage.machine.poke(NAMES[0], offset, &[0x55; 4096]);
    }
    let _ = refused(&stage);
    stage
        .kluis(|kluis| kluis.header_restore("v", file, Proof::Needed))
        .unwrap();
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    let other = closed(2).with_config(&over(&[NAMES[1], NAMES[0]]));
    let other = other.kluis(|kluis| kluis.header_backup("v", file));
    assert_eq!(other.unwrap_err().exit_code(), ExitCode::Device);
}

#[test]
fn the_token_is_opened_on_the_stripe_and_not_on_a_disk() {
    let stage = with_data(2);
    let ask = |device: &str| {
        let asked = volume::verbs::Asked {
            device: device.as_ref(),
            uuid: None,
            header: None,
        };
        stage.kluis(|kluis| kluis.token_open(asked))
    };
    assert!(ask(STRIPE).is_ok());
    let error = ask(NAMES[0]).unwrap_err();
    assert!(matches!(error, Error::NotConfigured { .. }), "{error}");
}

#[test]
fn an_ephemeral_one_is_made_anew_at_each_boot() {
    let config = over(&NAMES[..2]).replace("alias/k", "ephemeral");
    let stage = striped_by(&config, 2);
    for _ in 0..3 {
        stage.up().unwrap();
        assert!(stage.machine.write_file("/mnt/v", "scratch"));
        stage.machine.power_cut(7);
    }
    let (a, b) = (disks(&stage)[0].clone(), disks(&stage)[1].clone());
    stage.machine.set_disk(NAMES[1], a);
    stage.machine.set_disk(NAMES[0], b);
    let _ = refused(&stage);
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method alone is not general enough in its lifetimes"
)]
fn check(stage: &Stage) -> Vec<volume::verbs::Finding> {
    stage.kluis(|kluis| kluis.check())
}

#[test]
fn check_tells_of_the_disks() {
    let stage = closed(2);
    let findings = check(&stage);
    let mut of_volume = findings.iter().filter(|finding| finding.subject == "v");
    assert!(of_volume.all(|finding| finding.level == Level::Good));
    stage.machine.remove_instance_store(NAMES[0]);
    let findings = check(&stage);
    let bad = findings
        .iter()
        .find(|finding| finding.subject == "v" && finding.level == Level::Bad)
        .unwrap();
    assert!(bad.message.contains(NAMES[0]), "{}", bad.message);
}

/// Killed at every change and run again, with and without the power gone.
fn at_every_change(
    prepare: impl Fn() -> Stage,
    work: impl Fn(&Stage) -> bool,
    check: impl Fn(&Stage, &str),
) {
    let ways = |n: u64| {
        let how = if n.is_multiple_of(2) {
            Kill::After
        } else {
            Kill::Torn
        };
        vec![(how, Then::Restart), (how, Then::PowerCut(n))]
    };
    let n = stage::at_every_change(ways, prepare, work, check);
    assert!(n > 5, "the work was never done");
}

#[test]
fn a_first_up_is_completed_after_a_kill_anywhere() {
    at_every_change(
        || striped(3),
        |stage| stage.up().is_ok(),
        |stage, when| {
            stage.up().unwrap_or_else(|error| panic!("{when}: {error}"));
            assert!(stage.machine.write_file("/mnt/v", "data"), "{when}");
            stage.machine.power_cut(4);
            stage.up().unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(stage.text().as_deref(), Some("data"), "{when}");
        },
    );
}

#[test]
fn down_and_up_lose_nothing_to_a_kill_anywhere() {
    at_every_change(
        || with_data(2),
        |stage| stage.down().is_ok() && stage.up().is_ok(),
        |stage, when| {
            stage.up().unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(stage.text().as_deref(), Some("precious"), "{when}");
            stage
                .down()
                .unwrap_or_else(|error| panic!("{when}: {error}"));
            assert!(stage.machine.stripes().is_empty(), "{when}");
        },
    );
}

#[test]
fn an_ephemeral_one_comes_up_after_a_kill_anywhere() {
    let config = over(&NAMES[..2]).replace("alias/k", "ephemeral");
    let used = || {
        let stage = striped_by(&config, 2);
        stage.up().unwrap();
        stage.machine.power_cut(9);
        stage
    };
    at_every_change(
        used,
        |stage| stage.up().is_ok(),
        |stage, when| {
            stage.up().unwrap_or_else(|error| panic!("{when}: {error}"));
        },
    );
}

#[test]
fn an_erase_is_completed_after_a_kill_anywhere() {
    at_every_change(
        || closed(2),
        |stage| stage.erase().is_ok(),
        |stage, when| {
            stage
                .erase()
                .unwrap_or_else(|error| panic!("{when}: {error}"));
            assert!(stage.machine.stripes().is_empty(), "{when}");
            assert!(
                stage.up().unwrap_err().to_string().contains("--wipe"),
                "{when}"
            );
        },
    );
}

#[test]
fn a_wipe_is_completed_after_a_kill_anywhere() {
    let foreign = || {
        let stage = striped(2);
        stage.machine.poke(NAMES[1], 1080, b"\x53\xef");
        stage.machine.poke(NAMES[0], 48 * MIB - 600, b"tail");
        stage
    };
    at_every_change(
        foreign,
        |stage| stage.up_wiping().is_ok(),
        |stage, when| {
            if stage.up().is_err() {
                stage
                    .up_wiping()
                    .unwrap_or_else(|error| panic!("{when}: {error}"));
            }
            assert!(stage.machine.write_file("/mnt/v", "data"), "{when}");
        },
    );
}

/// From 16 disks on the header's keyslots reach into what is known of the disks by their content.
#[test]
fn as_many_as_32_disks_are_one_volume_also_after_rekeys() {
    for count in [16, 32] {
        let names: Vec<String> = (0..count).map(|n| format!("/dev/disk/by-id/{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let stage = Stage::new(&over(&names));
        for name in &names {
            stage.machine.add_device(name, Disk::blank(4 * MIB));
        }
        stage.up().unwrap();
        assert!(stage.machine.write_file("/mnt/v", "precious"));
        for _ in 0..3 {
            stage.rekey_one(None).unwrap();
        }
        stage.down().unwrap();
        stage.up().unwrap();
        assert_eq!(stage.text().as_deref(), Some("precious"));
        stage.down().unwrap();
        stage.machine.set_disk(names[3], Disk::blank(4 * MIB));
        refused_with(&stage, ExitCode::Device, &[names[3], "does not hold"]);
    }
}

#[test]
fn a_header_that_was_changed_or_lost_in_part_is_bound_or_restored() {
    let stage = closed(2);
    stage
        .kluis(|kluis| kluis.header_backup("v", "/root/backup".as_ref()))
        .unwrap();
    // What cryptsetup's re-encryption leaves where no keyslot is.
    stage
        .machine
        .poke(NAMES[1], 8 * MIB - 4096, &vec![0x3c; 4096]);
    refused_with(&stage, ExitCode::Device, &["kluis rekey --rebind v"]);
    let rebind = || {
        let bound = stage.kluis(|kluis| kluis.rebind("v", None, Mode::Apply, &mut Silent));
        bound.unwrap().result.unwrap()
    };
    assert_eq!(rebind(), Changed::Yes);
    assert_eq!(rebind(), Changed::No);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    stage.down().unwrap();

    stage.machine.poke(NAMES[1], 0, &vec![0; 8 << 20]);
    refused_with(&stage, ExitCode::Device, &["kluis header restore v FILE"]);
    stage
        .kluis(|kluis| kluis.header_restore("v", "/root/backup".as_ref(), Proof::Needed))
        .unwrap();
    // What the backup has there is of before the re-encryption.
    let _ = rebind();
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    stage.down().unwrap();

    stage.machine.poke(NAMES[1], 0, &vec![0; 8 << 20]);
    stage.erase().unwrap();
}
