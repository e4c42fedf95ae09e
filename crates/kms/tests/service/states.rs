//! Which operation answers what in which state, through the operations themselves.

use serde_json::{Value, json};

use crate::support::*;

const USES: [&str; 4] = [
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
];

/// A request of `operation` on the key; `blob` is one that it made while it could.
fn request(operation: &str, key: &TestKey, blob: &str) -> Value {
    match operation {
        "Encrypt" => json!({ "KeyId": key.id, "Plaintext": "eA==" }),
        "Decrypt" => json!({ "CiphertextBlob": blob }),
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
            json!({ "KeyId": key.id, "KeySpec": "AES_256" })
        }
        "CreateAlias" => json!({ "AliasName": "alias/new", "TargetKeyId": key.id }),
        "UpdateAlias" => json!({ "AliasName": "alias/there", "TargetKeyId": key.id }),
        "ReEncrypt" => json!({ "CiphertextBlob": blob, "DestinationKeyId": key.id }),
        "TagResource" => {
            json!({ "KeyId": key.id, "Tags": [{ "TagKey": "a", "TagValue": "b" }] })
        }
        "UntagResource" => json!({ "KeyId": key.id, "TagKeys": ["a"] }),
        "UpdateKeyDescription" => json!({ "KeyId": key.id, "Description": "other" }),
        "PutKeyPolicy" => {
            let policy = json!({ "Version": "2012-10-17", "Statement": [delegates()] }).to_string();
            json!({ "KeyId": key.id, "Policy": policy })
        }
        _ => json!({ "KeyId": key.id }),
    }
}

/// A key, a blob of it, and an alias that points at another key.
async fn ready() -> (Service, TestKey, String) {
    let service = Service::start().await;
    let (key, other) = (service.key().await, service.key().await);
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/there", "TargetKeyId": other.id }),
        )
        .await
        .unwrap();
    (service, key, blob)
}

#[tokio::test]
async fn a_disabled_key_is_not_used_and_everything_else_works() {
    for operation in USES {
        let (service, key, blob) = ready().await;
        service
            .call("DisableKey", json!({ "KeyId": key.id }))
            .await
            .unwrap();
        let refused = service
            .call(operation, request(operation, &key, &blob))
            .await;
        assert_eq!(
            refused,
            Err(refusal(
                "DisabledException",
                format!("{} is disabled.", key.arn)
            )),
            "{operation}"
        );
    }
    for operation in [
        "DescribeKey",
        "EnableKey",
        "DisableKey",
        "GetKeyPolicy",
        "PutKeyPolicy",
        "ListKeyPolicies",
        "CreateAlias",
        "UpdateAlias",
        "TagResource",
        "UntagResource",
        "UpdateKeyDescription",
        "ListResourceTags",
        "ListKeyRotations",
        "GetKeyRotationStatus",
        "GetKeyLastUsage",
        "ScheduleKeyDeletion",
    ] {
        let (service, key, blob) = ready().await;
        service
            .call("DisableKey", json!({ "KeyId": key.id }))
            .await
            .unwrap();
        assert!(
            service
                .call(operation, request(operation, &key, &blob))
                .await
                .is_ok(),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_key_that_is_pending_deletion_can_be_looked_at_governed_and_saved() {
    let (service, key, blob) = ready().await;
    service
        .call("ScheduleKeyDeletion", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let pending = refusal(
        "KMSInvalidStateException",
        format!("{} is pending deletion.", key.arn),
    );
    for operation in USES.into_iter().chain([
        "EnableKey",
        "DisableKey",
        "CreateAlias",
        "UpdateAlias",
        "ScheduleKeyDeletion",
        "EnableKeyRotation",
        "DisableKeyRotation",
        "RotateKeyOnDemand",
        "TagResource",
        "UntagResource",
        "UpdateKeyDescription",
        "ReEncrypt",
    ]) {
        let refused = service
            .call(operation, request(operation, &key, &blob))
            .await;
        assert_eq!(refused, Err(pending.clone()), "{operation}");
    }
    for operation in [
        "DescribeKey",
        "GetKeyPolicy",
        "PutKeyPolicy",
        "ListKeyPolicies",
        "ListResourceTags",
        "ListKeyRotations",
        "GetKeyRotationStatus",
        "GetKeyLastUsage",
        "ListGrants",
        "CancelKeyDeletion",
    ] {
        assert!(
            service
                .call(operation, request(operation, &key, &blob))
                .await
                .is_ok(),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn an_alias_leaves_a_key_in_any_state() {
    let (service, key, _) = ready().await;
    let other = service.key().await;
    for name in ["alias/one", "alias/two"] {
        service
            .call(
                "CreateAlias",
                json!({ "AliasName": name, "TargetKeyId": key.id }),
            )
            .await
            .unwrap();
    }
    service
        .call("ScheduleKeyDeletion", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    service
        .call(
            "UpdateAlias",
            json!({ "AliasName": "alias/one", "TargetKeyId": other.id }),
        )
        .await
        .unwrap();
    service
        .call("DeleteAlias", json!({ "AliasName": "alias/two" }))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_key_that_is_not_pending_deletion_cannot_be_saved_from_it() {
    let (service, key, _) = ready().await;
    let not_pending = refusal(
        "KMSInvalidStateException",
        format!("{} is not pending deletion.", key.arn),
    );
    assert_eq!(
        service
            .call("CancelKeyDeletion", json!({ "KeyId": key.id }))
            .await,
        Err(not_pending.clone())
    );
    service
        .call("DisableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert_eq!(
        service
            .call("CancelKeyDeletion", json!({ "KeyId": key.id }))
            .await,
        Err(not_pending)
    );
}

#[tokio::test]
async fn disabling_and_enabling_come_to_rest() {
    let (service, key, blob) = ready().await;
    for (operation, state) in [
        ("DisableKey", "Disabled"),
        ("DisableKey", "Disabled"),
        ("EnableKey", "Enabled"),
        ("EnableKey", "Enabled"),
    ] {
        service
            .call(operation, json!({ "KeyId": key.id }))
            .await
            .unwrap();
        assert_eq!(service.state(&key).await, state);
    }
    assert_eq!(service.decrypt(&blob, json!({})).await.unwrap(), b"x");
}
