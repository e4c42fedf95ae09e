//! What is open and has died, or was lost sight of: adopted where it is proved to be the volume, and else left to who uses it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use stage::Stage;
use volume::ExitCode;
use volume::engine::Changed;

const TOKEN: &str = "[volume.v]\nfile = \"/img\"\nsize = \"64MiB\"\nmount = \"/mnt/v\"\nkey = \"alias/k\"\nengine = \"fuse\"\n";
const EPHEMERAL: &str = "[volume.v]\nfile = \"/img\"\nsize = \"64MiB\"\nmount = \"/mnt/v\"\nkey = \"ephemeral\"\nengine = \"fuse\"\n";

/// A volume with a text in it, whose records in `/run` are lost.
fn stray(config: &str) -> Stage {
    let stage = Stage::new(config);
    stage.up().unwrap();
    assert!(stage.machine.write_file("/mnt/v", "precious"));
    stage.machine.lose_run();
    stage
}

#[test]
fn a_living_daemon_without_its_records_is_adopted_and_nobody_is_asked() {
    for config in [TOKEN, EPHEMERAL] {
        let stage = stray(config);
        stage.keys.forget_calls();

        assert_eq!(stage.up().unwrap(), Changed::Yes);
        assert_eq!(stage.up().unwrap(), Changed::No);

        assert!(stage.keys.calls().is_empty());
        assert_eq!(stage.text().as_deref(), Some("precious"));
        stage.down().unwrap();
        assert!(stage.machine.mapped_names().is_empty());
    }
}

#[test]
fn one_that_is_not_mounted_any_more_is_mounted_again() {
    for config in [TOKEN, EPHEMERAL] {
        let stage = stray(config);
        stage.machine.umount("/mnt/v");
        stage.up().unwrap();
        assert_eq!(stage.text().as_deref(), Some("precious"));
    }
}

#[test]
fn one_that_shows_another_header_is_neither_adopted_nor_detached() {
    let stage = stray(EPHEMERAL);
    stage.machine.poke("/img", 0, &vec![0; 16 << 20]);
    stage.machine.keep_busy("/mnt/v");

    let error = stage.up().unwrap_err();

    assert_eq!(error.exit_code(), ExitCode::Busy);
    assert!(error.to_string().contains("open files"), "{error}");
    assert_eq!(stage.machine.mapped_names(), ["v"]);
    assert_eq!(stage.machine.mounted().len(), 1);
}

#[test]
fn what_has_died_and_is_in_use_is_not_detached() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.keep_busy("/mnt/v");
    stage.machine.kill_mapping("v");

    for error in [stage.up().unwrap_err(), stage.down().unwrap_err()] {
        assert_eq!(error.exit_code(), ExitCode::Busy);
        assert!(error.to_string().contains("open files"), "{error}");
        assert_eq!(stage.machine.mounted().len(), 1);
    }
}
