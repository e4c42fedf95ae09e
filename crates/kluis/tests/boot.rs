//! A machine that boots: Debian's systemd as init on a real kernel, the volumes of one configuration, and what becomes of each case of the
//! boot matrix; and a new user's first volume, by README alone. The cases are in `tests/boot`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The boots that are made.
const BOOTS: [&str; 7] = [
    "first", "late", "gone", "swapped", "blank", "clock", "packages",
];

/// One machine boots at a time: a stopwatch stands beside one of them.
static MACHINE: Mutex<()> = Mutex::new(());

#[test]
fn volumes_come_up_at_boot_or_whoever_needs_them_does_not_start() {
    let programs = Path::new(env!("CARGO_BIN_EXE_kluis")).parent().unwrap();
    assert!(
        programs.join("kluisd").exists(),
        "kluisd is missing; run: make test, or cargo build -p kluisd first"
    );
    assert_packages();
    boots(
        Command::new(script("run"))
            .args(BOOTS)
            .env("KLUIS_PROGRAMS", programs),
        &BOOTS,
    );
}

#[test]
fn a_new_user_has_a_volume_within_two_minutes_of_readme_s_commands() {
    assert_packages();
    boots(
        &mut Command::new(script("first-volume")),
        &["install", "again"],
    );
}

#[track_caller]
fn assert_packages() {
    assert!(
        std::env::var_os("KLUIS_PACKAGES").is_some(),
        "the packages are missing; run: make test, or PROFILE=dev scripts/packages --built first, and KLUIS_PACKAGES=$PWD/target/packages"
    );
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/boot")
        .join(name)
}

/// Each of the boots reports, and every case is as it should be.
fn boots(command: &mut Command, boots: &[&str]) {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let table = String::from_utf8_lossy(&output.stdout);
    println!("{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "a case failed: {}", output.status);
    for boot in boots {
        let line = format!("boot {boot}: the root disk");
        assert!(table.contains(&line), "boot {boot} did not report");
    }
}
