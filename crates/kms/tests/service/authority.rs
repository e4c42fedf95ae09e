//! Who may: every operation refused without leave, and what key policies and conditions decide.

use serde_json::{Value, json};

use crate::support::*;

/// Every operation with a request that is about a fresh key, where it is about one.
#[expect(
    clippy::too_many_lines,
    reason = "a table with a line for every operation"
)]
fn requests(key: &str, blob: &str) -> Vec<(&'static str, Value)> {
    let policy = json!({ "Version": "2012-10-17", "Statement": [delegates()] }).to_string();
    let user = format!("arn:aws:iam::{ACCOUNT}:user/mallory");
    let of_key = || json!({ "KeyId": key });
    let of_store = || json!({ "CustomKeyStoreId": "cks-1234567890abcdef0" });
    let data_key = || json!({ "KeyId": key, "KeySpec": "AES_256" });
    let pair = || json!({ "KeyId": key, "KeyPairSpec": "ECC_NIST_P256" });
    let mac = "HMAC_SHA_256";
    let grant = || json!({ "KeyId": key, "GrantId": "0".repeat(64) });
    let tags = json!([{ "TagKey": "a", "TagValue": "b" }]);
    vec![
        ("CancelKeyDeletion", of_key()),
        ("ConnectCustomKeyStore", of_store()),
        (
            "CreateAlias",
            json!({ "AliasName": "alias/new", "TargetKeyId": key }),
        ),
        (
            "CreateCustomKeyStore",
            json!({ "CustomKeyStoreName": "store" }),
        ),
        (
            "CreateGrant",
            json!({ "KeyId": key, "GranteePrincipal": user, "Operations": ["Decrypt"] }),
        ),
        ("CreateKey", json!({})),
        (
            "Decapsulate",
            json!({ "KeyId": key, "SharedSecretCiphertextBlob": "eA==", "EncapsulationAlgorithm": "ML_KEM" }),
        ),
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        ("DeleteAlias", json!({ "AliasName": "alias/a" })),
        ("DeleteCustomKeyStore", of_store()),
        ("DeleteImportedKeyMaterial", of_key()),
        (
            "DeriveSharedSecret",
            json!({ "KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": "eA==" }),
        ),
        ("DescribeCustomKeyStores", json!({})),
        ("DescribeKey", of_key()),
        ("DisableKey", of_key()),
        ("DisableKeyRotation", of_key()),
        ("DisconnectCustomKeyStore", of_store()),
        ("EnableKey", of_key()),
        ("EnableKeyRotation", of_key()),
        (
            "Encapsulate",
            json!({ "KeyId": key, "EncapsulationAlgorithm": "ML_KEM" }),
        ),
        ("Encrypt", json!({ "KeyId": key, "Plaintext": "eA==" })),
        ("GenerateDataKey", data_key()),
        ("GenerateDataKeyPair", pair()),
        ("GenerateDataKeyPairWithoutPlaintext", pair()),
        ("GenerateDataKeyWithoutPlaintext", data_key()),
        (
            "GenerateMac",
            json!({ "KeyId": key, "Message": "eA==", "MacAlgorithm": mac }),
        ),
        ("GenerateRandom", json!({ "NumberOfBytes": 1 })),
        ("GetKeyLastUsage", of_key()),
        ("GetKeyPolicy", of_key()),
        ("GetKeyRotationStatus", of_key()),
        (
            "GetParametersForImport",
            json!({ "KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048" }),
        ),
        ("GetPublicKey", of_key()),
        (
            "ImportKeyMaterial",
            json!({ "KeyId": key, "ImportToken": "eA==", "EncryptedKeyMaterial": "eA==" }),
        ),
        ("ListAliases", json!({})),
        ("ListGrants", of_key()),
        ("ListKeyPolicies", of_key()),
        ("ListKeyRotations", of_key()),
        ("ListKeys", json!({})),
        ("ListResourceTags", of_key()),
        ("ListRetirableGrants", json!({ "RetiringPrincipal": user })),
        ("PutKeyPolicy", json!({ "KeyId": key, "Policy": policy })),
        (
            "ReEncrypt",
            json!({ "CiphertextBlob": blob, "DestinationKeyId": key }),
        ),
        (
            "ReplicateKey",
            json!({ "KeyId": key, "ReplicaRegion": THERE }),
        ),
        ("RetireGrant", grant()),
        ("RevokeGrant", grant()),
        ("RotateKeyOnDemand", of_key()),
        ("ScheduleKeyDeletion", of_key()),
        (
            "Sign",
            json!({ "KeyId": key, "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256" }),
        ),
        ("TagResource", json!({ "KeyId": key, "Tags": tags })),
        ("UntagResource", json!({ "KeyId": key, "TagKeys": ["a"] })),
        (
            "UpdateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key }),
        ),
        ("UpdateCustomKeyStore", of_store()),
        (
            "UpdateKeyDescription",
            json!({ "KeyId": key, "Description": "other" }),
        ),
        (
            "UpdatePrimaryRegion",
            json!({ "KeyId": key, "PrimaryRegion": THERE }),
        ),
        (
            "Verify",
            json!({ "KeyId": key, "Message": "eA==", "Signature": "eA==", "SigningAlgorithm": "ECDSA_SHA_256" }),
        ),
        (
            "VerifyMac",
            json!({ "KeyId": key, "Message": "eA==", "Mac": "eA==", "MacAlgorithm": mac }),
        ),
    ]
}

async fn ready() -> (Service, TestKey, String) {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    (service, key, blob)
}

#[tokio::test]
async fn every_operation_is_refused_to_who_has_no_leave_and_changes_nothing() {
    let (service, key, blob) = ready().await;
    let before = service.stored().await;
    let requests = requests(&key.id, &blob);
    let tested: Vec<_> = requests.iter().map(|(operation, _)| *operation).collect();
    let known: Vec<_> = wire::kms::SERVICE
        .operations
        .iter()
        .map(|operation| operation.name)
        .collect();
    let mut sorted = known.clone();
    sorted.sort_unstable();
    assert_eq!(tested, sorted, "an operation has no case here");
    for (operation, request) in requests {
        let refused = service
            .call_as(&Caller::nobody("mallory"), operation, request)
            .await
            .unwrap_err();
        assert_eq!(refused.code, "AccessDenied", "{operation}");
        assert!(
            refused
                .message
                .contains(&format!("not authorized to perform: kms:{operation}")),
            "{}",
            refused.message
        );
    }
    assert_eq!(service.stored().await, before);
}

#[tokio::test]
async fn who_may_not_see_a_key_does_not_learn_whether_it_exists() {
    let (service, key, blob) = ready().await;
    let mallory = Caller::nobody("mallory");
    for (operation, request) in requests(&key.id, &blob) {
        let elsewhere: Value =
            serde_json::from_str(&request.to_string().replace(&key.id, NO_KEY)).unwrap();
        let code = |answer: Result<Value, Refusal>| answer.unwrap_err().code;
        assert_eq!(
            code(service.call_as(&mallory, operation, elsewhere).await),
            code(service.call_as(&mallory, operation, request).await),
            "{operation}"
        );
    }
    let there = service
        .call_as(&mallory, "DescribeKey", json!({ "KeyId": "alias/none" }))
        .await
        .unwrap_err();
    assert_eq!(there.code, "AccessDenied");
}

#[tokio::test]
async fn identity_policies_alone_do_not_open_a_key_that_is_not_left_to_them() {
    let service = Service::start().await;
    let key = service.key_of(json!([lets("bob", "kms:*")])).await;
    let request = json!({ "KeyId": key.id, "Plaintext": "eA==" });
    let refused = service
        .call_as(&Caller::admin("alice"), "Encrypt", request.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
    assert!(
        service
            .call_as(&Caller::nobody("bob"), "Encrypt", request.clone())
            .await
            .is_ok()
    );
    assert_eq!(
        service.call("Encrypt", request).await.unwrap_err().code,
        "AccessDenied",
        "not even to root"
    );
}

#[tokio::test]
async fn one_may_encrypt_and_another_decrypt() {
    let service = Service::start().await;
    let statements = json!([
        delegates(),
        lets("writer", "kms:Encrypt"),
        lets("reader", "kms:Decrypt")
    ]);
    let key = service.key_of(statements).await;
    let (writer, reader) = (Caller::nobody("writer"), Caller::nobody("reader"));
    let encrypt = json!({ "KeyId": key.id, "Plaintext": "eA==" });
    let sealed = service
        .call_as(&writer, "Encrypt", encrypt.clone())
        .await
        .unwrap();
    let decrypt = json!({ "CiphertextBlob": sealed["CiphertextBlob"] });
    assert!(
        service
            .call_as(&reader, "Decrypt", decrypt.clone())
            .await
            .is_ok()
    );
    assert_eq!(
        service
            .call_as(&writer, "Decrypt", decrypt)
            .await
            .unwrap_err()
            .code,
        "AccessDenied"
    );
    assert_eq!(
        service
            .call_as(&reader, "Encrypt", encrypt)
            .await
            .unwrap_err()
            .code,
        "AccessDenied"
    );
}

/// Whether the user of the key's policy may make a request under `condition`.
async fn allows(condition: Value, operation: &str, mut request: Value) -> bool {
    let service = Service::start().await;
    let mut statement = lets("machine", &format!("kms:{operation}"));
    statement["Condition"] = condition;
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [delegates(), statement] }).to_string();
    let key = service
        .key_with(
            json!({ "Policy": policy, "Tags": [{ "TagKey": "team", "TagValue": "storage" }] }),
        )
        .await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/disks", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    if request.get("KeyId").is_none() {
        request["KeyId"] = json!(key.id);
    }
    service
        .call_as(&Caller::nobody("machine"), operation, request)
        .await
        .is_ok()
}

#[tokio::test]
async fn a_key_policy_can_demand_an_encryption_context() {
    let condition = json!({ "StringEquals": { "kms:EncryptionContext:kluis:machine": "m1" } });
    let request = |machine: &str| json!({ "KeySpec": "AES_256", "EncryptionContext": { "kluis:machine": machine } });
    assert!(allows(condition.clone(), "GenerateDataKey", request("m1")).await);
    assert!(!allows(condition.clone(), "GenerateDataKey", request("m2")).await);
    assert!(
        !allows(
            condition,
            "GenerateDataKey",
            json!({ "KeySpec": "AES_256" })
        )
        .await
    );
}

#[tokio::test]
async fn a_member_of_the_context_cannot_hide_behind_another_of_the_same_letters() {
    let condition = json!({ "StringEquals": { "kms:EncryptionContext:team": "storage" } });
    let request = json!({ "Plaintext": "eA==", "EncryptionContext": { "Team": "finance", "team": "storage" } });
    let refusing = json!({ "ForAllValues:StringEquals": { "kms:EncryptionContext:team": "storage" }, "Null": { "kms:EncryptionContext:team": "false" } });
    assert!(!allows(refusing, "Encrypt", request).await);
    assert!(
        allows(
            condition,
            "Encrypt",
            json!({ "Plaintext": "eA==", "EncryptionContext": { "team": "storage" } })
        )
        .await
    );
}

#[tokio::test]
async fn a_key_policy_can_name_the_members_of_a_context() {
    let condition = json!({ "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["a", "b"] }, "Null": { "kms:EncryptionContextKeys": "false" } });
    let request = |context: Value| json!({ "Plaintext": "eA==", "EncryptionContext": context });
    assert!(
        allows(
            condition.clone(),
            "Encrypt",
            request(json!({ "a": "1", "b": "2" }))
        )
        .await
    );
    assert!(
        !allows(
            condition.clone(),
            "Encrypt",
            request(json!({ "a": "1", "c": "2" }))
        )
        .await
    );
    assert!(!allows(condition, "Encrypt", request(json!({}))).await);
}

#[tokio::test]
async fn conditions_see_the_key_and_how_it_was_named() {
    let encrypt = json!({ "Plaintext": "eA==" });
    let by_alias = json!({ "Plaintext": "eA==", "KeyId": "alias/disks" });
    for (condition, request, allowed) in [
        (
            json!({ "StringEquals": { "kms:KeySpec": "SYMMETRIC_DEFAULT" } }),
            &encrypt,
            true,
        ),
        (
            json!({ "StringEquals": { "kms:KeyUsage": "ENCRYPT_DECRYPT" } }),
            &encrypt,
            true,
        ),
        (
            json!({ "StringEquals": { "kms:KeyOrigin": "AWS_KMS" } }),
            &encrypt,
            true,
        ),
        (
            json!({ "StringEquals": { "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT" } }),
            &encrypt,
            true,
        ),
        (
            json!({ "Bool": { "kms:MultiRegion": "false" } }),
            &encrypt,
            true,
        ),
        (
            json!({ "StringEquals": { "kms:CallerAccount": ACCOUNT } }),
            &encrypt,
            true,
        ),
        (
            json!({ "StringEquals": { "kms:CallerAccount": "444455556666" } }),
            &encrypt,
            false,
        ),
        (
            json!({ "StringEquals": { "aws:ResourceTag/team": "storage" } }),
            &encrypt,
            true,
        ),
        (
            json!({ "StringEquals": { "aws:ResourceTag/team": "finance" } }),
            &encrypt,
            false,
        ),
        (
            json!({ "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/disks" } }),
            &encrypt,
            true,
        ),
        (
            json!({ "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/other" } }),
            &encrypt,
            false,
        ),
        (
            json!({ "StringEquals": { "kms:RequestAlias": "alias/disks" } }),
            &by_alias,
            true,
        ),
        (
            json!({ "StringEquals": { "kms:RequestAlias": "alias/disks" } }),
            &encrypt,
            false,
        ),
        (
            json!({ "Null": { "kms:ViaService": "true" } }),
            &encrypt,
            true,
        ),
        (
            json!({ "StringEquals": { "kms:ViaService": "s3.us-east-1.amazonaws.com" } }),
            &encrypt,
            false,
        ),
    ] {
        assert_eq!(
            allows(condition.clone(), "Encrypt", request.clone()).await,
            allowed,
            "{condition} {request}"
        );
    }
}

#[tokio::test]
async fn conditions_see_how_long_a_deletion_waits_and_whether_the_lockout_check_is_off() {
    let short =
        json!({ "NumericLessThan": { "kms:ScheduleKeyDeletionPendingWindowInDays": "14" } });
    assert!(
        allows(
            short.clone(),
            "ScheduleKeyDeletion",
            json!({ "PendingWindowInDays": 7 })
        )
        .await
    );
    assert!(!allows(short, "ScheduleKeyDeletion", json!({})).await);
    let checked = json!({ "Bool": { "kms:BypassPolicyLockoutSafetyCheck": "false" } });
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [lets("machine", "kms:*")] }).to_string();
    let put = |bypass: bool| json!({ "Policy": policy, "BypassPolicyLockoutSafetyCheck": bypass });
    assert!(allows(checked.clone(), "PutKeyPolicy", put(false)).await);
    assert!(!allows(checked, "PutKeyPolicy", put(true)).await);
}

#[tokio::test]
async fn making_a_key_with_tags_needs_leave_to_tag_and_shows_them_to_conditions() {
    let service = Service::start().await;
    let create = json!({ "Tags": [{ "TagKey": "team", "TagValue": "storage" }] });
    let only_create = Caller::user(
        "u",
        json!([{ "Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*" }]),
    );
    assert!(
        service
            .call_as(&only_create, "CreateKey", json!({}))
            .await
            .is_ok()
    );
    let refused = service
        .call_as(&only_create, "CreateKey", create.clone())
        .await
        .unwrap_err();
    assert!(
        refused.message.contains("kms:TagResource"),
        "{}",
        refused.message
    );
    let of_team = Caller::user(
        "u",
        json!([{
            "Effect": "Allow", "Action": ["kms:CreateKey", "kms:TagResource"], "Resource": "*",
            "Condition": { "StringEquals": { "aws:RequestTag/team": "storage" }, "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] } },
        }]),
    );
    assert!(service.call_as(&of_team, "CreateKey", create).await.is_ok());
    assert!(
        service
            .call_as(&of_team, "CreateKey", json!({}))
            .await
            .is_err()
    );
    let other = json!({ "Tags": [{ "TagKey": "team", "TagValue": "storage" }, { "TagKey": "x", "TagValue": "" }] });
    assert!(service.call_as(&of_team, "CreateKey", other).await.is_err());
}

#[tokio::test]
async fn an_alias_needs_leave_on_the_alias_and_on_every_key_concerned() {
    let service = Service::start().await;
    let (mine, others) = (service.key().await, service.key().await);
    let on = |resources: Value| {
        Caller::user(
            "u",
            json!([{ "Effect": "Allow", "Action": "kms:*Alias", "Resource": resources }]),
        )
    };
    let alias = format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/a");
    let make = json!({ "AliasName": "alias/a", "TargetKeyId": mine.id });
    assert!(
        service
            .call_as(&on(json!([alias])), "CreateAlias", make.clone())
            .await
            .is_err()
    );
    assert!(
        service
            .call_as(&on(json!([mine.arn])), "CreateAlias", make.clone())
            .await
            .is_err()
    );
    assert!(
        service
            .call_as(&on(json!([alias, mine.arn])), "CreateAlias", make)
            .await
            .is_ok()
    );

    let shift = json!({ "AliasName": "alias/a", "TargetKeyId": others.id });
    for too_little in [
        json!([alias, mine.arn]),
        json!([alias, others.arn]),
        json!([mine.arn, others.arn]),
    ] {
        assert!(
            service
                .call_as(&on(too_little.clone()), "UpdateAlias", shift.clone())
                .await
                .is_err(),
            "{too_little}"
        );
    }
    assert!(
        service
            .call_as(
                &on(json!([alias, mine.arn, others.arn])),
                "UpdateAlias",
                shift
            )
            .await
            .is_ok()
    );

    let delete = json!({ "AliasName": "alias/a" });
    assert!(
        service
            .call_as(&on(json!([alias, mine.arn])), "DeleteAlias", delete.clone())
            .await
            .is_err()
    );
    assert!(
        service
            .call_as(&on(json!([alias, others.arn])), "DeleteAlias", delete)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn leave_is_asked_before_any_cryptography() {
    let (service, _, blob) = ready().await;
    let refused = service
        .call_as(
            &Caller::nobody("mallory"),
            "Decrypt",
            json!({ "CiphertextBlob": blob, "EncryptionContext": { "wrong": "1" } }),
        )
        .await
        .unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
}

#[tokio::test]
async fn conditions_see_what_kind_of_key_is_to_be_made() {
    let service = Service::start().await;
    let only = |condition: Value| {
        Caller::user(
            "u",
            json!([{ "Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*", "Condition": condition }]),
        )
    };
    for (condition, allowed) in [
        (
            json!({ "StringEquals": { "kms:KeySpec": "SYMMETRIC_DEFAULT" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:KeySpec": "RSA_2048" } }),
            false,
        ),
        (
            json!({ "StringEquals": { "kms:KeyUsage": "ENCRYPT_DECRYPT" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:KeyOrigin": "EXTERNAL" } }),
            false,
        ),
        (
            json!({ "Bool": { "kms:BypassPolicyLockoutSafetyCheck": "false" } }),
            true,
        ),
        (json!({ "Bool": { "kms:MultiRegion": "true" } }), false),
    ] {
        let made = service
            .call_as(&only(condition.clone()), "CreateKey", json!({}))
            .await;
        assert_eq!(made.is_ok(), allowed, "{condition}");
    }
}

#[tokio::test]
async fn conditions_see_by_what_algorithm_a_key_is_used() {
    let service = Service::start().await;
    let public = {
        let key = service.key_of_spec("ECC_NIST_P256", "KEY_AGREEMENT").await;
        blob(service.public_half(&key).await)
    };
    let sign = json!({ "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256" });
    let mac = json!({ "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256" });
    let agree = json!({ "PublicKey": public, "KeyAgreementAlgorithm": "ECDH" });
    let encrypt = json!({ "Plaintext": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" });
    let pair = json!({ "KeyPairSpec": "ECC_NIST_P256" });
    for (spec, usage, operation, request, key, value, other) in [
        (
            "ECC_NIST_P256",
            "SIGN_VERIFY",
            "Sign",
            &sign,
            "kms:SigningAlgorithm",
            "ECDSA_SHA_256",
            "ECDSA_SHA_384",
        ),
        (
            "ECC_NIST_P256",
            "SIGN_VERIFY",
            "Sign",
            &sign,
            "kms:MessageType",
            "RAW",
            "DIGEST",
        ),
        (
            "HMAC_256",
            "GENERATE_VERIFY_MAC",
            "GenerateMac",
            &mac,
            "kms:MacAlgorithm",
            "HMAC_SHA_256",
            "HMAC_SHA_512",
        ),
        (
            "ECC_NIST_P256",
            "KEY_AGREEMENT",
            "DeriveSharedSecret",
            &agree,
            "kms:KeyAgreementAlgorithm",
            "ECDH",
            "none",
        ),
        (
            "RSA_2048",
            "ENCRYPT_DECRYPT",
            "Encrypt",
            &encrypt,
            "kms:EncryptionAlgorithm",
            "RSAES_OAEP_SHA_256",
            "RSAES_OAEP_SHA_1",
        ),
        (
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
            "GenerateDataKeyPair",
            &pair,
            "kms:DataKeyPairSpec",
            "ECC_NIST_P256",
            "RSA_2048",
        ),
        (
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
            "GenerateDataKeyPair",
            &pair,
            "kms:EncryptionAlgorithm",
            "SYMMETRIC_DEFAULT",
            "RSAES_OAEP_SHA_1",
        ),
    ] {
        let mut statement = lets("machine", &format!("kms:{operation}"));
        statement["Condition"] = json!({ "StringEquals": { key: value } });
        for (wanted, allowed) in [(value, true), (other, false)] {
            statement["Condition"]["StringEquals"][key] = json!(wanted);
            let policy = json!({ "Version": "2012-10-17", "Statement": [delegates(), statement] })
                .to_string();
            let made = service
                .key_with(json!({ "KeySpec": spec, "KeyUsage": usage, "Policy": policy }))
                .await;
            let mut request = request.clone();
            request["KeyId"] = json!(made.id);
            let answer = service
                .call_as(&Caller::nobody("machine"), operation, request)
                .await;
            assert_eq!(
                answer.is_ok(),
                allowed,
                "{operation} {key} {wanted}: {answer:?}"
            );
        }
    }
}
