//! Every operation needs leave: each is refused to a user without policies, and allowed by exactly its action.

use serde_json::{Value, json};
use wire::{iam, sts};

use crate::words::*;

/// A managed policy of two versions that the user and the role have, and one that nobody has.
const USED: &str = "arn:aws:iam::111122223333:policy/used";
const UNUSED: &str = "arn:aws:iam::111122223333:policy/unused";

/// A request for each operation of the model that works in [`furnished`] worlds.
fn request_of(operation: &str, key: &str) -> Value {
    let document = allowing(json!("s3:*"));
    let user = "bob";
    let role = "Machine";
    match operation {
        "CreateUser" => json!({"UserName": "new"}),
        "CreateRole" => {
            json!({"RoleName": "new", "AssumeRolePolicyDocument": trusting(json!({"AWS": ACCOUNT}))})
        }
        "ListUsers" | "ListRoles" | "ListPolicies" => json!({}),
        "CreateAccessKey"
        | "ListAccessKeys"
        | "GetUser"
        | "ListUserTags"
        | "ListUserPolicies"
        | "ListAttachedUserPolicies" => {
            json!({"UserName": user})
        }
        "DeleteUser" => json!({"UserName": "lonely"}),
        "DeleteRole" => json!({"RoleName": "Lonely"}),
        "UpdateAccessKey" => json!({"UserName": user, "AccessKeyId": key, "Status": "Inactive"}),
        "DeleteAccessKey" => json!({"UserName": user, "AccessKeyId": key}),
        "TagUser" => json!({"UserName": user, "Tags": [{"Key": "a", "Value": "b"}]}),
        "UntagUser" => json!({"UserName": user, "TagKeys": ["a"]}),
        "PutUserPolicy" => json!({"UserName": user, "PolicyName": "p", "PolicyDocument": document}),
        "GetUserPolicy" | "DeleteUserPolicy" => json!({"UserName": user, "PolicyName": "own"}),
        "GetRole" | "ListRoleTags" | "ListRolePolicies" | "ListAttachedRolePolicies" => {
            json!({"RoleName": role})
        }
        "UpdateAssumeRolePolicy" => {
            json!({"RoleName": role, "PolicyDocument": trusting(json!({"AWS": ACCOUNT}))})
        }
        "TagRole" => json!({"RoleName": role, "Tags": [{"Key": "a", "Value": "b"}]}),
        "UntagRole" => json!({"RoleName": role, "TagKeys": ["a"]}),
        "PutRolePolicy" => json!({"RoleName": role, "PolicyName": "p", "PolicyDocument": document}),
        "GetRolePolicy" | "DeleteRolePolicy" => json!({"RoleName": role, "PolicyName": "own"}),
        "CreatePolicy" => json!({"PolicyName": "new", "PolicyDocument": document}),
        "GetPolicy" | "ListPolicyVersions" | "ListEntitiesForPolicy" => json!({"PolicyArn": USED}),
        "DeletePolicy" => json!({"PolicyArn": UNUSED}),
        "CreatePolicyVersion" => json!({"PolicyArn": USED, "PolicyDocument": document}),
        "GetPolicyVersion" | "SetDefaultPolicyVersion" | "DeletePolicyVersion" => {
            json!({"PolicyArn": USED, "VersionId": "v2"})
        }
        "AttachUserPolicy" => json!({"UserName": user, "PolicyArn": UNUSED}),
        "DetachUserPolicy" => json!({"UserName": user, "PolicyArn": USED}),
        "AttachRolePolicy" => json!({"RoleName": role, "PolicyArn": UNUSED}),
        "DetachRolePolicy" => json!({"RoleName": role, "PolicyArn": USED}),
        "UpdateRole" => json!({"RoleName": role, "Description": "other"}),
        other => panic_for(other),
    }
}

#[expect(
    clippy::panic,
    reason = "an operation without a request here is an operation without a test"
)]
fn panic_for(operation: &str) -> Value {
    panic!("{operation} has no request in this table; write one")
}

async fn furnished() -> (World, String) {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "bob"}))
        .await
        .unwrap();
    world
        .iam("CreateUser", json!({"UserName": "lonely"}))
        .await
        .unwrap();
    world.allow_user("bob", json!("s3:*")).await;
    let key = world.key_of("bob").await.id;
    world.role("Machine").await;
    world.role("Lonely").await;
    let own = json!({"RoleName": "Machine", "PolicyName": "own", "PolicyDocument": allowing(json!("s3:*"))});
    world.iam("PutRolePolicy", own).await.unwrap();
    let document = allowing(json!("s3:*"));
    for (operation, request) in [
        (
            "CreatePolicy",
            json!({"PolicyName": "used", "PolicyDocument": document}),
        ),
        (
            "CreatePolicy",
            json!({"PolicyName": "unused", "PolicyDocument": document}),
        ),
        (
            "CreatePolicyVersion",
            json!({"PolicyArn": USED, "PolicyDocument": document}),
        ),
        (
            "AttachUserPolicy",
            json!({"UserName": "bob", "PolicyArn": USED}),
        ),
        (
            "AttachRolePolicy",
            json!({"RoleName": "Machine", "PolicyArn": USED}),
        ),
    ] {
        world.iam(operation, request).await.unwrap();
    }
    (world, key)
}

#[tokio::test]
async fn every_operation_of_iam_is_refused_without_leave_and_changes_nothing() {
    let (world, key) = furnished().await;
    let poor = world.user("poor").await;
    let before = world.iam("ListUsers", json!({})).await.unwrap();
    for operation in iam::SERVICE.operations {
        let request = request_of(operation.name, &key);
        let error = world
            .iam_as(&poor, operation.name, request)
            .await
            .expect_err(operation.name);
        assert_eq!(
            (error.code, error.status),
            ("AccessDenied", 403),
            "{}",
            operation.name
        );
        let action = format!(
            "perform: iam:{} on resource: arn:aws:iam::111122223333:",
            operation.name
        );
        assert!(error.message.contains(&action), "{error}");
    }
    assert_eq!(world.iam("ListUsers", json!({})).await.unwrap(), before);
}

#[tokio::test]
async fn every_operation_of_iam_is_allowed_by_its_own_action_alone() {
    for operation in iam::SERVICE.operations {
        let (world, key) = furnished().await;
        world.user("clerk").await;
        world
            .allow_user("clerk", json!(format!("iam:{}", operation.name)))
            .await;
        let clerk = world.caller(&world.key_of("clerk").await);
        let request = request_of(operation.name, &key);
        world
            .iam_as(&clerk, operation.name, request)
            .await
            .expect(operation.name);
    }
}

#[tokio::test]
async fn every_operation_of_iam_can_be_denied_to_one_who_has_all() {
    let (world, key) = furnished().await;
    world.user("clerk").await;
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::111122223333:*"},
    ]});
    let put =
        json!({"UserName": "clerk", "PolicyName": "p", "PolicyDocument": document.to_string()});
    world.iam("PutUserPolicy", put).await.unwrap();
    let clerk = world.caller(&world.key_of("clerk").await);
    for operation in iam::SERVICE.operations {
        let request = request_of(operation.name, &key);
        let error = world
            .iam_as(&clerk, operation.name, request)
            .await
            .expect_err(operation.name);
        assert!(
            error
                .message
                .ends_with("with an explicit deny in an identity-based policy"),
            "{error}"
        );
    }
}

/// The two of STS have tests of their own; this one fails when there is a third.
#[test]
fn sts_has_the_operations_that_are_tested() {
    let names: Vec<&str> = sts::SERVICE
        .operations
        .iter()
        .map(|operation| operation.name)
        .collect();
    assert_eq!(names, ["AssumeRole", "GetCallerIdentity"]);
}

#[tokio::test]
async fn who_one_is_needs_no_leave() {
    let world = World::new().await;
    let poor = world.user("poor").await;
    let me = world
        .sts_as(&poor, "GetCallerIdentity", json!({}))
        .await
        .unwrap();
    assert_eq!(me["Arn"], "arn:aws:iam::111122223333:user/poor");
    let root = world
        .sts_as(&world.root, "GetCallerIdentity", json!({}))
        .await
        .unwrap();
    assert_eq!(
        root,
        json!({"UserId": ACCOUNT, "Account": ACCOUNT, "Arn": "arn:aws:iam::111122223333:root"})
    );
}

#[tokio::test]
async fn a_session_that_names_no_user_means_nobody() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Operator").await;
    let own = json!({"RoleName": "Operator", "PolicyName": "p", "PolicyDocument": allowing(json!("iam:*"))});
    world.iam("PutRolePolicy", own).await.unwrap();
    let request = json!({"RoleArn": arn, "RoleSessionName": "s1"});
    let session = world.caller(&world.assume(&traveller, request).await.unwrap());
    let error = world
        .iam_as(&session, "ListAccessKeys", json!({}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "ValidationError");
}
