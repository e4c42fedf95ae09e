//! Every bad input that belongs to a volume: the message says what to do, the exit code is the right one, and every
//! byte on the disk is as it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use stage::{FILE, SEED, Stage, TOKEN, forge};
use volume::host::{Host, Use};
use volume::sim::{Disk, Fault};
use volume::{Error, ExitCode};

const DEVICE: &str = "/dev/disk/by-id/x";
const LEN: u64 = 64 << 20;

fn on_device() -> String {
    TOKEN.replace(
        "file = \"/img\"\nsize = \"64MiB\"",
        &format!("device = \"{DEVICE}\""),
    )
}

/// Runs `up`, which must fail without touching a byte, and hands back why.
fn refused(stage: &Stage, disk: &str) -> Error {
    let before = stage.machine.disk(disk);
    let error = stage.up().unwrap_err();
    assert_eq!(
        stage.machine.disk(disk),
        before,
        "the disk was touched: {error}"
    );
    assert!(stage.machine.mounted().is_empty());
    error
}

fn assert_says(error: &Error, code: ExitCode, words: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.exit_code(), code, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

/// A closed volume with data on it.
fn made(config: &str) -> Stage {
    let stage = Stage::new(config);
    stage.seal_if_shared();
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage.down().unwrap();
    stage
}

fn still_opens(stage: &Stage) {
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn what_is_not_blank_is_never_formatted() {
    for (offset, bytes, found) in [
        (1080, &b"\x53\xef"[..], "byte 1080"),
        (0, b"XFSB", "xfs"),
        (512, b"EFI PART\x00\x00\x01\x00", "gpt"),
        (5 << 20, b"x", "unknown data at byte 5242880"),
        (LEN - 1, b"x", "unknown data at byte 67108863"),
    ] {
        let stage = Stage::new(&on_device());
        let mut disk = Disk::blank(LEN);
        disk.write(offset, bytes);
        stage.machine.add_device(DEVICE, disk);
        let error = refused(&stage, DEVICE);
        assert_says(&error, ExitCode::Device, &["not blank", "--wipe", DEVICE]);
        assert!(
            error.to_string().to_lowercase().contains(found),
            "{found}: {error}"
        );
        assert!(
            stage.keys.calls().is_empty(),
            "the key service was asked for nothing"
        );
    }
}

#[test]
fn a_device_in_use_is_left_alone() {
    for (used, words) in [
        (Use::Mount("/data".into()), "mounted at /data"),
        (Use::Swap, "swap"),
        (Use::Holder("md0".to_owned()), "held by md0"),
        (Use::Partition("x-part1".to_owned()), "partitioned"),
        (Use::Claimed, "claimed"),
    ] {
        let stage = Stage::new(&on_device());
        stage.machine.add_device(DEVICE, Disk::blank(LEN));
        stage.machine.set_use(DEVICE, used);
        assert_says(&refused(&stage, DEVICE), ExitCode::Busy, &["in use", words]);
        assert!(
            stage.up_wiping().is_err(),
            "--wipe does not take a device from its user"
        );
    }
}

#[test]
fn a_file_that_lost_its_end_is_refused_before_anybody_is_asked() {
    let stage = made(TOKEN);
    let whole = stage.machine.disk(FILE).unwrap();
    let asked = stage.keys.calls().len();
    // In the data, in the keyslots, in the second copy of the header, in the first.
    for len in [48 << 20, 8 << 20, 20480, 6144] {
        let mut bytes = vec![0; len];
        assert!(whole.read(0, &mut bytes));
        let mut cut = Disk::blank(len as u64);
        assert!(cut.write(0, &bytes));
        cut.flush();
        stage.machine.set_disk(FILE, cut);
        let error = refused(&stage, FILE);
        let found = format!("{len} bytes");
        assert_says(&error, ExitCode::Device, &[&found, "67108864", "cut off"]);
        assert!(!error.to_string().contains("header restore"), "{error}");
    }
    assert_eq!(stage.keys.calls().len(), asked);
    stage.machine.set_disk(FILE, whole);
    still_opens(&stage);
}

#[test]
fn a_mapping_of_another_name_over_the_files_loop_device_is_a_use() {
    let stage = made(TOKEN);
    stage.machine.set_use(FILE, Use::Loop("/dev/loop7".into()));
    stage.machine.set_use(FILE, Use::Holder("other".to_owned()));
    assert_says(&refused(&stage, FILE), ExitCode::Busy, &["held by other"]);
}

#[test]
fn a_missing_small_or_read_only_device_has_its_own_error() {
    let stage = Stage::new(&on_device());
    assert_says(
        &stage.up().unwrap_err(),
        ExitCode::Device,
        &["not there", "/dev/disk/by-id"],
    );
    stage.machine.add_device(DEVICE, Disk::blank(20 << 20));
    assert_says(
        &refused(&stage, DEVICE),
        ExitCode::Device,
        &["at least 33554432"],
    );
    let stage = Stage::new(&on_device());
    stage.machine.add_device(DEVICE, Disk::blank(LEN));
    stage.machine.set_read_only(DEVICE, true);
    assert_says(
        &refused(&stage, DEVICE),
        ExitCode::Device,
        &["read-only", "--setrw"],
    );
    let made = made(TOKEN);
    made.machine.set_read_only(FILE, true);
    assert_says(&refused(&made, FILE), ExitCode::Device, &["read-only"]);
}

#[test]
fn a_file_of_the_wrong_kind_is_named() {
    let stage = Stage::new(TOKEN);
    stage.machine.add_device(FILE, Disk::blank(LEN));
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Device,
        &["not a regular file"],
    );
}

#[test]
fn a_service_that_fails_never_leads_to_a_write() {
    for (fault, code, words) in [
        (
            Fault::Unreachable,
            ExitCode::Temporary,
            &[
                "cannot be reached",
                "AWS_ENDPOINT_URL",
                "connection refused",
            ][..],
        ),
        (
            Fault::Throttled(u32::MAX),
            ExitCode::Temporary,
            &["throttling", "wait"],
        ),
        (
            Fault::Denied,
            ExitCode::Key,
            &["refused", "key policy", "assumed-role/machine"],
        ),
        (
            Fault::NotFound,
            ExitCode::Parameters,
            &["no such key", "region"],
        ),
        (
            Fault::Rubbish,
            ExitCode::Key,
            &["did not give back", "nothing was written"],
        ),
        (Fault::WrongLength, ExitCode::Key, &["16 bytes", "32"]),
    ] {
        let stage = Stage::new(&on_device());
        stage.machine.add_device(DEVICE, Disk::blank(LEN));
        stage.keys.set_fault(fault);
        assert_says(&refused(&stage, DEVICE), code, words);
        assert_eq!(stage.machine.disk_writes(), 0, "{fault:?}");
        stage.keys.set_fault(Fault::None);
        stage.up().unwrap();
    }
}

#[test]
fn a_service_that_fails_leaves_a_volume_as_it_was() {
    for fault in [
        Fault::Unreachable,
        Fault::Throttled(u32::MAX),
        Fault::Denied,
        Fault::NotFound,
        Fault::Rubbish,
        Fault::WrongLength,
    ] {
        let stage = made(TOKEN);
        stage.keys.set_fault(fault);
        let writes = stage.machine.disk_writes();
        let error = refused(&stage, FILE);
        if fault == Fault::Rubbish {
            assert_says(
                &error,
                ExitCode::Key,
                &["was changed, or belongs to another volume"],
            );
        }
        assert_eq!(stage.machine.disk_writes(), writes);
        stage.keys.set_fault(Fault::None);
        still_opens(&stage);
    }
}

#[test]
fn an_object_store_that_fails_leads_to_nothing() {
    for (fault, code, words) in [
        (Fault::Unreachable, ExitCode::Temporary, "cannot be reached"),
        (
            Fault::Throttled(u32::MAX),
            ExitCode::Temporary,
            "throttling",
        ),
        (Fault::Denied, ExitCode::Key, "s3:GetObject"),
        (Fault::NotFound, ExitCode::Parameters, "kluis seal"),
        (Fault::Rubbish, ExitCode::Key, "InvalidCiphertextException"),
        (Fault::WrongLength, ExitCode::Key, "6144"),
    ] {
        let stage = made(SEED);
        stage.objects.set_fault(fault);
        assert_says(&refused(&stage, FILE), code, &[words]);
        stage.objects.set_fault(Fault::None);
        still_opens(&stage);
    }
}

#[test]
fn throttling_is_waited_out_until_the_deadline() {
    let stage = Stage::new(TOKEN);
    stage.keys.set_fault(Fault::Throttled(4));
    stage.up().unwrap();
    assert_eq!(stage.keys.calls().len(), 4 + 2);
    let stage = Stage::new(&format!("[agent]\ndeadline = \"30s\"\n{TOKEN}"));
    stage.keys.set_fault(Fault::Unreachable);
    stage.up().unwrap_err();
    let waited = stage.machine.now().as_secs();
    assert!((10..=30).contains(&waited), "{waited}");
    assert!(stage.keys.calls().len() < 60);
}

#[test]
fn a_service_that_is_down_is_waited_for_once() {
    let two = format!(
        "[agent]\ndeadline = \"20s\"\n{TOKEN}{}",
        TOKEN
            .replace("volume.v", "volume.w")
            .replace("/img", "/img2")
            .replace("/mnt/v", "/mnt/w")
    );
    let stage = Stage::new(&two);
    stage.keys.set_fault(Fault::Unreachable);
    let outcomes = stage
        .kluis(|kluis| {
            kluis.up(
                &[],
                &volume::verbs::UpOptions::default(),
                &mut volume::Silent,
            )
        })
        .unwrap();
    assert!(outcomes.iter().all(|outcome| {
        outcome
            .result
            .as_ref()
            .is_err_and(|error| error.exit_code() == ExitCode::Temporary)
    }));
    assert!(stage.machine.now().as_secs() <= 20);
}

#[test]
fn another_machines_key_is_refused() {
    let stage = made(TOKEN).with_config(&format!("[agent]\nmachine = \"somebody-else\"\n{TOKEN}"));
    let error = refused(&stage, FILE);
    assert_says(
        &error,
        ExitCode::Key,
        &[
            "for machine somebody-else",
            "InvalidCiphertext",
            "[agent] machine",
        ],
    );
    still_opens(&stage.with_config(TOKEN));
}

#[test]
fn a_disabled_key_says_so() {
    let stage = made(TOKEN);
    stage.keys.disable(1);
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Key,
        &["DisabledException"],
    );
}

#[test]
fn the_wrong_shared_secret_opens_nothing() {
    let stage = made(SEED);
    let blob = stage.keys.wrap(
        "alias/k",
        b"another password",
        &volume::ports::Context::new(),
    );
    stage.objects.set("s3://bucket/other", &blob);
    let stage = stage.with_config(&SEED.replace("s3://bucket/secret", "s3://bucket/other"));
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Key,
        &["header", "volume v"],
    );
    still_opens(&stage.with_config(SEED));
}

#[test]
fn an_empty_shared_secret_is_refused() {
    let stage = Stage::new(SEED);
    let blob = stage
        .keys
        .wrap("alias/k", b"\n", &volume::ports::Context::new());
    stage.objects.set("s3://bucket/secret", &blob);
    assert_says(
        &stage.up().unwrap_err(),
        ExitCode::Key,
        &["empty", "kluis seal"],
    );
    assert_eq!(stage.machine.disk(FILE), None, "not even the file was made");
}

#[test]
fn two_volumes_headers_cannot_be_swapped() {
    let two = stage::two();
    let stage = Stage::new(&two);
    stage.up_all();
    stage.machine.power_cut(0);
    let (one, other) = (
        stage.machine.disk("/img").unwrap(),
        stage.machine.disk("/img2").unwrap(),
    );
    stage.machine.set_disk("/img", other.clone());
    stage.machine.set_disk("/img2", one.clone());
    for outcome in stage
        .kluis(|kluis| {
            kluis.up(
                &[],
                &volume::verbs::UpOptions::default(),
                &mut volume::Silent,
            )
        })
        .unwrap()
    {
        assert_says(
            &outcome.result.unwrap_err(),
            ExitCode::Key,
            &["belongs to another volume", "kluis header show"],
        );
    }
    assert_eq!(stage.machine.disk("/img"), Some(other));
    assert_eq!(stage.machine.disk("/img2"), Some(one));
}

#[test]
fn a_truncated_or_overwritten_header_is_refused() {
    for damage in [0..0x8000_usize, 0..0x1000, 0x4000..0x8000] {
        let stage = made(TOKEN);
        let is_one_copy = damage.end - damage.start < 0x8000;
        stage
            .machine
            .poke(FILE, damage.start as u64, &vec![0xFF; damage.len()]);
        if is_one_copy {
            still_opens(&stage);
        } else {
            assert_says(
                &refused(&stage, FILE),
                ExitCode::Device,
                &["nothing was written"],
            );
        }
    }
    let stage = made(TOKEN);
    stage.machine.poke(FILE, 0, &vec![0; 0x8000]);
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Device,
        &["none any more", "kluis header restore v"],
    );
}

#[test]
fn every_flipped_bit_of_a_header_is_survived_or_refused() {
    let stage = made(TOKEN);
    let clean = stage.machine.disk(FILE).unwrap();
    for byte in (0..0x1400).step_by(97) {
        let mut disk = clean.clone();
        for copy in [0, 0x4000] {
            let mut at = [0];
            disk.read(copy + byte, &mut at);
            disk.write(copy + byte, &[at[0] ^ 4]);
        }
        disk.flush();
        stage.machine.set_disk(FILE, disk);
        refused(&stage, FILE);
        assert!(stage.up_wiping_is_needed(), "byte {byte}");
    }
    stage.machine.set_disk(FILE, clean);
    still_opens(&stage);
}

/// Whoever has the disk can make a header whose checksums are right: what tells then is the mac.
#[test]
fn a_forged_header_is_refused_before_a_keyslot_is_tried() {
    for (member, forged, words) in [
        (
            "\"state\":\"ready\"",
            "\"state\":\"provisioning\"",
            "was changed",
        ),
        ("\"gen\":1", "\"gen\":2", "was changed"),
        ("\"sector_size\":4096", "\"sector_size\":512", "was changed"),
        (
            "aes-xts-plain64\",\"sector_size\"",
            "cipher_null-ecb\",\"sector_size\"",
            "do not use this volume",
        ),
        ("\"type\":\"kluis\"", "\"type\":\"other\"", "not bound"),
        ("\"v\":1", "\"v\":9", "install a newer one"),
        (
            "\"keyslots_size\":\"16744448\"",
            "\"keyslots_size\":\"16744448\",\"flags\":[\"allow-discards\"]",
            "was changed",
        ),
    ] {
        let stage = made(TOKEN);
        let disk = stage.machine.disk(FILE).unwrap();
        let Some(forged_disk) = forge::replace(&disk, member, forged) else {
            continue;
        };
        stage.machine.set_disk(FILE, forged_disk);
        let error = refused(&stage, FILE);
        assert!(error.to_string().contains(words), "{member}: {error}");
        stage.machine.set_disk(FILE, disk);
        still_opens(&stage);
    }
}

#[test]
fn a_mode_that_does_not_match_says_which() {
    let stage = made(TOKEN);
    stage.objects.set("s3://bucket/secret", b"x");
    let stage = stage.with_config(SEED);
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Parameters,
        &["remove `secret`"],
    );
    let stage = made(SEED).with_config(TOKEN);
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Parameters,
        &["set `secret`"],
    );
    let stage = made(TOKEN).with_config(&TOKEN.replace("alias/k", "ephemeral"));
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Device,
        &["not blank", "--wipe"],
    );
}

#[test]
fn a_mapping_or_mount_in_the_way_is_named() {
    let stage = made(TOKEN);
    stage.up().unwrap();
    let other = stage.with_config(&TOKEN.replace("/img", "/img2"));
    assert_says(
        &other.up().unwrap_err(),
        ExitCode::Busy,
        &["open over", "kluis down v"],
    );
    // That it is this volume is known from the record alone.
    other.machine.remove_state("volumes/v.made").unwrap();
    assert_says(
        &other.up().unwrap_err(),
        ExitCode::Busy,
        &["a mapping named v", "cryptsetup close v"],
    );
    assert_says(
        &other.down().unwrap_err(),
        ExitCode::Busy,
        &["a mapping named v"],
    );
    let moved = other.with_config(&TOKEN.replace("/mnt/v", "/mnt/else"));
    assert_says(
        &moved.up().unwrap_err(),
        ExitCode::Busy,
        &["mounted at /mnt/v", "umount"],
    );
    let two = moved.with_config(&stage::two());
    two.up_all();
    let swapped = two.with_config(
        &TOKEN
            .replace("volume.v", "volume.x")
            .replace("/img", "/img3"),
    );
    assert_says(
        &swapped.up().unwrap_err(),
        ExitCode::Busy,
        &["is mounted at /mnt/v already"],
    );
    assert_eq!(swapped.machine.disk("/img3"), None);
}

#[test]
fn a_busy_volume_stays_up() {
    let stage = made(TOKEN);
    stage.up().unwrap();
    stage.machine.keep_busy("/mnt/v");
    assert_says(
        &stage.down().unwrap_err(),
        ExitCode::Busy,
        &["/mnt/v", "open files"],
    );
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn a_volume_that_is_open_is_neither_wiped_nor_erased() {
    let stage = made(TOKEN);
    stage.up().unwrap();
    assert_says(
        &stage.up_wiping().unwrap_err(),
        ExitCode::Busy,
        &["kluis down v"],
    );
    assert_says(
        &stage.erase().unwrap_err(),
        ExitCode::Busy,
        &["kluis down v"],
    );
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn a_disk_that_fills_or_fails_is_gone_on_with() {
    for n in 1..30 {
        for full in [true, false] {
            let stage = Stage::new(TOKEN);
            if full {
                stage.machine.fill_up_at(n);
            } else {
                stage.machine.fail_write_at(n);
            }
            match stage.up() {
                Ok(_) => continue,
                Err(error) if full => assert_says(
                    &error,
                    ExitCode::Device,
                    &["no space left", "run this again"],
                ),
                Err(error) => assert_says(&error, ExitCode::Device, &["write"]),
            }
            stage.machine.restart();
            stage.up().unwrap();
        }
    }
}

#[test]
fn a_volume_without_a_file_system_is_not_given_one() {
    let stage = made(TOKEN);
    stage.up().unwrap();
    stage.machine.umount("/mnt/v");
    stage.machine.mkfs_as("/dev/mapper/v", "f2fs");
    stage.down().unwrap();
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Device,
        &["f2fs", "does not mount"],
    );
    assert_eq!(
        stage.status().stage,
        volume::verbs::Stage::Closed,
        "it was closed again"
    );
}

#[test]
fn an_ext3_that_is_there_is_mounted() {
    let stage = made(TOKEN);
    stage.up().unwrap();
    stage.machine.umount("/mnt/v");
    stage.machine.mkfs_as("/dev/mapper/v", "ext3");
    stage.up().unwrap();
    assert_eq!(stage.machine.mounted()[0].1, "ext3");
}

#[test]
fn damaged_state_is_not_believed() {
    let stage = made(TOKEN);
    let name = stage
        .machine
        .state_names()
        .into_iter()
        .find(|name| name.starts_with("keys/"))
        .unwrap();
    stage.machine.set_state(&name, b"{\"key\":");
    assert_says(
        &refused(&stage, FILE),
        ExitCode::Device,
        &["not what this version of kluis writes", &name],
    );
}

#[test]
fn an_unknown_volume_is_named_with_those_there_are() {
    let stage = Stage::new(TOKEN);
    let error = stage
        .kluis(|kluis| {
            kluis.up(
                &["x".to_owned()],
                &volume::verbs::UpOptions::default(),
                &mut volume::Silent,
            )
        })
        .unwrap_err();
    assert_says(&error, ExitCode::Parameters, &["no volume x", "has v"]);
}
