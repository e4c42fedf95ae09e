//! Rotation: on a schedule, on demand, and what is readable afterwards.

use serde_json::{Value, json};

use crate::support::*;

const DAY: i64 = 24 * 60 * 60;

async fn of_key(service: &Service, operation: &str, key: &TestKey) -> Result<Value, Refusal> {
    service.call(operation, json!({ "KeyId": key.id })).await
}

async fn rotations(service: &Service, key: &TestKey, included: &str) -> Vec<Value> {
    let request = json!({ "KeyId": key.id, "IncludeKeyMaterial": included });
    let answer = service.call("ListKeyRotations", request).await.unwrap();
    answer["Rotations"].as_array().unwrap().clone()
}

async fn enabled(days: i64) -> (Service, TestKey) {
    let service = Service::start().await;
    let key = service.key().await;
    let request = json!({ "KeyId": key.id, "RotationPeriodInDays": days });
    service.call("EnableKeyRotation", request).await.unwrap();
    (service, key)
}

#[tokio::test]
async fn a_new_key_does_not_rotate() {
    let service = Service::start().await;
    let key = service.key().await;
    assert_eq!(
        of_key(&service, "GetKeyRotationStatus", &key).await,
        Ok(json!({ "KeyRotationEnabled": false, "KeyId": key.id }))
    );
    service.days_pass(4000);
    assert_eq!(service.swept().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_schedule_is_yearly_unless_the_owner_says_otherwise() {
    let service = Service::start().await;
    let key = service.key().await;
    of_key(&service, "EnableKeyRotation", &key).await.unwrap();
    let status = of_key(&service, "GetKeyRotationStatus", &key)
        .await
        .unwrap();
    assert_eq!(
        status,
        json!({
            "KeyRotationEnabled": true, "KeyId": key.id, "RotationPeriodInDays": 365,
            "NextRotationDate": service.now().as_second() + 365 * DAY,
        })
    );
    service.days_pass(1);
    let request = json!({ "KeyId": key.id, "RotationPeriodInDays": 90 });
    service.call("EnableKeyRotation", request).await.unwrap();
    let status = of_key(&service, "GetKeyRotationStatus", &key)
        .await
        .unwrap();
    assert_eq!(status["RotationPeriodInDays"], 90);
    assert_eq!(
        status["NextRotationDate"],
        service.now().as_second() + 90 * DAY
    );
    of_key(&service, "DisableKeyRotation", &key).await.unwrap();
    let status = of_key(&service, "GetKeyRotationStatus", &key)
        .await
        .unwrap();
    assert_eq!(status["KeyRotationEnabled"], false);
}

#[tokio::test]
async fn a_period_has_bounds_in_awss_words() {
    let service = Service::start().await;
    let key = service.key().await;
    for (days, bound) in [
        (89, "greater than or equal to 90"),
        (2561, "less than or equal to 2560"),
    ] {
        let request = json!({ "KeyId": key.id, "RotationPeriodInDays": days });
        let refused = service.call("EnableKeyRotation", request).await;
        let message = format!(
            "1 validation error detected: Value '{days}' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value {bound}"
        );
        assert_eq!(refused, Err(refusal("ValidationException", message)));
    }
}

#[tokio::test]
async fn rotation_happens_when_it_is_due_and_old_ciphertexts_stay_readable() {
    let (service, key) = enabled(90).await;
    let before = service.metadata(HERE, &key.id).await["CurrentKeyMaterialId"].clone();
    let old = service.encrypt(&key.id, b"old", json!({})).await;
    service.days_pass(89);
    assert_eq!(service.swept().await, Vec::<Value>::new());
    service.days_pass(1);
    assert_eq!(service.swept().await.len(), 1);
    let current = service.metadata(HERE, &key.id).await["CurrentKeyMaterialId"].clone();
    assert_ne!(current, before);
    let new = service.encrypt(&key.id, b"new", json!({})).await;
    for service in [&service, &service.restarted().await] {
        assert_eq!(service.decrypt(&old, json!({})).await.unwrap(), b"old");
        assert_eq!(service.decrypt(&new, json!({})).await.unwrap(), b"new");
        let request = json!({ "CiphertextBlob": old });
        let answer = service.call("Decrypt", request).await.unwrap();
        assert_eq!(answer["KeyMaterialId"], before);
        let listed = rotations(service, &key, "ROTATIONS_ONLY").await;
        assert_eq!(
            listed,
            [json!({
                "KeyId": key.id, "KeyMaterialId": current, "KeyMaterialState": "CURRENT",
                "RotationDate": service.now().as_second(), "RotationType": "AUTOMATIC",
            })]
        );
    }
    service.days_pass(90);
    assert_eq!(service.swept().await.len(), 1);
    assert_eq!(service.decrypt(&old, json!({})).await.unwrap(), b"old");
}

#[tokio::test]
async fn an_automatic_rotation_is_recorded_as_the_services_own_doing() {
    let (service, key) = enabled(90).await;
    let before = service.metadata(HERE, &key.id).await["CurrentKeyMaterialId"].clone();
    service.days_pass(90);
    let record = service.swept().await.remove(0);
    let current = service.metadata(HERE, &key.id).await["CurrentKeyMaterialId"].clone();
    assert_eq!(record["eventName"], "RotateKey");
    assert_eq!(record["eventType"], "AwsServiceEvent");
    assert_eq!(record["resources"][0]["ARN"], key.arn);
    let details = &record["serviceEventDetails"];
    assert_eq!(details["keyId"], key.id);
    assert_eq!(details["rotationType"], "AUTOMATIC");
    assert_eq!(details["previousKeyMaterialId"], before);
    assert_eq!(details["currentKeyMaterialId"], current);
}

#[tokio::test]
async fn a_disabled_key_rotates_when_it_is_enabled_again() {
    let (service, key) = enabled(90).await;
    of_key(&service, "DisableKey", &key).await.unwrap();
    service.days_pass(200);
    assert_eq!(service.swept().await, Vec::<Value>::new());
    of_key(&service, "EnableKey", &key).await.unwrap();
    assert_eq!(service.swept().await.len(), 1);
    let status = of_key(&service, "GetKeyRotationStatus", &key)
        .await
        .unwrap();
    assert_eq!(
        status["NextRotationDate"],
        service.now().as_second() + 90 * DAY
    );
}

#[tokio::test]
async fn a_key_that_waits_for_its_deletion_does_not_rotate_and_says_so() {
    let (service, key) = enabled(90).await;
    service.days_pass(89);
    of_key(&service, "ScheduleKeyDeletion", &key).await.unwrap();
    service.days_pass(1);
    assert_eq!(service.swept().await, Vec::<Value>::new());
    let status = of_key(&service, "GetKeyRotationStatus", &key)
        .await
        .unwrap();
    assert_eq!(
        status,
        json!({ "KeyRotationEnabled": false, "KeyId": key.id })
    );
    of_key(&service, "CancelKeyDeletion", &key).await.unwrap();
    let status = of_key(&service, "GetKeyRotationStatus", &key)
        .await
        .unwrap();
    assert_eq!(status["KeyRotationEnabled"], true);
}

#[tokio::test]
async fn a_rotation_that_the_store_refuses_is_made_later() {
    let (service, key) = enabled(90).await;
    service.days_pass(90);
    service.store.inject(store::Fault::Full);
    assert_eq!(service.kms.sweep(service.now()).await.failures.len(), 1);
    assert_eq!(rotations(&service, &key, "ROTATIONS_ONLY").await.len(), 0);
    assert_eq!(service.swept().await.len(), 1);
    assert_eq!(rotations(&service, &key, "ROTATIONS_ONLY").await.len(), 1);
}

#[tokio::test]
async fn a_key_is_rotated_on_demand_ten_times_and_no_more() {
    let service = Service::start().await;
    let key = service.key().await;
    let mut blobs = Vec::new();
    for _ in 0..10 {
        blobs.push(service.encrypt(&key.id, b"x", json!({})).await);
        assert_eq!(
            of_key(&service, "RotateKeyOnDemand", &key).await,
            Ok(json!({ "KeyId": key.id }))
        );
    }
    let refused = of_key(&service, "RotateKeyOnDemand", &key).await;
    assert_eq!(refused.unwrap_err().code, "LimitExceededException");
    for blob in &blobs {
        assert_eq!(service.decrypt(blob, json!({})).await.unwrap(), b"x");
    }
    let kinds: Vec<_> = rotations(&service, &key, "ROTATIONS_ONLY")
        .await
        .iter()
        .map(|entry| entry["RotationType"].clone())
        .collect();
    assert_eq!(kinds, vec![json!("ON_DEMAND"); 10]);
}

#[tokio::test]
async fn a_rotation_on_demand_leaves_the_schedule_as_it_is() {
    let (service, key) = enabled(90).await;
    let before = of_key(&service, "GetKeyRotationStatus", &key).await;
    service.days_pass(80);
    of_key(&service, "RotateKeyOnDemand", &key).await.unwrap();
    assert_eq!(of_key(&service, "GetKeyRotationStatus", &key).await, before);
}

#[tokio::test]
async fn no_rotation_on_demand_begins_minutes_before_an_automatic_one() {
    let (service, key) = enabled(90).await;
    service.days_pass(90);
    let refused = of_key(&service, "RotateKeyOnDemand", &key).await;
    assert_eq!(refused.unwrap_err().code, "ConflictException");
    service.swept().await;
    of_key(&service, "RotateKeyOnDemand", &key).await.unwrap();
}

#[tokio::test]
async fn a_rotation_on_demand_has_the_callers_record_and_the_services() {
    let service = Service::start().await;
    let key = service.key().await;
    of_key(&service, "RotateKeyOnDemand", &key).await.unwrap();
    assert_eq!(service.last_record()["eventName"], "RotateKeyOnDemand");
    assert_eq!(service.last_record()["eventType"], "AwsApiCall");
    let records = service.swept().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["eventName"], "RotateKey");
    assert_eq!(
        records[0]["serviceEventDetails"]["rotationType"],
        "ON_DEMAND"
    );
    let waiting = store::Store::scan(&*service.store, "outbox/", None, 100)
        .await
        .unwrap();
    let told = |record: &Value| {
        let id = text(&record["eventID"]);
        waiting.iter().any(|(name, _)| name.as_str().ends_with(&id))
    };
    assert!(told(&records[0]) && told(&service.last_record()));
}

#[tokio::test]
async fn all_materials_are_listed_page_by_page() {
    let service = Service::start().await;
    let key = service.key().await;
    for _ in 0..4 {
        of_key(&service, "RotateKeyOnDemand", &key).await.unwrap();
    }
    let all = rotations(&service, &key, "ALL_KEY_MATERIAL").await;
    assert_eq!(all.len(), 5);
    assert_eq!(all[0].get("RotationDate"), None);
    assert_eq!(all[0]["KeyMaterialState"], "NON_CURRENT");
    assert_eq!(all[4]["KeyMaterialState"], "CURRENT");
    let mut request =
        json!({ "KeyId": key.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 2 });
    let mut paged = Vec::new();
    loop {
        let page = service
            .call("ListKeyRotations", request.clone())
            .await
            .unwrap();
        paged.extend(page["Rotations"].as_array().unwrap().clone());
        assert_eq!(page["Truncated"], page.get("NextMarker").is_some());
        let Some(marker) = page.get("NextMarker") else {
            break;
        };
        request["Marker"] = marker.clone();
    }
    assert_eq!(paged, all);
    request["Marker"] = json!("elsewhere");
    let refused = service.call("ListKeyRotations", request).await.unwrap_err();
    assert_eq!(refused.code, "InvalidMarkerException");
}

#[tokio::test]
async fn what_is_not_enabled_is_not_put_on_a_schedule() {
    for operation in [
        "EnableKeyRotation",
        "DisableKeyRotation",
        "RotateKeyOnDemand",
    ] {
        let service = Service::start().await;
        let key = service.key().await;
        of_key(&service, "DisableKey", &key).await.unwrap();
        let refused = of_key(&service, operation, &key).await;
        let message = format!("{} is disabled.", key.arn);
        assert_eq!(refused, Err(refusal("DisabledException", message)));
        of_key(&service, "ScheduleKeyDeletion", &key).await.unwrap();
        let refused = of_key(&service, operation, &key).await;
        let message = format!("{} is pending deletion.", key.arn);
        assert_eq!(refused, Err(refusal("KMSInvalidStateException", message)));
    }
}

#[tokio::test]
async fn a_key_of_imported_material_has_no_schedule() {
    let service = Service::start().await;
    let key = service.key_with(json!({ "Origin": "EXTERNAL" })).await;
    for operation in [
        "EnableKeyRotation",
        "DisableKeyRotation",
        "GetKeyRotationStatus",
    ] {
        let refused = of_key(&service, operation, &key).await;
        let message = format!(
            "{} origin is EXTERNAL which is not valid for this operation.",
            key.arn
        );
        assert_eq!(
            refused,
            Err(refusal("UnsupportedOperationException", message))
        );
    }
}

#[tokio::test]
async fn a_policy_can_say_how_often_keys_rotate() {
    let service = Service::start().await;
    let mut statement = lets("operator", "kms:EnableKeyRotation");
    statement["Condition"] =
        json!({ "NumericLessThanEquals": { "kms:RotationPeriodInDays": "180" } });
    let key = service.key_of(json!([delegates(), statement])).await;
    let operator = Caller::nobody("operator");
    let request = |days| json!({ "KeyId": key.id, "RotationPeriodInDays": days });
    let allowed = service
        .call_as(&operator, "EnableKeyRotation", request(180))
        .await;
    assert!(allowed.is_ok());
    let denied = service
        .call_as(&operator, "EnableKeyRotation", request(181))
        .await;
    assert_eq!(denied.unwrap_err().code, "AccessDenied");
}
