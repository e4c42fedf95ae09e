//! What holds for every input: the properties that the fuzz targets run, on their corpora and on random bytes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use luks::luks2::FormatOptions;
use luks::{Profile, VolumeKey, luks2, property};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::*;

/// Any JSON, but for numbers that are no integers.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[\\PC]{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec(("[a-z0-9_]{1,6}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let inputs: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(!inputs.is_empty(), "{name} has no corpus");
    inputs
}

#[test]
fn the_properties_hold_on_the_fuzzers_corpora() {
    for input in [corpus("luks2_header"), corpus("luks1_header")].concat() {
        property::device(&input);
    }
    for input in corpus("luks2_json") {
        property::luks2_json(&input);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_bytes_make_reading_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..1000), magic in 0..3) {
        match magic {
            1 => bytes.splice(0..0, *b"LUKS\xba\xbe\x00\x01").for_each(drop),
            2 => bytes.splice(0..0, *b"LUKS\xba\xbe\x00\x02").for_each(drop),
            _ => {}
        }
        property::device(&bytes);
    }

    #[test]
    fn no_flipped_bits_make_reading_panic(flips in prop::collection::vec((0..592_usize, any::<u8>()), 1..6)) {
        for mut input in corpus("luks1_header") {
            for (at, byte) in &flips {
                if let Some(place) = input.get_mut(*at) {
                    *place ^= byte;
                }
            }
            property::device(&input);
        }
    }

    #[test]
    fn no_json_makes_reading_panic(json in any_json()) {
        property::luks2_json(json.to_string().as_bytes());
    }

    #[test]
    fn no_changed_member_makes_reading_panic(path in 0..200_usize, value in any_json()) {
        for input in corpus("luks2_json") {
            let Ok(mut json) = serde_json::from_slice::<Value>(&input) else { continue };
            let mut places = pointers(&json);
            let place = places.swap_remove(path % places.len());
            *json.pointer_mut(&place).unwrap() = value.clone();
            property::luks2_json(json.to_string().as_bytes());
        }
    }

    #[test]
    fn a_token_comes_back_as_it_was_put(members in any_json()) {
        let mut device = Device::blank(24 * MIB);
        let mut header = luks2::Header::format(&FormatOptions::new(24 * MIB).unwrap(), &volume_key(64)).unwrap();
        let token = json!({"type": "of-others", "keyslots": [], "rest": members});
        let id = header.add_token(token.clone()).unwrap();
        device.apply(&header.commit().unwrap());
        let read = device.luks2();
        prop_assert_eq!(read.json()["tokens"][id.to_string()].to_string(), token.to_string());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_is_formatted_is_read_and_unlocked(
        passphrase in prop::collection::vec(any::<u8>(), 0..200),
        label in "[a-zé]{0,23}",
        large_sector in any::<bool>(),
        short_key in any::<bool>(),
        size in 0..5_usize,
        data_mib in 8..20_u64,
    ) {
        let options = FormatOptions {
            label: label.clone(),
            sector_size: if large_sector { 4096 } else { 512 },
            header_size: luks::limits::HEADER_SIZES[size],
            data_offset: data_mib * MIB,
            ..FormatOptions::new(24 * MIB).unwrap()
        };
        let key = VolumeKey::random(if short_key { 32 } else { 64 }).unwrap();
        let mut header = luks2::Header::format(&options, &key).unwrap();
        let (_, area) = header.add_keyslot(&passphrase, &key, FAST, Some(31)).unwrap();
        let mut device = Device::blank(options.device_len);
        device.put(&area);
        device.apply(&header.commit().unwrap());

        let read = device.read(Profile::Strict).unwrap();
        prop_assert!(!read.copy.needs_repair());
        prop_assert_eq!(read.header.uuid(), options.uuid);
        let found = device.luks2();
        prop_assert_eq!(found.label(), label);
        prop_assert_eq!(read.header.volume_key_len(), Some(key.len()));
        let payload = read.header.payload(device.len).unwrap();
        prop_assert_eq!(payload.bytes, data_mib * MIB..24 * MIB);
        prop_assert!(device.unlock(&passphrase).unwrap().ct_eq(&key));
        prop_assert!(device.unlock(b"\xffanother").is_err());
    }
}

/// Every place in a JSON value.
fn pointers(json: &Value) -> Vec<String> {
    fn walk(json: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match json {
            Value::Object(members) => members
                .iter()
                .for_each(|(name, value)| walk(value, &format!("{at}/{name}"), found)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, value)| walk(value, &format!("{at}/{index}"), found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(json, "", &mut found);
    found
}
