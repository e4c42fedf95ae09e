//! A machine that boots: Debian's systemd as init on a real kernel, the volumes of one configuration, and what becomes of each case of the
//! boot matrix. The cases are in `tests/boot`.

use std::path::Path;
use std::process::{Command, Stdio};

/// The boots that are made.
const BOOTS: [&str; 6] = ["first", "late", "gone", "swapped", "blank", "clock"];

#[test]
fn volumes_come_up_at_boot_or_whoever_needs_them_does_not_start() {
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/boot/run");
    let programs = Path::new(env!("CARGO_BIN_EXE_kluis")).parent().unwrap();
    assert!(
        programs.join("kluisd").exists(),
        "kluisd is missing; run: make test, or cargo build -p kluisd first"
    );
    let output = Command::new(run)
        .args(BOOTS)
        .env("KLUIS_PROGRAMS", programs)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&output.stdout);
    println!("{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "a case failed: {}", output.status);
    for boot in BOOTS {
        let line = format!("boot {boot}: the root disk");
        assert!(table.contains(&line), "boot {boot} did not report");
    }
}
