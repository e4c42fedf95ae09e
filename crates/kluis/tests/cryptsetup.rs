//! The same LUKS for both: cryptsetup opens what `kluis` made, and `kluis` opens what cryptsetup made.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod stage;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crypto::XtsKey;
use stage::{Stage, Volume, run, run_with_input};

/// Where the data of cryptsetup's LUKS2 begins by default.
const OFFSET: u64 = 16 << 20;

#[test]
fn cryptsetup_opens_what_kluis_made_with_the_seeds_secret() {
    let mut stage = Stage::new();
    let volume = stage.seed_volume();
    stage.kluis(["up"]).ok();
    stage.kluis(["down"]).ok();
    let secret = stage.secret("s3://vault/secret");
    assert!(secret.starts_with(b"kluis1-"));

    let open = ["open", "--test-passphrase", "--key-file", "-"];
    let image = volume.image.to_str().unwrap();
    run_with_input("cryptsetup", open.iter().chain([&image]), &secret).ok();
    let wrong = run_with_input("cryptsetup", open.iter().chain([&image]), b"another secret");
    assert_eq!(wrong.code, 2, "{}", wrong.err);
    let dump = run("cryptsetup", ["luksDump", image]).ok();
    for part in [
        "Version:       \t2",
        "cipher: aes-xts-plain64",
        "sector: 4096",
        "PBKDF:      pbkdf2",
        "0: kluis",
    ] {
        assert!(dump.contains(part), "no {part:?} in:\n{dump}");
    }
}

#[test]
fn kluis_opens_what_cryptsetup_formatted() {
    for format in [
        &["--type", "luks2", "--sector-size", "4096"][..],
        &[
            "--type",
            "luks2",
            "--sector-size",
            "512",
            "--pbkdf",
            "argon2id",
            "--pbkdf-memory",
            "32768",
            "--pbkdf-force-iterations",
            "4",
            "--pbkdf-parallel",
            "1",
        ],
        &["--type", "luks1"],
    ] {
        let mut stage = Stage::new();
        let volume = stage.seed_volume();
        let secret = stage.secret("s3://vault/secret");
        format_with_cryptsetup(&stage, &volume, format, &secret);
        let before = volume.digest();

        stage.kluis(["up"]).ok();

        assert_eq!(
            volume.read("recipe").unwrap(),
            "of another kitchen\n",
            "{format:?}"
        );
        let text = stage.kluis(["status", &volume.name]).ok();
        assert!(
            text.contains("binding:     none: the header was not made by kluis"),
            "{text}"
        );
        assert_eq!(stage.status(&volume)["binding"], "not-bound");
        let kind = if format.contains(&"luks1") {
            "LUKS1"
        } else {
            "LUKS2"
        };
        assert_eq!(stage.status(&volume)["type"], kind);
        stage.kluis(["down"]).ok();
        assert_ne!(
            volume.digest(),
            before,
            "a mount counts itself in the superblock"
        );

        // The header is another program's: token mode wants one that is bound to the machine.
        stage.reconfigure("secret = \"s3://vault/secret\"", "");
        let before = volume.digest();
        stage
            .kluis(["up"])
            .refused(2, &["is not bound", "give its secret as `secret`"]);
        assert_eq!(volume.digest(), before);
    }
}

#[test]
fn a_volume_that_opens_and_holds_no_file_system_is_not_formatted() {
    let mut stage = Stage::new();
    let volume = stage.seed_volume();
    let secret = stage.secret("s3://vault/secret");
    format_with_cryptsetup(&stage, &volume, &["--type", "luks2"], &secret);
    let image = OpenOptions::new().write(true).open(&volume.image).unwrap();
    image.write_all_at(&vec![0x5a; 1 << 20], OFFSET).unwrap();
    let before = volume.digest();

    stage
        .kluis(["up"])
        .refused(4, &["opens and holds", "kluis header show"]);

    assert_eq!(volume.digest(), before);
}

/// Formats the image with cryptsetup, and puts an ext4 with a file into it: encrypted here, since this kernel may have no dm-crypt.
fn format_with_cryptsetup(stage: &Stage, volume: &Volume, format: &[&str], secret: &[u8]) {
    let size = 64 << 20;
    fs::File::create(&volume.image)
        .unwrap()
        .set_len(size)
        .unwrap();
    let key: Vec<u8> = (0..64).map(|at: u8| at.wrapping_mul(37) ^ 0x5a).collect();
    let key_file = stage.path("volume-key");
    fs::write(&key_file, &key).unwrap();
    let costs: &[&str] = if format.contains(&"--pbkdf") {
        &[]
    } else if format.contains(&"luks1") {
        &["--pbkdf-force-iterations", "1000"]
    } else {
        &["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
    };
    let image = volume.image.to_str().unwrap();
    let arguments = [
        "luksFormat",
        "--batch-mode",
        "--cipher",
        "aes-xts-plain64",
        "--key-size",
        "512",
        "--offset",
        "32768",
    ];
    let key_file = [
        "--volume-key-file",
        key_file.to_str().unwrap(),
        "--key-file",
        "-",
        image,
    ];
    let formatted = run_with_input(
        "cryptsetup",
        arguments.iter().chain(format).chain(costs).chain(&key_file),
        secret,
    );
    formatted.ok();

    let plain = file_system(stage, size - OFFSET);
    let mut bytes = fs::read(plain).unwrap();
    let sector = if format.contains(&"4096") { 4096 } else { 512 };
    let key = XtsKey::new(&key).unwrap();
    key.encryptor()
        .unwrap()
        .sectors(&mut bytes, sector, 0)
        .unwrap();
    let image = OpenOptions::new().write(true).open(&volume.image).unwrap();
    image.write_all_at(&bytes, OFFSET).unwrap();
}

/// An ext4 of that size that holds a file.
fn file_system(stage: &Stage, size: u64) -> std::path::PathBuf {
    let content = stage.path("content");
    let plain = stage.path("plain");
    fs::create_dir_all(&content).unwrap();
    fs::write(content.join("recipe"), "of another kitchen\n").unwrap();
    fs::File::create(&plain).unwrap().set_len(size).unwrap();
    // Blocks of the largest sector, or the disk that the view becomes is not mounted.
    let arguments = [Path::new("-qFb4096"), Path::new("-d"), &content, &plain];
    let made = run("mkfs.ext4", arguments);
    assert_eq!(made.code, 0, "{}", made.err);
    plain
}
