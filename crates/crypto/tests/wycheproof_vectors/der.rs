//! As much of DER as is needed to bring raw halves into the forms that keys are read from.

use crypto::KeyPairSpec;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// `[0]`, implicit: a seed among the forms of an ML-DSA or ML-KEM private key.
pub(crate) const SEED: u8 = 0x80;

pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let len = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let header = match len {
        [0, short] if short < 0x80 => vec![tag, short],
        [0, long] => vec![tag, 0x81, long],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [header, contents].concat()
}

/// The `AlgorithmIdentifier` of RFC 5480, 9881 and 9935.
fn algorithm(spec: KeyPairSpec) -> Vec<u8> {
    hex::decode(match spec {
        KeyPairSpec::P256 => "301306072a8648ce3d020106082a8648ce3d030107",
        KeyPairSpec::P384 => "301006072a8648ce3d020106052b81040022",
        KeyPairSpec::P521 => "301006072a8648ce3d020106052b81040023",
        KeyPairSpec::Secp256k1 => "301006072a8648ce3d020106052b8104000a",
        KeyPairSpec::MlDsa44 => "300b0609608648016503040311",
        KeyPairSpec::MlDsa65 => "300b0609608648016503040312",
        KeyPairSpec::MlDsa87 => "300b0609608648016503040313",
        KeyPairSpec::MlKem512 => "300b0609608648016503040401",
        KeyPairSpec::MlKem768 => "300b0609608648016503040402",
        KeyPairSpec::MlKem1024 => "300b0609608648016503040403",
        _ => unreachable!("{spec} keys come in DER"),
    })
    .unwrap()
}

pub(crate) fn pkcs8(spec: KeyPairSpec, private: &[u8]) -> Vec<u8> {
    let version = tlv(INTEGER, &[&[0]]);
    tlv(
        SEQUENCE,
        &[&version, &algorithm(spec), &tlv(OCTET_STRING, &[private])],
    )
}

pub(crate) fn spki(spec: KeyPairSpec, public: &[u8]) -> Vec<u8> {
    tlv(
        SEQUENCE,
        &[&algorithm(spec), &tlv(BIT_STRING, &[&[0], public])],
    )
}

/// A scalar, however it is padded, as the `ECPrivateKey` of RFC 5915.
pub(crate) fn curve_pkcs8(spec: KeyPairSpec, scalar: &[u8]) -> Vec<u8> {
    let len = match spec {
        KeyPairSpec::P384 => 48,
        KeyPairSpec::P521 => 66,
        _ => 32,
    };
    let zeros = vec![0; len];
    let padded = [&zeros, scalar].concat();
    let scalar = &padded[padded.len() - len..];
    let version = tlv(INTEGER, &[&[1]]);
    pkcs8(
        spec,
        &tlv(SEQUENCE, &[&version, &tlv(OCTET_STRING, &[scalar])]),
    )
}
