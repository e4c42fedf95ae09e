//! `ReEncrypt`: from key to key and context to context.

use serde_json::{Value, json};

use crate::support::*;

async fn two_keys() -> (Service, TestKey, TestKey, String) {
    let service = Service::start().await;
    let (one, two) = (service.key().await, service.key().await);
    let blob = service.encrypt(&one.id, b"x", json!({ "a": "1" })).await;
    (service, one, two, blob)
}

fn request(blob: &str, to: &str) -> Value {
    json!({
        "CiphertextBlob": blob, "SourceEncryptionContext": { "a": "1" },
        "DestinationKeyId": to, "DestinationEncryptionContext": { "b": "2" },
    })
}

#[tokio::test]
async fn a_blob_comes_under_another_key_and_context() {
    let (service, one, two, blob) = two_keys().await;
    let request = request(&blob, &two.id);
    let answer = service.call("ReEncrypt", request).await.unwrap();
    let moved = text(&answer["CiphertextBlob"]);
    let opened = service.decrypt(&moved, json!({ "b": "2" })).await;
    assert_eq!(opened.unwrap(), b"x");
    assert!(service.decrypt(&moved, json!({ "a": "1" })).await.is_err());
    let material = |metadata: Value| metadata["CurrentKeyMaterialId"].clone();
    assert_eq!(
        answer,
        json!({
            "CiphertextBlob": moved, "SourceKeyId": one.arn, "KeyId": two.arn,
            "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "SourceKeyMaterialId": material(service.metadata(HERE, &one.id).await),
            "DestinationKeyMaterialId": material(service.metadata(HERE, &two.id).await),
        })
    );
}

#[tokio::test]
async fn the_source_key_may_be_named_and_must_then_be_the_right_one() {
    let (service, one, two, blob) = two_keys().await;
    let named = |key: &str| {
        let mut request = request(&blob, &two.id);
        request["SourceKeyId"] = json!(key);
        request
    };
    let alias = json!({ "AliasName": "alias/one", "TargetKeyId": one.id });
    service.call("CreateAlias", alias).await.unwrap();
    for name in [one.id.as_str(), one.arn.as_str(), "alias/one"] {
        let answer = service.call("ReEncrypt", named(name)).await.unwrap();
        assert_eq!(answer["SourceKeyId"], one.arn, "{name}");
    }
    let refused = service.call("ReEncrypt", named(&two.id)).await;
    assert_eq!(refused.unwrap_err().code, "IncorrectKeyException");
}

#[tokio::test]
async fn a_wrong_context_and_a_changed_blob_are_the_same_refusal() {
    let (service, _, two, blob) = two_keys().await;
    let invalid = Err(refusal("InvalidCiphertextException", ""));
    let mut other = request(&blob, &two.id);
    other["SourceEncryptionContext"] = json!({ "a": "2" });
    assert_eq!(service.call("ReEncrypt", other).await, invalid);
    let changed = format!("AAAA{}", &blob[4..]);
    let changed = request(&changed, &two.id);
    assert_eq!(service.call("ReEncrypt", changed).await, invalid);
}

#[tokio::test]
async fn leave_is_needed_on_both_keys_each_for_its_half() {
    let service = Service::start().await;
    let from = service
        .key_of(json!([delegates(), lets("mover", "kms:ReEncryptFrom")]))
        .await;
    let to = service
        .key_of(json!([delegates(), lets("mover", "kms:ReEncryptTo")]))
        .await;
    let blob = service.encrypt(&from.id, b"x", json!({ "a": "1" })).await;
    let back = service.encrypt(&to.id, b"x", json!({ "a": "1" })).await;
    let mover = Caller::nobody("mover");
    let answer = service
        .call_as(&mover, "ReEncrypt", request(&blob, &to.id))
        .await;
    assert!(answer.is_ok(), "{answer:?}");
    for (blob, to, missing) in [
        (&back, &from, "kms:ReEncryptFrom"),
        (&blob, &from, "kms:ReEncryptTo"),
    ] {
        let refused = service
            .call_as(&mover, "ReEncrypt", request(blob, &to.id))
            .await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
        assert!(refused.message.contains(missing), "{}", refused.message);
    }
}

#[tokio::test]
async fn each_half_sees_its_own_context_and_whether_the_key_stays() {
    let service = Service::start().await;
    let half = |action: &str, condition: Value| {
        let mut statement = lets("mover", action);
        statement["Condition"] = condition;
        statement
    };
    let key = service
        .key_of(json!([
            delegates(),
            half(
                "kms:ReEncryptFrom",
                json!({ "StringEquals": { "kms:EncryptionContext:a": "1" } })
            ),
            half(
                "kms:ReEncryptTo",
                json!({
                    "StringEquals": { "kms:EncryptionContext:b": "2" },
                    "Bool": { "kms:ReEncryptOnSameKey": "true" },
                })
            ),
        ]))
        .await;
    let other = service
        .key_of(json!([delegates(), lets("mover", "kms:ReEncryptFrom")]))
        .await;
    let mover = Caller::nobody("mover");
    let blob = service.encrypt(&key.id, b"x", json!({ "a": "1" })).await;
    let answer = service
        .call_as(&mover, "ReEncrypt", request(&blob, &key.id))
        .await;
    assert!(answer.is_ok(), "{answer:?}");
    let mut swapped = request(&blob, &key.id);
    swapped["DestinationEncryptionContext"] = json!({ "b": "3" });
    assert!(service.call_as(&mover, "ReEncrypt", swapped).await.is_err());
    let foreign = service.encrypt(&other.id, b"x", json!({ "a": "1" })).await;
    let moved = service
        .call_as(&mover, "ReEncrypt", request(&foreign, &key.id))
        .await;
    assert_eq!(moved.unwrap_err().code, "AccessDenied");
}

#[tokio::test]
async fn a_dry_run_says_that_it_would_have_succeeded_or_why_not() {
    let (service, one, two, blob) = two_keys().await;
    let dry = |mut request: Value| {
        request["DryRun"] = json!(true);
        request
    };
    let code = |answer: Result<Value, Refusal>| answer.unwrap_err().code;
    let would = service
        .call("ReEncrypt", dry(request(&blob, &two.id)))
        .await;
    assert_eq!(code(would), "DryRunOperationException");
    let mut wrong = dry(request(&blob, &two.id));
    wrong["SourceEncryptionContext"] = json!({});
    assert_eq!(
        code(service.call("ReEncrypt", wrong).await),
        "InvalidCiphertextException"
    );
    let mut without = json!({
        "DestinationKeyId": two.id, "SourceKeyId": one.id,
        "DryRun": true, "DryRunModifiers": ["IGNORE_CIPHERTEXT"],
    });
    let would = service.call("ReEncrypt", without.clone()).await;
    assert_eq!(code(would), "DryRunOperationException");
    without.as_object_mut().unwrap().remove("SourceKeyId");
    assert_eq!(
        code(service.call("ReEncrypt", without).await),
        "ValidationException"
    );
}

#[tokio::test]
async fn both_keys_must_be_enabled() {
    for of_source in [true, false] {
        let (service, one, two, blob) = two_keys().await;
        let off = if of_source { &one } else { &two };
        service
            .call("DisableKey", json!({ "KeyId": off.id }))
            .await
            .unwrap();
        let refused = service.call("ReEncrypt", request(&blob, &two.id)).await;
        let message = format!("{} is disabled.", off.arn);
        assert_eq!(refused, Err(refusal("DisabledException", message)));
    }
}

#[tokio::test]
async fn the_record_names_both_keys_and_contexts_and_nothing_secret() {
    let (service, one, two, blob) = two_keys().await;
    service
        .call("ReEncrypt", request(&blob, &two.id))
        .await
        .unwrap();
    let record = service.last_record();
    assert_eq!(
        record["requestParameters"],
        json!({
            "sourceEncryptionContext": { "a": "1" }, "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "destinationKeyId": two.id, "destinationEncryptionContext": { "b": "2" },
            "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        })
    );
    assert_eq!(record["resources"][0]["ARN"], one.arn);
    assert_eq!(record["resources"][1]["ARN"], two.arn);
    assert!(!record.to_string().contains(&blob));
}
