//! `CreateGrant`: what a grant may say.

use serde_json::{Value, json};

use super::*;

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
    assert_eq!(ids(&again, &key).await, [grant.id.as_str()]);
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
            "Operations [{operation}] are not supported when creating a grant for a symmetric KMS key with key usage ENCRYPT_DECRYPT. \
             Valid operations are [Decrypt, Encrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, ReEncryptFrom, ReEncryptTo, \
             CreateGrant, RetireGrant, DescribeKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext]"
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
    let long = |chars: usize| json!({ "k": "é".repeat(chars) });
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
        ("alias/a", Some("InvalidArnException")),
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
async fn a_key_has_so_many_grants_and_no_more() {
    let service = Service::start().await;
    let key = service.key().await;
    let named = with(to(&Caller::nobody("bob")), json!({ "Name": "first" }));
    let first = service.grant(&key, named.clone()).await;
    service
        .more_grants(&key, &first, kms::limits::GRANTS_PER_KEY - 1)
        .await;
    let service = service.restarted().await;
    let another = with(named.clone(), json!({ "Name": "another" }));
    assert_eq!(
        refused(&service, &key, another.clone()).await.code,
        "LimitExceededException"
    );
    let retried = service.grant(&key, named).await;
    service
        .call(
            "RevokeGrant",
            json!({ "KeyId": key.id, "GrantId": retried.id }),
        )
        .await
        .unwrap();
    service.grant(&key, another).await;
}
