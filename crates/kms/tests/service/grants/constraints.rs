//! Grant constraints.

use serde_json::json;

use super::*;

#[tokio::test]
async fn constraints_bind_the_encryption_context() {
    let (service, key) = ready().await;
    let wanted = json!({ "Department": "IT", "Purpose": "Test" });
    let subset = Caller::nobody("subset");
    let equals = Caller::nobody("equals");
    for (caller, kind) in [
        (&subset, "EncryptionContextSubset"),
        (&equals, "EncryptionContextEquals"),
    ] {
        let request = grant(
            &caller.arn(),
            json!(["Encrypt", "DescribeKey"]),
            json!({ kind: wanted }),
        );
        service.grant(&key, request).await;
        assert!(
            may(&service, caller, "DescribeKey", json!({ "KeyId": key.id })).await,
            "describing has no context, and none is demanded"
        );
    }
    //                                                                                            subset equals
    for (context, by_subset, by_equals) in [
        (json!({ "Department": "IT", "Purpose": "Test" }), true, true),
        (json!({ "department": "IT", "PURPOSE": "Test" }), true, true),
        (
            json!({ "Department": "IT", "Purpose": "Test", "More": "1" }),
            true,
            false,
        ),
        (
            json!({ "Department": "IT", "Purpose": "Test", "purpose": "Test" }),
            true,
            false,
        ),
        (
            json!({ "Department": "IT", "Purpose": "Test", "purpose": "Other" }),
            false,
            false,
        ),
        (
            json!({ "Department": "IT", "Purpose": "test" }),
            false,
            false,
        ),
        (json!({ "Department": "IT" }), false, false),
        (json!({}), false, false),
    ] {
        let request = encrypt(&key, context.clone());
        assert_eq!(
            may(&service, &subset, "Encrypt", request.clone()).await,
            by_subset,
            "{context}"
        );
        assert_eq!(
            may(&service, &equals, "Encrypt", request).await,
            by_equals,
            "{context}"
        );
    }
}

#[tokio::test]
async fn a_constraint_of_an_empty_context_wants_none() {
    let (service, key) = ready().await;
    let bob = Caller::nobody("bob");
    let constraint = json!({ "EncryptionContextEquals": {} });
    service
        .grant(&key, grant(&bob.arn(), json!(["Encrypt"]), constraint))
        .await;
    assert!(may(&service, &bob, "Encrypt", encrypt(&key, json!({}))).await);
    assert!(
        !may(
            &service,
            &bob,
            "Encrypt",
            encrypt(&key, json!({ "a": "1" }))
        )
        .await
    );
}

#[tokio::test]
async fn names_of_a_constraint_that_differ_in_case_alone_let_nothing_else_in() {
    let (service, key) = ready().await;
    let bob = Caller::nobody("bob");
    let constraint = json!({ "EncryptionContextEquals": { "a": "1", "A": "1" } });
    service
        .grant(&key, grant(&bob.arn(), json!(["Encrypt"]), constraint))
        .await;
    for (context, allowed) in [
        (json!({ "a": "1", "A": "1" }), true),
        (json!({ "a": "1", "b": "2" }), false),
        (json!({ "a": "1" }), false),
    ] {
        assert_eq!(
            may(&service, &bob, "Encrypt", encrypt(&key, context.clone())).await,
            allowed,
            "{context}"
        );
    }
}

#[tokio::test]
async fn a_grant_for_a_resource_is_of_no_use_to_who_asks_for_themselves() {
    let (service, key) = ready().await;
    let bob = Caller::nobody("bob");
    let volume = format!("arn:aws:ec2:{HERE}:{ACCOUNT}:volume/vol-1");
    let operations = json!(["Encrypt", "DescribeKey", "RetireGrant"]);
    let made = service
        .grant(
            &key,
            grant(&bob.arn(), operations, json!({ "SourceArn": volume })),
        )
        .await;
    assert!(!may(&service, &bob, "Encrypt", encrypt(&key, json!({}))).await);
    assert!(!may(&service, &bob, "DescribeKey", json!({ "KeyId": key.id })).await);
    let retire = json!({ "KeyId": key.arn, "GrantId": made.id });
    assert!(may(&service, &bob, "RetireGrant", retire).await);
}

#[tokio::test]
async fn the_grant_that_fits_is_found_among_those_that_do_not() {
    let (service, key) = ready().await;
    let bob = Caller::nobody("bob");
    let volume = |n: usize| json!({ "app": "disks", "volume": format!("vol-{n}") });
    let mut made = Vec::new();
    for n in 0..40 {
        let constraint = json!({ "EncryptionContextEquals": volume(n) });
        let request = grant(&bob.arn(), json!(["Encrypt", "DescribeKey"]), constraint);
        made.push(service.grant(&key, request).await);
    }
    assert!(may(&service, &bob, "Encrypt", encrypt(&key, volume(17))).await);
    assert!(!may(&service, &bob, "Encrypt", encrypt(&key, volume(40))).await);
    let end = json!({ "KeyId": key.id, "GrantId": made[17].id });
    service.call("RevokeGrant", end).await.unwrap();
    assert!(!may(&service, &bob, "Encrypt", encrypt(&key, volume(17))).await);
    assert!(may(&service, &bob, "Encrypt", encrypt(&key, volume(18))).await);
}
