//! The waiting period, and what is left when it is over: nothing.

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_key_waits_thirty_days_unless_told_otherwise() {
    let service = Service::start().await;
    for (asked, days) in [(json!({}), 30), (json!({ "PendingWindowInDays": 7 }), 7)] {
        let key = service.key().await;
        let mut request = asked;
        request["KeyId"] = json!(key.id);
        let answer = service.call("ScheduleKeyDeletion", request).await.unwrap();
        let date = service.now().as_second() + days * 24 * 60 * 60;
        assert_eq!(
            answer,
            json!({
                "KeyId": key.arn, "DeletionDate": date, "KeyState": "PendingDeletion", "PendingWindowInDays": days,
            })
        );
        let described = service
            .call("DescribeKey", json!({ "KeyId": key.id }))
            .await
            .unwrap();
        assert_eq!(described["KeyMetadata"]["DeletionDate"], date);
        assert_eq!(described["KeyMetadata"]["Enabled"], false);
    }
}

#[tokio::test]
async fn a_waiting_period_has_7_to_30_days() {
    let service = Service::start().await;
    let key = service.key().await;
    for days in [1, 6, 31, 365] {
        let request = json!({ "KeyId": key.id, "PendingWindowInDays": days });
        let refused = service
            .call("ScheduleKeyDeletion", request)
            .await
            .unwrap_err();
        assert_eq!(refused.code, "ValidationException", "{days}");
    }
    assert_eq!(service.state(&key).await, "Enabled");
}

#[tokio::test]
async fn a_key_that_is_saved_is_disabled_and_whole() {
    let service = Service::start().await;
    let key = service.key().await;
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    service
        .call("ScheduleKeyDeletion", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    service.days_pass(29);
    let saved = service
        .call("CancelKeyDeletion", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert_eq!(saved, json!({ "KeyId": key.arn }));
    assert_eq!(service.state(&key).await, "Disabled");
    service.days_pass(2);
    assert!(service.kms.sweep(service.now()).await.entries.is_empty());
    service
        .call("EnableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert_eq!(service.decrypt(&blob, json!({})).await.unwrap(), b"x");
}

#[tokio::test]
async fn the_sweep_leaves_keys_alone_whose_time_has_not_come() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key.id, "PendingWindowInDays": 7 }),
        )
        .await
        .unwrap();
    service.days_pass(6);
    let swept = service.kms.sweep(service.now()).await;
    assert_eq!((swept.entries.len(), swept.failures.len()), (0, 0));
    assert_eq!(service.state(&key).await, "PendingDeletion");
}

#[tokio::test]
async fn the_sweep_leaves_nothing_of_a_key_whose_time_has_come() {
    let service = Service::start().await;
    let (key, other) = (service.key().await, service.key().await);
    for (name, key) in [("alias/a", &key), ("alias/b", &key), ("alias/c", &other)] {
        service
            .call(
                "CreateAlias",
                json!({ "AliasName": name, "TargetKeyId": key.id }),
            )
            .await
            .unwrap();
    }
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    service
        .call(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key.id, "PendingWindowInDays": 7 }),
        )
        .await
        .unwrap();
    service.days_pass(7);
    assert_eq!(service.kms.sweep(service.now()).await.entries.len(), 1);

    let left = [
        format!("kms/{ACCOUNT}/{HERE}/alias/c"),
        other.record(),
        "kms/root-key-check".to_owned(),
    ];
    assert_eq!(service.stored().await, left);
    assert_eq!(
        service.decrypt(&blob, json!({})).await,
        Err(refusal("InvalidCiphertextException", ""))
    );
    for name in [key.id.as_str(), "alias/a", "alias/b"] {
        assert_eq!(
            service
                .call("DescribeKey", json!({ "KeyId": name }))
                .await
                .unwrap_err()
                .code,
            "NotFoundException"
        );
    }
    assert!(service.kms.sweep(service.now()).await.entries.is_empty());
}

#[tokio::test]
async fn a_key_whose_time_has_come_is_gone_even_before_the_sweep() {
    let service = Service::start().await;
    let (key, other) = (service.key().await, service.key().await);
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    service
        .call(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key.id, "PendingWindowInDays": 7 }),
        )
        .await
        .unwrap();
    service.days_pass(7);
    for operation in ["CancelKeyDeletion", "DescribeKey", "GetKeyPolicy"] {
        let refused = service
            .call(operation, json!({ "KeyId": key.id }))
            .await
            .unwrap_err();
        assert_eq!(refused.code, "NotFoundException", "{operation}");
    }
    let keys = service.call("ListKeys", json!({})).await.unwrap();
    assert_eq!(
        keys["Keys"],
        json!([{ "KeyId": other.id, "KeyArn": other.arn }])
    );
    assert_eq!(
        service.call("ListAliases", json!({})).await.unwrap()["Aliases"],
        json!([])
    );
    // Its alias is free again, and the sweep does not take it from its new key.
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": other.id }),
        )
        .await
        .unwrap();
    assert_eq!(service.kms.sweep(service.now()).await.entries.len(), 1);
    assert!(
        service
            .call("DescribeKey", json!({ "KeyId": "alias/a" }))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_sweep_after_a_restart_deletes_what_fell_due_meanwhile() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key.id, "PendingWindowInDays": 7 }),
        )
        .await
        .unwrap();
    service.days_pass(8);
    let again = service.restarted().await;
    assert_eq!(again.kms.sweep(again.now()).await.entries.len(), 1);
    assert_eq!(again.stored().await, ["kms/root-key-check"]);
}

#[tokio::test]
async fn a_deletion_is_recorded_as_the_services_own_doing() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key.id, "PendingWindowInDays": 7 }),
        )
        .await
        .unwrap();
    service.days_pass(7);
    let swept = service.kms.sweep(service.now()).await;
    let record = record(&swept.entries[0]);
    assert_eq!(record["eventName"], "DeleteKey");
    assert_eq!(record["eventType"], "AwsServiceEvent");
    assert_eq!(record["eventSource"], "kms.amazonaws.com");
    assert_eq!(
        record["userIdentity"],
        json!({ "accountId": ACCOUNT, "invokedBy": "AWS Internal" })
    );
    assert_eq!(record["readOnly"], false);
    assert_eq!(record["resources"][0]["ARN"], key.arn);
    assert!(matches!(swept.entries[0], trail::Entry::InStore(_)));
}

#[tokio::test]
async fn a_deletion_that_the_store_refuses_is_tried_again() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key.id, "PendingWindowInDays": 7 }),
        )
        .await
        .unwrap();
    service.days_pass(7);
    service.store.inject(store::Fault::Full);
    let swept = service.kms.sweep(service.now()).await;
    assert_eq!((swept.entries.len(), swept.failures.len()), (0, 1));
    assert_eq!(
        service
            .call("DescribeKey", json!({ "KeyId": key.id }))
            .await
            .unwrap_err()
            .code,
        "NotFoundException"
    );
    assert_eq!(service.kms.sweep(service.now()).await.entries.len(), 1);
}
