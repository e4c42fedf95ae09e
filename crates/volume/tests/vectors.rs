//! The vectors of `vectors/` on a machine: what `kluis up` makes of a disk that holds one, and what it leaves untouched.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;
#[path = "../../luks/tests/support/vectors.rs"]
mod vectors;

use stage::{SEED, Stage};
use vectors::{Class, Vector};
use volume::plan::Refusal;
use volume::sim::Disk;
use volume::{Error, ExitCode};

const DEVICE: &str = "/dev/disk/by-id/x";
/// For those that hold nothing to open.
const SOME_PASSPHRASE: &str = "correct horse";

/// A machine whose disk is the vector, and whose secret its passphrase.
fn machine(row: &Vector) -> Stage {
    let stage = Stage::new(&SEED.replace(
        "file = \"/img\"\nsize = \"64MiB\"",
        &format!("device = \"{DEVICE}\""),
    ));
    let passphrase = row.passphrase.as_deref().unwrap_or(SOME_PASSPHRASE);
    let blob = stage.keys.wrap(
        "alias/k",
        passphrase.as_bytes(),
        &volume::ports::Context::new(),
    );
    stage.objects.set("s3://bucket/secret", &blob);
    let mut disk = Disk::blank(row.bytes);
    assert!(disk.write(0, &vectors::content(&row.file)));
    disk.flush();
    stage.machine.add_device(DEVICE, disk);
    stage
}

/// The class by what the verb says. A vector has no file system: one that opens is refused for that, by name.
fn class(stage: &Stage) -> (Class, String) {
    let before = stage.machine.disk(DEVICE);
    let error = stage.up().unwrap_err();
    let is_repaired = stage.machine.disk(DEVICE) != before;
    let class = match &error {
        Error::NoFileSystem { .. } if is_repaired => Class::Repaired,
        Error::NoFileSystem { .. } => Class::Opens,
        Error::WrongSecret { .. } => Class::WrongPassphrase,
        Error::Refused(Refusal::Ambiguous { .. }) => Class::Ambiguous,
        Error::Refused(Refusal::BadHeader { .. }) => Class::Damaged,
        Error::Refused(Refusal::Reencrypting { .. }) => Class::ReEncrypting,
        Error::Refused(Refusal::NotBlank { .. }) => Class::NoHeader,
        Error::Refused(Refusal::NotOpenedHere { why, .. }) if why.contains("is weakened") => {
            Class::Evil
        }
        Error::Refused(Refusal::NotOpenedHere { .. }) => Class::NotOpenedHere,
        other => panic!("{other:?}: {other}"),
    };
    (class, error.to_string())
}

#[test]
fn up_gives_every_vector_its_class() {
    for row in vectors::manifest() {
        let stage = machine(&row);
        let (class, said) = class(&stage);
        assert_eq!(class, row.class, "{}: {said}", row.file);
    }
}

#[test]
fn what_is_refused_is_left_as_it_is_and_nobody_is_asked() {
    for row in vectors::manifest() {
        let stage = machine(&row);
        let before = stage.machine.disk(DEVICE);
        let error = stage.up().unwrap_err();
        match row.class {
            Class::Repaired => assert!(stage.machine.disk(DEVICE) != before, "{}", row.file),
            Class::Opens | Class::WrongPassphrase => {
                assert!(stage.machine.disk(DEVICE) == before, "{}", row.file);
            }
            _ => {
                assert!(stage.machine.disk(DEVICE) == before, "{}", row.file);
                assert!(
                    stage.keys.calls().is_empty() && stage.objects.calls().is_empty(),
                    "{}: a service was asked for it",
                    row.file
                );
                assert_eq!(error.exit_code(), ExitCode::Device, "{}", row.file);
                assert!(
                    !error.to_string().contains("up --wipe"),
                    "{}: {error}",
                    row.file
                );
            }
        }
    }
}

#[test]
fn what_is_repaired_is_whole_afterwards() {
    let rows = vectors::manifest().into_iter();
    for row in rows.filter(|row| row.class == Class::Repaired) {
        let stage = machine(&row);
        stage.up().unwrap_err();
        stage.machine.power_cut(1);
        let once = stage.machine.disk(DEVICE);
        stage.up().unwrap_err();
        assert!(stage.machine.disk(DEVICE) == once, "{}", row.file);
    }
}
