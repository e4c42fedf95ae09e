//! The daemon's life and death.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use super::fixture::{Fixture, NAME, pattern, read_direct, run, text, write_synced};
use crate::{Test, tests};
use rustix::process::Signal;
use volume::engine::{Changed, Engine, Health};

pub(crate) const TESTS: &[Test] = &{
    use super::daemon;
    tests![daemon:
        a_synced_write_survives_the_daemons_death,
        death_shows_as_errors_and_closing_and_opening_mends_it,
        a_file_system_over_a_dead_daemon_can_be_taken_down_and_brought_up,
        an_opener_that_dies_before_the_handover_leaves_nothing,
        a_daemon_that_lives_is_not_taken_for_dead_where_its_records_are_lost,
        a_view_without_its_loop_device_is_reported_and_closed,
        the_key_is_not_where_others_can_see_it,
        the_daemon_is_in_no_terminals_session_and_holds_no_descriptor_of_its_opener,
        a_daemon_that_is_told_to_end_ends_unless_its_disk_is_in_use,
        closing_twice_changes_nothing,
    ]
};

pub(crate) fn a_synced_write_survives_the_daemons_death() {
    let fixture = Fixture::new(4096, 8);
    let device = fixture.opened();
    for round in 0..4_u64 {
        write_synced(&device, round << 20, &pattern(1 << 20, round + 10)).unwrap();
    }
    fixture.kill_daemon();
    for round in 0..4_u64 {
        assert!(
            fixture.decrypted(round << 20, 1 << 20) == pattern(1 << 20, round + 10),
            "write {round}"
        );
    }
}

pub(crate) fn death_shows_as_errors_and_closing_and_opening_mends_it() {
    let fixture = Fixture::new(4096, 8);
    let device = fixture.opened();
    write_synced(&device, 0, &pattern(1 << 20, 1)).unwrap();
    fixture.kill_daemon();
    assert!(matches!(fixture.health(), Some(Health::Dead(_))));
    assert!(read_direct(&device, 0, 4096).is_err());
    assert!(write_synced(&device, 0, &[0; 4096]).is_err());
    assert!(fixture.open().is_err(), "a dead mapping is not opened over");

    assert_eq!(fixture.engine.close(NAME).unwrap(), Changed::Yes);
    assert_eq!(fixture.health(), None);
    let device = fixture.opened();
    assert_eq!(fixture.health(), Some(Health::Serving));
    assert_eq!(
        read_direct(&device, 0, 1 << 20).unwrap(),
        pattern(1 << 20, 1)
    );
}

pub(crate) fn a_file_system_over_a_dead_daemon_can_be_taken_down_and_brought_up() {
    let fixture = Fixture::new(4096, 32);
    let device = fixture.opened();
    let point = fixture.path("mnt");
    fs::create_dir(&point).unwrap();
    run("mkfs.ext4", &["-q", "-F", text(&device)]);
    run("mount", &[text(&device), text(&point)]);
    fs::write(point.join("file"), pattern(1 << 20, 9)).unwrap();
    run("sync", &["-f", text(&point.join("file"))]);
    fixture.kill_daemon();
    assert!(fixture.engine.close(NAME).is_err(), "it is still mounted");

    run("umount", &[text(&point)]);
    fixture.close();
    let device = fixture.opened();
    run("mount", &[text(&device), text(&point)]);
    assert!(fs::read(point.join("file")).unwrap() == pattern(1 << 20, 9));
    run("umount", &[text(&point)]);
}

pub(crate) fn an_opener_that_dies_before_the_handover_leaves_nothing() {
    let fixture = Fixture::new(4096, 8);
    let mut daemon = Command::new(std::env::current_exe().unwrap());
    let mut daemon = daemon
        .args([volume::fuse::DAEMON_ARGUMENT, NAME])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut report = String::new();
    daemon
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut report)
        .unwrap();
    assert!(!daemon.wait().unwrap().success());
    assert!(report.contains("handover"), "{report}");
    assert_eq!(fixture.health(), None);
}

pub(crate) fn a_view_without_its_loop_device_is_reported_and_closed() {
    let fixture = Fixture::new(4096, 8);
    let device = fixture.opened();
    run("losetup", &["-d", text(&device)]);
    assert!(matches!(fixture.health(), Some(Health::Dead(_))));
    fixture.close();
    assert_eq!(fixture.health(), None);
    fixture.opened();
}

pub(crate) fn a_daemon_that_lives_is_not_taken_for_dead_where_its_records_are_lost() {
    for lost in ["state", "daemon"] {
        let fixture = Fixture::new(4096, 8);
        let device = fixture.opened();
        write_synced(&device, 0, &pattern(1 << 20, 3)).unwrap();
        fs::remove_file(fixture.view().with_file_name(lost)).unwrap();
        assert!(
            matches!(fixture.health(), Some(Health::Stray(_))),
            "{lost}: {:?}",
            fixture.health()
        );
        assert!(read_direct(&device, 0, 1 << 20).unwrap() == pattern(1 << 20, 3));
        // It says itself what it shows, and writes that down anew.
        let told = fixture.engine.find(NAME).unwrap().unwrap();
        assert_eq!(told.backing, fixture.image());
        assert_eq!(told.payload, fixture.payload);
        assert_eq!(fixture.engine.adopt(NAME).unwrap(), Changed::Yes);
        assert_eq!(fixture.health(), Some(Health::Serving));
        fs::remove_file(fixture.view().with_file_name(lost)).unwrap();
        fixture.close();
        let device = fixture.opened();
        assert!(read_direct(&device, 0, 1 << 20).unwrap() == pattern(1 << 20, 3));
    }
}

pub(crate) fn the_key_is_not_where_others_can_see_it() {
    let fixture = Fixture::new(4096, 8);
    let _device = fixture.opened();
    let pid = fixture.daemon_pid();
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
        assert!(
            !bytes.windows(16).any(|part| part == &fixture.key[..16]),
            "{file}"
        );
    }
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let cores = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        cores.split_whitespace().collect::<Vec<_>>()[4..6],
        ["0", "0"]
    );
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let locked = status
        .lines()
        .find_map(|line| line.strip_prefix("VmLck:"))
        .unwrap();
    assert_ne!(locked.trim(), "0 kB");
    for entry in walk(&fixture.path("run")) {
        let bytes = fs::read(&entry).unwrap();
        assert!(
            !bytes.windows(16).any(|part| part == &fixture.key[..16]),
            "{}",
            entry.display()
        );
    }
}

/// The files below the run directory but for the view.
fn walk(run: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(run.join(NAME))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.filter(|path| !path.ends_with("volume")).collect()
}

pub(crate) fn the_daemon_is_in_no_terminals_session_and_holds_no_descriptor_of_its_opener() {
    // Without close-on-exec, as a careless shell would have left it to us.
    let fixture = Fixture::new(4096, 8);
    let leak = fs::File::create(fixture.path("leak")).unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let _device = fixture.opened();
    let pid = fixture.daemon_pid();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit(") ").next().unwrap().split(' ').nth(3).unwrap();
    assert_eq!(session, pid.to_string());
    let open: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap())
        .collect();
    assert!(!open.contains(&fixture.path("leak")), "{open:?}");
    let null = open
        .iter()
        .filter(|target| target.ends_with("null"))
        .count();
    assert_eq!(null, 3, "the standard descriptors: {open:?}");
}

pub(crate) fn a_daemon_that_is_told_to_end_ends_unless_its_disk_is_in_use() {
    let fixture = Fixture::new(4096, 32);
    let device = fixture.opened();
    let point = fixture.path("mnt");
    fs::create_dir(&point).unwrap();
    run("mkfs.ext4", &["-q", "-F", text(&device)]);
    run("mount", &[text(&device), text(&point)]);
    fixture.signal_daemon(Signal::TERM);
    std::thread::sleep(std::time::Duration::from_millis(100));
    fs::write(point.join("file"), "still served").unwrap();
    run("umount", &[text(&point)]);

    fixture.signal_daemon(Signal::TERM);
    fixture.wait_until(|health| health.is_none());
    fixture.close();
    let device = fixture.opened();
    run("mount", &["-o", "ro", text(&device), text(&point)]);
    assert_eq!(
        fs::read_to_string(point.join("file")).unwrap(),
        "still served"
    );
    run("umount", &[text(&point)]);
}

pub(crate) fn closing_twice_changes_nothing() {
    let fixture = Fixture::new(4096, 8);
    assert_eq!(fixture.engine.close(NAME).unwrap(), Changed::No);
    fixture.opened();
    let pid = fixture.daemon_pid();
    assert_eq!(fixture.engine.close(NAME).unwrap(), Changed::Yes);
    // Its process may not have been waited for yet, but has no memory any more.
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    assert_eq!(maps, "", "the daemon, and with it the key, is gone");
    assert_eq!(fixture.engine.close(NAME).unwrap(), Changed::No);
}
