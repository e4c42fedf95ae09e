//! A volume's life from the command line: made, used, closed, opened again; for each kind of key, engine `fuse`, ext4 and xfs.

mod stage;

use serde_json::Value;
use stage::Stage;

#[test]
fn what_is_written_is_there_after_down_and_up() {
    let mut stage = Stage::new();
    let token = stage.token_volume();
    let seed = stage.seed_volume();
    let xfs = stage.volume("320MiB", "key = \"alias/machines\"\nfilesystem = \"xfs\"");
    let volumes = [&token, &seed, &xfs];

    let printed = stage.kluis(["up"]).ok();

    for (volume, file_system) in volumes.into_iter().zip(["ext4", "ext4", "xfs"]) {
        assert!(
            printed.contains(&format!("{}: up\n", volume.name)),
            "{printed}"
        );
        assert_eq!(stage.status(volume)["file_system"], file_system);
        volume.write("recipe", &volume.name);
    }
    stage.kluis(["down"]).ok();
    assert!(volumes.iter().all(|volume| !volume.is_mounted()));
    stage.kluis(["up"]).ok();
    for volume in volumes {
        assert_eq!(volume.read("recipe").unwrap(), volume.name);
    }
}

#[test]
fn what_is_written_is_not_in_the_image() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();

    volume.write("recipe", "two eggs and a secret ingredient");
    stage.kluis(["down"]).ok();

    let image = std::fs::read(&volume.image).unwrap();
    let needle = b"secret ingredient";
    assert!(!image.windows(needle.len()).any(|window| window == needle));
}

#[test]
fn an_ephemeral_volume_is_new_each_time() {
    let mut stage = Stage::without_service();
    let volume = stage.volume("64MiB", "key = \"ephemeral\"");
    stage.kluis(["up"]).ok();
    assert_eq!(stage.status(&volume)["binding"], "ephemeral");
    volume.write("scratch", "for now");

    stage.kluis(["down"]).ok();
    stage.kluis(["up"]).ok();

    assert!(volume.read("scratch").is_err());
    volume.write("scratch", "again");
}

#[test]
fn up_twice_and_down_twice_change_nothing() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    let asked = stage.recorded("Decrypt");

    let unchanged = format!("{}: unchanged\n", volume.name);
    assert_eq!(stage.kluis(["up"]).ok(), unchanged);
    // Nobody is asked about a volume that is up: it stays so while the key service is away.
    assert_eq!(stage.recorded("Decrypt"), asked);
    stage.stop_service();
    assert_eq!(stage.kluis(["up"]).ok(), unchanged);
    assert_eq!(
        stage.kluis(["down"]).ok(),
        format!("{}: down\n", volume.name)
    );
    assert_eq!(stage.kluis(["down"]).ok(), unchanged);
}

#[test]
fn a_machine_asks_once_for_all_volumes_of_a_key() {
    let mut stage = Stage::new();
    let first = stage.token_volume();
    stage.kluis(["up"]).ok();
    let second = stage.token_volume();
    stage.kluis(["up"]).ok();
    assert_eq!(stage.recorded("GenerateDataKey"), 1);
    stage.kluis(["down"]).ok();
    let before = stage.recorded("Decrypt");

    stage.kluis(["up"]).ok();

    assert_eq!(stage.recorded("Decrypt"), before + 1);
    assert!(first.is_mounted() && second.is_mounted());
}

#[test]
fn status_reads_as_cryptsetups() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();

    let text = stage.kluis(["status", &volume.name]).ok();
    let json = stage.status(&volume);

    let first = text.lines().next().unwrap();
    assert!(first.ends_with(" is active and is in use."), "{first}");
    let value = |label: &str| {
        text.lines()
            .filter_map(|line| line.trim_start().split_once(':'))
            .find(|(found, _)| *found == label)
            .map(|(_, value)| value.trim().to_owned())
    };
    for (label, expected) in [
        ("type", "LUKS2"),
        ("cipher", "aes-xts-plain64"),
        ("keysize", "512 bits"),
        ("sector size", "4096"),
        ("offset", "32768 sectors"),
        ("mode", "read/write"),
        ("engine", "fuse"),
        ("key", "alias/machines"),
        ("binding", "this machine's own secret"),
    ] {
        assert_eq!(
            value(label).as_deref(),
            Some(expected),
            "{label} in:\n{text}"
        );
    }
    assert_eq!(json["stage"], "mounted");
    assert_eq!(json["keysize"], 512);
    assert_eq!(json["mount"], volume.mount.to_str().unwrap());
    assert!(
        json["key_arn"]
            .as_str()
            .unwrap()
            .starts_with("arn:aws:kms:")
    );
    stage.kluis(["down"]).ok();
    let text = stage.kluis(["status", &volume.name]).ok();
    assert!(
        text.starts_with(&format!("{} is inactive.\n", volume.name)),
        "{text}"
    );
}

#[test]
fn a_dry_run_says_all_and_does_nothing() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();

    let text = stage.kluis(["up", "--dry-run"]).ok();

    let image = volume.image.display().to_string();
    for part in [
        &image,
        "64.0 MiB",
        "found: ",
        "1. ",
        "LUKS2 header",
        "ext4",
        "mount at",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert!(!volume.image.exists() && !volume.mount.exists() && !stage.path("state").exists());
    assert_eq!(stage.recorded("GenerateDataKey"), 0);

    stage.kluis(["up"]).ok();
    stage.kluis(["down"]).ok();
    let before = volume.digest();
    let json = stage.kluis(["up", "--dry-run", "--json"]).ok();
    let plan: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(plan[0]["bytes"], 64 << 20);
    assert_eq!(plan[0]["device"], image);
    assert_eq!(plan[0]["changed"], true);
    assert!(!plan[0]["steps"].as_array().unwrap().is_empty());
    for verb in [
        &["down", "--dry-run"][..],
        &["erase", &volume.name, "--dry-run"],
    ] {
        stage.kluis(verb).ok();
    }
    assert_eq!(volume.digest(), before);
    assert_eq!(stage.stage(&volume), "closed");
}

#[test]
fn a_volume_that_lies_in_another_is_closed_with_it_at_once() {
    let mut stage = Stage::new();
    let outer = stage.token_volume();
    let image = outer.mount.join("inner.img");
    let inner = stage.volume_in(&image, "40MiB", "key = \"alias/machines\"");

    for _ in 0..3 {
        stage.kluis(["up"]).ok();
        assert!(outer.is_mounted() && inner.is_mounted());

        stage.kluis(["down"]).ok();

        assert!(!outer.is_mounted() && !inner.is_mounted());
    }
}
