//! Killed at any instant: `up` by its own process, and the daemon that serves a volume.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod stage;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use stage::{Stage, run};

/// How many instants of one `up` are tried.
const INSTANTS: u32 = 8;

/// How often a verb is killed: `KLUIS_KILLS` over all of them (6); `make promise-1` kills 1,000 times.
fn kills() -> u32 {
    std::env::var("KLUIS_KILLS").map_or(6, |count| count.parse().unwrap())
}

/// Provision, rekey and erase in turn, each killed at an instant of its own: what was acknowledged is there, and the next run needs no hand.
#[test]
fn every_verb_killed_at_any_instant_is_completed_by_the_next() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let mut times = [Duration::ZERO; 3];
    let mut survived = [0_u32; 3];
    let count = kills();
    for kill in 0..count + 3 {
        let which = kill as usize % 3;
        // The first of each shows how long it takes.
        let instant = (kill >= 3).then(|| jitter(times[which]));
        let arguments: &[&str] = match which {
            0 => &["--quiet", "up", &volume.name],
            1 => &["--quiet", "rekey", &volume.name],
            _ => &["--quiet", "erase", "--yes", &volume.name],
        };
        if which == 2 {
            stage.kluis(["--quiet", "down", &volume.name]).ok();
        }
        let started = Instant::now();
        let mut verb = stage.command(arguments).spawn().unwrap();
        if let Some(instant) = instant {
            sleep(instant);
            verb.kill().unwrap();
        }
        let was_killed = verb.wait().unwrap().code().is_none();
        times[which] = times[which].max(started.elapsed());
        survived[which] += u32::from(was_killed);

        let again = stage.kluis(arguments);
        let when = || format!("{arguments:?} killed after {instant:?}: {}", again.err);
        if which == 2 && !was_killed {
            // It had ended: there is nothing to erase any more.
            assert_ne!(again.code, 75, "{}", when());
        } else {
            assert_eq!(again.code, 0, "{}", when());
        }
        match which {
            0 => volume.write("recipe", &format!("kept {kill}")),
            1 => {
                let kept = format!("kept {}", kill - 1);
                assert_eq!(volume.read("recipe").unwrap(), kept, "{}", when());
                stage.kluis(["--quiet", "down", &volume.name]).ok();
                stage.kluis(["--quiet", "up", &volume.name]).ok();
                assert_eq!(volume.read("recipe").unwrap(), kept, "{}", when());
            }
            _ => {
                let up = stage.kluis(["up", &volume.name]);
                up.refused(4, &["erased", "--wipe"]);
                fs::remove_file(&volume.image).unwrap();
                stage
                    .kluis(["--quiet", "up", "--wipe", "--yes", &volume.name])
                    .ok();
                assert!(volume.read("recipe").is_err(), "returned after an erase");
                stage.kluis(["--quiet", "down", &volume.name]).ok();
                stage
                    .kluis(["--quiet", "erase", "--yes", &volume.name])
                    .ok();
                fs::remove_file(&volume.image).unwrap();
            }
        }
    }
    println!("{count} kills of up, rekey and erase ({survived:?} before the end), nothing lost");
    assert!(survived.iter().all(|killed| *killed > 0), "{survived:?}");
}

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
