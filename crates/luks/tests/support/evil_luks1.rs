//! The same of LUKS1 headers: one thing changed of a good one with 64 bytes of key, data at 2 MiB and keyslots where cryptsetup puts them.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "tests")]

use super::Device;
use super::evil::Refusal;

/// All of them.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn luks1(good: &Device) -> Vec<Refusal> {
    use luks::Fault::{Corrupt, Unsupported, Weak};
    let number = |value: u32| value.to_be_bytes().to_vec();
    let text = |value: &str| [value.as_bytes(), &[0; 20]].concat();
    let slot = |id: usize, member: usize| 208 + 48 * id + member;
    // (name, offset, bytes, fault, field, against the specification)
    let cases = [
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
    ];
    let made = cases
        .into_iter()
        .map(|(name, at, bytes, fault, field, always)| {
            let mut device = good.clone();
            device.write(at as u64, &bytes);
            Refusal {
                name: name.to_owned(),
                device,
                fault,
                field: field.to_owned(),
                change: format!("{} bytes at {at}", bytes.len()),
                always,
            }
        });
    made.collect()
}
