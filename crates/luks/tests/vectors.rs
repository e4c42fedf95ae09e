//! The vectors in `vectors/`: that they are what they are made from, and that each header gets the class that its row names. With
//! `KLUIS_WRITE_VECTORS=1` they are written: what cryptsetup and qemu wrote only where it is missing (its salts are random), the rest anew, which
//! gives the same bytes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use luks::{Error, Fault, OtherCopy, Profile, Which};
use support::recipes::{self, Made};
use support::vectors::{self, Class, Vector};
use support::*;

/// An evil header may ask for hours or for terabytes.
const ORACLE: [&str; 5] = ["-k", "1", "3", "prlimit", "--as=1500000000"];

/// What `cryptsetup open --test-passphrase` does.
fn asked_of_cryptsetup(device: &Device, passphrase: Option<&str>) -> &'static str {
    let folder = Folder::new();
    let path = folder.path("image");
    device.save(&path);
    let image = path.to_str().unwrap();
    let Some(passphrase) = passphrase else {
        let is_luks = run("cryptsetup", &["isLuks", image], &[]).status.success();
        return if is_luks { "luks" } else { "no luks" };
    };
    let open = [
        "cryptsetup",
        "open",
        "--test-passphrase",
        "--key-file",
        "-",
        image,
    ];
    let done = run(
        "timeout",
        &[&ORACLE[..], &open].concat(),
        passphrase.as_bytes(),
    );
    match done.status.code() {
        Some(0) => "opens",
        Some(124 | 137) | None => "takes beyond measure",
        _ => "refuses",
    }
}

/// The manifest, written before it is read where that is asked for.
fn manifest() -> Vec<Vector> {
    static WRITTEN: std::sync::Once = std::sync::Once::new();
    WRITTEN.call_once(|| {
        if std::env::var_os("KLUIS_WRITE_VECTORS").is_some() {
            write();
        }
    });
    vectors::manifest()
}

fn write() {
    let mut rows = Vec::new();
    let mut known = BTreeSet::new();
    for Made { row, device } in recipes::all(true) {
        assert!(
            known.insert(row.file.clone()),
            "{} is there twice",
            row.file
        );
        vectors::write(&row.file, &device.bytes);
        rows.push(Vector {
            cryptsetup: Some(asked_of_cryptsetup(&device, row.passphrase.as_deref()).to_owned()),
            ..row
        });
    }
    vectors::write_manifest(&rows);
    for stale in vectors::files().difference(&known) {
        std::fs::remove_file(vectors::folder().join(stale)).unwrap();
    }
}

/// The device that a row stands for.
fn device(row: &Vector) -> Device {
    Device {
        bytes: vectors::content(&row.file),
        len: row.bytes,
    }
}

#[test]
fn the_vectors_are_what_they_are_made_from() {
    let rows = manifest();
    let made = recipes::all(false);
    assert_eq!(rows.len(), made.len());
    for (row, made) in rows.iter().zip(&made) {
        let said = Vector {
            cryptsetup: None,
            ..row.clone()
        };
        assert_eq!(said, made.row);
        assert!(
            vectors::content(&row.file) == made.device.bytes,
            "{}: other bytes than its source makes; write them: KLUIS_WRITE_VECTORS=1 cargo test -p luks --test vectors",
            row.file
        );
    }
}

#[test]
fn every_file_has_a_row_and_every_row_a_file() {
    let rows: BTreeSet<String> = manifest().into_iter().map(|row| row.file).collect();
    assert_eq!(rows, vectors::files());
    let evil = manifest()
        .into_iter()
        .filter(|row| !matches!(row.class, Class::Opens | Class::Repaired));
    assert!(evil.count() >= 100, "promise 7");
}

/// The class that this library alone can tell: what else lies on a device it does not know.
fn class(device: &Device) -> (Class, Option<String>) {
    let read = match device.read(Profile::Strict) {
        Ok(read) => read,
        Err(error) => {
            let class = match error.fault() {
                Fault::Absent => Class::NoHeader,
                Fault::Weak => Class::Evil,
                Fault::Unsupported if error.field() == Some("config.requirements") => {
                    Class::ReEncrypting
                }
                Fault::Unsupported => Class::NotOpenedHere,
                Fault::Corrupt => Class::Damaged,
                other => panic!("{other:?}: {error}"),
            };
            return (class, error.field().map(str::to_owned));
        }
    };
    let class = match unlock_any(&read.header, device, PASSPHRASE) {
        Ok(_) if read.copy.is_left_by_a_write() => Class::Repaired,
        Ok(_) => Class::Opens,
        Err(Error::WrongPassphrase { .. }) => Class::WrongPassphrase,
        Err(error) => panic!("{error}"),
    };
    (class, None)
}

#[test]
fn every_vector_gets_its_class() {
    for row in manifest() {
        let device = device(&row);
        let (class, field) = class(&device);
        if row.class == Class::Ambiguous {
            // Whose the bytes in the primary's place are is for whoever knows signatures to say.
            let copy = device.read(Profile::Strict).unwrap().copy;
            assert_eq!((class, copy.used), (Class::Opens, Which::Secondary));
            assert!(
                matches!(copy.other, OtherCopy::Damaged(_)),
                "{}: taken for a torn write",
                row.file
            );
            continue;
        }
        assert_eq!(
            (class, field),
            (row.class, row.field.clone()),
            "{}",
            row.file
        );
        let is_shown = device.read(Profile::Permissive).is_ok();
        assert_eq!(is_shown, row.shown, "{}", row.file);
        assert_eq!(key_in_hex(&device), row.volume_key, "{}", row.file);
    }
}

#[test]
fn cryptsetup_opens_every_good_one() {
    let version = Command::new("cryptsetup").arg("--version").output();
    version.unwrap_or_else(|error| panic!("cryptsetup is needed for this test: {error}"));
    let rows = manifest().into_iter();
    let good: Vec<Vector> = rows
        .filter(|row| matches!(row.class, Class::Opens | Class::Repaired))
        .collect();
    assert!(good.len() >= 25, "{} are good", good.len());
    for row in good {
        let found = asked_of_cryptsetup(&device(&row), row.passphrase.as_deref());
        assert_eq!(found, "opens", "{}", row.file);
        assert_eq!(row.cryptsetup.as_deref(), Some(found), "{}", row.file);
    }
}
