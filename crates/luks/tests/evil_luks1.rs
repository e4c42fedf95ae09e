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
fn a_changed_header_is_refused_by_the_field() {
    for refusal in evil_luks1::luks1(&good()) {
        let (device, name, field) = (&refusal.device, &refusal.name, refusal.field.as_str());
        let error = device
            .read(Profile::Strict)
            .map(|read| read.copy)
            .expect_err(name);
        assert_eq!(
            (error.fault(), error.field()),
            (refusal.fault, Some(field)),
            "{name}: {error}"
        );
        match device.read(Profile::Permissive) {
            Err(error) => assert!(
                refusal.always,
                "{name}: the specification allows it, but: {error}"
            ),
            Ok(read) => {
                assert!(
                    !refusal.always,
                    "{name}: against the specification, and yet shown"
                );
                let opened = unlock_any(&read.header, device, PASSPHRASE).unwrap_err();
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
