#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::context;

fn secret(byte: u8) -> Secret<32> {
    Secret::build::<crypto::Error>(|out| {
        out.fill(byte);
        Ok(())
    })
    .unwrap()
}

fn arn() -> KeyArn {
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        .parse()
        .unwrap()
}

fn sealed(plaintext: &[u8], context: &[u8]) -> Vec<u8> {
    seal(
        &secret(1),
        &arn(),
        BackingVersion::FIRST,
        context,
        plaintext,
    )
    .unwrap()
}

#[test]
fn a_blob_opens_with_the_key_and_context_it_was_sealed_with() {
    let blob = sealed(b"attack at dawn", b"context");
    let opened = Blob::decode(&blob).unwrap();
    assert_eq!(
        (opened.key(), opened.version()),
        (&arn(), BackingVersion::FIRST)
    );
    assert_eq!(
        opened.open(&secret(1), b"context").unwrap().danger_expose(),
        b"attack at dawn"
    );
}

#[test]
fn a_blob_opens_with_no_other_key_or_context() {
    let blob = sealed(b"attack at dawn", b"context");
    let blob = Blob::decode(&blob).unwrap();
    assert_eq!(
        blob.open(&secret(2), b"context").unwrap_err(),
        BadCiphertext
    );
    assert_eq!(
        blob.open(&secret(1), b"contexT").unwrap_err(),
        BadCiphertext
    );
    assert_eq!(blob.open(&secret(1), b"").unwrap_err(), BadCiphertext);
}

#[test]
fn a_blob_with_any_bit_changed_does_not_open() {
    let blob = sealed(b"attack at dawn", b"");
    for at in 0..blob.len() {
        for bit in 0..8 {
            let mut changed = blob.clone();
            changed[at] ^= 1 << bit;
            let opened =
                Blob::decode(&changed).and_then(|blob| blob.open(&secret(1), b"").map(drop));
            assert_eq!(opened, Err(BadCiphertext), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_blob_cut_or_lengthened_anywhere_does_not_open() {
    let blob = sealed(b"attack at dawn", b"");
    for len in 0..blob.len() {
        let opened =
            Blob::decode(&blob[..len]).and_then(|blob| blob.open(&secret(1), b"").map(drop));
        assert_eq!(opened, Err(BadCiphertext), "{len} bytes");
    }
    let longer = [blob, vec![0]].concat();
    assert!(
        Blob::decode(&longer)
            .unwrap()
            .open(&secret(1), b"")
            .is_err()
    );
}

#[test]
fn the_same_plaintext_never_gives_the_same_blob() {
    assert_ne!(sealed(b"x", b""), sealed(b"x", b""));
}

#[test]
fn a_data_key_of_32_bytes_takes_103() {
    assert_eq!(sealed(&[7; 32], b"").len(), 103);
}

#[test]
fn the_longest_plaintext_makes_a_blob_that_decodes() {
    let blob = sealed(&[7; limits::PLAINTEXT_BYTES], b"");
    assert_eq!(
        Blob::decode(&blob)
            .unwrap()
            .open(&secret(1), b"")
            .unwrap()
            .len(),
        limits::PLAINTEXT_BYTES
    );
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    backing: String,
    arn: String,
    version: u32,
    nonce: String,
    context: BTreeMap<String, String>,
    plaintext: String,
    blob: String,
}

/// Made by Python's `cryptography`: see `vectors/make_ciphertext_v1.py`.
fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../vectors/ciphertext-v1.json")).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

impl Vector {
    fn backing(&self) -> Secret<32> {
        Secret::from_slice_wiping(&mut bytes(&self.backing).try_into().unwrap()).unwrap()
    }
}

#[test]
fn blobs_are_those_that_another_implementation_makes() {
    for vector in vectors() {
        let blob = seal_with_nonce(
            bytes(&vector.nonce).try_into().unwrap(),
            &vector.backing(),
            &vector.arn.parse().unwrap(),
            BackingVersion::new(vector.version).unwrap(),
            &context::canonical(&vector.context),
            &bytes(&vector.plaintext),
        );
        assert_eq!(blob.unwrap(), bytes(&vector.blob), "{}", vector.name);
    }
}

#[test]
fn blobs_of_another_implementation_open() {
    for vector in vectors() {
        let blob = bytes(&vector.blob);
        let opened = Blob::decode(&blob).unwrap();
        assert_eq!(opened.key().to_string(), vector.arn);
        let plaintext = opened
            .open(&vector.backing(), &context::canonical(&vector.context))
            .unwrap();
        assert_eq!(
            plaintext.danger_expose(),
            bytes(&vector.plaintext),
            "{}",
            vector.name
        );
    }
}

/// The construction again, step by step from its description, on bare HMAC and AES-GCM.
#[test]
fn a_blob_can_be_opened_from_the_description_alone() {
    let blob = sealed(b"attack at dawn", b"context");
    let (header, body) = blob.split_at(46 + "us-east-1".len());
    let nonce = &header[29..45];
    let k = crypto::hmac_sha256(
        &[1; 32],
        &[
            &[0, 0, 0, 1],
            b"kluis/kms/encrypt/v1",
            &[0],
            nonce,
            arn().to_string().as_bytes(),
            &[0, 0, 0, 1],
            &[0, 0, 1, 0],
        ],
    );
    let k = Secret::from_slice_wiping(&mut k.clone()).unwrap();
    let plaintext = crypto::open_once(k, &[header, b"context"].concat(), body).unwrap();
    assert_eq!(plaintext.danger_expose(), b"attack at dawn");
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(blob) = Blob::decode(&bytes) {
            prop_assert_eq!(blob.open(&secret(1), b"").unwrap_err(), BadCiphertext);
        }
    }

    #[test]
    fn any_change_to_a_blob_decodes_or_is_refused_and_never_opens(at in 0usize..85, to: u8, cut in 0usize..85) {
        let blob = sealed(b"attack at dawn", b"");
        let mut changed = blob.clone();
        changed[at] = to;
        changed.truncate(blob.len() - cut);
        if let Ok(decoded) = Blob::decode(&changed) {
            prop_assert_eq!(decoded.open(&secret(1), b"").is_ok(), changed == blob);
        }
    }
}
