//! `GetKeyLastUsage`: kept at each use, written behind, read back.

use serde_json::{Value, json};

use crate::support::*;

async fn last(service: &Service, key: &TestKey) -> Value {
    let request = json!({ "KeyId": key.id });
    service.call("GetKeyLastUsage", request).await.unwrap()
}

#[tokio::test]
async fn a_key_that_was_never_used_has_an_empty_last_use() {
    let service = Service::start().await;
    let key = service.key().await;
    let made = service.now().as_second();
    assert_eq!(
        last(&service, &key).await,
        json!({ "KeyId": key.id, "KeyLastUsage": {}, "KeyCreationDate": made, "TrackingStartDate": made })
    );
}

#[tokio::test]
async fn the_last_use_is_told_with_its_record() {
    let service = Service::start().await;
    let key = service.key().await;
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    service.a_second_passes();
    service.decrypt(&blob, json!({})).await.unwrap();
    let record = service.last_record();
    assert_eq!(
        last(&service, &key).await["KeyLastUsage"],
        json!({
            "Operation": "Decrypt", "Timestamp": service.now().as_second(),
            "CloudTrailEventId": record["eventID"], "KmsRequestId": record["requestID"],
        })
    );
}

#[tokio::test]
async fn only_what_succeeds_and_is_cryptography_is_a_use() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call("DescribeKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let dry = json!({ "KeyId": key.id, "Plaintext": "eA==", "DryRun": true });
    service.call("Encrypt", dry).await.unwrap_err();
    assert_eq!(last(&service, &key).await["KeyLastUsage"], json!({}));
}

#[tokio::test]
async fn a_reencryption_uses_both_keys() {
    let service = Service::start().await;
    let (one, two) = (service.key().await, service.key().await);
    let blob = service.encrypt(&one.id, b"x", json!({})).await;
    let request = json!({ "CiphertextBlob": blob, "DestinationKeyId": two.id });
    service.call("ReEncrypt", request).await.unwrap();
    for key in [&one, &two] {
        let used = last(&service, key).await;
        assert_eq!(used["KeyLastUsage"]["Operation"], "ReEncrypt");
    }
}

#[tokio::test]
async fn a_use_writes_nothing_and_is_written_down_behind_it() {
    let service = Service::start().await;
    let key = service.key().await;
    let before = store::Store::revision(&*service.store).await.unwrap();
    service.encrypt(&key.id, b"x", json!({})).await;
    let after = store::Store::revision(&*service.store).await.unwrap();
    assert_eq!(after, before);
    let used = last(&service, &key).await;
    service.swept().await;
    assert_eq!(last(&service.restarted().await, &key).await, used);
    let written = store::Store::revision(&*service.store).await.unwrap();
    service.swept().await;
    let again = store::Store::revision(&*service.store).await.unwrap();
    assert_eq!(again, written, "what is written down is not written again");
}

#[tokio::test]
async fn what_could_not_be_written_down_is_the_next_time() {
    let service = Service::start().await;
    let key = service.key().await;
    service.encrypt(&key.id, b"x", json!({})).await;
    service.store.inject(store::Fault::Full);
    assert!(service.kms.sweep(service.now()).await.unwritten.is_some());
    service.swept().await;
    let again = service.restarted().await;
    assert_eq!(
        last(&again, &key).await["KeyLastUsage"]["Operation"],
        "Encrypt"
    );
}

#[tokio::test]
async fn a_last_use_goes_with_its_key() {
    let service = Service::start().await;
    let key = service.key().await;
    service.encrypt(&key.id, b"x", json!({})).await;
    service.swept().await;
    let request = json!({ "KeyId": key.id, "PendingWindowInDays": 7 });
    service.call("ScheduleKeyDeletion", request).await.unwrap();
    service.days_pass(7);
    service.swept().await;
    assert_eq!(service.stored().await, ["kms/root-key-check"]);
}
