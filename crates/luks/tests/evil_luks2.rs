//! Headers that somebody prepared: each one a good header with one thing changed, and the refusal it must get (`support/evil.rs` has them).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use luks::{Error, Fault, Profile};
use serde_json::json;
use support::evil::{self, COPY, Refusal, with_json};
use support::*;

/// A good header with two keyslots and a token.
fn good() -> Device {
    let mut device = formatted(FAST);
    let mut header = device.luks2();
    let (_, area) = header
        .add_keyslot(b"second", &volume_key(64), FAST_ARGON2, None)
        .unwrap();
    device.put(&area);
    header
        .add_token(json!({"type": "kluis", "keyslots": ["0"]}))
        .unwrap();
    device.apply(&header.commit().unwrap());
    device
}

fn refused(device: &Device, name: &str) -> Error {
    match device.read(Profile::Strict) {
        Err(error) => error,
        Ok(_) => panic!("{name}: accepted"),
    }
}

fn holds(refusal: &Refusal) {
    let Refusal {
        name,
        device,
        fault,
        field,
        always,
        ..
    } = refusal;
    let error = refused(device, name);
    assert_eq!(
        (error.fault(), error.field()),
        (*fault, Some(field.as_str())),
        "{name}: {error}"
    );
    assert!(
        error.to_string().contains(field.as_str()),
        "{name}: {error}"
    );
    match device.read(Profile::Permissive) {
        Err(error) => assert!(*always, "{name}: the specification allows it, but: {error}"),
        Ok(read) => {
            assert!(!*always, "{name}: against the specification, and yet shown");
            let opened = unlock_any(&read.header, device, PASSPHRASE).unwrap_err();
            if !matches!(opened, Error::NoKeyslot(_)) {
                assert_eq!(opened.field(), Some(field.as_str()), "{name}: {opened}");
            }
        }
    }
}

fn all_hold(refusals: &[Refusal]) {
    assert!(!refusals.is_empty());
    for refusal in refusals {
        holds(refusal);
    }
}

#[test]
fn the_good_header_that_the_others_are_made_of_opens() {
    let device = with_json(&good(), &|_| {});
    assert!(device.unlock(PASSPHRASE).unwrap().ct_eq(&volume_key(64)));
    assert!(device.unlock(b"second").unwrap().ct_eq(&volume_key(64)));
}

#[test]
fn what_breaks_the_specification_is_refused_under_every_profile() {
    all_hold(&evil::broken(&good()));
}

#[test]
fn a_missing_member_is_refused_by_its_name() {
    all_hold(&evil::missing(&good()));
}

#[test]
fn what_is_outside_the_allow_list_is_refused_and_can_be_shown() {
    all_hold(&evil::disallowed(&good()));
}

#[test]
fn a_second_digest_of_the_segment_or_of_a_keyslot_is_refused() {
    all_hold(&evil::digests(&good()));
}

#[test]
fn a_member_that_is_there_twice_is_refused_by_its_path() {
    all_hold(&evil::twice(&good()));
}

#[test]
fn a_json_area_that_is_no_single_object_is_refused() {
    all_hold(&evil::json_areas(&good()));
}

#[test]
fn a_binary_header_that_contradicts_itself_is_refused_by_the_field() {
    all_hold(&evil::binary_headers(&good()));
}

#[test]
fn a_checksum_that_is_not_the_copys_is_refused() {
    all_hold(&evil::checksums(&good()));
}

#[test]
fn the_allow_list_does_not_fall_back_to_an_older_copy() {
    all_hold(&evil::newer_copies(&good()));
}

#[test]
fn a_flipped_bit_in_any_of_the_first_512_bytes_of_one_copy_leaves_the_other() {
    let mut good = good();
    good.bytes.truncate(0x8000);
    for byte in 0..512 {
        let mut device = good.clone();
        device.bytes[byte] ^= 1 << (byte % 8);
        let read = device
            .read(Profile::Strict)
            .unwrap_or_else(|error| panic!("byte {byte}: {error}"));
        assert!(read.copy.needs_repair(), "byte {byte} went unnoticed");
    }
}

#[test]
fn a_header_cut_short_anywhere_is_refused() {
    let good = good();
    for len in (0..0x8000).step_by(509) {
        let device = Device {
            bytes: good.at(0..len),
            len,
        };
        let error = device.read(Profile::Permissive).map(|read| read.copy.used);
        if len < 0x4000 {
            assert!(error.is_err(), "{len} bytes");
        } else {
            assert!(
                matches!(error, Ok(luks::Which::Primary)),
                "{len} bytes: the primary is whole"
            );
        }
        assert!(
            device.read(Profile::Strict).is_err(),
            "{len} bytes hold no data"
        );
    }
}

#[test]
fn a_blank_or_foreign_device_has_no_header() {
    for bytes in [
        Vec::new(),
        vec![0; 100],
        vec![0; 1 << 20],
        b"LUKS\xba".to_vec(),
        vec![0x53; 1 << 16],
    ] {
        let len = bytes.len() as u64;
        let outcome = Device { bytes, len }.read(Profile::Permissive);
        assert!(matches!(outcome, Err(Error::NotLuks)), "{outcome:?}");
    }
}

#[test]
fn headers_swapped_between_volumes_do_not_open_each_others_keyslots() {
    let one = formatted(FAST);
    let other = formatted_with(
        &luks::luks2::FormatOptions::new(24 * MIB).unwrap(),
        &volume_key(32),
        FAST,
    );
    let mut swapped = other;
    swapped.write(0, &one.at(0..0x8000));
    assert!(matches!(
        swapped.unlock(PASSPHRASE),
        Err(Error::WrongPassphrase { .. })
    ));
}

#[test]
fn damaged_key_material_is_a_wrong_passphrase_and_not_a_wrong_key() {
    let mut device = formatted(FAST);
    let area = device.luks2().keyslot_area(0).unwrap();
    for at in [area.start, area.start + 100_000, area.start + 255_999] {
        let byte = device.at(at..at + 1)[0];
        device.write(at, &[byte ^ 1]);
        assert!(matches!(
            device.unlock(PASSPHRASE),
            Err(Error::WrongPassphrase { keyslot: 0 })
        ));
        device.write(at, &[byte]);
    }
    device.unlock(PASSPHRASE).unwrap();
    let short = device
        .header()
        .unlock(0, PASSPHRASE, &device.at(area.start..area.start + 255_999));
    assert!(matches!(short, Err(Error::Misuse { .. })), "{short:?}");
}

#[test]
fn there_are_at_least_a_hundred_of_them() {
    assert!(evil::luks2(&good()).len() > 200);
}

#[test]
fn a_bad_sector_under_one_copy_leaves_the_other_and_is_never_taken_for_a_blank_device() {
    let good = good();
    let read = |bad: &[std::ops::Range<u64>], device: &Device| {
        let mut source = |offset: u64, len: usize| {
            let asked = offset..offset + len as u64;
            if bad
                .iter()
                .any(|bad| bad.start < asked.end && asked.start < bad.end)
            {
                return Err(std::io::Error::other("bad sector"));
            }
            Ok(device.at(asked))
        };
        luks::Header::read(&mut source, device.len, Profile::Strict)
    };
    let (primary, secondary) = (0..512, COPY + 8192..COPY + 8704);
    assert_eq!(
        read(std::slice::from_ref(&primary), &good)
            .unwrap()
            .copy
            .used,
        luks::Which::Secondary
    );
    let kept = read(std::slice::from_ref(&secondary), &good).unwrap().copy;
    assert!(kept.used == luks::Which::Primary && kept.needs_repair());
    assert!(matches!(
        read(&[primary.clone(), secondary], &good),
        Err(Error::Read(_))
    ));
    let blank = Device::blank(24 * MIB);
    assert!(matches!(read(&[primary], &blank), Err(Error::Read(_))));
    assert!(matches!(
        read(std::slice::from_ref(&(COPY..COPY + 512)), &blank),
        Err(Error::Read(_))
    ));
    assert!(matches!(read(&[], &blank), Err(Error::NotLuks)));
}

#[test]
fn a_change_that_would_not_be_opened_again_is_not_made() {
    let device = good();
    let mut header = device.luks2();
    let before = header.json().clone();
    for token in [
        json!({"keyslots": []}),
        json!({"type": "kluis", "keyslots": ["30"]}),
        json!("kluis"),
    ] {
        assert_eq!(header.add_token(token).unwrap_err().fault(), Fault::Misuse);
    }
    assert_eq!(
        header
            .set_token(32, json!({"type": "kluis", "keyslots": []}))
            .unwrap_err()
            .fault(),
        Fault::Misuse
    );
    let large = json!({"type": "kluis", "keyslots": [], "blob": "x".repeat(12_000)});
    assert!(matches!(header.add_token(large), Err(Error::Full(_))));
    assert!(matches!(header.remove_token(9), Err(Error::NoToken(9))));
    assert!(matches!(header.kill_keyslot(9), Err(Error::NoKeyslot(9))));
    assert!(header.set_labels(&"x".repeat(48), "").is_err());
    assert_eq!(*header.json(), before);
}

#[test]
fn keyslots_are_added_until_there_are_no_more_numbers_or_room() {
    let key = volume_key(64);
    let mut header =
        luks::luks2::Header::format(&luks::luks2::FormatOptions::new(24 * MIB).unwrap(), &key)
            .unwrap();
    let mut areas: Vec<std::ops::Range<u64>> = Vec::new();
    // 12 KiB of JSON hold 26 or 27 keyslots of this kind, fewer than there are numbers.
    let full = loop {
        match header.add_keyslot(PASSPHRASE, &key, FAST, None) {
            Ok((id, area)) => {
                let range = area.offset..area.offset + area.bytes.len() as u64;
                assert!(
                    areas
                        .iter()
                        .all(|other| range.end <= other.start || other.end <= range.start)
                );
                assert_eq!(header.keyslot_area(id).unwrap(), range);
                areas.push(range);
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::Full(_)), "{full}");
    assert!((20..=32).contains(&areas.len()), "{}", areas.len());
    header.commit().unwrap();
    assert!(
        header.add_keyslot(PASSPHRASE, &key, FAST, Some(3)).is_err(),
        "number 3 is in use"
    );
    let _ = header.kill_keyslot(3).unwrap();
    let (given, area) = header.add_keyslot(PASSPHRASE, &key, FAST, Some(3)).unwrap();
    assert_eq!(
        (given, area.offset),
        (3, areas[3].start),
        "the gap is used again"
    );
}
