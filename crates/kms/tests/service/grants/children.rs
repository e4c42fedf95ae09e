//! Grants made through grants.

use serde_json::json;

use super::*;

#[tokio::test]
async fn through_a_grant_only_grants_are_made_that_permit_no_more() {
    let (service, key) = ready().await;
    let bob = Caller::nobody("bob");
    let operations = json!(["CreateGrant", "Encrypt", "Decrypt"]);
    let parent = grant(&bob.arn(), operations.clone(), json!({}));
    service.grant(&key, parent).await;
    let carol = Caller::nobody("carol").arn();
    for (operations, allowed) in [
        (json!(["Encrypt"]), true),
        (json!(["Decrypt", "CreateGrant"]), true),
        (json!(["Encrypt", "RetireGrant"]), false),
        (json!(["GenerateDataKey"]), false),
    ] {
        let child = service.try_grant(&bob, &key, grant(&carol, operations.clone(), json!({})));
        assert_eq!(child.await.is_ok(), allowed, "{operations}");
    }
    assert!(!may(&service, &bob, "ListGrants", json!({ "KeyId": key.id })).await);
}

#[tokio::test]
async fn a_grant_made_through_a_grant_is_as_strict_as_that_one() {
    let (service, key) = ready().await;
    let (subset, equals) = (Caller::nobody("subset"), Caller::nobody("equals"));
    let it = json!({ "Department": "IT" });
    for (caller, kind) in [
        (&subset, "EncryptionContextSubset"),
        (&equals, "EncryptionContextEquals"),
    ] {
        let operations = json!(["CreateGrant", "Encrypt"]);
        let parent = grant(&caller.arn(), operations, json!({ kind: it }));
        service.grant(&key, parent).await;
    }
    let carol = Caller::nobody("carol").arn();
    //                                                                                subset equals
    for (constraint, by_subset, by_equals) in [
        (json!({}), false, false),
        (json!({ "EncryptionContextSubset": it }), true, false),
        (json!({ "EncryptionContextEquals": it }), true, true),
        (
            json!({ "EncryptionContextSubset": { "Department": "IT", "More": "1" } }),
            true,
            false,
        ),
        (
            json!({ "EncryptionContextEquals": { "Department": "IT", "More": "1" } }),
            true,
            false,
        ),
        (
            json!({ "EncryptionContextEquals": { "Department": "HR" } }),
            false,
            false,
        ),
        (json!({ "EncryptionContextEquals": {} }), false, false),
    ] {
        for (caller, allowed) in [(&subset, by_subset), (&equals, by_equals)] {
            let child = grant(&carol, json!(["Encrypt"]), constraint.clone());
            let made = service.try_grant(caller, &key, child).await;
            assert_eq!(made.is_ok(), allowed, "{constraint} by {}", caller.arn());
        }
    }
}

#[tokio::test]
async fn a_grant_outlives_the_one_that_it_was_made_through() {
    let (service, key) = ready().await;
    let (bob, carol) = (Caller::nobody("bob"), Caller::nobody("carol"));
    let operations = json!(["CreateGrant", "Encrypt"]);
    let parent = service
        .grant(&key, grant(&bob.arn(), operations, json!({})))
        .await;
    let child = grant(&carol.arn(), json!(["Encrypt"]), json!({}));
    service.try_grant(&bob, &key, child).await.unwrap();
    let end = json!({ "KeyId": key.id, "GrantId": parent.id });
    service.call("RevokeGrant", end).await.unwrap();
    assert!(may(&service, &carol, "Encrypt", encrypt(&key, json!({}))).await);
}
