//! Multi-Region keys: one key in several regions of one service.

use serde_json::{Value, json};

use crate::support::*;

const FAR: &str = "ap-northeast-1";

async fn primary(service: &Service) -> TestKey {
    service.key_with(json!({ "MultiRegion": true })).await
}

async fn replicate(service: &Service, key: &TestKey, region: &str) -> Result<Value, Refusal> {
    let request = json!({ "KeyId": key.id, "ReplicaRegion": region });
    service.call("ReplicateKey", request).await
}

async fn pair() -> (Service, TestKey) {
    let service = Service::start().await;
    let key = primary(&service).await;
    replicate(&service, &key, THERE).await.unwrap();
    (service, key)
}

fn arn_in(region: &str, key: &TestKey) -> String {
    format!("arn:aws:kms:{region}:{ACCOUNT}:key/{}", key.id)
}

async fn schedule(service: &Service, region: &str, key: &TestKey) -> Value {
    let request = json!({ "KeyId": key.id, "PendingWindowInDays": 7 });
    service
        .call_in(region, "ScheduleKeyDeletion", request)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_multi_region_key_is_made_as_a_primary_key_without_replicas() {
    let service = Service::start().await;
    let key = primary(&service).await;
    assert!(key.id.starts_with("mrk-"), "{}", key.id);
    let metadata = service.metadata(HERE, &key.id).await;
    assert_eq!(metadata["MultiRegion"], true);
    assert_eq!(
        metadata["MultiRegionConfiguration"],
        json!({
            "MultiRegionKeyType": "PRIMARY",
            "PrimaryKey": { "Arn": key.arn, "Region": HERE },
            "ReplicaKeys": [],
        })
    );
}

#[tokio::test]
async fn a_replica_has_the_material_and_a_life_of_its_own() {
    let service = Service::start().await;
    let key = primary(&service).await;
    let request = json!({
        "KeyId": key.id, "ReplicaRegion": THERE, "Description": "over there",
        "Tags": [{ "TagKey": "a", "TagValue": "b" }],
    });
    let made = service.call("ReplicateKey", request).await.unwrap();
    let replica = &made["ReplicaKeyMetadata"];
    let configuration = |kind: &str| {
        json!({
            "MultiRegionKeyType": kind,
            "PrimaryKey": { "Arn": key.arn, "Region": HERE },
            "ReplicaKeys": [{ "Arn": arn_in(THERE, &key), "Region": THERE }],
        })
    };
    assert_eq!(replica["Arn"], arn_in(THERE, &key));
    assert_eq!(replica["KeyState"], "Enabled");
    assert_eq!(replica["Description"], "over there");
    assert_eq!(
        replica["MultiRegionConfiguration"],
        configuration("REPLICA")
    );
    assert_eq!(
        made["ReplicaTags"],
        json!([{ "TagKey": "a", "TagValue": "b" }])
    );
    assert!(text(&made["ReplicaPolicy"]).contains("Enable IAM User Permissions"));
    assert_eq!(*replica, service.metadata(THERE, &key.id).await);
    let original = service.metadata(HERE, &key.id).await;
    assert_eq!(
        original["MultiRegionConfiguration"],
        configuration("PRIMARY")
    );
    assert_eq!(
        original["CurrentKeyMaterialId"],
        replica["CurrentKeyMaterialId"]
    );
    assert_eq!(original["Description"], "");
    service
        .call("DisableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    assert_eq!(
        service.metadata(THERE, &key.id).await["KeyState"],
        "Enabled"
    );
}

#[tokio::test]
async fn what_one_region_encrypts_the_other_decrypts() {
    let (service, key) = pair().await;
    let here = service.encrypt(&key.id, b"x", json!({ "a": "1" })).await;
    for service in [&service, &service.restarted().await] {
        let request = json!({ "CiphertextBlob": here, "EncryptionContext": { "a": "1" } });
        let opened = service.call_in(THERE, "Decrypt", request).await.unwrap();
        assert_eq!(opened["KeyId"], arn_in(THERE, &key));
        assert_eq!(opened["Plaintext"], "eA==");
    }
    let request = json!({ "KeyId": arn_in(THERE, &key), "Plaintext": "eA==" });
    let sealed = service.call_in(THERE, "Encrypt", request).await.unwrap();
    let there = text(&sealed["CiphertextBlob"]);
    assert_eq!(service.decrypt(&there, json!({})).await.unwrap(), b"x");
    let request = json!({ "CiphertextBlob": there });
    let elsewhere = service.call_in(FAR, "Decrypt", request).await;
    assert_eq!(elsewhere, Err(refusal("InvalidCiphertextException", "")));
}

#[tokio::test]
async fn only_primary_keys_are_replicated_and_only_once_into_a_region() {
    let (service, key) = pair().await;
    let unsupported = |arn: &str| {
        let message = format!("{arn} is not a multi-Region primary key.");
        Err(refusal("UnsupportedOperationException", message))
    };
    let again = replicate(&service, &key, THERE).await;
    assert_eq!(again.unwrap_err().code, "AlreadyExistsException");
    let onto_itself = replicate(&service, &key, HERE).await;
    assert_eq!(onto_itself.unwrap_err().code, "AlreadyExistsException");
    let request = json!({ "KeyId": key.id, "ReplicaRegion": FAR });
    let of_replica = service.call_in(THERE, "ReplicateKey", request).await;
    assert_eq!(of_replica, unsupported(&arn_in(THERE, &key)));
    let single = service.key().await;
    let of_single = replicate(&service, &single, THERE).await;
    assert_eq!(of_single, unsupported(&single.arn));
}

#[tokio::test]
async fn a_replica_needs_leave_to_be_made_in_its_region() {
    let service = Service::start().await;
    let key = primary(&service).await;
    let clerk = |statements: Value| Caller::user("clerk", statements);
    let request = json!({ "KeyId": key.id, "ReplicaRegion": THERE });
    let replicates = json!({ "Effect": "Allow", "Action": "kms:ReplicateKey", "Resource": "*" });
    let creates = |region: &str| {
        json!({
            "Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*",
            "Condition": { "StringEquals": { "aws:RequestedRegion": region } },
        })
    };
    for (statements, missing) in [
        (json!([replicates]), Some("kms:CreateKey")),
        (json!([replicates, creates(HERE)]), Some("kms:CreateKey")),
        (json!([creates(THERE)]), Some("kms:ReplicateKey")),
        (json!([replicates, creates(THERE)]), None),
    ] {
        let answer = service
            .call_as(&clerk(statements), "ReplicateKey", request.clone())
            .await;
        match missing {
            None => assert!(answer.is_ok(), "{answer:?}"),
            Some(action) => assert!(answer.unwrap_err().message.contains(action)),
        }
    }
}

#[tokio::test]
async fn a_policy_can_say_where_replicas_may_be() {
    let service = Service::start().await;
    let mut statement = lets("clerk", "kms:ReplicateKey");
    statement["Condition"] = json!({ "StringEquals": { "kms:ReplicaRegion": THERE } });
    let policy = json!({ "Version": "2012-10-17", "Statement": [delegates(), statement] });
    let request = json!({ "MultiRegion": true, "Policy": policy.to_string() });
    let key = service.key_with(request).await;
    let creates = json!([{ "Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*" }]);
    let clerk = Caller::user("clerk", creates);
    for (region, allowed) in [(FAR, false), (THERE, true)] {
        let request = json!({ "KeyId": key.id, "ReplicaRegion": region });
        let answer = service.call_as(&clerk, "ReplicateKey", request).await;
        assert_eq!(answer.is_ok(), allowed, "{region}");
    }
}

#[tokio::test]
async fn a_rotation_of_the_primary_key_is_one_of_its_replicas() {
    let (service, key) = pair().await;
    let request = json!({ "KeyId": key.id, "RotationPeriodInDays": 90 });
    service
        .call("EnableKeyRotation", request.clone())
        .await
        .unwrap();
    for operation in ["EnableKeyRotation", "RotateKeyOnDemand"] {
        let refused = service
            .call_in(THERE, operation, json!({ "KeyId": key.id }))
            .await;
        assert_eq!(refused.unwrap_err().code, "UnsupportedOperationException");
    }
    let of_key = json!({ "KeyId": key.id });
    let status = service
        .call_in(THERE, "GetKeyRotationStatus", of_key.clone())
        .await
        .unwrap();
    assert_eq!(status["RotationPeriodInDays"], 90);
    service.swept().await;
    service.days_pass(90);
    let mut names: Vec<_> = service
        .swept()
        .await
        .iter()
        .map(|record| (text(&record["eventName"]), text(&record["awsRegion"])))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            ("RotateKey".to_owned(), HERE.to_owned()),
            ("SynchronizeMultiRegionKey".to_owned(), THERE.to_owned())
        ]
    );
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    let request = json!({ "CiphertextBlob": blob });
    let opened = service.call_in(THERE, "Decrypt", request).await.unwrap();
    let current = service.metadata(THERE, &key.id).await["CurrentKeyMaterialId"].clone();
    assert_eq!(opened["KeyMaterialId"], current);
    service.call("RotateKeyOnDemand", of_key).await.unwrap();
    assert_ne!(
        service.metadata(THERE, &key.id).await["CurrentKeyMaterialId"],
        current
    );
}

#[tokio::test]
async fn another_region_becomes_the_primary_one() {
    let (service, key) = pair().await;
    replicate(&service, &key, FAR).await.unwrap();
    let request = json!({ "KeyId": key.id, "PrimaryRegion": THERE });
    let answer = service.call("UpdatePrimaryRegion", request.clone()).await;
    assert_eq!(answer, Ok(Value::Null));
    for (region, kind) in [(HERE, "REPLICA"), (THERE, "PRIMARY"), (FAR, "REPLICA")] {
        let metadata = service.metadata(region, &key.id).await;
        let configuration = &metadata["MultiRegionConfiguration"];
        assert_eq!(configuration["MultiRegionKeyType"], kind, "{region}");
        assert_eq!(configuration["PrimaryKey"]["Region"], THERE);
    }
    let again = service.call("UpdatePrimaryRegion", request).await;
    assert_eq!(again.unwrap_err().code, "UnsupportedOperationException");
}

#[tokio::test]
async fn only_a_region_with_a_replica_becomes_the_primary_one() {
    let (service, key) = pair().await;
    let request = json!({ "KeyId": key.id, "PrimaryRegion": FAR });
    let refused = service.call("UpdatePrimaryRegion", request).await;
    let message = format!("Key '{}' does not exist", arn_in(FAR, &key));
    assert_eq!(refused, Err(refusal("NotFoundException", message)));
    service
        .call_in(THERE, "DisableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let request = json!({ "KeyId": key.id, "PrimaryRegion": THERE });
    let refused = service.call("UpdatePrimaryRegion", request).await;
    assert_eq!(refused.unwrap_err().code, "DisabledException");
}

#[tokio::test]
async fn both_policies_must_let_the_primary_region_change() {
    let service = Service::start().await;
    let policy = json!({ "Version": "2012-10-17", "Statement": [delegates(), lets("clerk", "kms:UpdatePrimaryRegion")] });
    let request = json!({ "MultiRegion": true, "Policy": policy.to_string() });
    let key = service.key_with(request).await;
    replicate(&service, &key, THERE).await.unwrap();
    let clerk = Caller::nobody("clerk");
    let request = json!({ "KeyId": key.id, "PrimaryRegion": THERE });
    let refused = service
        .call_as(&clerk, "UpdatePrimaryRegion", request.clone())
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
    assert!(
        refused.message.contains(&arn_in(THERE, &key)),
        "{}",
        refused.message
    );
    let put = json!({ "KeyId": key.id, "Policy": policy.to_string() });
    service.call_in(THERE, "PutKeyPolicy", put).await.unwrap();
    assert!(
        service
            .call_as(&clerk, "UpdatePrimaryRegion", request)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_primary_key_outlives_its_replicas() {
    let (service, key) = pair().await;
    let scheduled = schedule(&service, HERE, &key).await;
    assert_eq!(
        scheduled,
        json!({ "KeyId": key.arn, "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": 7 })
    );
    let metadata = service.metadata(HERE, &key.id).await;
    assert_eq!(metadata["KeyState"], "PendingReplicaDeletion");
    assert_eq!(metadata["PendingDeletionWindowInDays"], 7);
    assert_eq!(metadata.get("DeletionDate"), None);
    service.days_pass(100);
    service.swept().await;
    assert_eq!(
        service.metadata(HERE, &key.id).await["KeyState"],
        "PendingReplicaDeletion"
    );

    schedule(&service, THERE, &key).await;
    service.days_pass(7);
    service.swept().await;
    let metadata = service.restarted().await.metadata(HERE, &key.id).await;
    assert_eq!(metadata["KeyState"], "PendingDeletion");
    let week = 7 * 24 * 60 * 60;
    assert_eq!(metadata["DeletionDate"], service.now().as_second() + week);
    assert_eq!(metadata.get("PendingDeletionWindowInDays"), None);
    service.days_pass(7);
    service.swept().await;
    assert_eq!(service.stored().await, ["kms/root-key-check"]);
}

#[tokio::test]
async fn a_primary_key_that_waits_for_its_replicas_can_be_governed_and_saved() {
    let (service, key) = pair().await;
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    schedule(&service, HERE, &key).await;
    let waits = format!("{} is pending replica deletion.", key.arn);
    let waits = Err(refusal("KMSInvalidStateException", waits));
    for (operation, request) in [
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        ("EnableKey", json!({ "KeyId": key.id })),
        ("ScheduleKeyDeletion", json!({ "KeyId": key.id })),
        (
            "ReplicateKey",
            json!({ "KeyId": key.id, "ReplicaRegion": FAR }),
        ),
        (
            "UpdatePrimaryRegion",
            json!({ "KeyId": key.id, "PrimaryRegion": THERE }),
        ),
        (
            "UpdateKeyDescription",
            json!({ "KeyId": key.id, "Description": "" }),
        ),
    ] {
        assert_eq!(service.call(operation, request).await, waits, "{operation}");
    }
    let saved = service
        .call("CancelKeyDeletion", json!({ "KeyId": key.id }))
        .await;
    assert_eq!(saved, Ok(json!({ "KeyId": key.arn })));
    assert_eq!(
        service.metadata(HERE, &key.id).await["KeyState"],
        "Disabled"
    );
}

#[tokio::test]
async fn a_replica_that_was_deleted_can_be_made_again() {
    let (service, key) = pair().await;
    let request = json!({ "KeyId": key.id, "Plaintext": "eA==" });
    let sealed = service.call_in(THERE, "Encrypt", request).await.unwrap();
    schedule(&service, THERE, &key).await;
    service.days_pass(7);
    service.swept().await;
    replicate(&service, &key, THERE).await.unwrap();
    let request = json!({ "CiphertextBlob": sealed["CiphertextBlob"] });
    assert!(service.call_in(THERE, "Decrypt", request).await.is_ok());
}

#[tokio::test]
async fn a_replica_is_one_transaction_with_its_records() {
    let service = Service::start().await;
    let key = primary(&service).await;
    service.store.inject(store::Fault::Full);
    assert!(replicate(&service, &key, THERE).await.is_err());
    let absent = service
        .call_in(THERE, "DescribeKey", json!({ "KeyId": key.id }))
        .await;
    assert_eq!(absent.unwrap_err().code, "NotFoundException");
    replicate(&service, &key, THERE).await.unwrap();
    let record = service.last_record();
    assert_eq!(record["eventName"], "ReplicateKey");
    assert_eq!(record["requestParameters"]["replicaRegion"], THERE);
    assert_eq!(record["resources"][1]["ARN"], arn_in(THERE, &key));
    let told = service.swept().await;
    assert_eq!(
        (&told[0]["eventName"], &told[0]["awsRegion"]),
        (&json!("CreateKey"), &json!(THERE))
    );
}
