//! Keys that others made. Those in `keys/` are by Python's `cryptography`, each wrong in the one way that its name tells.
#![allow(clippy::unwrap_used, reason = "tests")]

use crypto::{Error, KeyPair, KeyPairSpec, SecretBytes};

fn read(spec: KeyPairSpec, pkcs8: &[u8]) -> Result<KeyPair, Error> {
    KeyPair::from_pkcs8(spec, SecretBytes::copy_of(pkcs8).unwrap())
}

fn why(spec: KeyPairSpec, pkcs8: &[u8]) -> String {
    let refused = read(spec, pkcs8).unwrap_err();
    assert!(matches!(refused, Error::UnfitKey { .. }));
    refused.to_string()
}

#[test]
fn an_rsa_key_with_a_public_exponent_of_3_is_refused() {
    let key = include_bytes!("keys/rsa-2048-exponent-3.p8");
    assert_eq!(
        why(KeyPairSpec::Rsa2048, key),
        "this is not a usable RSA-2048 key: its public exponent is below 65537"
    );
}

#[test]
fn an_rsa_key_whose_primes_are_close_to_each_other_is_refused() {
    let key = include_bytes!("keys/rsa-2048-primes-close.p8");
    assert_eq!(
        why(KeyPairSpec::Rsa2048, key),
        "this is not a usable RSA-2048 key: its primes are too close to each other"
    );
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    for (spec, key) in [
        (
            KeyPairSpec::Rsa2048,
            &include_bytes!("keys/rsa-2048-modulus-of-another.p8")[..],
        ),
        (
            KeyPairSpec::P256,
            include_bytes!("keys/p256-point-of-another.p8"),
        ),
        (
            KeyPairSpec::P256,
            include_bytes!("keys/p256-scalar-zero.p8"),
        ),
        (
            KeyPairSpec::Ed25519,
            include_bytes!("keys/ed25519-point-of-another.p8"),
        ),
    ] {
        assert!(why(spec, key).contains("contradict"), "{spec}");
    }
}

/// PKCS#8 of a seed that counts up from zero, and the SHA-256 of the public half, as `cryptography` 48 writes them.
#[test]
fn seeds_yield_the_public_halves_that_others_derive_and_write() {
    for (spec, header, seed_len, digest) in [
        (
            KeyPairSpec::MlDsa44,
            "3034020100300b060960864801650304031104228020",
            32,
            "837832708c5236d951581f1fddf2b79991b3424a0486d16da1ddad0fd69701be",
        ),
        (
            KeyPairSpec::MlDsa65,
            "3034020100300b060960864801650304031204228020",
            32,
            "b8b62131bfbe84433efb2273d7f5b87f7a22854a2cfd366fc2aead86d837c52d",
        ),
        (
            KeyPairSpec::MlDsa87,
            "3034020100300b060960864801650304031304228020",
            32,
            "07e57c4f14dbad1267f621ec3777b4e2e6c4fbc4c22fbb87510ff8e0b3c6a642",
        ),
        (
            KeyPairSpec::MlKem768,
            "3054020100300b060960864801650304040204428040",
            64,
            "c23e23dd3d485a9256cda09358a4a286e00b373db10761eadf99f710649ca31c",
        ),
        (
            KeyPairSpec::MlKem1024,
            "3054020100300b060960864801650304040304428040",
            64,
            "d2b7480ae006a14b37c1e8a8e45ea39022e32a9b1a7b90d594c84d869c6ac420",
        ),
    ] {
        let pkcs8 = [hex::decode(header).unwrap(), (0..seed_len).collect()].concat();
        let pair = read(spec, &pkcs8).unwrap();
        assert_eq!(
            hex::encode(crypto::sha256(&[pair.public().spki()])),
            digest,
            "{spec}"
        );
        assert_eq!(pair.pkcs8().danger_expose(), pkcs8);
    }
}
