//! What holds of any bytes: run by the tests and by the fuzz targets alike.

use crate::{KeyPair, KeyPairSpec, Message, PublicKey, SecretBytes, Sha2, SigningAlgorithm};

/// Bytes as a public half: they are one of one specification at most, and what is read is written in one way.
///
/// # Panics
/// When that does not hold.
pub fn spki(bytes: &[u8]) {
    let read = |spec, der: &[u8]| PublicKey::from_spki(spec, der).ok();
    let mut found = KeyPairSpec::ALL
        .into_iter()
        .filter_map(|spec| read(spec, bytes));
    let Some(key) = found.next() else { return };
    assert!(found.next().is_none());
    let again = read(key.spec(), key.spki());
    assert!(again.is_some_and(|again| again.spki() == key.spki()));
    for algorithm in algorithms() {
        let _ = key.verify(algorithm, Message::Raw(bytes), bytes);
    }
}

/// Bytes as a private half: they are one of one specification at most, what is read is written in one way, and what it
/// signs verifies.
///
/// # Panics
/// When that does not hold.
pub fn pkcs8(bytes: &[u8]) {
    let read = |spec, der: &[u8]| KeyPair::from_pkcs8(spec, SecretBytes::copy_of(der).ok()?).ok();
    let mut found = KeyPairSpec::ALL
        .into_iter()
        .filter_map(|spec| read(spec, bytes));
    let Some(pair) = found.next() else { return };
    assert!(found.next().is_none());
    let again = read(pair.spec(), pair.pkcs8().danger_expose());
    assert!(again.is_some_and(|again| again.pkcs8().ct_eq(pair.pkcs8())));
    for algorithm in algorithms() {
        let message = Message::Raw(b"message");
        if let Ok(signature) = pair.sign(algorithm, message) {
            assert!(pair.public().verify(algorithm, message, &signature).is_ok());
        }
    }
}

fn algorithms() -> [SigningAlgorithm; 6] {
    [
        SigningAlgorithm::RsaPkcs1(Sha2::Sha256),
        SigningAlgorithm::RsaPss(Sha2::Sha512),
        SigningAlgorithm::Ecdsa(Sha2::Sha384),
        SigningAlgorithm::Ed25519,
        SigningAlgorithm::Ed25519Ph,
        SigningAlgorithm::MlDsa,
    ]
}
