//! Killed at any instant: `up` by its own process, and the daemon that serves a volume.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod stage;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use stage::{Stage, run};

/// How many instants of one `up` are tried.
const INSTANTS: u32 = 8;

#[test]
fn up_killed_at_any_instant_is_completed_by_the_next() {
    let mut stage = Stage::new();
    let whole = stage.token_volume();
    let started = Instant::now();
    stage.kluis(["up", &whole.name]).ok();
    let time = started.elapsed();

    for instant in 0..INSTANTS {
        let volume = stage.token_volume();
        let mut up = stage
            .command(["--quiet", "up", &volume.name])
            .spawn()
            .unwrap();
        sleep(time * (2 * instant + 1) / (2 * INSTANTS) + jitter(time / (2 * INSTANTS)));
        up.kill().unwrap();
        up.wait().unwrap();

        let ran = stage.kluis(["up", &volume.name]);

        assert_eq!(ran.code, 0, "instant {instant}: {}", ran.err);
        volume.write("recipe", "kept");
        stage.kluis(["down", &volume.name]).ok();
        stage.kluis(["up", &volume.name]).ok();
        assert_eq!(volume.read("recipe").unwrap(), "kept");
        stage.kluis(["down", &volume.name]).ok();
    }
}

#[test]
fn a_daemon_that_dies_loses_nothing_that_was_synced_and_up_mends_it() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    volume.write("large", &"x".repeat(1 << 20));
    let pid = fs::read_to_string(format!("/run/kluis/{}/daemon", volume.name)).unwrap();

    run("kill", ["-9", pid.trim()]).ok();
    while fs::metadata(format!("/proc/{}", pid.trim())).is_ok_and(|_| !is_zombie(pid.trim())) {
        sleep(Duration::from_millis(10));
    }

    let failed = fs::File::create(volume.mount.join("lost")).and_then(|file| file.sync_all());
    assert!(failed.is_err(), "nobody is there to write");
    assert_eq!(stage.stage(&volume), "dead");
    let text = stage.kluis(["status", &volume.name]).ok();
    assert!(text.contains("has failed: `up` mends it"), "{text}");
    assert!(text.contains("its daemon has died"), "{text}");
    stage.kluis(["up"]).ok();
    assert_eq!(volume.read("recipe").unwrap(), "kept");
    assert_eq!(volume.read("large").unwrap().len(), 1 << 20);
    assert_eq!(stage.stage(&volume), "mounted");
    volume.write("recipe", "used again");
}

/// Something of `most`, another each time.
fn jitter(most: Duration) -> Duration {
    let now = std::time::SystemTime::now();
    let nanos = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    most * (nanos % 1000) / 1000
}

fn is_zombie(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}
