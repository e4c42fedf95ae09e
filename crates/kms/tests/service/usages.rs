//! A key is used for one thing: which operation goes with which usage, and in which state.

use serde_json::{Value, json};

use crate::support::*;

/// The operations that use a key, with the usage that each needs.
const USES: [(&str, &str); 14] = [
    ("Encrypt", "ENCRYPT_DECRYPT"),
    ("Decrypt", "ENCRYPT_DECRYPT"),
    ("GenerateDataKey", "ENCRYPT_DECRYPT"),
    ("GenerateDataKeyWithoutPlaintext", "ENCRYPT_DECRYPT"),
    ("GenerateDataKeyPair", "ENCRYPT_DECRYPT"),
    ("GenerateDataKeyPairWithoutPlaintext", "ENCRYPT_DECRYPT"),
    ("Sign", "SIGN_VERIFY"),
    ("Verify", "SIGN_VERIFY"),
    ("GenerateMac", "GENERATE_VERIFY_MAC"),
    ("VerifyMac", "GENERATE_VERIFY_MAC"),
    ("DeriveSharedSecret", "KEY_AGREEMENT"),
    ("Encapsulate", "ENCAPSULATE_DECAPSULATE"),
    ("Decapsulate", "ENCAPSULATE_DECAPSULATE"),
    ("GetPublicKey", ""),
];

/// A request that says nothing of a key's spec.
fn request(operation: &str, key: &TestKey) -> Value {
    let mut request = match operation {
        "Encrypt" => json!({ "Plaintext": "eA==" }),
        "Decrypt" => {
            json!({ "CiphertextBlob": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" })
        }
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => json!({ "KeySpec": "AES_256" }),
        "GenerateDataKeyPair" | "GenerateDataKeyPairWithoutPlaintext" => {
            json!({ "KeyPairSpec": "ECC_NIST_P256" })
        }
        "Sign" => json!({ "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256" }),
        "Verify" => {
            json!({ "Message": "eA==", "Signature": "eA==", "SigningAlgorithm": "ECDSA_SHA_256" })
        }
        "GenerateMac" => json!({ "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256" }),
        "VerifyMac" => json!({ "Message": "eA==", "Mac": "eA==", "MacAlgorithm": "HMAC_SHA_256" }),
        "DeriveSharedSecret" => json!({ "PublicKey": "eA==", "KeyAgreementAlgorithm": "ECDH" }),
        "Encapsulate" => json!({ "EncapsulationAlgorithm": "ML_KEM" }),
        "Decapsulate" => {
            json!({ "SharedSecretCiphertextBlob": "eA==", "EncapsulationAlgorithm": "ML_KEM" })
        }
        _ => json!({}),
    };
    request["KeyId"] = json!(key.id);
    request
}

/// A cheap key of each usage.
const BY_USAGE: [(&str, &str); 5] = [
    ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    ("ECC_NIST_P256", "SIGN_VERIFY"),
    ("HMAC_256", "GENERATE_VERIFY_MAC"),
    ("ECC_NIST_P256", "KEY_AGREEMENT"),
    ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"),
];

#[tokio::test]
async fn a_key_is_used_for_what_it_was_made_for_and_nothing_else() {
    let service = Service::start().await;
    for (spec, usage) in BY_USAGE {
        let key = service.key_of_spec(spec, usage).await;
        for (operation, needed) in USES {
            if needed.is_empty() || needed == usage {
                continue;
            }
            let message = format!(
                "{} key usage is {usage} which is not valid for {operation}.",
                key.arn
            );
            assert_eq!(
                service.call(operation, request(operation, &key)).await,
                Err(refusal("InvalidKeyUsageException", message))
            );
        }
    }
}

#[tokio::test]
async fn a_key_that_may_not_be_used_now_says_so_before_its_usage_is_looked_at() {
    for (spec, usage) in BY_USAGE {
        let service = Service::start().await;
        let key = service.key_of_spec(spec, usage).await;
        let of_key = json!({ "KeyId": key.id });
        service.call("DisableKey", of_key.clone()).await.unwrap();
        for (operation, needed) in USES {
            let answer = service.call(operation, request(operation, &key)).await;
            if needed.is_empty() {
                continue;
            }
            let message = format!("{} is disabled.", key.arn);
            assert_eq!(
                answer,
                Err(refusal("DisabledException", message)),
                "{operation}"
            );
        }
        service.call("ScheduleKeyDeletion", of_key).await.unwrap();
        for (operation, _) in USES {
            let message = format!("{} is pending deletion.", key.arn);
            assert_eq!(
                service.call(operation, request(operation, &key)).await,
                Err(refusal("KMSInvalidStateException", message)),
                "{operation}"
            );
        }
    }
}

#[tokio::test]
async fn a_public_half_that_was_exchanged_in_the_store_makes_the_key_unavailable() {
    let service = Service::start().await;
    let key = service.key_of_spec("ECC_NIST_P256", "SIGN_VERIFY").await;
    let other = service.key_of_spec("ECC_NIST_P256", "SIGN_VERIFY").await;
    let (mine, others) = (
        blob(service.public_half(&key).await),
        blob(service.public_half(&other).await),
    );
    let exchange = |record: Vec<u8>| {
        let record = String::from_utf8(record).unwrap();
        assert!(record.contains(&text(&mine)));
        record.replace(&text(&mine), &text(&others)).into_bytes()
    };
    service.overwrite(&key.record(), exchange).await;
    let restarted = service.restarted().await;
    assert_eq!(restarted.kms.damaged(), [key.record()]);
    for operation in ["GetPublicKey", "Verify", "Sign"] {
        let refused = restarted.call(operation, request(operation, &key)).await;
        assert_eq!(
            refused.unwrap_err().code,
            "KeyUnavailableException",
            "{operation}"
        );
    }
}
