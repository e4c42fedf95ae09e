//! What a grant gives: to whom, for what, under which constraints; grant tokens; grants made through grants.

use serde_json::{Value, json};

use crate::support::*;

/// A key that its policy leaves to the root user alone.
async fn ready() -> (Service, TestKey) {
    let service = Service::start().await;
    let key = service.key_of(json!([delegates()])).await;
    (service, key)
}

fn encrypt(key: &TestKey, context: Value) -> Value {
    json!({ "KeyId": key.id, "Plaintext": "eA==", "EncryptionContext": context })
}

fn data_key(key: &TestKey, context: Value) -> Value {
    json!({ "KeyId": key.id, "KeySpec": "AES_256", "EncryptionContext": context })
}

fn grant(who: &str, operations: Value, constraints: Value) -> Value {
    json!({ "GranteePrincipal": who, "Operations": operations, "Constraints": constraints })
}

async fn may(service: &Service, caller: &Caller, operation: &str, request: Value) -> bool {
    match service.call_as(caller, operation, request).await {
        Ok(_) => true,
        Err(refused) => {
            assert_eq!(refused.code, "AccessDenied", "{}", refused.message);
            false
        }
    }
}

#[tokio::test]
async fn a_grant_opens_its_key_to_its_grantee_for_its_operations_until_it_ends() {
    let (service, key) = ready().await;
    let other = service.key_of(json!([delegates()])).await;
    let (bob, carol) = (Caller::nobody("bob"), Caller::nobody("carol"));
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    let decrypt = json!({ "CiphertextBlob": blob });
    assert!(!may(&service, &bob, "Decrypt", decrypt.clone()).await);
    let made = service
        .grant(&key, grant(&bob.arn(), json!(["Decrypt"]), json!({})))
        .await;
    assert!(may(&service, &bob, "Decrypt", decrypt.clone()).await);
    assert!(may(&service.restarted().await, &bob, "Decrypt", decrypt.clone()).await);
    assert!(!may(&service, &carol, "Decrypt", decrypt.clone()).await);
    assert!(!may(&service, &bob, "Encrypt", encrypt(&key, json!({}))).await);
    let of_other = service.encrypt(&other.id, b"x", json!({})).await;
    assert!(
        !may(
            &service,
            &bob,
            "Decrypt",
            json!({ "CiphertextBlob": of_other })
        )
        .await
    );
    let end = json!({ "KeyId": key.id, "GrantId": made.id });
    service.call("RevokeGrant", end).await.unwrap();
    assert!(!may(&service, &bob, "Decrypt", decrypt).await);
}

#[tokio::test]
async fn each_operation_is_permitted_by_its_own_name() {
    let (service, key) = ready().await;
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    let requests = [
        ("Encrypt", encrypt(&key, json!({}))),
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        ("GenerateDataKey", data_key(&key, json!({}))),
        ("GenerateDataKeyWithoutPlaintext", data_key(&key, json!({}))),
        ("DescribeKey", json!({ "KeyId": key.id })),
        (
            "CreateGrant",
            json!({ "KeyId": key.id, "GranteePrincipal": ACCOUNT, "Operations": ["CreateGrant", "RetireGrant"] }),
        ),
    ];
    for (granted, _) in &requests {
        let caller = Caller::nobody(&granted.to_lowercase());
        // A grant may not be of CreateGrant alone.
        let operations = json!([granted, "RetireGrant"]);
        service
            .grant(&key, grant(&caller.arn(), operations, json!({})))
            .await;
        for (operation, request) in &requests {
            assert_eq!(
                may(&service, &caller, operation, request.clone()).await,
                operation == granted,
                "{operation} by a grant of {granted}"
            );
        }
    }
}

#[tokio::test]
async fn a_grant_is_to_a_role_to_one_session_of_it_or_to_the_account() {
    let (service, key) = ready().await;
    let nothing = json!([{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }]);
    let session = |name: &str| Caller::session("machine", name, nothing.clone());
    let request = || data_key(&key, json!({}));
    let may = async |caller: &Caller| may(&service, caller, "GenerateDataKey", request()).await;
    let operations = json!(["GenerateDataKey"]);
    let only = session("one").arn();
    let made = service
        .grant(&key, grant(&only, operations.clone(), json!({})))
        .await;
    assert!(may(&session("one")).await);
    assert!(!may(&session("two")).await);
    let end = json!({ "KeyId": key.id, "GrantId": made.id });
    service.call("RevokeGrant", end).await.unwrap();

    let role = format!("arn:aws:iam::{ACCOUNT}:role/machine");
    service
        .grant(&key, grant(&role, operations.clone(), json!({})))
        .await;
    assert!(may(&session("one")).await);
    assert!(may(&session("two")).await);
    assert!(!may(&Caller::session("other", "one", nothing.clone())).await);

    let key = service.key_of(json!([lets("nobody", "kms:*")])).await;
    let maker = Caller::nobody("nobody");
    let to_account = grant(ACCOUNT, operations, json!({}));
    service.try_grant(&maker, &key, to_account).await.unwrap();
    let request = data_key(&key, json!({}));
    assert!(
        crate::grant_use::may(
            &service,
            &Caller::admin("ann"),
            "GenerateDataKey",
            request.clone()
        )
        .await,
        "the account's identity policies let her"
    );
    assert!(
        !crate::grant_use::may(&service, &Caller::nobody("bob"), "GenerateDataKey", request).await
    );
}

#[tokio::test]
async fn a_deny_beats_a_grant() {
    let service = Service::start().await;
    let bob = Caller::nobody("bob");
    let deny = json!({
        "Effect": "Deny", "Principal": { "AWS": bob.arn() }, "Action": "kms:Encrypt", "Resource": "*",
    });
    let key = service.key_of(json!([delegates(), deny])).await;
    let operations = json!(["Encrypt", "GenerateDataKey"]);
    service
        .grant(&key, grant(&bob.arn(), operations, json!({})))
        .await;
    assert!(!may(&service, &bob, "Encrypt", encrypt(&key, json!({}))).await);
    assert!(may(&service, &bob, "GenerateDataKey", data_key(&key, json!({}))).await);
    let denied = Caller::user(
        "bob",
        json!([{ "Effect": "Deny", "Action": "kms:GenerateDataKey", "Resource": "*" }]),
    );
    assert!(
        !may(
            &service,
            &denied,
            "GenerateDataKey",
            data_key(&key, json!({}))
        )
        .await
    );
}

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

#[tokio::test]
async fn every_operation_that_takes_tokens_takes_those_that_were_given_out_and_no_others() {
    let (service, key) = ready().await;
    let bob = Caller::nobody("bob");
    let operations = json!([
        "Encrypt",
        "Decrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "DescribeKey",
        "CreateGrant"
    ]);
    let made = service
        .grant(&key, grant(&bob.arn(), operations, json!({})))
        .await;
    let gone = service
        .grant(&key, grant(&bob.arn(), json!(["Encrypt"]), json!({})))
        .await;
    let end = json!({ "GrantToken": gone.token });
    service.call("RetireGrant", end).await.unwrap();
    let elsewhere = Service::over(std::sync::Arc::new(store::Memory::new()), 2)
        .await
        .unwrap();
    let foreign_key = elsewhere.key().await;
    let foreign = elsewhere
        .grant(
            &foreign_key,
            grant(&bob.arn(), json!(["Encrypt"]), json!({})),
        )
        .await;
    let mut changed = made.token.clone();
    let last = if changed.ends_with("A==") {
        "B=="
    } else {
        "A=="
    };
    changed.replace_range(changed.len() - 3.., last);
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    for (operation, request) in [
        ("Encrypt", encrypt(&key, json!({}))),
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        ("GenerateDataKey", data_key(&key, json!({}))),
        ("GenerateDataKeyWithoutPlaintext", data_key(&key, json!({}))),
        ("DescribeKey", json!({ "KeyId": key.id })),
        (
            "CreateGrant",
            json!({ "KeyId": key.id, "GranteePrincipal": bob.arn(), "Operations": ["Encrypt"] }),
        ),
    ] {
        let with = |tokens: Value| {
            let mut request = request.clone();
            request["GrantTokens"] = tokens;
            request
        };
        let good = service
            .call_as(&bob, operation, with(json!([made.token])))
            .await;
        assert!(good.is_ok(), "{operation}: {good:?}");
        for bad in ["nonsense", &gone.token, &foreign.token, &changed] {
            let refused = service
                .call_as(&bob, operation, with(json!([made.token, bad])))
                .await
                .unwrap_err();
            assert_eq!(
                refused.code, "InvalidGrantTokenException",
                "{operation} {bad}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_gives_nothing_to_whom_its_grant_does_not_name() {
    let (service, key) = ready().await;
    let (bob, mallory) = (Caller::nobody("bob"), Caller::nobody("mallory"));
    let made = service
        .grant(&key, grant(&bob.arn(), json!(["Encrypt"]), json!({})))
        .await;
    let mut request = encrypt(&key, json!({}));
    request["GrantTokens"] = json!([made.token]);
    assert!(!may(&service, &mallory, "Encrypt", request).await);
}

#[tokio::test]
async fn a_grant_lets_a_principal_of_another_account_without_any_policy_of_either() {
    let (service, key) = ready().await;
    let nothing = json!([{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }]);
    let eve = Caller::foreign_user("eve", nothing.clone());
    let request = json!({ "KeyId": key.arn, "KeySpec": "AES_256" });
    assert!(!may(&service, &eve, "GenerateDataKey", request.clone()).await);
    let mut wanted = grant(&eve.arn(), json!(["GenerateDataKey"]), json!({}));
    wanted["RetiringPrincipal"] = json!(eve.arn());
    let made = service.grant(&key, wanted).await;
    assert!(may(&service, &eve, "GenerateDataKey", request.clone()).await);
    let other = Caller::foreign_user("mallory", nothing);
    assert!(!may(&service, &other, "GenerateDataKey", request.clone()).await);

    let of_eve = json!({ "RetiringPrincipal": eve.arn() });
    let listed = service
        .call_as(&Caller::foreign_root(), "ListRetirableGrants", of_eve)
        .await
        .unwrap();
    assert_eq!(listed["Grants"][0]["GrantId"], made.id);
    assert_eq!(listed["Grants"][0]["KeyId"], key.arn);
    let retire = json!({ "GrantToken": made.token });
    assert!(!may(&service, &other, "RetireGrant", retire.clone()).await);
    assert!(may(&service, &eve, "RetireGrant", retire).await);
    assert!(!may(&service, &eve, "GenerateDataKey", request).await);
}

#[tokio::test]
async fn a_grant_to_another_account_is_for_that_accounts_identity_policies_to_pass_on() {
    let (service, key) = ready().await;
    service
        .grant(&key, grant(OTHER, json!(["Encrypt"]), json!({})))
        .await;
    let user = |action: &str| {
        Caller::foreign_user(
            "eve",
            json!([{ "Effect": "Allow", "Action": action, "Resource": "*" }]),
        )
    };
    let request = json!({ "KeyId": key.arn, "Plaintext": "eA==" });
    for (caller, allowed) in [
        (Caller::foreign_root(), true),
        (user("kms:Encrypt"), true),
        (user("kms:Decrypt"), false),
        (Caller::nobody("bob"), false),
    ] {
        assert_eq!(
            may(&service, &caller, "Encrypt", request.clone()).await,
            allowed,
            "{}",
            caller.arn()
        );
    }
}

#[tokio::test]
async fn a_grant_that_another_account_made_is_of_that_account_and_its_to_retire() {
    let service = Service::start().await;
    let shares = json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{OTHER}:root") }, "Action": "kms:*Grant*", "Resource": "*",
    });
    let key = service.key_of(json!([delegates(), shares])).await;
    let carol = Caller::nobody("carol");
    let wanted = grant(&carol.arn(), json!(["Encrypt"]), json!({}));
    let made = service
        .try_grant(&Caller::foreign_root(), &key, wanted)
        .await
        .unwrap();
    assert!(may(&service, &carol, "Encrypt", encrypt(&key, json!({}))).await);
    let of_key = json!({ "KeyId": key.arn });
    let listed = service
        .call_as(&Caller::foreign_root(), "ListGrants", of_key)
        .await
        .unwrap();
    assert_eq!(
        listed["Grants"][0]["IssuingAccount"],
        format!("arn:aws:iam::{OTHER}:root")
    );
    let retire = json!({ "KeyId": key.arn, "GrantId": made.id });
    assert!(may(&service, &Caller::foreign_root(), "RetireGrant", retire).await);
    assert!(!may(&service, &carol, "Encrypt", encrypt(&key, json!({}))).await);
}
