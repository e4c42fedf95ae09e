//! cryptsetup as the judge, both ways: it opens what was written here, and what it wrote opens here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;

use luks::luks2::FormatOptions;
use luks::{Copy, Error, Fault, Header, KdfChoice, OtherCopy, Profile, Which, luks2};
use serde_json::json;
use support::*;

const FAST_PBKDF2: [&str; 4] = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

fn cryptsetup(args: &[&str], stdin: &[u8]) -> Vec<u8> {
    must("cryptsetup", &[&["-q"], args].concat(), stdin)
}

/// What `cryptsetup luksFormat` makes.
fn format(path: &Path, args: &[&str]) {
    let path = path.to_str().unwrap();
    cryptsetup(
        &[&["luksFormat", "--key-file", "-"], args, &[path]].concat(),
        PASSPHRASE,
    );
}

fn opens(path: &Path, passphrase: &[u8]) -> bool {
    let args = [
        "open",
        "--test-passphrase",
        "--key-file",
        "-",
        path.to_str().unwrap(),
    ];
    run("cryptsetup", &args, passphrase).status.success()
}

/// The volume key that cryptsetup finds.
fn volume_key_of(path: &Path, passphrase: &[u8]) -> Vec<u8> {
    let key = path.with_extension("volume-key");
    let _ = std::fs::remove_file(&key);
    let (path, key_path) = (path.to_str().unwrap(), key.to_str().unwrap());
    cryptsetup(
        &[
            "luksDump",
            "--dump-volume-key",
            "--volume-key-file",
            key_path,
            "--key-file",
            "-",
            path,
        ],
        passphrase,
    );
    std::fs::read(key).unwrap()
}

fn metadata_of(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&cryptsetup(
        &["luksDump", "--dump-json-metadata", path.to_str().unwrap()],
        &[],
    ))
    .unwrap()
}

#[test]
fn cryptsetup_opens_what_was_formatted_here() {
    let folder = Folder::new();
    for (kdf, key_len, sector_size, header_size) in [
        (FAST, 64, 4096, 0x4000),
        (FAST, 64, 512, 0x4000),
        (FAST, 32, 4096, 0x4000),
        (FAST, 32, 512, 0x1_0000),
        (FAST, 64, 4096, 0x40_0000),
        (FAST_ARGON2, 64, 4096, 0x4000),
        (FAST_ARGON2, 32, 512, 0x4000),
    ] {
        let options = FormatOptions {
            sector_size,
            header_size,
            ..FormatOptions::new(24 * MIB).unwrap()
        };
        let key = volume_key(key_len);
        let path = folder.path("ours.img");
        formatted_with(&options, &key, kdf).save(&path);
        assert_eq!(
            volume_key_of(&path, PASSPHRASE),
            key.danger_expose(),
            "{options:?}"
        );
        assert!(!opens(&path, b"another passphrase"));
    }
}

#[test]
fn cryptsetup_shows_what_was_formatted_here() {
    let folder = Folder::new();
    let path = folder.path("ours.img");
    let options = FormatOptions {
        label: "scratch".to_owned(),
        subsystem: "kluis-ephemeral".to_owned(),
        ..FormatOptions::new(24 * MIB).unwrap()
    };
    let mut device = Device::blank(options.device_len);
    device.apply(
        &luks2::Header::format(&options, &volume_key(64))
            .unwrap()
            .commit()
            .unwrap(),
    );
    device.save(&path);

    let shown = String::from_utf8(cryptsetup(&["luksDump", path.to_str().unwrap()], &[])).unwrap();

    for line in [
        "Label:         \tscratch",
        "Subsystem:     \tkluis-ephemeral",
        "Metadata area: \t16384 [bytes]",
        "offset: 16777216 [bytes]",
        "cipher: aes-xts-plain64",
        "sector: 4096 [bytes]",
        &format!("UUID:          \t{}", options.uuid),
    ] {
        assert!(shown.contains(line), "{line:?} not in {shown}");
    }
    assert!(
        device.header().keyslot_ids().is_empty(),
        "an ephemeral header has no keyslot"
    );
}

/// Formats with cryptsetup, opens here, and compares the keys.
fn opens_here(args: &[&str]) {
    let folder = Folder::new();
    let path = folder.sparse("theirs.img", 24 * MIB);
    format(&path, args);
    let device = Device::of_file(&path);
    let key = device
        .unlock(PASSPHRASE)
        .unwrap_or_else(|error| panic!("{args:?}: {error}"));
    assert_eq!(
        key.danger_expose(),
        volume_key_of(&path, PASSPHRASE),
        "{args:?}"
    );
    assert!(
        matches!(
            device.unlock(b"wrong"),
            Err(Error::WrongPassphrase { keyslot: 0 })
        ),
        "{args:?}"
    );
}

#[test]
fn luks2_that_cryptsetup_formatted_opens_here() {
    let argon2 = |kind: &'static str| {
        [
            "--pbkdf",
            kind,
            "--pbkdf-force-iterations",
            "4",
            "--pbkdf-memory",
            "32",
            "--pbkdf-parallel",
            "1",
        ]
    };
    let luks2: Vec<Vec<&str>> = vec![
        FAST_PBKDF2.to_vec(),
        argon2("argon2id").to_vec(),
        argon2("argon2i").to_vec(),
        [&FAST_PBKDF2[..], &["--hash", "sha512"]].concat(),
        [&FAST_PBKDF2[..], &["--hash", "sha384", "--key-size", "256"]].concat(),
        [&FAST_PBKDF2[..], &["--sector-size", "512"]].concat(),
        [
            &FAST_PBKDF2[..],
            &[
                "--luks2-metadata-size",
                "64k",
                "--luks2-keyslots-size",
                "1m",
            ],
        ]
        .concat(),
        [&FAST_PBKDF2[..], &["--luks2-metadata-size", "4m"]].concat(),
        [&FAST_PBKDF2[..], &["--offset", "36864"]].concat(),
        [
            &FAST_PBKDF2[..],
            &["--label", "name", "--subsystem", "of others"],
        ]
        .concat(),
    ];
    for args in &luks2 {
        opens_here(args);
    }
}

#[test]
fn luks1_that_cryptsetup_formatted_opens_here() {
    for (hash, key_size) in [("sha1", "256"), ("sha256", "512"), ("sha512", "512")] {
        opens_here(&[
            "--type",
            "luks1",
            "--pbkdf-force-iterations",
            "1000",
            "--hash",
            hash,
            "--key-size",
            key_size,
        ]);
    }
}

#[test]
fn keyslots_that_cryptsetup_adds_changes_and_kills_are_followed() {
    let folder = Folder::new();
    let path = folder.path("ours.img");
    formatted(FAST).save(&path);
    let name = path.to_str().unwrap();
    let old = folder.path("old");
    std::fs::write(&old, PASSPHRASE).unwrap();
    let old = old.to_str().unwrap();

    cryptsetup(
        &[
            &["luksAddKey", "--key-file", old],
            &FAST_PBKDF2[..],
            &[name, "-"],
        ]
        .concat(),
        b"second",
    );
    let device = Device::of_file(&path);
    assert_eq!(device.header().keyslot_ids(), [0, 1]);
    assert!(device.unlock(b"second").unwrap().ct_eq(&volume_key(64)));
    assert!(device.unlock(PASSPHRASE).unwrap().ct_eq(&volume_key(64)));

    cryptsetup(&["luksKillSlot", "--key-file", old, name, "1"], &[]);
    assert!(matches!(
        Device::of_file(&path).unlock(b"second"),
        Err(Error::WrongPassphrase { .. })
    ));

    cryptsetup(
        &[
            &["luksChangeKey", "--key-file", old],
            &FAST_PBKDF2[..],
            &[name, "-"],
        ]
        .concat(),
        b"third",
    );
    let device = Device::of_file(&path);
    assert!(device.unlock(b"third").unwrap().ct_eq(&volume_key(64)));
    assert!(device.unlock(PASSPHRASE).is_err());
}

#[test]
fn keyslots_that_are_added_changed_and_killed_here_are_followed_by_cryptsetup() {
    let folder = Folder::new();
    let path = folder.sparse("theirs.img", 24 * MIB);
    format(&path, &FAST_PBKDF2);
    let expected = volume_key_of(&path, PASSPHRASE);
    let mut device = Device::of_file(&path);
    let key = device.unlock(PASSPHRASE).unwrap();
    let mut header = device.luks2();

    let (id, area) = header
        .add_keyslot(b"second", &key, FAST_ARGON2, None)
        .unwrap();
    device.put(&area);
    device.apply(&header.commit().unwrap());
    device.save(&path);
    assert_eq!(id, 1);
    assert_eq!(volume_key_of(&path, b"second"), expected);
    assert_eq!(volume_key_of(&path, PASSPHRASE), expected);

    let change = header.change_keyslot(0, b"third", &key, FAST).unwrap();
    device.put(&change.write);
    device.apply(&header.commit().unwrap());
    device.put(&change.wipe);
    device.save(&path);
    assert_eq!(volume_key_of(&path, b"third"), expected);
    assert!(!opens(&path, PASSPHRASE));

    let wipe = header.kill_keyslot(1).unwrap();
    device.put(&wipe);
    device.apply(&header.commit().unwrap());
    device.save(&path);
    assert!(!opens(&path, b"second"));
    assert_eq!(volume_key_of(&path, b"third"), expected);
    assert_eq!(metadata_of(&path)["digests"]["0"]["keyslots"], json!(["0"]));
}

#[test]
fn a_keyslot_that_stores_another_key_is_never_taken_for_the_volumes() {
    let folder = Folder::new();
    let path = folder.path("ours.img");
    formatted(FAST).save(&path);
    cryptsetup(
        &[
            &[
                "luksAddKey",
                "--unbound",
                "--key-size",
                "512",
                "--key-file",
                "-",
            ],
            &FAST_PBKDF2[..],
            &[path.to_str().unwrap()],
        ]
        .concat(),
        b"unbound",
    );
    let device = Device::of_file(&path);
    let header = device.header();
    assert_eq!(
        header.keyslot_ids(),
        [0],
        "it stores another key than the volume's"
    );
    assert!(matches!(
        device.unlock(b"unbound"),
        Err(Error::WrongPassphrase { keyslot: 0 })
    ));
    let unbound = header.unlock(1, b"unbound", &device.at(header.keyslot_area(1).unwrap()));
    assert!(matches!(unbound, Err(Error::NoKeyslot(1))), "{unbound:?}");
    device.unlock(PASSPHRASE).unwrap();
}

#[test]
fn tokens_of_others_survive_a_write_here_and_ours_one_of_theirs() {
    let folder = Folder::new();
    let path = folder.path("ours.img");
    formatted(FAST).save(&path);
    let name = path.to_str().unwrap();
    let theirs = r#"{"type":"of-others","keyslots":["0"],"nested":{"z":[1,-2,3.5,null,true],"a":"/+é"},"big":18446744073709551615}"#;
    cryptsetup(
        &["token", "import", "--token-id", "7", name],
        theirs.as_bytes(),
    );

    let mut device = Device::of_file(&path);
    let mut header = device.luks2();
    let ours = header
        .add_token(json!({"type": "kluis", "keyslots": ["0"], "v": 1, "blob": "AAEC"}))
        .unwrap();
    device.apply(&header.commit().unwrap());
    device.save(&path);

    let exported = |id: &str| -> serde_json::Value {
        serde_json::from_slice(&cryptsetup(
            &["token", "export", "--token-id", id, name],
            &[],
        ))
        .unwrap()
    };
    assert_eq!(
        exported("7"),
        serde_json::from_str::<serde_json::Value>(theirs).unwrap()
    );
    assert_eq!(exported(&ours.to_string())["blob"], "AAEC");
    assert_eq!(
        device.luks2().json()["tokens"]["7"].to_string(),
        theirs,
        "members keep their order and form"
    );

    cryptsetup(&["token", "remove", "--token-id", "7", name], &[]);
    let header = Device::of_file(&path).luks2();
    assert_eq!(header.metadata().tokens.len(), 1);
    assert_eq!(header.metadata().tokens[&ours].kind, "kluis");
}

#[test]
fn a_header_with_one_damaged_copy_is_read_here_and_mended_for_cryptsetup() {
    let folder = Folder::new();
    for (place, damaged) in [
        (0x1234_u64, Which::Primary),
        (0x4000 + 0x1234, Which::Secondary),
    ] {
        let path = folder.sparse("theirs.img", 24 * MIB);
        format(&path, &FAST_PBKDF2);
        let mut device = Device::of_file(&path);
        let byte = device.at(place..place + 1)[0];
        device.write(place, &[byte ^ 1]);

        let read = device.read(Profile::Strict).unwrap();
        assert!(read.copy.needs_repair());
        assert_ne!(read.copy.used, damaged);
        assert!(
            matches!(&read.copy.other, OtherCopy::Torn(Error::Corrupt { field, .. }) if field == "csum")
        );
        device.unlock(PASSPHRASE).unwrap();

        device.apply(&device.luks2().commit().unwrap());
        device.save(&path);
        let copy = device.read(Profile::Strict).unwrap().copy;
        assert!(
            matches!(
                copy,
                Copy {
                    used: Which::Primary,
                    other: OtherCopy::Same
                }
            ),
            "{copy:?}"
        );
        assert!(opens(&path, PASSPHRASE));
    }
}

#[test]
fn a_header_of_ours_with_one_damaged_copy_is_mended_by_cryptsetup() {
    let folder = Folder::new();
    for place in [0, 0x4000] {
        let path = folder.path("ours.img");
        let mut device = formatted(FAST);
        device.write(place, &[0; 4096]);
        device.save(&path);
        assert!(opens(&path, PASSPHRASE));
        let mended = Device::of_file(&path).read(Profile::Strict).unwrap();
        assert!(!mended.copy.needs_repair(), "{:?}", mended.copy);
    }
}

#[test]
fn a_backup_of_cryptsetup_is_a_header_that_can_be_shown() {
    let folder = Folder::new();
    let path = folder.path("ours.img");
    formatted(FAST).save(&path);
    let backup = folder.path("backup");
    cryptsetup(
        &[
            "luksHeaderBackup",
            path.to_str().unwrap(),
            "--header-backup-file",
            backup.to_str().unwrap(),
        ],
        &[],
    );
    let backup = Device::of_file(&backup);
    let shown = backup.read(Profile::Permissive).unwrap().header;
    assert_eq!(shown.uuid(), Device::of_file(&path).header().uuid());
    let refused = backup.read(Profile::Strict).unwrap_err();
    assert_eq!(
        refused.field(),
        Some("segments.0.size"),
        "a backup is no device to open: {refused}"
    );
}

/// What cryptsetup writes and would open, and Kluis must not.
#[test]
fn weak_and_unfinished_volumes_of_cryptsetup_are_refused_and_can_be_shown() {
    let folder = Folder::new();
    let path = folder.sparse("theirs.img", 24 * MIB);
    let name = path.to_str().unwrap();
    let luks1 = ["--type", "luks1", "--pbkdf-force-iterations", "1000"];

    let refused = |fault: Fault, field: &str| {
        let device = Device::of_file(&path);
        let error = device.read(Profile::Strict).unwrap_err();
        assert_eq!(
            (error.fault(), error.field()),
            (fault, Some(field)),
            "{error}"
        );
        let shown = device.read(Profile::Permissive).unwrap().header;
        let opened = unlock_any(&shown, &device, PASSPHRASE).unwrap_err();
        assert_eq!(
            opened.field(),
            Some(field),
            "unlocking is strict whatever the profile: {opened}"
        );
    };

    // The keyslot's cipher is named apart, since cryptsetup needs the kernel for any but XTS.
    let data_cipher = |cipher: &'static str| {
        [
            "--cipher",
            cipher,
            "--key-size",
            "256",
            "--keyslot-cipher",
            "aes-xts-plain64",
            "--keyslot-key-size",
            "512",
        ]
    };
    format(
        &path,
        &[&FAST_PBKDF2[..], &data_cipher("aes-cbc-essiv:sha256")].concat(),
    );
    refused(Fault::Unsupported, "segments.0.encryption");

    format(
        &path,
        &[&FAST_PBKDF2[..], &["--hash", "whirlpool"]].concat(),
    );
    refused(Fault::Unsupported, "keyslots.0.af.hash");

    format(&path, &FAST_PBKDF2);
    cryptsetup(
        &[
            &["reencrypt", "--init-only", "--key-file", "-"],
            &FAST_PBKDF2[..],
            &[name],
        ]
        .concat(),
        PASSPHRASE,
    );
    refused(Fault::Unsupported, "config.requirements");

    format(&path, &luks1);
    cryptsetup(&["convert", "--type", "luks2", name], &[]);
    // LUKS1 cuts every digest to 20 bytes, and a converted header keeps that.
    refused(Fault::Weak, "digests.0.digest");
}

#[test]
fn a_cost_that_would_be_refused_on_opening_is_not_written() {
    let mut header =
        luks2::Header::format(&FormatOptions::new(24 * MIB).unwrap(), &volume_key(64)).unwrap();
    let weak = KdfChoice::Pbkdf2 {
        hash: crypto::HashAlgorithm::Sha256,
        iterations: 999,
    };
    let error = header
        .add_keyslot(PASSPHRASE, &volume_key(64), weak, None)
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Misuse);
    assert!(matches!(
        header.add_keyslot(PASSPHRASE, &volume_key(32), FAST, None),
        Err(Error::WrongVolumeKey)
    ));
}

#[test]
fn luks1_says_where_its_data_is() {
    let folder = Folder::new();
    let path = folder.sparse("theirs.img", 24 * MIB);
    format(
        &path,
        &["--type", "luks1", "--pbkdf-force-iterations", "1000"],
    );
    let header = Device::of_file(&path).header();
    assert!(matches!(header, Header::V1(_)));
    let payload = header.payload(24 * MIB).unwrap();
    assert_eq!(
        (payload.bytes, payload.sector_size, payload.iv_start),
        (2 * MIB..24 * MIB, 512, 0)
    );
}
