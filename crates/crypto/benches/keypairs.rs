//! Key pairs beside AWS-LC's own, by aws-lc-rs, on the same core. The ratio is what counts: at least 0.9. "Read and sign" is
//! what an operation costs that begins with a private half in PKCS#8.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PSS_SHA256, RsaKeyPair,
};
use criterion::{Criterion, criterion_group, criterion_main};
use crypto::{KeyPair, KeyPairSpec, Message, Oaep, SecretBytes, Sha2, SigningAlgorithm};

const MESSAGE: &[u8] = &[7; 256];

fn room(criterion: &mut Criterion, spec: KeyPairSpec, algorithm: SigningAlgorithm) -> Vec<u8> {
    let pair = KeyPair::generate(spec).unwrap();
    let signature = pair.sign(algorithm, Message::Raw(MESSAGE)).unwrap();
    let mut group = criterion.benchmark_group(spec.to_string());
    group.bench_function("sign, kluis", |bench| {
        bench.iter(|| {
            pair.sign(algorithm, Message::Raw(black_box(MESSAGE)))
                .unwrap()
        });
    });
    group.bench_function("read and sign, kluis", |bench| {
        bench.iter(|| {
            let pkcs8 = SecretBytes::copy_of(pair.pkcs8().danger_expose()).unwrap();
            let pair = KeyPair::from_pkcs8(spec, pkcs8).unwrap();
            pair.sign(algorithm, Message::Raw(black_box(MESSAGE)))
                .unwrap()
        });
    });
    group.bench_function("verify, kluis", |bench| {
        let verify = || {
            pair.public()
                .verify(algorithm, Message::Raw(black_box(MESSAGE)), &signature)
        };
        bench.iter(|| verify().unwrap());
    });
    group.finish();
    pair.pkcs8().danger_expose().to_vec()
}

fn peer<T>(criterion: &mut Criterion, spec: KeyPairSpec, what: &str, mut work: impl FnMut() -> T) {
    let mut group = criterion.benchmark_group(spec.to_string());
    group.bench_function(format!("{what}, aws-lc-rs"), |bench| bench.iter(&mut work));
    group.finish();
}

fn signatures(criterion: &mut Criterion) {
    let random = SystemRandom::new();

    let algorithm = SigningAlgorithm::RsaPss(Sha2::Sha256);
    let key = RsaKeyPair::from_pkcs8(&room(criterion, KeyPairSpec::Rsa2048, algorithm)).unwrap();
    let mut out = [0; 256];
    peer(criterion, KeyPairSpec::Rsa2048, "sign", || {
        key.sign(&RSA_PSS_SHA256, &random, black_box(MESSAGE), &mut out)
            .unwrap();
    });

    let algorithm = SigningAlgorithm::Ecdsa(Sha2::Sha256);
    let pkcs8 = room(criterion, KeyPairSpec::P256, algorithm);
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).unwrap();
    peer(criterion, KeyPairSpec::P256, "sign", || {
        key.sign(&random, black_box(MESSAGE)).unwrap()
    });

    let pkcs8 = room(criterion, KeyPairSpec::Ed25519, SigningAlgorithm::Ed25519);
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).unwrap();
    peer(criterion, KeyPairSpec::Ed25519, "sign", || {
        key.sign(black_box(MESSAGE))
    });

    room(criterion, KeyPairSpec::MlDsa65, SigningAlgorithm::MlDsa);
}

fn oaep(criterion: &mut Criterion) {
    let spec = KeyPairSpec::Rsa3072;
    let pair = KeyPair::generate(spec).unwrap();
    let ciphertext = pair.public().encrypt(Oaep::Sha256, MESSAGE).unwrap();
    let mut group = criterion.benchmark_group(spec.to_string());
    group.bench_function("decrypt, kluis", |bench| {
        bench.iter(|| pair.decrypt(Oaep::Sha256, black_box(&ciphertext)).unwrap());
    });
    group.finish();
    let key = PrivateDecryptingKey::from_pkcs8(pair.pkcs8().danger_expose()).unwrap();
    let key = OaepPrivateDecryptingKey::new(key).unwrap();
    let mut out = [0; 384];
    peer(criterion, spec, "decrypt", || {
        key.decrypt(
            &OAEP_SHA256_MGF1SHA256,
            black_box(&ciphertext),
            &mut out,
            None,
        )
        .unwrap()
        .len()
    });
}

criterion_group!(benches, signatures, oaep);
criterion_main!(benches);
