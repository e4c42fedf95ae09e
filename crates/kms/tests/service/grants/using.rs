//! What a grant gives: to whom, and for what.

use serde_json::json;

use super::*;

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
        super::may(
            &service,
            &Caller::admin("ann"),
            "GenerateDataKey",
            request.clone()
        )
        .await,
        "the account's identity policies let her"
    );
    assert!(!super::may(&service, &Caller::nobody("bob"), "GenerateDataKey", request).await);
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
async fn a_re_encryption_needs_a_grant_on_either_key_each_with_its_own_context() {
    let (service, from) = ready().await;
    let onto = service.key_of(json!([delegates()])).await;
    let bob = Caller::nobody("bob");
    let (it, hr) = (json!({ "Department": "IT" }), json!({ "Department": "HR" }));
    let request = |blob: &str, source: &Value, destination: &Value| {
        json!({
            "CiphertextBlob": blob, "SourceEncryptionContext": source,
            "DestinationKeyId": onto.id, "DestinationEncryptionContext": destination,
        })
    };
    let of_it = service.encrypt(&from.id, b"x", it.clone()).await;
    let of_hr = service.encrypt(&from.id, b"x", hr.clone()).await;
    let wanted = request(&of_it, &it, &hr);
    let constraint = |context: &Value| json!({ "EncryptionContextSubset": context });
    let out = grant(&bob.arn(), json!(["ReEncryptFrom"]), constraint(&it));
    let into = grant(&bob.arn(), json!(["ReEncryptTo"]), constraint(&hr));

    let first = service.grant(&from, out).await;
    assert!(!may(&service, &bob, "ReEncrypt", wanted.clone()).await);
    let second = service.grant(&onto, into).await;
    assert!(may(&service, &bob, "ReEncrypt", wanted.clone()).await);
    assert!(!may(&service, &bob, "ReEncrypt", request(&of_hr, &hr, &hr)).await);
    assert!(!may(&service, &bob, "ReEncrypt", request(&of_it, &it, &it)).await);

    let tokens = |tokens: Value| with(wanted.clone(), json!({ "GrantTokens": tokens }));
    let both = tokens(json!([first.token, second.token]));
    assert!(may(&service, &bob, "ReEncrypt", both).await);
    let foreign = tokens(json!([first.token, "nonsense"]));
    let refused = service.call_as(&bob, "ReEncrypt", foreign).await;
    assert_eq!(refused.unwrap_err().code, "InvalidGrantTokenException");
}
