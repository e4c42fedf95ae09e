//! Key pairs of every kind: what one half makes the other takes, and nothing else does.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::LazyLock;

use crypto::{
    Error, HashAlgorithm, KeyPair, KeyPairSpec, Message, Oaep, PublicKey, SecretBytes, Sha2,
    SigningAlgorithm, property,
};
use proptest::prelude::*;

const HASHES: [Sha2; 3] = [Sha2::Sha256, Sha2::Sha384, Sha2::Sha512];

/// One pair of each, made once: RSA's take seconds.
static PAIRS: LazyLock<Vec<KeyPair>> = LazyLock::new(|| {
    KeyPairSpec::ALL
        .map(|spec| KeyPair::generate(spec).unwrap())
        .into()
});

fn pair(spec: KeyPairSpec) -> &'static KeyPair {
    PAIRS.iter().find(|pair| pair.spec() == spec).unwrap()
}

fn is_rsa(spec: KeyPairSpec) -> bool {
    matches!(
        spec,
        KeyPairSpec::Rsa2048 | KeyPairSpec::Rsa3072 | KeyPairSpec::Rsa4096
    )
}

fn is_curve(spec: KeyPairSpec) -> bool {
    use KeyPairSpec::{P256, P384, P521, Secp256k1};
    matches!(spec, P256 | P384 | P521 | Secp256k1)
}

fn is_kem(spec: KeyPairSpec) -> bool {
    matches!(
        spec,
        KeyPairSpec::MlKem512 | KeyPairSpec::MlKem768 | KeyPairSpec::MlKem1024
    )
}

/// What a key of each specification signs with.
fn algorithms(spec: KeyPairSpec) -> Vec<SigningAlgorithm> {
    match spec {
        _ if is_rsa(spec) => HASHES
            .into_iter()
            .flat_map(|hash| {
                [
                    SigningAlgorithm::RsaPkcs1(hash),
                    SigningAlgorithm::RsaPss(hash),
                ]
            })
            .collect(),
        _ if is_curve(spec) => HASHES.map(SigningAlgorithm::Ecdsa).into(),
        KeyPairSpec::Ed25519 => vec![SigningAlgorithm::Ed25519, SigningAlgorithm::Ed25519Ph],
        _ if is_kem(spec) => vec![],
        _ => vec![SigningAlgorithm::MlDsa],
    }
}

fn every_algorithm() -> Vec<SigningAlgorithm> {
    [
        KeyPairSpec::Rsa2048,
        KeyPairSpec::P256,
        KeyPairSpec::Ed25519,
        KeyPairSpec::MlDsa44,
    ]
    .into_iter()
    .flat_map(algorithms)
    .collect()
}

fn hash_of(algorithm: SigningAlgorithm) -> Option<HashAlgorithm> {
    match algorithm {
        SigningAlgorithm::RsaPkcs1(hash)
        | SigningAlgorithm::RsaPss(hash)
        | SigningAlgorithm::Ecdsa(hash) => Some(hash.into()),
        SigningAlgorithm::Ed25519Ph => Some(HashAlgorithm::Sha512),
        SigningAlgorithm::Ed25519 | SigningAlgorithm::MlDsa => None,
    }
}

/// FIPS 204 §6.2 with an empty context, as somebody else would compute it: SHAKE256(SHAKE256(pk) ‖ 0 ‖ 0 ‖ message).
fn mu(public: &PublicKey, message: &[u8]) -> Vec<u8> {
    let raw = &public.spki()[public.spki().len() - raw_len(public.spec())..];
    shake256(&[&shake256(&[raw]), &[0, 0], message])
}

fn raw_len(spec: KeyPairSpec) -> usize {
    match spec {
        KeyPairSpec::MlDsa44 => 1312,
        KeyPairSpec::MlDsa65 => 1952,
        _ => 2592,
    }
}

fn shake256(parts: &[&[u8]]) -> Vec<u8> {
    let input = parts.concat();
    let mut out = vec![0; 64];
    // SAFETY: the input is only read, and `out` has the 64 bytes that are asked for.
    #[expect(unsafe_code, reason = "AWS-LC's SHAKE256 has no other door")]
    unsafe {
        let context = aws_lc_sys::EVP_MD_CTX_new();
        assert_eq!(
            1,
            aws_lc_sys::EVP_DigestInit_ex(
                context,
                aws_lc_sys::EVP_shake256(),
                std::ptr::null_mut()
            )
        );
        assert_eq!(
            1,
            aws_lc_sys::EVP_DigestUpdate(context, input.as_ptr().cast(), input.len())
        );
        assert_eq!(
            1,
            aws_lc_sys::EVP_DigestFinalXOF(context, out.as_mut_ptr(), out.len())
        );
        aws_lc_sys::EVP_MD_CTX_free(context);
    }
    out
}

#[test]
fn each_signature_verifies_under_its_own_key_algorithm_and_message_alone() {
    for pair in PAIRS.iter() {
        for algorithm in algorithms(pair.spec()) {
            let signature = pair.sign(algorithm, Message::Raw(b"message")).unwrap();
            let verify = |algorithm, message: &[u8], signature: &[u8]| {
                pair.public()
                    .verify(algorithm, Message::Raw(message), signature)
            };
            verify(algorithm, b"message", &signature).unwrap();
            let refused = |result| matches!(result, Err(Error::NotAuthentic));
            assert!(
                refused(verify(algorithm, b"massage", &signature)),
                "{pair:?} {algorithm:?}"
            );
            for other in algorithms(pair.spec()) {
                assert_eq!(
                    verify(other, b"message", &signature).is_ok(),
                    other == algorithm
                );
            }
            for index in [0, signature.len() / 2, signature.len() - 1] {
                let mut changed = signature.clone();
                changed[index] ^= 1;
                assert!(
                    refused(verify(algorithm, b"message", &changed)),
                    "{pair:?} {algorithm:?}"
                );
                assert!(refused(verify(algorithm, b"message", &signature[..index])));
            }
            let longer = [signature.as_slice(), &[0]].concat();
            assert!(refused(verify(algorithm, b"message", &longer)));
        }
    }
}

#[test]
fn a_signature_over_a_digest_is_one_over_its_message() {
    for pair in PAIRS.iter() {
        for algorithm in algorithms(pair.spec()) {
            let Some(hash) = hash_of(algorithm) else {
                continue;
            };
            let digest = hash.digest(&[b"message"]);
            let signature = pair
                .sign(algorithm, Message::Digest(digest.as_ref()))
                .unwrap();
            pair.public()
                .verify(algorithm, Message::Raw(b"message"), &signature)
                .unwrap();
            let signature = pair.sign(algorithm, Message::Raw(b"message")).unwrap();
            pair.public()
                .verify(algorithm, Message::Digest(digest.as_ref()), &signature)
                .unwrap();
        }
    }
}

#[test]
fn a_digest_has_the_length_of_its_hash() {
    for pair in PAIRS.iter() {
        for algorithm in algorithms(pair.spec()) {
            let Some(hash) = hash_of(algorithm) else {
                continue;
            };
            for len in [0, 20, hash.output_len() - 1, hash.output_len() + 1] {
                let digest = vec![7; len];
                let signed = pair.sign(algorithm, Message::Digest(&digest));
                assert!(matches!(signed, Err(Error::Length { actual, .. }) if actual == len));
                let verified = pair
                    .public()
                    .verify(algorithm, Message::Digest(&digest), &[1; 64]);
                assert!(matches!(verified, Err(Error::Length { .. })));
            }
        }
    }
}

#[test]
fn a_mu_computed_elsewhere_signs_as_the_message_does() {
    for spec in [
        KeyPairSpec::MlDsa44,
        KeyPairSpec::MlDsa65,
        KeyPairSpec::MlDsa87,
    ] {
        let pair = pair(spec);
        let mu = mu(pair.public(), b"message");
        let signature = pair
            .sign(SigningAlgorithm::MlDsa, Message::ExternalMu(&mu))
            .unwrap();
        let verify = |message, signature: &[u8]| {
            pair.public()
                .verify(SigningAlgorithm::MlDsa, message, signature)
        };
        verify(Message::Raw(b"message"), &signature).unwrap();
        let signature = pair
            .sign(SigningAlgorithm::MlDsa, Message::Raw(b"message"))
            .unwrap();
        verify(Message::ExternalMu(&mu), &signature).unwrap();
        let short = pair.sign(SigningAlgorithm::MlDsa, Message::ExternalMu(&mu[..63]));
        assert!(matches!(short, Err(Error::Length { actual: 63, .. })));
    }
}

#[test]
fn a_key_refuses_what_is_not_its_own() {
    for pair in PAIRS.iter() {
        let spec = pair.spec();
        let own = algorithms(spec);
        let wrong = |result: Result<(), Error>| matches!(result, Err(Error::WrongKind { .. }));
        for algorithm in every_algorithm()
            .into_iter()
            .filter(|other| !own.contains(other))
        {
            assert!(
                wrong(pair.sign(algorithm, Message::Raw(b"m")).map(drop)),
                "{spec} {algorithm:?}"
            );
            assert!(wrong(pair.public().verify(
                algorithm,
                Message::Raw(b"m"),
                b""
            )));
        }
        for algorithm in own {
            let digest = pair.sign(algorithm, Message::Digest(&[0; 64])).map(drop);
            assert_eq!(
                wrong(digest),
                hash_of(algorithm).is_none(),
                "{spec} {algorithm:?}"
            );
            let mu = pair
                .sign(algorithm, Message::ExternalMu(&[0; 64]))
                .map(drop);
            assert_eq!(
                wrong(mu),
                algorithm != SigningAlgorithm::MlDsa,
                "{spec} {algorithm:?}"
            );
        }
        assert_eq!(
            wrong(pair.decrypt(Oaep::Sha256, b"").map(drop)),
            !is_rsa(spec)
        );
        assert_eq!(
            wrong(pair.public().encrypt(Oaep::Sha256, b"").map(drop)),
            !is_rsa(spec)
        );
        assert_eq!(wrong(pair.agree(pair.public()).map(drop)), !is_curve(spec));
        assert_eq!(wrong(pair.decapsulate(b"").map(drop)), !is_kem(spec));
        assert_eq!(wrong(pair.public().encapsulate().map(drop)), !is_kem(spec));
    }
}

#[test]
fn both_halves_come_back_from_what_is_written() {
    for pair in PAIRS.iter() {
        property::spki(pair.public().spki());
        property::pkcs8(pair.pkcs8().danger_expose());
        let private = SecretBytes::copy_of(pair.pkcs8().danger_expose()).unwrap();
        let read = KeyPair::from_pkcs8(pair.spec(), private).unwrap();
        assert!(read.pkcs8().ct_eq(pair.pkcs8()), "{pair:?}");
        assert_eq!(read.public().spki(), pair.public().spki());
        let public = PublicKey::from_spki(pair.spec(), pair.public().spki()).unwrap();
        assert_eq!(public.spki(), pair.public().spki());
        if let Some(&algorithm) = algorithms(pair.spec()).first() {
            let signature = read.sign(algorithm, Message::Raw(b"message")).unwrap();
            public
                .verify(algorithm, Message::Raw(b"message"), &signature)
                .unwrap();
        }
    }
}

#[test]
fn a_half_of_another_specification_is_refused() {
    for pair in PAIRS.iter() {
        for spec in KeyPairSpec::ALL
            .into_iter()
            .filter(|&spec| spec != pair.spec())
        {
            let unfit = |result: Result<(), Error>| matches!(result, Err(Error::UnfitKey { spec: meant, why }) if meant == spec && why.contains("another kind"));
            assert!(unfit(
                PublicKey::from_spki(spec, pair.public().spki()).map(drop)
            ));
            let private = SecretBytes::copy_of(pair.pkcs8().danger_expose()).unwrap();
            assert!(unfit(KeyPair::from_pkcs8(spec, private).map(drop)));
        }
    }
}

#[test]
fn a_half_that_is_cut_or_followed_by_something_is_refused() {
    for pair in PAIRS.iter() {
        let spec = pair.spec();
        let spki = pair.public().spki();
        assert!(PublicKey::from_spki(spec, &spki[..spki.len() - 1]).is_err());
        assert!(PublicKey::from_spki(spec, &[spki, &[0]].concat()).is_err());
        let read = |der: &[u8]| KeyPair::from_pkcs8(spec, SecretBytes::copy_of(der).unwrap());
        let pkcs8 = pair.pkcs8().danger_expose();
        assert!(read(&pkcs8[..pkcs8.len() - 1]).is_err());
        assert!(read(&[pkcs8, &[0]].concat()).is_err());
    }
}

#[test]
fn oaep_decrypts_what_it_encrypts_up_to_the_longest_message() {
    for (spec, modulus_len) in [
        (KeyPairSpec::Rsa2048, 256),
        (KeyPairSpec::Rsa3072, 384),
        (KeyPairSpec::Rsa4096, 512),
    ] {
        let pair = pair(spec);
        for (padding, hash_len) in [(Oaep::Sha1, 20), (Oaep::Sha256, 32)] {
            let max = modulus_len - 2 * hash_len - 2;
            for len in [0, 1, 32, max] {
                let message = vec![9; len];
                let ciphertext = pair.public().encrypt(padding, &message).unwrap();
                assert_eq!(ciphertext.len(), modulus_len);
                assert_eq!(
                    pair.decrypt(padding, &ciphertext).unwrap().danger_expose(),
                    message
                );
            }
            let long = pair.public().encrypt(padding, &vec![9; max + 1]);
            assert!(matches!(long, Err(Error::TooLong { max: told, .. }) if told == max));
            let ciphertext = pair.public().encrypt(padding, b"message").unwrap();
            let other = if padding == Oaep::Sha1 {
                Oaep::Sha256
            } else {
                Oaep::Sha1
            };
            assert!(matches!(
                pair.decrypt(other, &ciphertext),
                Err(Error::NotAuthentic)
            ));
        }
    }
}

#[test]
fn both_sides_agree_on_one_secret_as_long_as_the_field() {
    for (spec, len) in [
        (KeyPairSpec::P256, 32),
        (KeyPairSpec::P384, 48),
        (KeyPairSpec::P521, 66),
        (KeyPairSpec::Secp256k1, 32),
    ] {
        let (one, other) = (pair(spec), KeyPair::generate(spec).unwrap());
        let secret = one.agree(other.public()).unwrap();
        assert_eq!(secret.len(), len);
        assert!(secret.ct_eq(&other.agree(one.public()).unwrap()));
        assert!(!secret.ct_eq(&one.agree(one.public()).unwrap()));
    }
}

#[test]
fn a_peer_on_another_curve_is_refused() {
    let refused = pair(KeyPairSpec::P256).agree(pair(KeyPairSpec::Secp256k1).public());
    assert!(matches!(refused, Err(Error::WrongKind { .. })));
}

#[test]
fn what_is_encapsulated_comes_back_and_a_changed_one_yields_another_secret() {
    for (spec, len) in [
        (KeyPairSpec::MlKem512, 768),
        (KeyPairSpec::MlKem768, 1088),
        (KeyPairSpec::MlKem1024, 1568),
    ] {
        let pair = pair(spec);
        let (mut ciphertext, secret) = pair.public().encapsulate().unwrap();
        assert_eq!((ciphertext.len(), secret.len()), (len, 32));
        assert!(secret.ct_eq(&pair.decapsulate(&ciphertext).unwrap()));
        assert!(matches!(
            pair.decapsulate(&ciphertext[1..]),
            Err(Error::NotAuthentic)
        ));
        ciphertext[0] ^= 1;
        let other = pair.decapsulate(&ciphertext).unwrap();
        assert!(!secret.ct_eq(&other));
    }
}

#[test]
fn a_key_pair_says_what_it_is_and_nothing_of_its_private_half() {
    assert_eq!(
        format!("{:?}", pair(KeyPairSpec::MlDsa65)),
        "KeyPair(ML-DSA-65)"
    );
    assert_eq!(
        format!("{:?}", pair(KeyPairSpec::P256).public()),
        "PublicKey(P-256)"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rubbish_is_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        spec in prop::sample::select(KeyPairSpec::ALL.to_vec()),
    ) {
        let pair = pair(spec);
        property::spki(&bytes);
        property::pkcs8(&bytes);
        prop_assert!(PublicKey::from_spki(spec, &bytes).is_err());
        prop_assert!(KeyPair::from_pkcs8(spec, SecretBytes::copy_of(&bytes).unwrap()).is_err());
        prop_assert!(pair.decrypt(Oaep::Sha1, &bytes).is_err());
        prop_assert!(pair.decapsulate(&bytes).is_err());
        for algorithm in algorithms(spec) {
            prop_assert!(pair.public().verify(algorithm, Message::Raw(b"message"), &bytes).is_err());
        }
    }

    #[test]
    fn a_half_with_one_byte_changed_is_refused_or_another_key(
        index in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        spec in prop::sample::select(KeyPairSpec::ALL.to_vec()),
    ) {
        let pair = pair(spec);
        let mut spki = pair.public().spki().to_vec();
        spki[index.index(pair.public().spki().len())] ^= flip;
        property::spki(&spki);
        if let Ok(public) = PublicKey::from_spki(spec, &spki) {
            prop_assert_ne!(public.spki(), pair.public().spki());
        }
        let mut pkcs8 = pair.pkcs8().danger_expose().to_vec();
        let index = index.index(pkcs8.len());
        pkcs8[index] ^= flip;
        property::pkcs8(&pkcs8);
    }
}
