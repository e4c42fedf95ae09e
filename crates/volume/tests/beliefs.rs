//! What is believed of a disk only as long as it is true: what a header says of itself, what this machine's own records say, and whose the
//! bytes are that a repair would write over.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use std::collections::BTreeSet;

use stage::{FILE, SEED, Stage, TOKEN};
use volume::ExitCode;
use volume::Silent;
use volume::engine::EngineKind;
use volume::host::Host;
use volume::sim::{Disk, Fault, Kill};
use volume::verbs::{Proof, UpOptions};

const HEADER: usize = 16 << 20;

fn steps(stage: &Stage) -> Vec<String> {
    let plan = stage.dry_run().plan.unwrap();
    plan.steps.iter().map(ToString::to_string).collect()
}

/// What was kept before it was written over.
fn kept(stage: &Stage) -> Vec<u8> {
    stage.machine.read_state("kept/v.1").unwrap().unwrap()
}

/// A machine on which `up` was killed before the file system was whole, and the header that it left.
fn killed_before_mkfs(how: Kill) -> (Stage, Vec<u8>) {
    for n in 1.. {
        let stage = Stage::new(TOKEN);
        stage.machine.kill_at(n, how);
        stage.up().unwrap_err();
        if stage.machine.log().last().unwrap() == "mkfs" {
            stage.machine.restart();
            let header = stage.machine.peek(FILE, 0, HEADER);
            return (stage, header);
        }
    }
    unreachable!("some change is mkfs")
}

/// A volume in use for years, over which the header of its first minute is written again.
fn with_its_first_header() -> Stage {
    let (stage, header) = killed_before_mkfs(Kill::Before);
    stage.up().unwrap();
    assert!(stage.machine.write_file("/mnt/v", "precious"));
    stage.down().unwrap();
    stage.machine.poke(FILE, 0, &header);
    stage
}

#[test]
fn a_header_of_the_first_minute_makes_no_file_system_over_what_came_after() {
    let stage = with_its_first_header();
    assert!(!steps(&stage).contains(&"make ext4".to_owned()));
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    // It is as ready as it was.
    stage.down().unwrap();
    assert!(!steps(&stage).contains(&"mark the volume ready".to_owned()));
}

#[test]
fn nor_does_it_where_the_records_of_the_machine_are_lost() {
    let stage = with_its_first_header();
    stage.machine.lose_state();
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn nor_does_it_where_they_are_as_old() {
    let (stage, header) = killed_before_mkfs(Kill::Before);
    let made = stage.machine.read_state("volumes/v.made").unwrap().unwrap();
    stage.up().unwrap();
    assert!(stage.machine.write_file("/mnt/v", "precious"));
    stage.down().unwrap();
    // Both from the same backup of that minute.
    stage.machine.poke(FILE, 0, &header);
    stage.machine.set_state("volumes/v.made", &made);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn a_volume_whose_making_nobody_here_began_is_not_made() {
    let (stage, _) = killed_before_mkfs(Kill::Before);
    stage.machine.lose_state();
    let before = stage.machine.disk(FILE);
    let error = stage.up().unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Device);
    assert!(
        error.to_string().contains("no record of making it"),
        "{error}"
    );
    assert!(!error.to_string().contains("--wipe"), "{error}");
    assert_eq!(stage.machine.disk(FILE), before);
}

#[test]
fn a_file_system_that_was_begun_is_made_again_and_another_is_kept() {
    for how in [Kill::Before, Kill::Torn, Kill::After] {
        let (stage, _) = killed_before_mkfs(how);
        stage.up().unwrap();
        assert!(stage.machine.write_file("/mnt/v", "data"), "{how:?}");
    }
    let (stage, _) = killed_before_mkfs(Kill::After);
    // The mapping outlived the run that was killed, and somebody helped himself.
    stage.machine.mkfs_as("/dev/mapper/v", "xfs");
    stage.up().unwrap();
    let (_, kind) = &stage.machine.mounted()[0];
    assert_eq!(kind, "xfs");
}

#[test]
fn a_backup_is_neither_made_nor_taken_of_a_volume_that_is_not_finished() {
    let (stage, header) = killed_before_mkfs(Kill::Before);
    stage.down().unwrap();
    let backup =
        |stage: &Stage| stage.kluis(|kluis| kluis.header_backup("v", "/root/backup".as_ref()));
    let error = backup(&stage).unwrap_err();
    assert!(error.to_string().contains("kluis up v"), "{error}");
    assert_eq!(stage.machine.file("/root/backup"), None);

    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage.down().unwrap();
    stage.machine.set_file("/root/early", header);
    let before = stage.machine.disk(FILE);
    let error = stage
        .kluis(|kluis| kluis.header_restore("v", "/root/early".as_ref(), Proof::Needed))
        .unwrap_err();
    assert!(error.to_string().contains("not finished"), "{error}");
    assert_eq!(stage.machine.disk(FILE), before);
}

#[test]
fn a_file_that_was_there_is_not_made_anew_unasked() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage.down().unwrap();
    // What holds it is not mounted.
    let away = stage.machine.take_disk(FILE);
    let error = stage.up().unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Device);
    assert!(error.to_string().contains(FILE), "{error}");
    assert!(stage.machine.disk(FILE).is_none());

    stage.machine.add_file(FILE, away);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    stage.down().unwrap();

    stage.machine.take_disk(FILE);
    stage.up_wiping().unwrap();
    assert_eq!(stage.text().as_deref(), Some(""));
}

#[test]
fn a_file_that_was_erased_or_was_ephemeral_is_made_anew() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.down().unwrap();
    stage.erase().unwrap();
    stage.machine.take_disk(FILE);
    stage.up().unwrap();

    let stage = Stage::new(&TOKEN.replace("alias/k", "ephemeral"));
    stage.up().unwrap();
    stage.down().unwrap();
    stage.machine.take_disk(FILE);
    stage.up().unwrap();
}

#[test]
fn what_another_program_wrote_over_the_first_header_is_not_repaired_away() {
    for (at, bytes, name) in [
        (512, &b"LABELONE"[..], "LVM2"),
        (0, b"XFSB", "xfs"),
        (512, b"EFI PART\x00\x00\x01\x00", "GPT"),
        // Before it zeros, as an interrupted write of ours would have left them.
        (
            4120,
            b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81",
            "bcache",
        ),
    ] {
        let stage = Stage::new(TOKEN);
        stage.up().unwrap();
        stage.machine.write_file("/mnt/v", "precious");
        stage.down().unwrap();
        stage.machine.poke(FILE, 0, &[0; 4096]);
        stage.machine.poke(FILE, at, bytes);
        let before = stage.machine.disk(FILE);
        let error = stage.up().unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("LUKS2"), "{error}");
        assert!(!error.contains("--wipe"), "{error}");
        stage.erase().unwrap_err();
        stage.rekey_one(None).unwrap_err();
        assert_eq!(stage.machine.disk(FILE), before, "{name}");

        // Which of the two it is, is his to say; what he was wrong about is kept.
        stage.up_repairing().unwrap();
        assert_eq!(stage.text().as_deref(), Some("precious"));
        let kept = kept(&stage);
        let at = usize::try_from(at).unwrap();
        assert_eq!(&kept[at..at + bytes.len()], bytes);
    }
}

#[test]
fn a_copy_that_no_interrupted_write_leaves_is_written_over_only_when_asked() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage.down().unwrap();
    stage.machine.poke(FILE, 0, &[0xa5; 4096]);
    let damaged = stage.machine.peek(FILE, 0, 4096);

    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    assert_eq!(stage.machine.peek(FILE, 0, 4096), damaged);
    stage.down().unwrap();

    stage.up_repairing().unwrap();
    assert_ne!(stage.machine.peek(FILE, 0, 4096), damaged);
    assert_eq!(kept(&stage)[..4096], damaged);
}

#[test]
fn an_erase_that_was_begun_on_another_disk_is_not_gone_on_with() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.down().unwrap();
    stage.machine.kill_at(4, Kill::Torn);
    stage.erase().unwrap_err();
    stage.machine.restart();
    // Another disk comes to stand at that place, of the same size, with something that is no header of ours.
    let mut other = Disk::blank(64 << 20);
    other.write(8192, b"somebody's");
    other.flush();
    stage.machine.set_disk(FILE, other);
    let before = stage.machine.disk(FILE);
    let error = stage.erase().unwrap_err().to_string();
    assert!(error.contains("no volume v"), "{error}");
    assert_eq!(stage.machine.disk(FILE), before);
}

#[test]
fn a_backup_of_an_earlier_volume_key_is_not_restored_over_the_newer_one() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage.down().unwrap();
    // A header of the same UUID and another key: what is left of the volume before it was re-encrypted.
    stage
        .kluis(|kluis| kluis.header_backup("v", "/root/backup".as_ref()))
        .unwrap();
    let whole = stage.machine.file("/root/backup").unwrap();
    let other = with_another_digest(&whole);
    stage.machine.poke(FILE, 0, &other);
    // To the old key, what is under the new one is noise.
    let data = stage.machine.peek(FILE, HEADER as u64, 4096);
    stage.machine.poke(FILE, HEADER as u64, &[0x5A; 4096]);
    let error = stage.up().unwrap_err().to_string();
    assert!(error.contains("kluis rekey --rebind v"), "{error}");
    assert!(!error.contains("restore"), "{error}");
    let before = stage.machine.disk(FILE);
    let restore =
        |file: &str| stage.kluis(|kluis| kluis.header_restore("v", file.as_ref(), Proof::Needed));
    let error = restore("/root/backup").unwrap_err().to_string();
    assert!(error.contains("another volume key"), "{error}");
    assert_eq!(stage.machine.disk(FILE), before);

    // Where there is nothing to compare it with, what it is written over is kept.
    stage.machine.poke(FILE, HEADER as u64, &data);
    stage.machine.poke(FILE, 0, &vec![0x77; 1 << 20]);
    let at = restore("/root/backup").unwrap();
    assert!(at.ends_with("kept/v.1"), "{}", at.display());
    assert_eq!(kept(&stage)[..1 << 20], vec![0x77; 1 << 20]);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

/// The same header but for its digest, both copies with their checksums.
fn with_another_digest(header: &[u8]) -> Vec<u8> {
    let mut out = header.to_vec();
    for start in [0, 16 << 10] {
        let copy = &mut out[start..start + (16 << 10)];
        let text = std::str::from_utf8(&copy[4096..]).unwrap();
        let json = text.trim_end_matches('\0');
        let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
        value["digests"]["0"]["digest"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
        let mut area = value.to_string().into_bytes();
        area.resize(copy.len() - 4096, 0);
        copy[4096..].copy_from_slice(&area);
        copy[448..512].fill(0);
        let sum = crypto::sha256(&[copy]);
        copy[448..480].copy_from_slice(&sum);
    }
    out
}

#[test]
fn the_header_of_what_is_wiped_is_kept() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage.down().unwrap();
    let header = stage.machine.peek(FILE, 0, HEADER);
    stage.up_wiping().unwrap();
    assert_eq!(kept(&stage), header);
    let lies_there = |stage: &Stage| {
        let findings = stage.check();
        findings
            .iter()
            .any(|finding| finding.message.contains("/var/lib/kluis/kept"))
    };
    assert!(lies_there(&stage));
    // An erase leaves no header anywhere, and what it destroyed is not kept.
    stage.down().unwrap();
    stage.erase().unwrap();
    stage.up_wiping().unwrap();
    let names = stage.machine.state_names();
    assert!(
        !names.iter().any(|name| name.starts_with("kept/")),
        "{names:?}"
    );
    assert!(!lies_there(&stage));
}

/// A volume with something in it, closed, and a backup of its header.
fn backed_up() -> Stage {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage
        .kluis(|kluis| kluis.header_backup("v", "/root/backup".as_ref()))
        .unwrap();
    stage.down().unwrap();
    stage
}

#[test]
fn what_was_written_over_both_copies_is_named_and_written_over_only_when_told() {
    let stage = backed_up();
    // As sfdisk leaves it: LUKS's magic, a partition table behind it, and its entries over the second copy's beginning.
    stage.machine.poke(FILE, 512, b"EFI PART\0\0\x01\0");
    stage.machine.poke(FILE, 16 << 10, &[0; 1024]);
    let before = stage.machine.disk(FILE);
    let error = stage.up().unwrap_err().to_string();
    assert!(error.contains("GPT"), "{error}");
    assert!(error.contains("kluis help header restore"), "{error}");
    let restore =
        |proof| stage.kluis(|kluis| kluis.header_restore("v", "/root/backup".as_ref(), proof));
    let error = restore(Proof::Needed).unwrap_err().to_string();
    assert!(error.contains("GPT"), "{error}");
    assert_eq!(stage.machine.disk(FILE), before);
    restore(Proof::Waived).unwrap();
    assert_eq!(kept(&stage)[512..520], *b"EFI PART");
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn a_volume_without_a_file_system_of_ours_needs_no_proof() {
    let stage = Stage::new(
        "[volume.v]\ndevice = \"/dev/disk/by-id/x\"\nkey = \"alias/k\"\nfilesystem = \"none\"\n",
    );
    let disk = "/dev/disk/by-id/x";
    stage.machine.add_device(disk, Disk::blank(64 << 20));
    stage.up().unwrap();
    stage
        .kluis(|kluis| kluis.header_backup("v", "/root/backup".as_ref()))
        .unwrap();
    stage.down().unwrap();
    let header = stage.machine.peek(disk, 0, HEADER);
    stage.machine.poke(disk, 0, &vec![0; 1 << 20]);
    stage
        .kluis(|kluis| kluis.header_restore("v", "/root/backup".as_ref(), Proof::Needed))
        .unwrap();
    assert_eq!(stage.machine.peek(disk, 0, HEADER), header);
}

#[test]
fn a_file_that_was_longer_is_brought_back_whole_whatever_the_configuration_says() {
    let stage = backed_up();
    let whole = stage.machine.take_disk(FILE);
    let mut cut = Disk::blank(40 << 20);
    let mut bytes = vec![0; 40 << 20];
    assert!(whole.read(0, &mut bytes) && cut.write(0, &bytes));
    stage.machine.add_file(FILE, cut);
    let stage = stage.with_config(&TOKEN.replace("64MiB", "40MiB"));
    let error = stage.up().unwrap_err().to_string();
    assert!(error.contains("its end was cut off; nothing"), "{error}");
    assert!(!error.contains("set `size`"), "{error}");
    stage.machine.take_disk(FILE);
    stage.machine.add_file(FILE, whole);
    let stage = stage.with_config(TOKEN);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

/// Two volumes on disks that were exchanged, and what lay on each before.
fn exchanged() -> (Stage, [Disk; 2]) {
    let stage = Stage::new(&stage::two());
    stage.up_all();
    for name in ["v", "w"] {
        let file = format!("/root/{name}");
        stage
            .kluis(|kluis| kluis.header_backup(name, file.as_ref()))
            .unwrap();
    }
    stage.machine.power_cut(0);
    let disks = ["/img", "/img2"].map(|file| stage.machine.disk(file).unwrap());
    stage.machine.set_disk("/img", disks[1].clone());
    stage.machine.set_disk("/img2", disks[0].clone());
    (stage, disks)
}

#[test]
fn a_backup_that_was_moved_remains_and_anothers_in_its_place_is_left_alone() {
    let (stage, disks) = exchanged();
    stage.machine.set_disk("/img", disks[0].clone());
    stage.machine.set_disk("/img2", disks[1].clone());
    let theirs = stage.machine.file("/root/w").unwrap();
    stage.machine.set_file("/root/v", theirs.clone());
    let error = stage.erase().unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Device);
    let error = error.to_string();
    assert!(error.contains("/root/v (it is not where it was"), "{error}");
    assert_eq!(stage.machine.file("/root/v"), Some(theirs));
}

#[test]
fn a_volume_is_not_wiped_by_anothers_name() {
    let (stage, disks) = exchanged();
    let wiped = |stage: &Stage| {
        let options = UpOptions {
            wipe: BTreeSet::from(["v".to_owned()]),
            ..UpOptions::default()
        };
        let names = ["v".to_owned()];
        stage
            .kluis(|kluis| kluis.up(&names, &options, &mut Silent))
            .unwrap()
            .remove(0)
            .result
    };
    for outcome in stage
        .kluis(|kluis| kluis.up(&[], &UpOptions::default(), &mut Silent))
        .unwrap()
    {
        let error = outcome.result.unwrap_err().to_string();
        assert!(error.contains(", labelled \""), "{error}");
    }
    let error = wiped(&stage).unwrap_err().to_string();
    assert!(error.contains("labelled \"w\""), "{error}");
    assert_eq!(stage.machine.disk("/img"), Some(disks[1].clone()));
    // Where this machine knows that volume by another UUID, the header is nobody's any more.
    let record = stage.machine.read_state("volumes/w.made").unwrap().unwrap();
    let mut made: serde_json::Value = serde_json::from_slice(&record).unwrap();
    made["uuid"] = "6c0b3f0e-0b52-4f4e-9f3c-5c2a3c1b7d11".into();
    stage
        .machine
        .set_state("volumes/w.made", made.to_string().as_bytes());
    let options = UpOptions {
        wipe: BTreeSet::from(["v".to_owned()]),
        mode: volume::verbs::Mode::DryRun,
        ..UpOptions::default()
    };
    let plan = stage.kluis(|kluis| kluis.up(&["v".to_owned()], &options, &mut Silent));
    plan.unwrap().remove(0).result.unwrap();
    stage.machine.set_state("volumes/w.made", &record);
    // Nor is it wiped where this machine has lost what it knew.
    let records: Vec<_> = stage.machine.state_names();
    stage.machine.lose_state();
    wiped(&stage).unwrap_err();
    assert!(!records.is_empty());
    // A volume that the configuration has no more is in nobody's way.
    let alone = stage.with_config(TOKEN);
    wiped(&alone).unwrap();
}

#[test]
fn a_header_is_put_back_only_where_the_data_is_its_own() {
    let (stage, disks) = exchanged();
    stage.machine.poke("/img", 0, &vec![0; 1 << 20]);
    let before = stage.machine.disk("/img");
    let restore = |proof| stage.kluis(|kluis| kluis.header_restore("v", "/root/v".as_ref(), proof));
    let error = restore(Proof::Needed).unwrap_err().to_string();
    assert!(error.contains("no file system"), "{error}");
    assert_eq!(stage.machine.disk("/img"), before);
    // Where it is, and its header as lost.
    stage.machine.set_disk("/img", disks[0].clone());
    stage.machine.poke("/img", 0, &vec![0; 1 << 20]);
    restore(Proof::Needed).unwrap();
    // Nor is another volume's header in the way, or one of another key, where the data says whose it is.
    for header in [disks[1].clone(), disks[0].clone()] {
        let mut bytes = vec![0; HEADER];
        assert!(header.read(0, &mut bytes));
        stage.machine.poke("/img", 0, &with_another_digest(&bytes));
        restore(Proof::Needed).unwrap();
    }
    // Where the beginning of its data is lost too, a person says so.
    stage.machine.poke("/img", 0, &vec![0; 1 << 20]);
    stage.machine.poke("/img", 16 << 20, &[0x55; 4096]);
    restore(Proof::Needed).unwrap_err();
    restore(Proof::Waived).unwrap();
}

#[test]
fn what_has_died_stays_in_the_way_until_its_successor_can_be_opened() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage.machine.kill_mapping("v");
    stage.keys.set_fault(Fault::Denied);
    stage.up().unwrap_err();
    assert!(
        !stage.machine.mounted().is_empty(),
        "nobody writes beneath it"
    );
    stage.keys.set_fault(Fault::None);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn what_is_open_over_a_disk_that_is_gone_is_shown_and_closed() {
    const DEVICE: &str = "/dev/disk/by-id/x";
    let config = TOKEN.replace(
        "file = \"/img\"\nsize = \"64MiB\"",
        &format!("device = \"{DEVICE}\""),
    );
    let stage = Stage::new(&config);
    stage.machine.without_engine(EngineKind::Fuse, "none");
    stage.machine.add_device(DEVICE, Disk::blank(64 << 20));
    stage.up().unwrap();
    stage.machine.take_disk(DEVICE);

    let status = stage.status();
    assert_eq!(status.stage, volume::verbs::Stage::Mounted);
    assert!(status.note.unwrap().contains("kluis down"));
    let error = stage.up().unwrap_err().to_string();
    assert!(
        error.contains("kluis down v") && !error.contains("cryptsetup"),
        "{error}"
    );
    stage.down().unwrap();
    assert!(stage.machine.mounted().is_empty());
    assert_eq!(stage.status().stage, volume::verbs::Stage::Missing);
}

#[test]
fn a_numbered_disk_that_is_gone_is_closed_too() {
    let config =
        "[volume.s]\ndevice = \"instance-store\"\nmount = \"/mnt/s{n}\"\nkey = \"alias/k\"\n";
    let stage = Stage::new(config);
    stage.machine.without_engine(EngineKind::Fuse, "none");
    for disk in ["/dev/a", "/dev/b"] {
        stage
            .machine
            .add_instance_store(disk, Disk::blank(64 << 20));
    }
    stage.up_all();
    assert_eq!(stage.machine.mounted().len(), 2);
    stage.machine.remove_instance_store("/dev/b");
    for outcome in stage
        .kluis(|kluis| kluis.down(&[], volume::verbs::Mode::Apply, &mut volume::Silent))
        .unwrap()
    {
        outcome.result.unwrap();
    }
    assert!(stage.machine.mounted().is_empty());
}

#[test]
fn a_secret_of_which_a_part_would_be_cut_off_makes_nothing() {
    for secret in [&b"a\nlong and random rest"[..], b"a\0b"] {
        let stage = Stage::new(SEED);
        stage.seal_if_shared();
        let wrapped = stage
            .keys
            .wrap("alias/k", secret, &volume::ports::Context::new());
        stage.objects.set("s3://bucket/secret", &wrapped);
        let error = stage.up().unwrap_err().to_string();
        assert!(error.contains("first line end"), "{error}");
        let written = stage.machine.disk(FILE).map_or(0, |disk| disk.written());
        assert_eq!(written, 0, "{error}");
    }
    let stage = Stage::new(SEED);
    let wrapped = stage
        .keys
        .wrap("alias/k", b"whole\n\n", &volume::ports::Context::new());
    stage.objects.set("s3://bucket/secret", &wrapped);
    stage.up().unwrap();
}

#[test]
fn a_file_on_a_volume_that_is_made_anew_is_made_anew_with_it() {
    const STORE: &str = "/dev/disk/by-id/store";
    let stage = Stage::new(&format!(
        "[volume.outer]\ndevice = \"{STORE}\"\nmount = \"/mnt/outer\"\nkey = \"alias/k\"\n[volume.v]\nfile = \"/mnt/outer/img\"\nsize = \"64MiB\"\nmount = \"/mnt/v\"\nkey = \"alias/k\"\n"
    ));
    stage.machine.add_device(STORE, Disk::blank(64 << 20));
    stage.up_all();
    for outcome in stage
        .kluis(|kluis| kluis.down(&[], volume::verbs::Mode::Apply, &mut volume::Silent))
        .unwrap()
    {
        outcome.result.unwrap();
    }
    stage.machine.take_disk("/mnt/outer/img");
    // It is not mounted: the file is waited for.
    let names = ["v".to_owned()];
    let up = |names: &[String]| {
        stage
            .kluis(|kluis| {
                kluis.up(
                    names,
                    &volume::verbs::UpOptions::default(),
                    &mut volume::Silent,
                )
            })
            .unwrap()
            .remove(0)
            .result
    };
    assert!(
        up(&names)
            .unwrap_err()
            .to_string()
            .contains("/mnt/outer/img")
    );
    let of_it = stage.kluis(|kluis| {
        let mut found = kluis.check().into_iter();
        found.find(|finding| finding.subject == "v").unwrap()
    });
    assert_eq!(of_it.level, volume::verbs::Level::Note);
    assert!(
        of_it.message.contains("lies on volume outer"),
        "{}",
        of_it.message
    );
    // A stop and a start later the store is blank. Until the outer one is made, nothing is forgotten of what lay in it.
    stage.machine.set_disk(STORE, Disk::blank(64 << 20));
    stage.machine.no_room_at(1);
    let names = ["outer".to_owned()];
    up(&names).unwrap_err();
    stage.machine.restart();
    assert!(
        stage
            .machine
            .state_names()
            .contains(&"volumes/v.made".to_owned())
    );
    stage.up_all();
    assert_eq!(stage.text().as_deref(), Some(""));
}

#[test]
fn a_volume_that_cannot_be_told_of_silences_none_of_the_others() {
    let stage = Stage::new(&format!(
        "{TOKEN}[volume.stores]\ndevice = \"instance-store\"\nmount = \"/mnt/s\"\nkey = \"alias/k\"\n"
    ));
    let all = stage.kluis(|kluis| kluis.status(&[])).unwrap();
    let stages: Vec<_> = all.iter().map(|status| status.stage).collect();
    assert_eq!(
        stages,
        [volume::verbs::Stage::Unknown, volume::verbs::Stage::Missing]
    );
    assert!(all[0].note.as_ref().unwrap().contains("no instance-store"));
    let named = ["stores".to_owned()];
    stage.kluis(|kluis| kluis.status(&named)).unwrap_err();
}
