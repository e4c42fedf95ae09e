//! `GetPublicKey`.

use serde_json::json;

use crate::support::*;

/// A key of each kind of pair and usage, and the keys that are none.
const KEYS: [(&str, &str); 8] = [
    ("RSA_2048", "ENCRYPT_DECRYPT"),
    ("RSA_2048", "SIGN_VERIFY"),
    ("ECC_NIST_P256", "SIGN_VERIFY"),
    ("ECC_NIST_P256", "KEY_AGREEMENT"),
    ("ML_DSA_44", "SIGN_VERIFY"),
    ("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"),
    ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    ("HMAC_256", "GENERATE_VERIFY_MAC"),
];

const LISTS: [&str; 4] = [
    "EncryptionAlgorithms",
    "SigningAlgorithms",
    "KeyAgreementAlgorithms",
    "EncapsulationAlgorithms",
];

#[tokio::test]
async fn the_public_half_is_given_out_of_a_pair_alone_enabled_or_not() {
    let service = Service::start().await;
    for (spec, usage) in KEYS {
        let key = service.key_of_spec(spec, usage).await;
        let of_key = json!({ "KeyId": key.id });
        let answer = service.call("GetPublicKey", of_key.clone()).await;
        if matches!(spec, "SYMMETRIC_DEFAULT" | "HMAC_256") {
            assert_eq!(
                answer,
                Err(refusal("UnsupportedOperationException", "")),
                "{spec}"
            );
            continue;
        }
        let answer = answer.unwrap();
        assert_eq!(answer["KeyId"], key.arn);
        assert_eq!(
            (&answer["KeySpec"], &answer["KeyUsage"]),
            (&json!(spec), &json!(usage))
        );
        let described = service.call("DescribeKey", of_key.clone()).await.unwrap();
        for list in LISTS {
            assert_eq!(
                answer.get(list),
                described["KeyMetadata"].get(list),
                "{spec} {usage}"
            );
        }
        service.call("DisableKey", of_key.clone()).await.unwrap();
        assert_eq!(service.call("GetPublicKey", of_key).await, Ok(answer));
    }
}

#[tokio::test]
async fn a_key_that_is_pending_deletion_gives_nothing_out() {
    let service = Service::start().await;
    for (spec, usage) in KEYS {
        let key = service.key_of_spec(spec, usage).await;
        let of_key = json!({ "KeyId": key.id });
        service
            .call("ScheduleKeyDeletion", of_key.clone())
            .await
            .unwrap();
        let message = format!("{} is pending deletion.", key.arn);
        assert_eq!(
            service.call("GetPublicKey", of_key).await,
            Err(refusal("KMSInvalidStateException", message)),
            "{spec}"
        );
    }
}
