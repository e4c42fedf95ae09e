//! What the trail is told: enough to see who did what, and never a secret.

use serde_json::{Value, json};
use trail::Entry;

use crate::support::*;

#[tokio::test]
async fn a_decrypt_is_recorded_with_its_key_and_context() {
    let service = Service::start().await;
    let key = service.key().await;
    let blob = service
        .encrypt(&key.id, b"x", json!({ "kluis:machine": "m1" }))
        .await;
    service
        .decrypt(&blob, json!({ "kluis:machine": "m1" }))
        .await
        .unwrap();
    let record = service.last_record();
    assert_eq!(record["eventName"], "Decrypt");
    assert_eq!(
        record["requestParameters"],
        json!({
            "encryptionContext": { "kluis:machine": "m1" }, "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        })
    );
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(
        record["resources"],
        json!([{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key.arn }])
    );
    assert_eq!(record["readOnly"], true);
    assert!(matches!(service.last_entry(), Entry::Unwritten(_)));
}

#[tokio::test]
async fn a_refusal_is_recorded_with_its_key_code_and_message() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call("DisableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    service
        .call("Encrypt", json!({ "KeyId": key.id, "Plaintext": "eA==" }))
        .await
        .unwrap_err();
    let record = service.last_record();
    assert_eq!(record["errorCode"], "DisabledException");
    assert_eq!(record["errorMessage"], format!("{} is disabled.", key.arn));
    assert_eq!(record["resources"][0]["ARN"], key.arn);
}

#[tokio::test]
async fn requests_are_recorded_in_cloudtrails_spelling() {
    let service = Service::start().await;
    let key = service.key().await;
    for (operation, request, parameters) in [
        (
            "GenerateDataKey",
            json!({ "KeyId": key.id, "KeySpec": "AES_256", "EncryptionContext": { "a": "1" } }),
            json!({ "keyId": key.id, "encryptionContext": { "a": "1" }, "keySpec": "AES_256" }),
        ),
        (
            "GenerateDataKeyWithoutPlaintext",
            json!({ "KeyId": key.id, "NumberOfBytes": 16 }),
            json!({ "keyId": key.id, "numberOfBytes": 16 }),
        ),
        (
            "Encrypt",
            json!({ "KeyId": key.arn, "Plaintext": "eA==" }),
            json!({ "keyId": key.arn, "encryptionAlgorithm": "SYMMETRIC_DEFAULT" }),
        ),
        (
            "GenerateRandom",
            json!({ "NumberOfBytes": 8 }),
            json!({ "numberOfBytes": 8 }),
        ),
        (
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
            json!({ "aliasName": "alias/a", "targetKeyId": key.id }),
        ),
        ("ListKeys", json!({ "Limit": 5 }), json!({ "limit": 5 })),
        ("ListAliases", json!({}), Value::Null),
        (
            "ScheduleKeyDeletion",
            json!({ "KeyId": key.id, "PendingWindowInDays": 7 }),
            json!({ "keyId": key.id, "pendingWindowInDays": 7 }),
        ),
    ] {
        service.call(operation, request).await.unwrap();
        assert_eq!(
            service.last_record()["requestParameters"],
            parameters,
            "{operation}"
        );
    }
    assert_eq!(
        service.last_record()["responseElements"],
        json!({
            "keyId": key.arn, "keyState": "PendingDeletion", "deletionDate": "Jan 9, 2026 3:04:05 AM", "pendingWindowInDays": 7,
        })
    );
}

#[tokio::test]
async fn a_new_key_stands_in_its_record() {
    let service = Service::start().await;
    let key = service.key_with(json!({ "Description": "disks" })).await;
    let record = service.last_record();
    assert_eq!(
        record["resources"],
        json!([{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key.arn }])
    );
    assert_eq!(record["responseElements"]["keyMetadata"]["keyId"], key.id);
    assert_eq!(
        record["responseElements"]["keyMetadata"]["creationDate"],
        "Jan 2, 2026 3:04:05 AM"
    );
    assert_eq!(record["requestParameters"]["description"], "disks");
    assert_eq!(record["readOnly"], false);
}

#[tokio::test]
async fn nothing_secret_is_ever_recorded() {
    let service = Service::start().await;
    let key = service.key().await;
    let secret = "dG9wIHNlY3JldCBwbGFpbnRleHQ=";
    let sealed = service
        .call("Encrypt", json!({ "KeyId": key.id, "Plaintext": secret }))
        .await
        .unwrap();
    let of_encrypt = service.last_record().to_string();
    let blob = text(&sealed["CiphertextBlob"]);
    service
        .call("Decrypt", json!({ "CiphertextBlob": blob }))
        .await
        .unwrap();
    let of_decrypt = service.last_record().to_string();
    service
        .call(
            "Decrypt",
            json!({ "CiphertextBlob": blob, "GrantTokens": ["a-grant-token"] }),
        )
        .await
        .unwrap_err();
    let of_refusal = service.last_record().to_string();
    let made = service
        .call(
            "GenerateDataKey",
            json!({ "KeyId": key.id, "KeySpec": "AES_256" }),
        )
        .await
        .unwrap();
    let of_data_key = service.last_record().to_string();
    for record in [of_encrypt, of_decrypt, of_refusal, of_data_key] {
        for hidden in [
            secret,
            blob.as_str(),
            &text(&made["Plaintext"]),
            &text(&made["CiphertextBlob"]),
            "a-grant-token",
            "top secret",
        ] {
            assert!(!record.contains(hidden), "{hidden} in {record}");
        }
    }
}

#[tokio::test]
async fn a_mutation_and_its_record_are_one_transaction() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call("DisableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let Entry::InStore(record) = service.last_entry() else {
        panic!("the record is not in the store")
    };
    let name = store::Key::new(trail::outbox_key(record.event_id())).unwrap();
    let waiting = store::Store::get(&*service.store, &name)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(waiting.value, record.bytes());
    let of_key = store::Store::get(&*service.store, &store::Key::new(key.record()).unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(of_key.revision, waiting.revision);
}

#[tokio::test]
async fn a_mutation_that_finds_all_as_wanted_writes_nothing_and_is_still_recorded() {
    let service = Service::start().await;
    let key = service.key().await;
    let before = store::Store::revision(&*service.store).await.unwrap();
    service
        .call("EnableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert!(matches!(service.last_entry(), Entry::Unwritten(_)));
    assert_eq!(service.last_record()["eventName"], "EnableKey");
    assert_eq!(
        store::Store::revision(&*service.store).await.unwrap(),
        before
    );
}
