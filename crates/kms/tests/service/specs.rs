//! What kinds of keys can be made, and what is told of each.

use serde_json::json;

use crate::support::*;

const USAGES: [&str; 5] = [
    "SIGN_VERIFY",
    "ENCRYPT_DECRYPT",
    "GENERATE_VERIFY_MAC",
    "KEY_AGREEMENT",
    "ENCAPSULATE_DECAPSULATE",
];

/// A usage, the member that lists its algorithms, and the first of them.
type Use = (&'static str, &'static str, &'static str);

/// Each spec with its usages.
const SPECS: &[(&str, &[Use])] = &[
    ("SYMMETRIC_DEFAULT", &[ENCRYPTS]),
    ("RSA_2048", &[RSA_SIGNS, RSA_ENCRYPTS]),
    ("RSA_3072", &[RSA_SIGNS, RSA_ENCRYPTS]),
    ("RSA_4096", &[RSA_SIGNS]),
    (
        "ECC_NIST_P256",
        &[
            ("SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_256"),
            AGREES,
        ],
    ),
    (
        "ECC_NIST_P384",
        &[
            ("SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_384"),
            AGREES,
        ],
    ),
    (
        "ECC_NIST_P521",
        &[
            ("SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_512"),
            AGREES,
        ],
    ),
    (
        "ECC_SECG_P256K1",
        &[("SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_256")],
    ),
    (
        "ECC_NIST_EDWARDS25519",
        &[("SIGN_VERIFY", "SigningAlgorithms", "ED25519_SHA_512")],
    ),
    ("ML_DSA_44", &[ML_DSA]),
    ("ML_DSA_65", &[ML_DSA]),
    ("ML_DSA_87", &[ML_DSA]),
    ("ML_KEM_512", &[ENCAPSULATES]),
    ("ML_KEM_768", &[ENCAPSULATES]),
    ("ML_KEM_1024", &[ENCAPSULATES]),
    (
        "HMAC_224",
        &[("GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_224")],
    ),
    (
        "HMAC_256",
        &[("GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_256")],
    ),
    (
        "HMAC_384",
        &[("GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_384")],
    ),
    (
        "HMAC_512",
        &[("GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_512")],
    ),
];
const ENCRYPTS: Use = (
    "ENCRYPT_DECRYPT",
    "EncryptionAlgorithms",
    "SYMMETRIC_DEFAULT",
);
const RSA_SIGNS: Use = (
    "SIGN_VERIFY",
    "SigningAlgorithms",
    "RSASSA_PKCS1_V1_5_SHA_256",
);
const RSA_ENCRYPTS: Use = (
    "ENCRYPT_DECRYPT",
    "EncryptionAlgorithms",
    "RSAES_OAEP_SHA_1",
);
const AGREES: Use = ("KEY_AGREEMENT", "KeyAgreementAlgorithms", "ECDH");
const ML_DSA: Use = ("SIGN_VERIFY", "SigningAlgorithms", "ML_DSA_SHAKE_256");
const ENCAPSULATES: Use = (
    "ENCAPSULATE_DECAPSULATE",
    "EncapsulationAlgorithms",
    "ML_KEM",
);
const LISTS: [&str; 5] = [
    "EncryptionAlgorithms",
    "SigningAlgorithms",
    "MacAlgorithms",
    "KeyAgreementAlgorithms",
    "EncapsulationAlgorithms",
];

#[tokio::test]
async fn a_key_of_every_spec_and_usage_is_made_and_described_alike_after_a_restart() {
    let service = Service::start().await;
    let mut made = Vec::new();
    for (spec, rows) in SPECS {
        for (usage, list, first) in *rows {
            let request = json!({ "KeySpec": spec, "KeyUsage": usage });
            let answer = service.call("CreateKey", request).await.unwrap();
            let key = &answer["KeyMetadata"];
            assert_eq!(
                (&key["KeySpec"], &key["KeyUsage"]),
                (&json!(spec), &json!(usage))
            );
            assert_eq!(key[list][0], *first, "{spec} {usage}");
            let shown: Vec<_> = LISTS.iter().filter(|l| key.get(**l).is_some()).collect();
            assert_eq!(
                shown,
                [list],
                "{spec} {usage}: the lists of other usages are left out"
            );
            let symmetric = *spec == "SYMMETRIC_DEFAULT";
            assert_eq!(
                key.get("CurrentKeyMaterialId").is_some(),
                symmetric,
                "{spec}"
            );
            made.push(answer);
        }
    }
    let restarted = service.restarted().await;
    assert_eq!(restarted.kms.damaged(), [] as [String; 0]);
    for answer in made {
        let request = json!({ "KeyId": answer["KeyMetadata"]["KeyId"] });
        let described = restarted.call("DescribeKey", request).await.unwrap();
        assert_eq!(described, answer);
    }
}

#[tokio::test]
async fn a_spec_stands_under_its_old_name_too_and_may_be_asked_for_by_it() {
    let service = Service::start().await;
    for (spec, usage) in [
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
        ("ML_DSA_44", "SIGN_VERIFY"),
    ] {
        let request = json!({ "KeySpec": spec, "KeyUsage": usage });
        let made = service.call("CreateKey", request).await.unwrap();
        assert_eq!(made["KeyMetadata"]["CustomerMasterKeySpec"], spec);
    }
    let request = json!({ "CustomerMasterKeySpec": "ECC_NIST_P384", "KeyUsage": "SIGN_VERIFY" });
    let made = service.call("CreateKey", request).await.unwrap();
    assert_eq!(made["KeyMetadata"]["KeySpec"], "ECC_NIST_P384");
    let request = json!({ "CustomerMasterKeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY" });
    let refused = service.call("CreateKey", request).await.unwrap_err();
    assert_eq!(
        refused.code, "ValidationException",
        "no new spec has an old name"
    );
}

#[tokio::test]
async fn a_usage_that_a_spec_does_not_have_is_refused() {
    let service = Service::start().await;
    let also = |spec: &str, usage: &str| spec == "RSA_4096" && usage == "ENCRYPT_DECRYPT";
    for (spec, rows) in SPECS {
        for usage in USAGES {
            if rows.iter().any(|(known, ..)| *known == usage) || also(spec, usage) {
                continue;
            }
            let request = json!({ "KeySpec": spec, "KeyUsage": usage });
            let message = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
            assert_eq!(
                service.call("CreateKey", request).await,
                Err(refusal("ValidationException", message))
            );
        }
    }
    assert_eq!(service.stored().await, ["kms/root-key-check"]);
}

#[tokio::test]
async fn every_spec_but_the_symmetric_one_wants_its_usage_said() {
    let service = Service::start().await;
    for (spec, _) in SPECS {
        let made = service.call("CreateKey", json!({ "KeySpec": spec })).await;
        if *spec == "SYMMETRIC_DEFAULT" {
            assert!(made.is_ok());
        } else {
            let message = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.";
            assert_eq!(made, Err(refusal("ValidationException", message)), "{spec}");
        }
    }
}

#[tokio::test]
async fn sm2_is_said_to_be_elsewhere() {
    let service = Service::start().await;
    for usage in ["SIGN_VERIFY", "ENCRYPT_DECRYPT", "KEY_AGREEMENT"] {
        let request = json!({ "KeySpec": "SM2", "KeyUsage": usage });
        let refused = service.call("CreateKey", request).await.unwrap_err();
        assert_eq!(refused.code, "UnsupportedOperationException");
        assert!(refused.message.contains("China"), "{}", refused.message);
    }
}

#[tokio::test]
async fn a_new_pair_stands_in_its_record_without_its_private_half() {
    let service = Service::start().await;
    service.key_of_spec("ECC_NIST_P256", "SIGN_VERIFY").await;
    let record = service.last_record();
    let made = &record["responseElements"]["keyMetadata"];
    assert_eq!(made["signingAlgorithms"], json!(["ECDSA_SHA_256"]));
    assert_eq!(made.get("encryptionAlgorithms"), None);
    assert_eq!(made.get("currentKeyMaterialId"), None);
    assert_eq!(record["requestParameters"]["keySpec"], "ECC_NIST_P256");
    assert_eq!(record["requestParameters"]["keyUsage"], "SIGN_VERIFY");
}

#[tokio::test]
async fn making_a_long_key_holds_up_nobody() {
    let service = Service::start().await;
    let key = service.key().await;
    let long = service.key_of_spec("RSA_4096", "ENCRYPT_DECRYPT");
    tokio::pin!(long);
    // One thread: were the key made on it, nothing else would be answered before it is done.
    let mut answered = 0;
    loop {
        tokio::select! {
            biased;
            made = &mut long => {
                assert!(made.arn.contains(":key/"));
                break;
            }
            () = tokio::task::yield_now() => {
                service.encrypt(&key.id, b"x", json!({})).await;
                service.call("DisableKey", json!({ "KeyId": key.id })).await.unwrap();
                service.call("EnableKey", json!({ "KeyId": key.id })).await.unwrap();
                answered += 1;
            }
        }
    }
    assert!(answered > 1, "{answered}");
}
