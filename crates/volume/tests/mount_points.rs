//! The guard on bare mount points, on the simulated machine: whatever fails, nothing lands in clear where a volume would be, and
//! nothing stays guarded that nobody knows of.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use stage::{Stage, TOKEN};
use volume::ExitCode;
use volume::engine::Changed;
use volume::sim::{Disk, Fault, Kill};
use volume::verbs::{Level, Mode};

const AT: &str = "/mnt/v";
const NUMBERED: &str =
    "[volume.s]\ndevice = \"instance-store\"\nmount = \"/mnt/{n}\"\nkey = \"alias/k\"\n";

fn findings(stage: &Stage) -> Vec<String> {
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is not general enough in its lifetimes"
    )]
    let findings = stage.kluis(|kluis| kluis.check());
    findings
        .into_iter()
        .filter(|finding| finding.level != Level::Good)
        .map(|finding| format!("{}: {}", finding.subject, finding.message))
        .collect()
}

fn notes(stage: &Stage) -> Vec<String> {
    let outcomes = stage.kluis(|kluis| {
        kluis.up(
            &[],
            &volume::verbs::UpOptions::default(),
            &mut volume::Silent,
        )
    });
    outcomes
        .unwrap()
        .into_iter()
        .flat_map(|outcome| outcome.notes)
        .collect()
}

fn release(stage: &Stage, name: &str) -> Result<Changed, volume::Error> {
    let mut released = stage.kluis(|kluis| kluis.release(Some(name), Mode::Apply))?;
    assert_eq!(released.len(), 1);
    released.remove(0).result
}

#[test]
fn a_mount_point_is_guarded_before_anything_is_fetched() {
    let stage = Stage::new(TOKEN);
    stage.keys.set_fault(Fault::Denied);
    assert!(stage.up().is_err());
    assert!(!stage.machine.writes_in_clear(AT, "log"));
    let first: Vec<String> = stage.machine.log().into_iter().take(3).collect();
    assert_eq!(first, ["write state", "make mount point", "set immutable"]);
    assert_eq!(stage.keys.calls().len(), 1, "and then it was asked");
}

#[test]
fn a_volume_that_is_refused_has_its_mount_point_guarded_all_the_same() {
    let config = TOKEN.replace(
        "file = \"/img\"\nsize = \"64MiB\"",
        "device = \"/dev/disk/by-id/x\"",
    );
    let stage = Stage::new(&config);
    assert!(stage.up().unwrap_err().to_string().contains("is not there"));
    assert!(!stage.machine.writes_in_clear(AT, "log"), "no disk");
    let mut disk = Disk::blank(64 << 20);
    disk.write(1080, b"\x53\xef");
    stage.machine.add_device("/dev/disk/by-id/x", disk);
    assert!(stage.up().is_err());
    assert!(!stage.machine.writes_in_clear(AT, "log"), "another's disk");
}

#[test]
fn it_stays_guarded_beneath_the_volume_and_after_it_and_up_twice_is_up_once() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    assert_eq!(stage.machine.folder(AT), Some((0o755, true)));
    let changes = stage.machine.changes();
    assert_eq!(stage.up().unwrap(), Changed::No);
    assert_eq!(stage.machine.changes(), changes);
    stage.down().unwrap();
    assert!(!stage.machine.writes_in_clear(AT, "log"));
}

#[test]
fn behind_a_link_up_twice_is_up_once_and_the_folder_that_it_leads_to_is_guarded() {
    let stage = Stage::new(TOKEN);
    stage.machine.link_mount_point(AT, "/real/v");
    assert_eq!(stage.up().unwrap(), Changed::Yes);
    assert_eq!(stage.up().unwrap(), Changed::No);
    assert_eq!(stage.down().unwrap(), Changed::Yes);
    assert!(stage.machine.mounted().is_empty());
    assert!(!stage.machine.writes_in_clear("/real/v", "log"));
}

#[test]
fn a_volume_that_was_up_before_there_were_guards_is_guarded_while_it_is_mounted() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.set_folder(AT, 0o755, &[]);
    stage.machine.lose_state();
    assert_eq!(stage.up().unwrap(), Changed::Yes);
    stage.down().unwrap();
    assert!(!stage.machine.writes_in_clear(AT, "log"));
}

#[test]
fn without_flags_it_has_mode_0_and_a_warning_and_gets_its_mode_back() {
    let stage = Stage::new(TOKEN);
    stage.machine.without_flags();
    stage.machine.set_folder(AT, 0o2775, &[]);
    assert!(notes(&stage)[0].contains("mode 0"));
    assert_eq!(stage.machine.folder(AT), Some((0, false)));
    assert_eq!(notes(&stage), [""; 0], "said once");
    assert!(findings(&stage)[0].contains("for want of an immutable flag"));
    stage.down().unwrap();
    assert!(!stage.machine.writes_in_clear(AT, "log"));
    assert_eq!(release(&stage, "v").unwrap(), Changed::Yes);
    assert_eq!(stage.machine.folder(AT), Some((0o2775, false)));
}

#[test]
fn what_lies_there_is_named_and_stays() {
    let stage = Stage::new(TOKEN);
    stage.machine.set_folder(AT, 0o755, &["wal.log", "a.log"]);
    let planned = stage.dry_run().notes;
    assert!(
        planned[0].contains("a.log and 1 more lies there in clear"),
        "{planned:?}"
    );
    assert_eq!(notes(&stage), planned);
    assert!(findings(&stage)[0].contains("a.log and 1 more"), "mounted");
    stage.down().unwrap();
    assert!(findings(&stage)[0].contains("a.log and 1 more"), "and not");
    release(&stage, "v").unwrap();
    assert_eq!(
        stage.machine.folder(AT),
        Some((0o755, false)),
        "not removed"
    );
}

#[test]
fn a_mount_point_that_was_made_is_removed_and_one_that_was_there_is_left() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    let refused = release(&stage, "v").unwrap_err();
    assert_eq!(refused.exit_code(), ExitCode::Busy);
    assert!(refused.to_string().contains("kluis down v"), "{refused}");
    stage.down().unwrap();
    release(&stage, "v").unwrap();
    assert_eq!(stage.machine.folder(AT), None);
    assert!(
        stage
            .kluis(|kluis| kluis.release(None, Mode::Apply))
            .unwrap()
            .is_empty()
    );
    stage.machine.set_folder(AT, 0o711, &[]);
    stage.up().unwrap();
    stage.down().unwrap();
    release(&stage, "v").unwrap();
    assert_eq!(stage.machine.folder(AT), Some((0o711, false)));
}

#[test]
fn a_folder_that_was_immutable_before_is_left_immutable() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.lose_state();
    stage.up().unwrap();
    stage.down().unwrap();
    release(&stage, "v").unwrap();
    assert_eq!(stage.machine.folder(AT), Some((0o755, true)));
}

#[test]
fn a_volume_nobody_knows_is_not_released() {
    let stage = Stage::new(TOKEN);
    let error = stage.kluis(|kluis| kluis.release(Some("w"), Mode::Apply));
    assert!(error.unwrap_err().to_string().contains("no volume w"));
    assert!(
        stage
            .kluis(|kluis| kluis.release(Some("v"), Mode::Apply))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_erase_gives_the_mount_point_back() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.down().unwrap();
    stage.erase().unwrap();
    assert_eq!(stage.machine.folder(AT), None);
    assert_eq!(
        stage.machine.immutable_folders(),
        [""; 0].map(std::path::PathBuf::from)
    );
}

#[test]
fn a_mount_point_that_moves_is_guarded_anew_and_the_old_one_given_back() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.down().unwrap();
    let stage = stage.with_config(&TOKEN.replace(AT, "/mnt/w"));
    let steps = stage.dry_run().plan.unwrap().steps;
    assert_eq!(
        steps[0].to_string(),
        "make the mount point /mnt/w and make it immutable"
    );
    assert_eq!(
        steps.last().unwrap().to_string(),
        "give the mount point /mnt/v back"
    );
    stage.up().unwrap();
    assert_eq!(stage.machine.folder(AT), None);
    assert_eq!(stage.machine.folder("/mnt/w"), Some((0o755, true)));
}

#[test]
fn a_volume_that_left_the_configuration_gives_its_mount_point_back_once_it_is_down() {
    let both = format!(
        "{TOKEN}{}",
        TOKEN
            .replace("[volume.v]", "[volume.w]")
            .replace("/img", "/other")
            .replace(AT, "/mnt/w")
    );
    let stage = Stage::new(&both);
    stage.up_all();
    let stage = stage.with_config(
        &TOKEN
            .replace("[volume.v]", "[volume.w]")
            .replace("/img", "/other")
            .replace(AT, "/mnt/w"),
    );
    assert!(findings(&stage)[0].contains("kluis release v"));
    stage.up().unwrap();
    assert_eq!(
        stage.machine.folder(AT),
        Some((0o755, true)),
        "still mounted"
    );
    stage.machine.power_cut(1);
    assert!(notes(&stage)[0].contains("was given back"));
    assert_eq!(stage.machine.folder(AT), None);
    assert_eq!(stage.machine.folder("/mnt/w"), Some((0o755, true)));
}

#[test]
fn one_configuration_does_not_give_up_what_another_guards() {
    let mut stage = Stage::new(TOKEN);
    stage.config.source = Some("/etc/kluis/volumes.toml".into());
    stage.up().unwrap();
    stage.down().unwrap();
    let mut stage = stage.with_config(
        &TOKEN
            .replace("[volume.v]", "[volume.w]")
            .replace("/img", "/other")
            .replace(AT, "/mnt/w"),
    );
    stage.config.source = Some("/etc/kluis/other.toml".into());
    stage.up().unwrap();
    assert!(!stage.machine.writes_in_clear(AT, "log"));
}

#[test]
fn a_disk_that_is_missing_today_keeps_its_mount_point_guarded() {
    let stage = Stage::new(NUMBERED);
    for name in ["/dev/a", "/dev/b"] {
        stage
            .machine
            .add_instance_store(name, Disk::blank(64 << 20));
    }
    stage.up_all();
    stage.machine.power_cut(1);
    stage.machine.remove_instance_store("/dev/b");
    stage.up().unwrap();
    for at in ["/mnt/0", "/mnt/1"] {
        assert_eq!(stage.machine.folder(at), Some((0o755, true)), "{at}");
    }
}

#[test]
fn the_mount_points_of_disks_that_never_came_are_guarded_too() {
    let stage = Stage::new(&format!("{NUMBERED}disks = 2\n"));
    stage
        .machine
        .add_instance_store("/dev/a", Disk::blank(64 << 20));
    stage.up_all();
    for at in ["/mnt/0", "/mnt/1"] {
        assert_eq!(stage.machine.folder(at), Some((0o755, true)), "{at}");
    }
    let stage = Stage::new(&NUMBERED.replace("{n}", "s"));
    let _ = stage.kluis(|kluis| {
        kluis.up(
            &[],
            &volume::verbs::UpOptions::default(),
            &mut volume::Silent,
        )
    });
    assert!(
        !stage.machine.writes_in_clear("/mnt/s", "log"),
        "no disk at all"
    );
}

#[test]
fn a_mount_point_below_a_folder_that_is_still_to_be_mounted_is_left_for_later() {
    let stage = Stage::new(TOKEN);
    stage.machine.set_unmounted_parent(Some("/mnt"));
    assert!(notes(&stage)[0].contains("RequiresMountsFor=/mnt"));
    assert_eq!(stage.machine.immutable_folders().len(), 0);
    stage.machine.set_unmounted_parent(None);
    assert_eq!(stage.up().unwrap(), Changed::Yes);
    assert_eq!(stage.machine.immutable_folders().len(), 1);
}

/// A kill anywhere leaves no folder immutable that no record tells of, and the next run finishes the work.
#[test]
fn no_kill_leaves_a_folder_guarded_that_nobody_knows_of() {
    for without_flags in [false, true] {
        for n in 1..40 {
            for how in [Kill::Before, Kill::After] {
                let stage = Stage::new(TOKEN);
                if without_flags {
                    stage.machine.without_flags();
                }
                stage.machine.kill_at(n, how);
                let _ = stage
                    .up()
                    .and_then(|_| stage.down())
                    .and_then(|_| release(&stage, "v"));
                let was_killed = stage.machine.is_killed();
                stage.machine.power_cut(n);
                // What a record tells of, `release` gives back: then nothing is left.
                for released in stage
                    .kluis(|kluis| kluis.release(None, Mode::Apply))
                    .unwrap()
                {
                    released.result.unwrap();
                }
                assert_eq!(stage.machine.folder(AT), None, "{n} {how:?}");
                if was_killed {
                    stage.up().unwrap();
                    stage.down().unwrap();
                    assert!(!stage.machine.writes_in_clear(AT, "log"), "{n} {how:?}");
                }
            }
        }
    }
}

#[test]
fn a_volume_within_another_comes_up_after_it_and_goes_down_before_it() {
    let inner = TOKEN
        .replace("[volume.v]", "[volume.a]")
        .replace("/img", "/other")
        .replace(AT, "/mnt/v/a");
    let stage = Stage::new(&format!("{inner}{TOKEN}"));
    let order = |outcomes: Vec<volume::verbs::Outcome>| -> Vec<String> {
        outcomes.into_iter().map(|outcome| outcome.volume).collect()
    };
    let silent = &mut volume::Silent;
    let up = stage.kluis(|kluis| kluis.up(&[], &volume::verbs::UpOptions::default(), silent));
    assert_eq!(order(up.unwrap()), ["v", "a"]);
    let silent = &mut volume::Silent;
    let down = stage.kluis(|kluis| kluis.down(&[], Mode::Apply, silent));
    assert_eq!(order(down.unwrap()), ["a", "v"]);
}
