//! `CreateGrant`, `RetireGrant`, `RevokeGrant`: how grants are made and how they end.

use serde_json::{Value, json};

use crate::support::*;

/// A request for a grant to decrypt.
fn to(grantee: &Caller) -> Value {
    json!({ "GranteePrincipal": grantee.arn(), "Operations": ["Decrypt"] })
}

fn with(mut request: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

async fn refused(service: &Service, key: &TestKey, request: Value) -> Refusal {
    let made = service.try_grant(&Caller::root(), key, request).await;
    made.err().unwrap()
}

async fn ids(service: &Service, key: &TestKey) -> Vec<String> {
    let listed = service
        .call("ListGrants", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let grants = listed["Grants"].as_array().unwrap();
    grants.iter().map(|grant| text(&grant["GrantId"])).collect()
}

#[tokio::test]
async fn a_grant_has_an_id_of_64_digits_and_a_token_and_outlives_a_restart() {
    let service = Service::start().await;
    let key = service.key().await;
    let grant = service.grant(&key, to(&Caller::nobody("bob"))).await;
    assert_eq!(grant.id.len(), 64);
    assert!(grant.id.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(grant.token.len() > 64);
    let again = service.restarted().await;
    assert!(again.kms.damaged().is_empty());
    assert_eq!(ids(&again, &key).await, [grant.id.clone()]);
    let name = format!("kms/{ACCOUNT}/{HERE}/grant/{}/{}", key.id, grant.id);
    assert!(service.stored().await.contains(&name));
}

#[tokio::test]
async fn a_request_that_is_retried_under_its_name_makes_no_second_grant() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let named = with(
        to(&bob),
        json!({ "Name": "disks", "Constraints": { "EncryptionContextSubset": { "a": "1" } } }),
    );
    let first = service.grant(&key, named.clone()).await;
    let again = service.grant(&key, named.clone()).await;
    assert_eq!(first.id, again.id);
    assert_ne!(
        first.token, again.token,
        "each answer has a token of its own"
    );

    let other = with(named.clone(), json!({ "Operations": ["Encrypt"] }));
    assert_ne!(service.grant(&key, other).await.id, first.id);
    let mut loose = named;
    loose["Constraints"] = json!({ "EncryptionContextEquals": { "a": "1" } });
    assert_ne!(service.grant(&key, loose).await.id, first.id);
    assert_eq!(ids(&service, &key).await.len(), 3);
}

#[tokio::test]
async fn without_a_name_every_request_makes_a_grant() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let first = service.grant(&key, to(&bob)).await;
    assert_ne!(first.id, service.grant(&key, to(&bob)).await.id);
}

#[tokio::test]
async fn the_name_of_one_key_is_free_on_another() {
    let service = Service::start().await;
    let (one, other) = (service.key().await, service.key().await);
    let named = with(to(&Caller::nobody("bob")), json!({ "Name": "n" }));
    let first = service.grant(&one, named.clone()).await;
    assert_ne!(first.id, service.grant(&other, named).await.id);
}

#[tokio::test]
async fn only_principals_that_can_be_asked_are_named() {
    let service = Service::start().await;
    let key = service.key().await;
    for good in [
        ACCOUNT.to_owned(),
        format!("arn:aws:iam::{ACCOUNT}:root"),
        format!("arn:aws:iam::{ACCOUNT}:user/a/bob"),
        format!("arn:aws:iam::{ACCOUNT}:role/r"),
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/s"),
        "rds.us-east-1.amazonaws.com".to_owned(),
    ] {
        let request = json!({ "GranteePrincipal": good, "RetiringPrincipal": good, "Operations": ["Decrypt"] });
        service.grant(&key, request).await;
    }
    for bad in [
        "bob".to_owned(),
        format!("arn:aws:iam::{ACCOUNT}:group/g"),
        format!("arn:aws:iam::{ACCOUNT}:user/"),
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/r"),
        key.arn.clone(),
    ] {
        let words = refusal(
            "InvalidArnException",
            format!("ARN does not refer to a valid principal: {bad}"),
        );
        let grantee = json!({ "GranteePrincipal": bad, "Operations": ["Decrypt"] });
        assert_eq!(refused(&service, &key, grantee).await, words);
        let retiring = with(
            to(&Caller::nobody("bob")),
            json!({ "RetiringPrincipal": bad }),
        );
        assert_eq!(refused(&service, &key, retiring).await, words);
    }
    let starred = json!({ "GranteePrincipal": "*", "Operations": ["Decrypt"] });
    let pattern = refused(&service, &key, starred).await;
    assert_eq!(pattern.code, "ValidationException", "{}", pattern.message);
}

#[tokio::test]
async fn a_grant_names_one_grantee_and_at_most_one_to_retire_it() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let service_name = "ebs.us-east-1.amazonaws.com";
    for request in [
        json!({ "Operations": ["Decrypt"] }),
        with(to(&bob), json!({ "GranteeServicePrincipal": service_name })),
        with(
            to(&bob),
            json!({ "RetiringPrincipal": bob.arn(), "RetiringServicePrincipal": service_name }),
        ),
    ] {
        let refused = refused(&service, &key, request.clone()).await;
        assert_eq!(refused.code, "ValidationException", "{request}");
    }
}

#[tokio::test]
async fn a_grant_to_a_service_by_its_own_member_is_for_one_resource_and_says_who_ends_it() {
    let service = Service::start().await;
    let key = service.key().await;
    let whole = json!({
        "GranteeServicePrincipal": "ebs.us-east-1.amazonaws.com", "RetiringServicePrincipal": "ebs.us-east-1.amazonaws.com",
        "Operations": ["Decrypt"], "Constraints": { "SourceArn": format!("arn:aws:ec2:{HERE}:{ACCOUNT}:volume/vol-1") },
    });
    for member in ["RetiringServicePrincipal", "Constraints"] {
        let mut request = whole.clone();
        request.as_object_mut().unwrap().remove(member);
        let refused = refused(&service, &key, request).await;
        assert_eq!(refused.code, "ValidationException", "without {member}");
    }
    let made = service.grant(&key, whole.clone()).await;
    let listed = service
        .call("ListGrants", json!({ "KeyId": key.id, "GrantId": made.id }))
        .await
        .unwrap();
    let entry = &listed["Grants"][0];
    assert_eq!(
        entry["GranteeServicePrincipal"],
        whole["GranteeServicePrincipal"]
    );
    assert_eq!(
        entry["RetiringServicePrincipal"],
        whole["RetiringServicePrincipal"]
    );
    assert_eq!(entry["Constraints"], whole["Constraints"]);
    assert_eq!(entry.get("GranteePrincipal"), None);
}

#[tokio::test]
async fn a_grant_permits_only_what_its_key_can_do() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let all = json!([
        "Encrypt",
        "Decrypt",
        "ReEncryptFrom",
        "ReEncryptTo",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "CreateGrant",
        "RetireGrant",
        "DescribeKey",
    ]);
    service
        .grant(&key, with(to(&bob), json!({ "Operations": all })))
        .await;
    for operation in [
        "Sign",
        "Verify",
        "GetPublicKey",
        "GenerateMac",
        "VerifyMac",
        "DeriveSharedSecret",
        "Encapsulate",
        "Decapsulate",
    ] {
        let request = with(to(&bob), json!({ "Operations": ["Decrypt", operation] }));
        let words = format!(
            "Operations [{operation}] are not supported by a key with KeySpec SYMMETRIC_DEFAULT and KeyUsage ENCRYPT_DECRYPT."
        );
        assert_eq!(
            refused(&service, &key, request).await,
            refusal("ValidationException", words)
        );
    }
    let only = with(to(&bob), json!({ "Operations": ["CreateGrant"] }));
    assert_eq!(
        refused(&service, &key, only).await,
        refusal(
            "ValidationException",
            "Grants must not contain only the CreateGrant operation."
        )
    );
    let none = with(to(&bob), json!({ "Operations": [] }));
    assert_eq!(
        refused(&service, &key, none).await.code,
        "ValidationException"
    );
    let unknown = with(to(&bob), json!({ "Operations": ["ListGrants"] }));
    assert_eq!(
        refused(&service, &key, unknown).await.code,
        "ValidationException"
    );
}

#[tokio::test]
async fn a_constraint_is_one_and_within_its_bounds() {
    let service = Service::start().await;
    let key = service.key().await;
    let bob = Caller::nobody("bob");
    let constrained = |constraints: Value| with(to(&bob), json!({ "Constraints": constraints }));
    let both = json!({ "EncryptionContextSubset": { "a": "1" }, "EncryptionContextEquals": {} });
    assert_eq!(
        refused(&service, &key, constrained(both)).await,
        refusal("ValidationException", "More than one constraint supplied")
    );
    let pairs = |count: usize| -> Value {
        (0..count)
            .map(|n| (format!("k{n}"), json!("v")))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let long = |chars: usize| json!({ "k": "é".repeat(chars - 1) });
    for (good, bad) in [(pairs(8), pairs(9)), (long(384), long(385))] {
        let subset = |context: Value| constrained(json!({ "EncryptionContextSubset": context }));
        service.grant(&key, subset(good)).await;
        assert_eq!(
            refused(&service, &key, subset(bad)).await.code,
            "ValidationException"
        );
    }
}

#[tokio::test]
async fn a_grant_is_made_on_a_key_by_id_or_arn_and_on_no_alias() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    let bob = Caller::nobody("bob");
    for (name, code) in [
        (key.arn.as_str(), None),
        ("alias/a", Some("NotFoundException")),
        (NO_KEY, Some("NotFoundException")),
    ] {
        let request = with(to(&bob), json!({ "KeyId": name }));
        let made = service.call("CreateGrant", request).await;
        assert_eq!(
            made.err().map(|refused| refused.code).as_deref(),
            code,
            "{name}"
        );
    }
}

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
    assert_eq!(ids(&service, &key).await, [second.id.clone()]);
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
