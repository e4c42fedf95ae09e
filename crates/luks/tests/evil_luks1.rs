//! LUKS1 headers with one thing changed, and the refusal each must get.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use luks::{Error, Fault, Profile};
use support::*;

/// A header as cryptsetup writes it: AES-XTS with 64 bytes of key, data at 2 MiB.
fn good() -> Device {
    let mut bytes = vec![0; 592];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"LUKS\xba\xbe\x00\x01");
    put(8, b"aes");
    put(40, b"xts-plain64");
    put(72, b"sha256");
    put(104, &4096_u32.to_be_bytes());
    put(108, &64_u32.to_be_bytes());
    put(164, &1000_u32.to_be_bytes());
    put(168, b"12345678-1234-4abc-8def-123456789abc");
    for id in 0..8_u32 {
        let at = 208 + 48 * id as usize;
        let active = if id == 0 { 0x00AC_71F3_u32 } else { 0xDEAD };
        put(at, &active.to_be_bytes());
        put(at + 4, &1000_u32.to_be_bytes());
        put(at + 40, &(8 + 504 * id).to_be_bytes());
        put(at + 44, &4000_u32.to_be_bytes());
    }
    Device {
        bytes,
        len: 4 * MIB,
    }
}

#[test]
fn the_good_header_that_the_others_are_made_of_is_read() {
    let header = good().header();
    assert_eq!(header.keyslot_ids(), [0]);
    assert_eq!(header.cipher(), "aes-xts-plain64");
    assert_eq!(header.keyslot_area(0).unwrap(), 4096..4096 + 256_000);
    assert!(matches!(header.keyslot_area(1), Err(Error::NoKeyslot(1))));
    assert!(matches!(
        good().unlock(PASSPHRASE),
        Err(Error::WrongPassphrase { keyslot: 0 })
    ));
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn a_changed_header_is_refused_by_the_field() {
    use Fault::{Corrupt, Unsupported, Weak};
    let number = |value: u32| value.to_be_bytes().to_vec();
    let text = |value: &str| [value.as_bytes(), &[0; 20]].concat();
    let slot = |id: usize, member: usize| 208 + 48 * id + member;
    // (name, offset, bytes, fault, field, against the specification)
    for (name, at, bytes, fault, field, always) in [
        (
            "cipher-null",
            8,
            text("cipher_null"),
            Weak,
            "cipherName",
            false,
        ),
        (
            "cipher-serpent",
            8,
            text("serpent"),
            Unsupported,
            "cipherName",
            false,
        ),
        (
            "cipher-not-text",
            8,
            vec![0xff; 8],
            Corrupt,
            "cipherName",
            true,
        ),
        (
            "mode-cbc",
            40,
            text("cbc-essiv:sha256"),
            Unsupported,
            "cipherMode",
            false,
        ),
        (
            "mode-plain-of-32-bits",
            40,
            text("xts-plain"),
            Unsupported,
            "cipherMode",
            false,
        ),
        (
            "mode-of-cipher-null",
            40,
            text("ecb(cipher_null)"),
            Weak,
            "cipherName",
            false,
        ),
        (
            "hash-ripemd160",
            72,
            text("ripemd160"),
            Unsupported,
            "hashSpec",
            false,
        ),
        (
            "hash-with-a-blank",
            72,
            text("sha256 "),
            Corrupt,
            "hashSpec",
            true,
        ),
        (
            "payload-detached",
            104,
            number(0),
            Unsupported,
            "payloadOffset",
            false,
        ),
        (
            "payload-beyond-the-device",
            104,
            number(8192),
            Corrupt,
            "payloadOffset",
            false,
        ),
        (
            "payload-over-key-material",
            104,
            number(4000),
            Corrupt,
            "keyslots.7.keyMaterialOffset",
            true,
        ),
        (
            "key-size-16",
            108,
            number(16),
            Unsupported,
            "keyBytes",
            false,
        ),
        ("key-size-0", 108, number(0), Unsupported, "keyBytes", false),
        (
            "key-size-unbounded",
            108,
            number(u32::MAX),
            Corrupt,
            "keyslots.0.keyMaterialOffset",
            true,
        ),
        (
            "digest-iterations-0",
            164,
            number(0),
            Weak,
            "mkDigestIterations",
            false,
        ),
        (
            "digest-iterations-unbounded",
            164,
            number(u32::MAX),
            Unsupported,
            "mkDigestIterations",
            false,
        ),
        ("uuid-empty", 168, vec![0; 40], Corrupt, "uuid", true),
        ("uuid-not-one", 168, text("zzzz"), Corrupt, "uuid", true),
        (
            "keyslot-neither-active-nor-not",
            slot(3, 0),
            number(1),
            Corrupt,
            "keyslots.3.active",
            true,
        ),
        (
            "keyslot-iterations-1",
            slot(0, 4),
            number(1),
            Weak,
            "keyslots.0.iterations",
            false,
        ),
        (
            "keyslot-iterations-unbounded",
            slot(0, 4),
            number(u32::MAX),
            Unsupported,
            "keyslots.0.iterations",
            false,
        ),
        (
            "keyslot-in-the-header",
            slot(0, 40),
            number(1),
            Corrupt,
            "keyslots.0.keyMaterialOffset",
            true,
        ),
        (
            "keyslot-in-the-data",
            slot(0, 40),
            number(4000),
            Corrupt,
            "keyslots.0.keyMaterialOffset",
            true,
        ),
        (
            "keyslot-past-the-end",
            slot(0, 40),
            number(u32::MAX),
            Corrupt,
            "keyslots.0.keyMaterialOffset",
            true,
        ),
        (
            "keyslot-over-another",
            slot(1, 40),
            number(9),
            Corrupt,
            "keyslots.1.keyMaterialOffset",
            true,
        ),
        (
            "stripes-1",
            slot(0, 44),
            number(1),
            Corrupt,
            "keyslots.0.stripes",
            true,
        ),
        (
            "stripes-0-of-an-inactive-keyslot",
            slot(5, 44),
            number(0),
            Corrupt,
            "keyslots.5.stripes",
            true,
        ),
        (
            "stripes-unbounded",
            slot(0, 44),
            number(u32::MAX),
            Corrupt,
            "keyslots.0.stripes",
            true,
        ),
    ] {
        let mut device = good();
        device.write(at as u64, &bytes);
        let error = device
            .read(Profile::Strict)
            .map(|read| read.copy)
            .expect_err(name);
        assert_eq!(
            (error.fault(), error.field()),
            (fault, Some(field)),
            "{name}: {error}"
        );
        match device.read(Profile::Permissive) {
            Err(error) => assert!(always, "{name}: the specification allows it, but: {error}"),
            Ok(read) => {
                assert!(!always, "{name}: against the specification, and yet shown");
                let opened = unlock_any(&read.header, &device, PASSPHRASE).unwrap_err();
                assert_eq!(
                    opened.field(),
                    Some(field),
                    "{name}: unlocking is strict: {opened}"
                );
            }
        }
    }
}

#[test]
fn a_header_cut_short_is_refused() {
    for len in [8, 100, 591] {
        let device = Device {
            bytes: good().at(0..len),
            len,
        };
        assert_eq!(
            device.read(Profile::Permissive).unwrap_err().fault(),
            Fault::Corrupt,
            "{len} bytes"
        );
    }
}
