//! The kinds of loss, in a real kernel with dm-crypt: what other programs write to a disk and do to it is what `kluis` is tried against, by
//! `tests/losses/guest`. It takes a guest for each of its two parts, side by side.

#![expect(
    clippy::unwrap_used,
    reason = "a guest that cannot be set up is a failed test"
)]

mod stage;

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

const MIB: usize = 1 << 20;

#[test]
fn no_header_that_is_not_ours_or_not_of_now_leads_to_a_loss() {
    passes("headers");
}

#[test]
fn nothing_that_happens_to_the_machine_leads_to_a_loss() {
    passes("machine");
}

fn passes(part: &str) {
    let work = tempfile::tempdir().unwrap();
    let (blank, random) = (work.path().join("a"), work.path().join("b"));
    File::create(&blank).unwrap().set_len(64 << 20).unwrap();
    let disk = File::create(&random).unwrap();
    disk.set_len(96 << 20).unwrap();
    let mut bytes = vec![0; 40 * MIB];
    crypto::random::fill(&mut bytes).unwrap();
    disk.write_all_at(&bytes, 28 << 20).unwrap();

    let results = work.path().join("results");
    fs::create_dir_all(&results).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_kluis")).parent().unwrap();
    let top = stage::workspace().canonicalize().unwrap();
    let environment = format!(
        "programs='{}'\ndata_dir='{}'\nwords='{}'\npart={part}\n",
        programs.display(),
        stage::template().display(),
        top.join("tests/seeds/words").display()
    );
    fs::write(results.join("env"), environment).unwrap();

    let output = Command::new(top.join("tests/kernel/run"))
        .args(["-m", "1200M"])
        .arg(top.join("tests/losses/guest"))
        .args([&blank, &random])
        .env("KLUIS_RESULTS", &results)
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(
        output.status.success() && said.contains("--- done: losses"),
        "{}\n{said}{errors}",
        output.status
    );
}
