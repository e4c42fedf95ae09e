//! The seed posts whose systems work, each played by its own script in `tests/seeds`.

mod stage;

use std::path::Path;
use std::process::Command;

#[test]
fn seed_002_runs_as_printed_in_a_real_kernel() {
    let programs = Path::new(env!("CARGO_BIN_EXE_kluis")).parent().unwrap();

    let output = Command::new(stage::workspace().join("tests/seeds/002/run"))
        .arg(programs)
        .output()
        .unwrap();

    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
