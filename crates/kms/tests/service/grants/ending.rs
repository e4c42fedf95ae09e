//! `RetireGrant`, `RevokeGrant`, and what grants go through until then.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_key_that_is_disabled_or_going_gets_no_grant_and_keeps_those_it_has() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let (first, second) = (
        service.grant(&key, to(&bob)).await,
        service.grant(&key, to(&bob)).await,
    );
    let of_key = json!({ "KeyId": key.id });
    service.call("DisableKey", of_key.clone()).await.unwrap();
    assert_eq!(
        refused(&service, &key, to(&bob)).await,
        refusal("DisabledException", format!("{} is disabled.", key.arn))
    );
    service.call("ScheduleKeyDeletion", of_key).await.unwrap();
    assert_eq!(
        refused(&service, &key, to(&bob)).await.code,
        "KMSInvalidStateException"
    );
    assert_eq!(ids(&service, &key).await.len(), 2);
    let one = |grant: &TestGrant| json!({ "KeyId": key.arn, "GrantId": grant.id });
    service.call("RevokeGrant", one(&first)).await.unwrap();
    service.call("RetireGrant", one(&second)).await.unwrap();
    assert!(ids(&service, &key).await.is_empty());
}

#[tokio::test]
async fn a_dry_run_makes_and_ends_nothing_and_is_refused_to_who_may_not() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let grant = service.grant(&key, to(&bob)).await;
    let dry = json!({ "KeyId": key.id, "GrantId": grant.id, "DryRun": true });
    let create = with(to(&bob), json!({ "KeyId": key.id, "DryRun": true }));
    for (operation, request) in [
        ("CreateGrant", create),
        ("RevokeGrant", dry.clone()),
        ("RetireGrant", dry),
    ] {
        let by_root = service.call(operation, request.clone()).await.unwrap_err();
        assert_eq!(by_root.code, "DryRunOperationException", "{operation}");
        let by_bob = service.call_as(&bob, operation, request).await.unwrap_err();
        assert_eq!(by_bob.code, "AccessDenied", "{operation}");
    }
    assert_eq!(ids(&service, &key).await, [grant.id]);
}

#[tokio::test]
async fn a_grant_that_is_not_there_cannot_be_ended() {
    let service = Service::start().await;
    let (key, other) = (service.key().await, service.key().await);
    let grant = service.grant(&key, to(&Caller::nobody("bob"))).await;
    for operation in ["RevokeGrant", "RetireGrant"] {
        let end = |id: &str| json!({ "KeyId": other.arn, "GrantId": id });
        assert_eq!(
            service.call(operation, end(&grant.id)).await,
            Err(refusal(
                "NotFoundException",
                format!("Grant ID {} not found", grant.id)
            )),
            "{operation}: a grant of another key"
        );
        for malformed in ["abc", &grant.id.to_uppercase(), &format!("{}0", grant.id)] {
            let refused = service.call(operation, end(malformed)).await.unwrap_err();
            // The id may be all digits: then its upper case is itself.
            let code = if malformed == grant.id {
                "NotFoundException"
            } else {
                "InvalidGrantIdException"
            };
            assert_eq!(refused.code, code, "{operation} {malformed}");
        }
    }
}

#[tokio::test]
async fn a_grant_is_retired_by_its_token_or_by_key_and_id_and_not_by_half_of_either() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let (first, second) = (
        service.grant(&key, to(&bob)).await,
        service.grant(&key, to(&bob)).await,
    );
    for half in [
        json!({}),
        json!({ "KeyId": key.arn }),
        json!({ "GrantId": first.id }),
        json!({ "GrantToken": first.token, "KeyId": key.arn, "GrantId": second.id }),
    ] {
        let refused = service.call("RetireGrant", half.clone()).await.unwrap_err();
        assert_eq!(refused.code, "ValidationException", "{half}");
    }
    let by_token = json!({ "GrantToken": first.token });
    service.call("RetireGrant", by_token.clone()).await.unwrap();
    assert_eq!(ids(&service, &key).await, [second.id.as_str()]);
    assert_eq!(
        service
            .call("RetireGrant", by_token)
            .await
            .unwrap_err()
            .code,
        "NotFoundException"
    );
    let by_id = json!({ "KeyId": key.arn, "GrantId": second.id });
    service.call("RetireGrant", by_id).await.unwrap();
    assert!(ids(&service, &key).await.is_empty());
    assert!(service.restarted().await.kms.damaged().is_empty());
}

#[tokio::test]
async fn the_grant_says_who_may_retire_it() {
    let service = Service::start().await;
    let key = service.key_of(json!([delegates()])).await;
    let (bob, carol, mallory) = (
        Caller::nobody("bob"),
        Caller::nobody("carol"),
        Caller::nobody("mallory"),
    );
    let retire = |grant: &TestGrant| json!({ "GrantToken": grant.token });
    let plain = with(to(&bob), json!({ "RetiringPrincipal": carol.arn() }));
    let own = with(
        to(&bob),
        json!({ "Operations": ["Decrypt", "RetireGrant"] }),
    );

    let grant = service.grant(&key, plain.clone()).await;
    for other in [&mallory, &bob] {
        let refused = service.call_as(other, "RetireGrant", retire(&grant)).await;
        assert_eq!(refused.unwrap_err().code, "AccessDenied");
    }
    assert!(
        service
            .call_as(&carol, "RetireGrant", retire(&grant))
            .await
            .is_ok(),
        "the retiring principal, without a policy"
    );
    let grant = service.grant(&key, own).await;
    assert!(
        service
            .call_as(&bob, "RetireGrant", retire(&grant))
            .await
            .is_ok(),
        "the grantee, whom the grant lets"
    );
    let by_policy = Caller::user(
        "ann",
        json!([{ "Effect": "Allow", "Action": "kms:RetireGrant", "Resource": key.arn }]),
    );
    let grant = service.grant(&key, plain.clone()).await;
    assert!(
        service
            .call_as(&by_policy, "RetireGrant", retire(&grant))
            .await
            .is_ok(),
        "whom the account lets"
    );
    let denied = Caller::user(
        "carol",
        json!([{ "Effect": "Deny", "Action": "kms:RetireGrant", "Resource": "*" }]),
    );
    let grant = service.grant(&key, plain).await;
    assert_eq!(
        service
            .call_as(&denied, "RetireGrant", retire(&grant))
            .await
            .unwrap_err()
            .code,
        "AccessDenied"
    );
}

#[tokio::test]
async fn a_key_policy_has_no_say_in_who_retires_a_grant_and_all_in_who_revokes_it() {
    let service = Service::start().await;
    let bob = Caller::nobody("bob");
    let key = service
        .key_of(json!([
            delegates(),
            lets("mallory", "kms:RetireGrant"),
            lets("ann", "kms:RevokeGrant")
        ]))
        .await;
    let grant = service.grant(&key, to(&bob)).await;
    let end = json!({ "KeyId": key.id, "GrantId": grant.id });
    for (name, operation, allowed) in [
        ("mallory", "RetireGrant", false),
        ("mallory", "RevokeGrant", false),
        ("bob", "RevokeGrant", false),
        ("ann", "RetireGrant", false),
        ("ann", "RevokeGrant", true),
    ] {
        let answer = service
            .call_as(&Caller::nobody(name), operation, end.clone())
            .await;
        assert_eq!(answer.is_ok(), allowed, "{name} {operation}");
    }
}

#[tokio::test]
async fn grants_go_with_their_key() {
    let service = Service::start().await;
    let (key, other) = (service.key().await, service.key().await);
    let bob = Caller::nobody("bob");
    let request = with(to(&bob), json!({ "RetiringPrincipal": bob.arn() }));
    service.grant(&key, request.clone()).await;
    let kept = service.grant(&other, request).await;
    service
        .call(
            "ScheduleKeyDeletion",
            json!({ "KeyId": key.id, "PendingWindowInDays": 7 }),
        )
        .await
        .unwrap();
    service.days_pass(7);
    let retirable = json!({ "RetiringPrincipal": bob.arn() });
    let listed = |answer: Value| answer["Grants"].as_array().unwrap().len();
    assert_eq!(
        listed(
            service
                .call("ListRetirableGrants", retirable.clone())
                .await
                .unwrap()
        ),
        1,
        "from the hour on, before any sweep"
    );
    let swept = service.kms.sweep(service.now()).await;
    assert_eq!((swept.entries.len(), swept.failures.len()), (1, 0));
    let grants: Vec<_> = service.stored().await;
    let grants: Vec<_> = grants
        .iter()
        .filter(|name| name.contains("/grant/"))
        .collect();
    assert_eq!(
        grants,
        [&format!(
            "kms/{ACCOUNT}/{HERE}/grant/{}/{}",
            other.id, kept.id
        )]
    );
    assert_eq!(
        listed(
            service
                .restarted()
                .await
                .call("ListRetirableGrants", retirable)
                .await
                .unwrap()
        ),
        1
    );
}

#[tokio::test]
async fn a_key_with_more_grants_than_a_transaction_holds_is_deleted_with_all_of_them() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    for _ in 0..=2 * kms::limits::GRANTS_PER_TRANSACTION {
        service.grant(&key, to(&bob)).await;
    }
    service
        .call("ScheduleKeyDeletion", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    service.days_pass(30);
    let swept = service.kms.sweep(service.now()).await;
    assert_eq!((swept.entries.len(), swept.failures.len()), (1, 0));
    assert_eq!(service.stored().await, ["kms/root-key-check"]);
}

#[tokio::test]
async fn a_grant_whose_record_is_damaged_gives_nothing_and_can_be_revoked() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let describe = with(to(&bob), json!({ "Operations": ["DescribeKey"] }));
    let grant = service.grant(&key, describe).await;
    let name = format!("kms/{ACCOUNT}/{HERE}/grant/{}/{}", key.id, grant.id);
    service
        .overwrite(&name, |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace("DescribeKey", "DescribeAll").into_bytes()
        })
        .await;
    let service = service.restarted().await;
    assert_eq!(service.kms.damaged(), [name]);
    let of_key = json!({ "KeyId": key.id });
    assert_eq!(
        service
            .call_as(&bob, "DescribeKey", of_key)
            .await
            .unwrap_err()
            .code,
        "AccessDenied"
    );
    assert!(ids(&service, &key).await.is_empty());
    let end = json!({ "KeyId": key.id, "GrantId": grant.id });
    service.call("RevokeGrant", end).await.unwrap();
    assert!(service.restarted().await.kms.damaged().is_empty());
}

#[tokio::test]
async fn grants_are_recorded_in_cloudtrails_spelling_and_tokens_never() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let request = json!({
        "GranteePrincipal": bob.arn(), "RetiringPrincipal": bob.arn(), "Operations": ["Encrypt", "RetireGrant"], "Name": "n",
        "Constraints": { "EncryptionContextSubset": { "ContextKey1": "Value1" } },
    });
    let grant = service.grant(&key, request.clone()).await;
    let record = service.last_record();
    assert_eq!(
        record["requestParameters"],
        json!({
            "keyId": key.arn, "granteePrincipal": bob.arn(), "retiringPrincipal": bob.arn(),
            "operations": ["Encrypt", "RetireGrant"], "name": "n",
            "constraints": { "encryptionContextSubset": { "ContextKey1": "Value1" } },
        })
    );
    assert_eq!(
        record["responseElements"],
        json!({ "grantId": grant.id, "keyId": key.arn })
    );
    assert_eq!(record["resources"][0]["ARN"], key.arn);
    assert_eq!(record["readOnly"], false);
    assert!(!record.to_string().contains(&grant.token));

    let again = service.grant(&key, request).await;
    let by_token = json!({ "GrantToken": again.token });
    service
        .call_as(&bob, "RetireGrant", by_token)
        .await
        .unwrap();
    let record = service.last_record();
    assert_eq!(record["requestParameters"], Value::Null);
    assert_eq!(record["responseElements"], json!({ "keyId": key.arn }));
    assert_eq!(
        record["additionalEventData"],
        json!({ "grantId": grant.id })
    );
    assert!(!record.to_string().contains(&again.token));

    let grant = service.grant(&key, to(&bob)).await;
    let end = json!({ "KeyId": key.id, "GrantId": grant.id });
    service.call("RevokeGrant", end).await.unwrap();
    let record = service.last_record();
    assert_eq!(
        record["requestParameters"],
        json!({ "keyId": key.id, "grantId": grant.id })
    );
    assert_eq!(record["responseElements"], json!({ "keyId": key.arn }));
    assert_eq!(record.get("additionalEventData"), None);
}

#[tokio::test]
async fn a_grant_does_not_go_to_who_is_made_later_under_the_name() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let request = with(
        to(&bob),
        json!({ "Operations": ["DescribeKey"], "RetiringPrincipal": bob.arn(), "Name": "n" }),
    );
    let first = service.grant(&key, request.clone()).await;
    let of_key = json!({ "KeyId": key.id });
    assert!(may(&service, &bob, "DescribeKey", of_key.clone()).await);

    service.people.set(&bob.arn(), None);
    let missing = refused(&service, &key, request.clone()).await;
    assert_eq!(missing.code, "InvalidArnException");
    service.people.set(&bob.arn(), Some("AIDALATER"));
    let service = service.restarted().await;
    let later = bob.with_id("AIDALATER");
    assert!(!may(&service, &later, "DescribeKey", of_key.clone()).await);
    let retire = json!({ "GrantToken": first.token });
    assert!(!may(&service, &later, "RetireGrant", retire).await);
    let listed = service.call("ListGrants", of_key.clone()).await.unwrap();
    assert_eq!(listed["Grants"][0]["GranteePrincipal"], "AIDABOB");
    assert_eq!(listed["Grants"][0]["RetiringPrincipal"], "AIDABOB");

    let second = service.grant(&key, request).await;
    assert_ne!(first.id, second.id, "the name means somebody else now");
    assert!(may(&service, &later, "DescribeKey", of_key).await);
    let retirable = json!({ "RetiringPrincipal": bob.arn() });
    let listed = service
        .call("ListRetirableGrants", retirable)
        .await
        .unwrap();
    assert_eq!(listed["Grants"].as_array().unwrap().len(), 1);
    assert_eq!(listed["Grants"][0]["GrantId"], second.id);
    assert_eq!(listed["Grants"][0]["RetiringPrincipal"], bob.arn());
}
