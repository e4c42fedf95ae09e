//! What holds for every input.
#![allow(clippy::unwrap_used, reason = "tests")]

use crypto::{Error, Secret, SecretBytes, WrappingKey, XtsKey};
use proptest::prelude::*;

fn key(byte: u8) -> Secret<32> {
    Secret::from_slice_wiping(&mut [byte; 32]).unwrap()
}

fn xts_key(len: usize) -> XtsKey {
    XtsKey::new(&(0..u8::try_from(len).unwrap()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_secret_says_nothing_when_printed() {
    assert_eq!(format!("{:?}", key(7)), "Secret<32>");
    assert_eq!(
        format!("{:?}", SecretBytes::random(9).unwrap()),
        "SecretBytes"
    );
    assert!(!format!("{:?}", WrappingKey::new(key(7))).contains('7'));
}

#[test]
fn moving_a_secret_in_wipes_where_it_was() {
    let mut source = *b"correct horse battery staple 123";
    let moved = Secret::from_slice_wiping(&mut source).unwrap();
    assert_eq!(source, [0; 32]);
    assert_eq!(moved.danger_expose(), b"correct horse battery staple 123");
}

#[test]
fn secrets_compare_by_content_and_length() {
    let bytes = |text: &[u8]| SecretBytes::copy_of(text).unwrap();
    assert!(bytes(b"same").ct_eq(&bytes(b"same")));
    assert!(!bytes(b"same").ct_eq(&bytes(b"sama")));
    assert!(!bytes(b"same").ct_eq(&bytes(b"same ")));
    assert!(bytes(b"same").ct_eq(&bytes(b"same and more").truncated(4)));
    assert!(Secret::<32>::try_from(&bytes(b"short")).is_err());
}

#[test]
fn ten_thousand_keys_take_less_than_a_megabyte_of_locked_pages() {
    let locked = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmLck:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    let before = locked();
    let keys: Vec<Secret<32>> = (0..10_000).map(|_| Secret::random().unwrap()).collect();
    assert!(
        locked() - before < 1024,
        "{} KiB for {} keys",
        locked() - before,
        keys.len()
    );
}

#[test]
fn what_is_wrapped_opens_only_with_the_same_key_label_header_and_aad() {
    let wrapping = WrappingKey::new(key(1));
    let blob = wrapping
        .wrap(b"label", b"header", b"aad", b"plaintext")
        .unwrap();
    assert_eq!(
        wrapping
            .unwrap(b"label", b"header", b"aad", &blob)
            .unwrap()
            .danger_expose(),
        b"plaintext"
    );
    let refused = |key: &WrappingKey, label: &[u8], header: &[u8], aad: &[u8], blob: &[u8]| {
        matches!(
            key.unwrap(label, header, aad, blob),
            Err(Error::NotAuthentic)
        )
    };
    assert!(refused(
        &WrappingKey::new(key(2)),
        b"label",
        b"header",
        b"aad",
        &blob
    ));
    assert!(refused(&wrapping, b"labe1", b"header", b"aad", &blob));
    assert!(refused(&wrapping, b"label", b"heade", b"raad", &blob));
    assert!(refused(&wrapping, b"label", b"header", b"", &blob));
    for index in 0..blob.len() {
        let mut changed = blob.clone();
        changed[index] ^= 1;
        assert!(
            refused(&wrapping, b"label", b"header", b"aad", &changed),
            "byte {index}"
        );
        assert!(
            refused(&wrapping, b"label", b"header", b"aad", &blob[..index]),
            "cut at {index}"
        );
    }
}

#[test]
fn one_plaintext_never_wraps_to_the_same_bytes() {
    let wrapping = WrappingKey::new(key(1));
    let wrap = || wrapping.wrap(b"label", b"", b"", b"plaintext").unwrap();
    assert_ne!(wrap(), wrap());
}

#[test]
fn xts_refuses_equal_halves_and_other_lengths() {
    assert!(matches!(XtsKey::new(&[9; 64]), Err(Error::EqualHalves)));
    assert!(matches!(XtsKey::new(&[9; 32]), Err(Error::EqualHalves)));
    for len in [0, 16, 31, 33, 48, 63, 65, 128] {
        assert!(
            matches!(XtsKey::new(&vec![1; len]), Err(Error::Length { .. })),
            "{len}"
        );
    }
}

#[test]
fn xts_refuses_data_that_is_not_whole_sectors_and_leaves_it_alone() {
    let key = xts_key(64);
    let mut cipher = key.encryptor().unwrap();
    let mut data = vec![5; 4096 + 512];
    assert!(cipher.sectors(&mut data, 4096, 0).is_err());
    assert!(cipher.sectors(&mut data, 0, 0).is_err());
    assert!(cipher.sectors(&mut data, 520, 0).is_err());
    assert!(cipher.sectors(&mut data, 8192, 0).is_err());
    assert!(matches!(
        cipher.sectors(&mut data, 512, u64::MAX - 3),
        Err(Error::SectorOverflow)
    ));
    assert_eq!(data, vec![5; 4096 + 512]);
}

#[test]
fn a_large_sectors_tweak_counts_in_units_of_512_bytes() {
    for len in [32, 64] {
        let key = xts_key(len);
        let mut two = vec![0; 8192];
        key.encryptor()
            .unwrap()
            .sectors(&mut two, 4096, 80)
            .unwrap();
        let mut second = vec![0; 4096];
        key.encryptor()
            .unwrap()
            .sectors(&mut second, 4096, 88)
            .unwrap();
        assert_eq!(two[4096..], second);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn xts_decrypts_what_it_encrypts(
        data in prop::collection::vec(any::<u8>(), 4096..=4096),
        number in 0..u64::MAX - 8,
        long_key in any::<bool>(),
        sector_size in prop::sample::select(vec![512_usize, 1024, 2048, 4096]),
    ) {
        let key = xts_key(if long_key { 64 } else { 32 });
        let mut work = data.clone();
        key.encryptor().unwrap().sectors(&mut work, sector_size, number).unwrap();
        prop_assert_ne!(&work, &data);
        key.decryptor().unwrap().sectors(&mut work, sector_size, number).unwrap();
        prop_assert_eq!(work, data);
    }

    #[test]
    fn gcm_opens_what_it_seals(aad in prop::collection::vec(any::<u8>(), 0..64), plaintext in prop::collection::vec(any::<u8>(), 0..SecretBytes::MAX - 16)) {
        let sealed = crypto::seal_once(key(3), &aad, &plaintext).unwrap();
        let opened = crypto::open_once(key(3), &aad, &sealed).unwrap();
        prop_assert_eq!(opened.danger_expose(), plaintext);
    }

    #[test]
    fn opening_rubbish_fails_without_a_panic(blob in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(crypto::open_once(key(3), b"", &blob).is_err());
        prop_assert!(WrappingKey::new(key(3)).unwrap(b"label", b"", b"", &blob).is_err());
    }
}
