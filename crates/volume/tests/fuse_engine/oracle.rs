//! qemu and we see the same volume.

use std::fs;

use super::fixture::{Fixture, pattern, read_direct, run, text, write_synced};
use crate::{Test, tests};

pub(crate) const TESTS: &[Test] = &{
    use super::oracle;
    tests![oracle: qemu_reads_what_we_wrote_and_we_read_what_qemu_wrote]
};

/// A LUKS1 image that cryptsetup makes with a key we know, and qemu opens with the passphrase.
pub(crate) fn qemu_reads_what_we_wrote_and_we_read_what_qemu_wrote() {
    let mut fixture = Fixture::new(512, 15);
    let (key, passphrase) = (fixture.path("key"), fixture.path("passphrase"));
    fs::write(&key, &fixture.key).unwrap();
    fs::write(&passphrase, "correct horse").unwrap();
    run(
        "cryptsetup",
        &[
            "luksFormat",
            "--batch-mode",
            "--type=luks1",
            "--cipher=aes-xts-plain64",
            "--key-size=512",
            "--pbkdf-force-iterations=1000",
            "--volume-key-file",
            text(&key),
            "--key-file",
            text(&passphrase),
            text(&fixture.image()),
        ],
    );
    // LUKS1's payload-offset, at byte 104, in sectors of 512 bytes.
    let header = fs::read(fixture.image()).unwrap();
    fixture.payload.start =
        u64::from(u32::from_be_bytes(*header[104..].first_chunk().unwrap())) * 512;

    let secret = format!("secret,id=s,file={}", passphrase.display());
    let image = format!(
        "driver=luks,key-secret=s,file.driver=file,file.locking=off,file.filename={}",
        fixture.image().display()
    );
    let qemu_io = |command: &str| {
        run(
            "qemu-io",
            &["--object", &secret, "--image-opts", &image, "-c", command],
        )
    };
    qemu_io("write -P 0xA7 1M 1M");
    let device = fixture.opened();
    assert_eq!(
        read_direct(&device, 1 << 20, 1 << 20).unwrap(),
        vec![0xA7; 1 << 20]
    );
    let data = pattern(1 << 20, 8);
    write_synced(&device, 2 << 20, &data).unwrap();
    fixture.close();

    let plain = fixture.path("plain");
    run(
        "qemu-img",
        &[
            "convert",
            "--object",
            &secret,
            "--image-opts",
            &image,
            "-O",
            "raw",
            text(&plain),
        ],
    );
    let seen = fs::read(&plain).unwrap();
    assert!(seen[1 << 20..2 << 20] == vec![0xA7; 1 << 20][..]);
    assert!(seen[2 << 20..3 << 20] == data);
    assert_eq!(
        seen.len() as u64,
        fixture.payload.end - fixture.payload.start
    );
}
