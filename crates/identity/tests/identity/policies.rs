//! Inline policies.

use serde_json::json;

use crate::words::*;

#[tokio::test]
async fn a_policy_comes_back_as_it_was_written_url_encoded() {
    let world = World::new().await;
    world.user("alice").await;
    world.role("Machine").await;
    let document = format!(" {}\n", allowing(json!(["s3:Get*", "kms:Decrypt"])));
    for (kind, name) in [("User", "alice"), ("Role", "Machine")] {
        let own = format!("{kind}Name");
        let put = json!({own.clone(): name, "PolicyName": "p", "PolicyDocument": document});
        world.iam(&format!("Put{kind}Policy"), put).await.unwrap();
        let get = json!({own.clone(): name, "PolicyName": "p"});
        let got = world
            .iam(&format!("Get{kind}Policy"), get.clone())
            .await
            .unwrap();
        assert_eq!(decoded(&got["PolicyDocument"]), document);
        let encoded = got["PolicyDocument"].as_str().unwrap();
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
        assert!(encoded.bytes().all(unreserved), "{encoded}");
        let listing = format!("List{kind}Policies");
        assert_eq!(
            world
                .iam(&listing, json!({own.clone(): name}))
                .await
                .unwrap()["PolicyNames"],
            json!(["p"])
        );
        world
            .iam(&format!("Delete{kind}Policy"), get.clone())
            .await
            .unwrap();
        assert_eq!(
            world
                .code(&format!("Delete{kind}Policy"), get.clone())
                .await,
            "NoSuchEntity 404"
        );
        assert_eq!(
            world.code(&format!("Get{kind}Policy"), get).await,
            "NoSuchEntity 404"
        );
    }
}

#[tokio::test]
async fn a_document_that_is_no_policy_is_refused_with_its_place() {
    let world = World::new().await;
    world.user("alice").await;
    let document =
        r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "bucket"}]}"#;
    let request = json!({"UserName": "alice", "PolicyName": "p", "PolicyDocument": document});
    let error = world.iam("PutUserPolicy", request).await.unwrap_err();
    assert_eq!((error.code, error.status), ("MalformedPolicyDocument", 400));
    assert_eq!(
        error.message,
        "Resource bucket must be in ARN format or \"*\". (at Statement[0].Resource)"
    );
}

#[tokio::test]
async fn all_policies_of_a_user_share_one_quota() {
    let world = World::new().await;
    world.user("alice").await;
    let put = |name: &str, len: usize| {
        let document = allowing(json!(format!("s3:{}", "x".repeat(len))));
        world.iam(
            "PutUserPolicy",
            json!({"UserName": "alice", "PolicyName": name, "PolicyDocument": document}),
        )
    };
    put("one", 1000).await.unwrap();
    let error = put("two", 1000).await.unwrap_err();
    assert_eq!((error.code, error.status), ("LimitExceeded", 409));
    assert_eq!(
        error.message,
        "Maximum policy size of 2048 bytes exceeded for user alice"
    );
    put("one", 10).await.unwrap();
    put("two", 1000).await.unwrap();
}

#[tokio::test]
async fn a_policy_acts_on_the_next_request_and_stops_with_its_removal() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let keys = world.key_of("alice").await;
    let try_it = || async {
        world
            .iam_as(&world.caller(&keys), "ListRoles", json!({}))
            .await
    };
    let denied = try_it().await.unwrap_err();
    assert_eq!(
        denied.message,
        "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: iam:ListRoles on resource: \
         arn:aws:iam::111122223333:role/ because no identity-based policy allows the iam:ListRoles action"
    );
    world.allow_user("alice", json!("iam:ListRoles")).await;
    try_it().await.unwrap();
    world
        .iam(
            "DeleteUserPolicy",
            json!({"UserName": "alice", "PolicyName": "own"}),
        )
        .await
        .unwrap();
    try_it().await.unwrap_err();
}

#[tokio::test]
async fn tags_of_users_and_requests_can_decide() {
    let world = World::new().await;
    let operator = world.user("operator").await;
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "arn:aws:iam::*:user/robots/*",
            "Condition": {"StringEquals": {"aws:RequestTag/kind": "robot"},
                "ForAllValues:StringEquals": {"aws:TagKeys": ["kind"]}}},
        {"Effect": "Allow", "Action": "iam:DeleteUser", "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/kind": "robot"}}},
    ]});
    let put =
        json!({"UserName": "operator", "PolicyName": "p", "PolicyDocument": document.to_string()});
    world.iam("PutUserPolicy", put).await.unwrap();
    let operator = {
        drop(operator);
        world.caller(&world.key_of("operator").await)
    };
    let make =
        |path: &str, tags: serde_json::Value| json!({"UserName": "r2", "Path": path, "Tags": tags});
    let robot = json!([{"Key": "kind", "Value": "robot"}]);
    let too_much = json!([{"Key": "kind", "Value": "robot"}, {"Key": "admin", "Value": "yes"}]);
    for wrong in [
        make("/", robot.clone()),
        make("/robots/", json!([])),
        make("/robots/", too_much),
    ] {
        assert_eq!(
            world
                .iam_as(&operator, "CreateUser", wrong)
                .await
                .unwrap_err()
                .code,
            "AccessDenied"
        );
    }
    world
        .iam_as(&operator, "CreateUser", make("/robots/", robot))
        .await
        .unwrap();
    let gone = |name: &str| json!({"UserName": name});
    assert_eq!(
        world
            .iam_as(&operator, "DeleteUser", gone("operator"))
            .await
            .unwrap_err()
            .code,
        "AccessDenied"
    );
    world
        .iam_as(&operator, "DeleteUser", gone("r2"))
        .await
        .unwrap();
}
