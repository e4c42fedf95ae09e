//! What conditions see in requests about grants, and in who asks: the keys of the KMS developer guide.

use serde_json::{Value, json};

use crate::support::*;

/// Whether somebody whom the key's policy lets make grants under `condition` may make this one.
async fn grants(condition: Value, request: Value) -> bool {
    let service = Service::start().await;
    let mut statement = lets("maker", "kms:CreateGrant");
    statement["Condition"] = condition;
    let key = service.key_of(json!([delegates(), statement])).await;
    let maker = Caller::nobody("maker");
    match service.try_grant(&maker, &key, request).await {
        Ok(_) => true,
        Err(refused) => {
            assert_eq!(refused.code, "AccessDenied", "{}", refused.message);
            false
        }
    }
}

fn user(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}

#[tokio::test]
async fn conditions_see_what_a_new_grant_says() {
    let request = json!({
        "GranteePrincipal": user("bob"), "RetiringPrincipal": user("carol"), "Operations": ["Encrypt", "Decrypt"],
        "Constraints": { "EncryptionContextSubset": { "team": "storage" } },
    });
    for (condition, allowed) in [
        (
            json!({ "StringEquals": { "kms:GranteePrincipal": user("bob") } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:GranteePrincipal": user("carol") } }),
            false,
        ),
        (
            json!({ "StringEquals": { "kms:RetiringPrincipal": user("carol") } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:RetiringPrincipal": user("bob") } }),
            false,
        ),
        (
            json!({ "Null": { "kms:GranteeServicePrincipal": "true", "kms:RetiringServicePrincipal": "true" } }),
            true,
        ),
        (
            json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": ["Encrypt", "Decrypt", "DescribeKey"] } }),
            true,
        ),
        (
            json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": ["Encrypt"] } }),
            false,
        ),
        (
            json!({ "ForAnyValue:StringEquals": { "kms:GrantOperations": ["Encrypt"] } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:GrantConstraintType": "EncryptionContextSubset" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:GrantConstraintType": "EncryptionContextEquals" } }),
            false,
        ),
        (
            json!({ "Null": { "kms:GrantConstraintSourceArn": "true" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:EncryptionContext:team": "storage" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:EncryptionContext:team": "finance" } }),
            false,
        ),
        (
            json!({ "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["team"] }, "Null": { "kms:EncryptionContextKeys": "false" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "kms:CustomerMasterKeyUsage": "ENCRYPT_DECRYPT" } }),
            true,
        ),
        (
            json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } }),
            false,
        ),
        (
            json!({ "Bool": { "kms:GrantIsForAWSResource": "false" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:CallerAccount": ACCOUNT } }),
            true,
        ),
    ] {
        assert_eq!(
            grants(condition.clone(), request.clone()).await,
            allowed,
            "{condition}"
        );
    }
}

#[tokio::test]
async fn conditions_see_the_services_that_a_new_grant_names() {
    let ebs = "ebs.us-east-1.amazonaws.com";
    let volume = format!("arn:aws:ec2:{HERE}:{ACCOUNT}:volume/vol-1");
    let request = json!({
        "GranteeServicePrincipal": ebs, "RetiringServicePrincipal": ebs, "Operations": ["Decrypt"], "Constraints": { "SourceArn": volume },
    });
    for (condition, allowed) in [
        (
            json!({ "StringEquals": { "kms:GranteeServicePrincipal": ebs, "kms:RetiringServicePrincipal": ebs } }),
            true,
        ),
        (
            json!({ "StringLike": { "kms:GranteeServicePrincipal": "s3.*" } }),
            false,
        ),
        (
            json!({ "ArnEquals": { "kms:GrantConstraintSourceArn": volume } }),
            true,
        ),
        (
            json!({ "ArnLike": { "kms:GrantConstraintSourceArn": "arn:aws:s3:::*" } }),
            false,
        ),
        (
            json!({ "StringEquals": { "kms:GrantConstraintType": "SourceArn" } }),
            true,
        ),
        (json!({ "Null": { "kms:GranteePrincipal": "true" } }), true),
    ] {
        assert_eq!(
            grants(condition.clone(), request.clone()).await,
            allowed,
            "{condition}"
        );
    }
}

#[tokio::test]
async fn a_condition_is_not_passed_by_another_spelling_of_the_account_or_an_empty_constraint() {
    let request = json!({ "GranteePrincipal": ACCOUNT, "Operations": ["Decrypt"], "Constraints": { "EncryptionContextSubset": {} } });
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    for (condition, allowed) in [
        (
            json!({ "StringNotEquals": { "kms:GranteePrincipal": root } }),
            false,
        ),
        (
            json!({ "StringEquals": { "kms:GranteePrincipal": root } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:GrantConstraintType": "EncryptionContextSubset" } }),
            false,
        ),
    ] {
        assert_eq!(
            grants(condition.clone(), request.clone()).await,
            allowed,
            "{condition}"
        );
    }
}

#[tokio::test]
async fn conditions_see_whether_a_service_ends_or_lists_grants_on_somebodys_behalf() {
    let service = Service::start().await;
    let mut statement = lets("maker", "kms:*Grant*");
    statement["Condition"] = json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } });
    let key = service.key_of(json!([delegates(), statement])).await;
    let bob = json!({ "GranteePrincipal": user("bob"), "Operations": ["Decrypt"] });
    let grant = service.grant(&key, bob).await;
    for (operation, request) in [
        ("ListGrants", json!({ "KeyId": key.id })),
        (
            "RevokeGrant",
            json!({ "KeyId": key.id, "GrantId": grant.id }),
        ),
    ] {
        let maker = Caller::nobody("maker");
        let refused = service.call_as(&maker, operation, request);
        assert_eq!(
            refused.await.unwrap_err().code,
            "AccessDenied",
            "{operation}"
        );
    }
}

#[tokio::test]
async fn conditions_see_the_constraint_of_a_grant_that_is_to_be_retired() {
    let service = Service::start().await;
    let key = service.key().await;
    let request = |team: &str| json!({ "GranteePrincipal": user("bob"), "Operations": ["Decrypt"], "Constraints": { "EncryptionContextEquals": { "team": team } } });
    let ours = service.grant(&key, request("storage")).await;
    let theirs = service.grant(&key, request("finance")).await;
    let ann = Caller::user(
        "ann",
        json!([{
            "Effect": "Allow", "Action": "kms:RetireGrant", "Resource": "*",
            "Condition": { "StringEquals": { "kms:EncryptionContext:team": "storage" } },
        }]),
    );
    for (grant, allowed) in [(theirs, false), (ours, true)] {
        let retire = json!({ "KeyId": key.arn, "GrantId": grant.id });
        let answer = service.call_as(&ann, "RetireGrant", retire).await;
        assert_eq!(answer.is_ok(), allowed);
    }
}

#[tokio::test]
async fn conditions_see_who_asks() {
    let own = |condition: Value| json!([{ "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*", "Condition": condition }]);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/machine");
    for (condition, user, session) in [
        (
            json!({ "ArnEquals": { "aws:PrincipalArn": user("bob") } }),
            true,
            false,
        ),
        (
            json!({ "ArnEquals": { "aws:PrincipalArn": role } }),
            false,
            true,
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalAccount": ACCOUNT } }),
            true,
            true,
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalAccount": "444455556666" } }),
            false,
            false,
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalType": "User" } }),
            true,
            false,
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalType": "AssumedRole" } }),
            false,
            true,
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalTag/team": "storage" } }),
            true,
            true,
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalTag/team": "finance" } }),
            false,
            false,
        ),
        (
            json!({ "StringEquals": { "aws:userid": "AIDABOB" } }),
            true,
            false,
        ),
        (
            json!({ "StringLike": { "aws:userid": "AROAMACHINE:*" } }),
            false,
            true,
        ),
        (
            json!({ "StringEquals": { "aws:username": "bob" } }),
            true,
            false,
        ),
        (
            json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } }),
            false,
            false,
        ),
        (
            json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "true" } }),
            true,
            true,
        ),
        (
            json!({ "Null": { "aws:MultiFactorAuthPresent": "true" } }),
            true,
            true,
        ),
    ] {
        let service = Service::start().await;
        let bob = Caller::user("bob", own(condition.clone())).tagged("team", "storage");
        let one =
            Caller::session("machine", "one", own(condition.clone())).tagged("team", "storage");
        for (caller, allowed) in [(bob, user), (one, session)] {
            let answer = service.call_as(&caller, "ListKeys", json!({})).await;
            assert_eq!(answer.is_ok(), allowed, "{condition} by {}", caller.arn());
        }
    }
}

#[tokio::test]
async fn conditions_see_the_account_that_a_key_belongs_to() {
    let service = Service::start().await;
    let key = service.key().await;
    for (account, allowed) in [(ACCOUNT, true), ("444455556666", false)] {
        let caller = Caller::user(
            "bob",
            json!([{
                "Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*",
                "Condition": { "StringEquals": { "aws:ResourceAccount": account } },
            }]),
        );
        let request = json!({ "KeyId": key.id, "Plaintext": "eA==" });
        let answer = service.call_as(&caller, "Encrypt", request).await;
        assert_eq!(answer.is_ok(), allowed, "{account}");
    }
}

/// The third variation of "How to protect data with KMS-encrypted S3": one role may write, the other may read.
#[tokio::test]
async fn one_role_may_only_encrypt_and_another_only_decrypt() {
    let service = Service::start().await;
    let key = service.key().await;
    let role = |name: &str, actions: Value| {
        Caller::session(
            name,
            "i-1",
            json!([{ "Effect": "Allow", "Action": actions, "Resource": key.arn }]),
        )
    };
    let writer = role(
        "log-delivery",
        json!(["kms:Encrypt", "kms:GenerateDataKey"]),
    );
    let reader = role("audit", json!(["kms:Decrypt"]));
    let data_key = json!({ "KeyId": key.arn, "KeySpec": "AES_256" });
    let encrypt = json!({ "KeyId": key.arn, "Plaintext": "eA==" });
    let made = service
        .call_as(&writer, "GenerateDataKey", data_key.clone())
        .await
        .unwrap();
    service
        .call_as(&writer, "Encrypt", encrypt.clone())
        .await
        .unwrap();
    let decrypt = json!({ "CiphertextBlob": made["CiphertextBlob"] });
    let read = service
        .call_as(&reader, "Decrypt", decrypt.clone())
        .await
        .unwrap();
    assert_eq!(read["Plaintext"], made["Plaintext"]);
    for (caller, operation, request) in [
        (&writer, "Decrypt", decrypt),
        (&reader, "Encrypt", encrypt),
        (&reader, "GenerateDataKey", data_key),
    ] {
        let refused = service.call_as(caller, operation, request).await;
        assert_eq!(refused.unwrap_err().code, "AccessDenied", "{operation}");
    }
}

#[tokio::test]
async fn the_names_in_a_context_are_weighed_all_any_or_none() {
    let names =
        |operator: &str| json!({ operator: { "kms:EncryptionContextKeys": ["team", "disk"] } });
    let only = json!({
        "ForAllValues:StringEquals": { "kms:EncryptionContextKeys": ["team", "disk"] }, "Null": { "kms:EncryptionContextKeys": "false" },
    });
    //                                                                      {}     team   both   other  team and other
    for (condition, expected) in [
        (
            names("ForAllValues:StringEquals"),
            [true, true, true, false, false],
        ),
        (only, [false, true, true, false, false]),
        (
            names("ForAnyValue:StringEquals"),
            [false, true, true, false, true],
        ),
        (
            json!({ "Null": { "kms:EncryptionContextKeys": "true" } }),
            [true, false, false, false, false],
        ),
        (
            json!({ "StringEquals": { "kms:EncryptionContext:team": "a" } }),
            [false, true, true, false, true],
        ),
        (
            json!({ "StringLike": { "kms:EncryptionContext:team": "b*" } }),
            [false; 5],
        ),
        (
            json!({ "StringNotEqualsIfExists": { "kms:EncryptionContext:team": "a" } }),
            [true, false, false, true, false],
        ),
    ] {
        let service = Service::start().await;
        let mut statement = lets("maker", "kms:Encrypt");
        statement["Condition"] = condition.clone();
        let key = service.key_of(json!([delegates(), statement])).await;
        let contexts = [
            json!({}),
            json!({ "team": "a" }),
            json!({ "team": "a", "disk": "1" }),
            json!({ "other": "x" }),
            json!({ "team": "a", "other": "x" }),
        ];
        for (context, allowed) in contexts.into_iter().zip(expected) {
            let request =
                json!({ "KeyId": key.id, "Plaintext": "eA==", "EncryptionContext": context });
            let answer = service
                .call_as(&Caller::nobody("maker"), "Encrypt", request)
                .await;
            assert_eq!(answer.is_ok(), allowed, "{condition} {context}");
        }
    }
}
