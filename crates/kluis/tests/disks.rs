//! A disk that holds something else, is damaged, is in use or fills: nothing of the user's is written over, and the message says what to do.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod stage;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use stage::{Stage, Volume, run};

/// A volume of token mode that was made, with a file in it, and is down.
fn closed() -> (Stage, Volume) {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    stage.kluis(["down"]).ok();
    (stage, volume)
}

#[track_caller]
fn refuses(stage: &Stage, volume: &Volume, code: i32, words: &[&str]) {
    let before = volume.digest();
    stage.kluis(["up"]).refused(code, words);
    assert_eq!(volume.digest(), before);
    assert!(!volume.is_mounted());
}

fn scribble(volume: &Volume, at: u64, change: impl Fn(u8) -> u8) {
    let image = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&volume.image)
        .unwrap();
    let mut byte = [0];
    image.read_exact_at(&mut byte, at).unwrap();
    image.write_all_at(&[change(byte[0])], at).unwrap();
}

#[test]
fn a_foreign_file_system_is_not_formatted() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    std::fs::File::create(&volume.image)
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    let made = run("mkfs.ext4", ["-q", volume.image.to_str().unwrap()]);
    assert_eq!(made.code, 0, "{}", made.err);

    refuses(
        &stage,
        &volume,
        4,
        &["is not blank", "ext", "nothing was written", "--wipe"],
    );

    assert_eq!(
        stage.recorded("GenerateDataKey"),
        0,
        "nobody is asked in vain"
    );
    stage.kluis(["up", "--wipe", "--yes", &volume.name]).ok();
}

#[test]
fn a_bit_that_flipped_in_one_copy_is_mended_and_in_both_refused() {
    let (stage, volume) = closed();
    scribble(&volume, 4096 + 20, |byte| byte ^ 4);
    let status = stage.status(&volume);
    assert!(
        status["note"]
            .as_str()
            .unwrap()
            .contains("kluis up repairs it")
    );
    stage.kluis(["up"]).ok();
    assert_eq!(volume.read("recipe").unwrap(), "kept");
    stage.kluis(["down"]).ok();
    assert!(stage.status(&volume)["note"].is_null());

    scribble(&volume, 4096 + 20, |byte| byte ^ 4);
    scribble(&volume, 16384 + 4096 + 20, |byte| byte ^ 4);
    refuses(
        &stage,
        &volume,
        4,
        &[
            "cannot be used",
            "nothing was written",
            "kluis header restore",
        ],
    );
    assert_eq!(stage.stage(&volume), "foreign");
}

#[test]
fn a_keyslot_that_was_overwritten_opens_nothing() {
    let (stage, volume) = closed();
    for at in (32768..32768 + 256 * 1024).step_by(4096) {
        scribble(&volume, at, |byte| byte ^ 0x80);
    }
    let words = ["its keyslot does not open", "kluis header restore"];
    refuses(&stage, &volume, 4, &words);
}

#[test]
fn a_header_without_keyslots_is_told_as_that_and_its_backup_named() {
    let (stage, volume) = closed();
    let backup = stage.path("header");
    let file = backup.to_str().unwrap();
    stage.kluis(["header", "backup", &volume.name, file]).ok();
    let erased = std::process::Command::new("cryptsetup")
        .args(["--batch-mode", "erase"])
        .arg(&volume.image)
        .output()
        .unwrap();
    assert!(erased.status.success(), "{erased:?}");
    let words = ["no keyslot any more", file];
    refuses(&stage, &volume, 4, &words);
    stage
        .kluis(["header", "restore", "--yes", &volume.name, file])
        .ok();
    stage.kluis(["up"]).ok();
    assert_eq!(volume.read("recipe").unwrap(), "kept");
}

#[test]
fn a_truncated_image_is_not_opened() {
    let (stage, volume) = closed();
    let image = OpenOptions::new().write(true).open(&volume.image).unwrap();
    for size in [20_u64 << 20, 24 << 10, 5000, 512] {
        image.set_len(size).unwrap();
        let before = volume.digest();
        let ran = stage.kluis(["up"]);
        let place = stage.path("");
        ran.refused(4, &[place.to_str().unwrap()]);
        assert_eq!(volume.digest(), before, "{size}");
    }
}

#[test]
fn an_image_that_another_loop_device_has_mounted_is_left_alone() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let image = volume.image.to_str().unwrap();
    std::fs::File::create(image)
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    assert_eq!(run("mkfs.ext4", ["-q", image]).code, 0);
    // Where the stage's guard unmounts.
    let small = stage.path("small");
    std::fs::create_dir(&small).unwrap();
    run("mount", ["-o", "loop", image, small.to_str().unwrap()]).ok();

    let ran = stage.kluis(["up", "--wipe", "--yes", &volume.name]);
    ran.refused(5, &["in use", small.to_str().unwrap()]);

    std::fs::write(small.join("file"), "theirs").unwrap();
    run("umount", [&small]).ok();
    run("mount", ["-o", "loop", image, small.to_str().unwrap()]).ok();
    assert_eq!(
        std::fs::read_to_string(small.join("file")).unwrap(),
        "theirs"
    );
}

#[test]
fn a_disk_that_fills_while_a_volume_is_made_is_said_and_goes_on_later() {
    let mut stage = small_disk("128k");
    let image = stage.path("small").join("image");
    let volume = stage.volume_in(&image, "64MiB", "key = \"alias/machines\"");

    let ran = stage.kluis(["up"]);

    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(
        ran.err.contains("full") || ran.err.contains("space"),
        "{}",
        ran.err
    );
    assert!(!volume.is_mounted());
    grow(&stage);
    stage.kluis(["up"]).ok();
    volume.write("recipe", "room enough");
}

#[test]
fn a_disk_that_fills_in_use_loses_nothing_that_was_synced() {
    let mut stage = small_disk("16m");
    let image = stage.path("small").join("image");
    let volume = stage.volume_in(&image, "64MiB", "key = \"alias/machines\"");
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    let mut file = std::fs::File::create(volume.mount.join("large")).unwrap();
    let written = file
        .write_all(&vec![0x5a; 30 << 20])
        .and_then(|()| file.sync_all());
    assert!(written.is_err(), "the disk has 16 MiB");
    drop(file);

    grow(&stage);
    stage.kluis(["down"]).ok();
    stage.kluis(["up"]).ok();

    assert_eq!(volume.read("recipe").unwrap(), "kept");
}

/// A stage with a file system of that size at `small`, which the stage's guard unmounts.
fn small_disk(size: &str) -> Stage {
    let stage = Stage::new();
    let small = stage.path("small");
    std::fs::create_dir(&small).unwrap();
    let options = format!("size={size}");
    run(
        "mount",
        [
            "-t",
            "tmpfs",
            "-o",
            &options,
            "tmpfs",
            small.to_str().unwrap(),
        ],
    )
    .ok();
    stage
}

fn grow(stage: &Stage) {
    let small = stage.path("small");
    run(
        "mount",
        ["-o", "remount,size=100m", small.to_str().unwrap()],
    )
    .ok();
}
