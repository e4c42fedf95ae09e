//! The guest that `tests/kernel/run` boots: a test program runs itself inside it, and there the tests that are marked as ignored.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const INSIDE: &str = "KLUIS_KERNEL_TEST_INSIDE";

/// Runs this program's ignored tests, of which there are more than `least`, in the guest, with these images as its disks. All of them have to pass.
pub(crate) fn passes(least: usize, disks: &[PathBuf]) {
    let me = std::env::current_exe().unwrap();
    let listed = Command::new(&me)
        .args(["--ignored", "--list"])
        .output()
        .unwrap();
    let wanted = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .filter(|line| line.ends_with(": test"))
        .count();
    assert!(wanted > least, "the tests for the guest were not found");

    let mut script = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        script,
        "#!/bin/sh\nexport {INSIDE}=1\nexec '{}' --ignored --test-threads=1 --color=never",
        me.display()
    )
    .unwrap();
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/kernel/run");
    let output = Command::new(run)
        .arg(script.path())
        .args(disks)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{said}");
    assert!(output.status.success(), "the guest said {}", output.status);
    assert!(
        said.contains(&format!("test result: ok. {wanted} passed; 0 failed")),
        "not all {wanted} tests ran in the guest"
    );
}

/// Runs a program that must succeed, and gives its standard output.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    run_with(program, arguments, "")
}

pub(crate) fn run_with(program: &str, arguments: &[&str], input: impl AsRef<[u8]>) -> String {
    assert!(
        std::env::var_os(INSIDE).is_some(),
        "this test changes disks, mappings and mounts: it only runs inside the guest, from `the_guest`"
    );
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_ref())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
