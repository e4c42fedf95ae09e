//! What is open and was lost sight of: its records, its daemon, the path that it was mounted by, a second mount.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod stage;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use stage::{Stage, Volume, run};

fn run_dir(volume: &Volume) -> PathBuf {
    Path::new("/run/kluis").join(&volume.name)
}

/// What a clean-up of `/run` takes.
fn lose_records(volume: &Volume) {
    for record in ["state", "daemon", "device"] {
        fs::remove_file(run_dir(volume).join(record)).unwrap();
    }
}

#[test]
fn a_living_daemon_without_its_records_is_adopted() {
    let mut stage = Stage::new();
    let kept = stage.token_volume();
    let scratch = stage.volume("64MiB", "key = \"ephemeral\"");
    stage.kluis(["up"]).ok();
    let asked = stage.recorded("Decrypt");
    for volume in [&kept, &scratch] {
        volume.write("recipe", &volume.name);
        lose_records(volume);
        assert_eq!(stage.stage(volume), "mounted");
    }

    stage.kluis(["up"]).ok();

    assert_eq!(stage.recorded("Decrypt"), asked);
    for volume in [&kept, &scratch] {
        assert_eq!(volume.read("recipe").unwrap(), volume.name);
        let unchanged = format!("{}: unchanged\n", volume.name);
        assert_eq!(stage.kluis(["up", &volume.name]).ok(), unchanged);
        assert!(run_dir(volume).join("device").exists());
        assert_eq!(stage.status(volume)["note"], serde_json::Value::Null);
    }
    stage.kluis(["down"]).ok();
    assert!(!run_dir(&kept).exists() && !kept.is_mounted());
}

#[test]
fn a_living_daemon_without_its_records_is_closed() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    lose_records(&volume);

    stage.kluis(["down"]).ok();

    assert!(!run_dir(&volume).exists() && !volume.is_mounted());
    stage.kluis(["up"]).ok();
    assert_eq!(volume.read("recipe").unwrap(), "kept");
}

#[test]
fn a_dead_volume_in_use_is_left_where_it_is_and_who_has_it_is_named() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    let open = fs::File::open(volume.mount.join("recipe")).unwrap();
    let pid = fs::read_to_string(run_dir(&volume).join("daemon")).unwrap();
    run("kill", ["-9", pid.trim()]).ok();
    while stage.stage(&volume) != "dead" {
        sleep(Duration::from_millis(10));
    }

    let own = format!("({})", std::process::id());
    for verb in ["up", "down"] {
        stage
            .kluis([verb])
            .refused(5, &["has failed", &own, "kluis up"]);
        assert!(volume.is_mounted());
    }

    drop(open);
    stage.kluis(["up"]).ok();
    assert_eq!(volume.read("recipe").unwrap(), "kept");
}

#[test]
fn a_mount_point_and_a_file_by_way_of_a_link_are_those_that_they_lead_to() {
    let mut stage = Stage::new();
    let image = stage.path("link/0.img");
    let volume = stage.volume_in(&image, "64MiB", "key = \"alias/machines\"");
    for (link, real) in [("link", "files"), ("mnt", "places")] {
        fs::create_dir(stage.path(real)).unwrap();
        symlink(real, stage.path(link)).unwrap();
    }
    let by_link = stage.path("mnt/data");
    stage.reconfigure(
        &volume.mount.display().to_string(),
        &by_link.display().to_string(),
    );
    stage.kluis(["up"]).ok();
    fs::write(by_link.join("recipe"), "kept").unwrap();

    let unchanged = format!("{}: unchanged\n", volume.name);
    assert_eq!(stage.kluis(["up"]).ok(), unchanged);
    assert_eq!(stage.stage(&volume), "mounted");
    let down = format!("{}: down\n", volume.name);
    assert_eq!(stage.kluis(["down"]).ok(), down);

    assert!(stage.path("files/0.img").exists());
    assert!(!by_link.join("recipe").exists());
    stage.kluis(["up"]).ok();
    let recipe = fs::read_to_string(stage.path("places/data/recipe"));
    assert_eq!(recipe.unwrap(), "kept");
    stage.kluis(["down"]).ok();
}

#[test]
fn what_is_mounted_twice_is_not_half_unmounted() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    let other = stage.path("other");
    fs::create_dir(&other).unwrap();
    run("mount", [Path::new("--bind"), &volume.mount, &other]).ok();

    let ran = stage.kluis(["down"]);

    let said = other.display().to_string();
    let is_mounted = volume.is_mounted() && other.join("recipe").exists();
    run("umount", [&other]).ok();
    ran.refused(5, &["as well", &format!("umount {said}")]);
    assert!(is_mounted);
    stage.kluis(["down"]).ok();
    assert!(!volume.is_mounted());
}
