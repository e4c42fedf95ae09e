//! Roles and their trust policies.

use serde_json::json;

use crate::words::*;

#[tokio::test]
async fn a_role_is_shown_as_it_was_made() {
    let world = World::new().await;
    let trust = trusting(json!({"AWS": ACCOUNT}));
    let request = json!({"RoleName": "Machine", "Path": "/fleet/", "AssumeRolePolicyDocument": trust,
        "Description": "one machine", "MaxSessionDuration": 7200, "Tags": [{"Key": "machine", "Value": "m-1"}]});
    let made = world.iam("CreateRole", request).await.unwrap();
    let got = world
        .iam("GetRole", json!({"RoleName": "Machine"}))
        .await
        .unwrap();
    assert_eq!(made["Role"], got["Role"]);
    let role = &got["Role"];
    assert_eq!(role["Arn"], "arn:aws:iam::111122223333:role/fleet/Machine");
    assert_eq!(role["MaxSessionDuration"], 7200);
    assert_eq!(role["Description"], "one machine");
    assert_eq!(decoded(&role["AssumeRolePolicyDocument"]), trust);
    let id = role["RoleId"].as_str().unwrap();
    assert!(id.starts_with("AROA") && id.len() == 21, "{id}");
    let listed = world
        .iam("ListRoles", json!({"PathPrefix": "/fleet/"}))
        .await
        .unwrap();
    assert_eq!(listed["Roles"][0]["RoleName"], "Machine");
    assert_eq!(
        listed["Roles"][0].get("Tags"),
        None,
        "a listing has no tags, as AWS's has none"
    );
}

#[tokio::test]
async fn what_a_role_may_not_be_is_refused() {
    let world = World::new().await;
    world.role("Taken").await;
    let trust = trusting(json!({"AWS": ACCOUNT}));
    let create =
        |name: &str, trust: &str| json!({"RoleName": name, "AssumeRolePolicyDocument": trust});
    assert_eq!(
        world.code("CreateRole", create("TAKEN", &trust)).await,
        "EntityAlreadyExists 409"
    );
    assert_eq!(
        world.code("CreateRole", create("x", "{}")).await,
        "MalformedPolicyDocument 400"
    );
    assert_eq!(
        world
            .code("CreateRole", create("x", &allowing(json!("s3:*"))))
            .await,
        "MalformedPolicyDocument 400"
    );
    let long = trusting(json!({"AWS": vec![ACCOUNT; 200]}));
    assert_eq!(
        world.code("CreateRole", create("x", &long)).await,
        "LimitExceeded 409"
    );
    let mut short = create("x", &trust);
    short["MaxSessionDuration"] = json!(900);
    assert_eq!(world.code("CreateRole", short).await, "ValidationError 400");
}

#[tokio::test]
async fn a_trust_policy_names_nobody_who_is_not_there() {
    let world = World::new().await;
    world.user("alice").await;
    world.role("Machine").await;
    let other = world.root_of(OTHER).await;
    world
        .iam_as(&other, "CreateUser", json!({"UserName": "stranger"}))
        .await
        .unwrap();
    let create = |name: &str, principal: &str| json!({"RoleName": name, "AssumeRolePolicyDocument": trusting(json!({"AWS": [principal]}))});
    for (n, known) in [
        "arn:aws:iam::111122223333:user/alice",
        "arn:aws:iam::111122223333:role/Machine",
        "arn:aws:sts::111122223333:assumed-role/Machine/any",
        "arn:aws:iam::444455556666:user/stranger",
        "arn:aws:iam::111122223333:root",
        "*",
    ]
    .into_iter()
    .enumerate()
    {
        world
            .iam("CreateRole", create(&format!("good-{n}"), known))
            .await
            .expect(known);
    }
    for unknown in [
        "arn:aws:iam::111122223333:user/alcie",
        "arn:aws:iam::111122223333:user/staff/alice",
        "arn:aws:iam::111122223333:role/Absent",
        "arn:aws:sts::111122223333:assumed-role/Absent/any",
        "arn:aws:iam::444455556666:user/absent",
        "arn:aws:iam::999999999999:user/stranger",
    ] {
        let error = world
            .iam("CreateRole", create("bad", unknown))
            .await
            .expect_err(unknown);
        assert_eq!(error.code, "MalformedPolicyDocument");
        assert_eq!(
            error.message,
            format!("Invalid principal in policy: \"AWS\":\"{unknown}\"")
        );
    }
}

#[tokio::test]
async fn a_role_with_policies_is_not_deleted() {
    let world = World::new().await;
    world.role("Machine").await;
    let policy = json!({"RoleName": "Machine", "PolicyName": "p", "PolicyDocument": allowing(json!("s3:*"))});
    world.iam("PutRolePolicy", policy).await.unwrap();
    assert_eq!(
        world
            .code("DeleteRole", json!({"RoleName": "Machine"}))
            .await,
        "DeleteConflict 409"
    );
    world
        .iam(
            "DeleteRolePolicy",
            json!({"RoleName": "Machine", "PolicyName": "p"}),
        )
        .await
        .unwrap();
    world
        .iam("DeleteRole", json!({"RoleName": "Machine"}))
        .await
        .unwrap();
    assert_eq!(
        world.code("GetRole", json!({"RoleName": "Machine"})).await,
        "NoSuchEntity 404"
    );
}

#[tokio::test]
async fn a_new_trust_policy_decides_at_once() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let take = || world.assume(&traveller, json!({"RoleArn": arn, "RoleSessionName": "s1"}));
    take().await.unwrap();
    let closed = trusting(json!({"Service": "ec2.amazonaws.com"}));
    let update = json!({"RoleName": "Machine", "PolicyDocument": closed});
    world.iam("UpdateAssumeRolePolicy", update).await.unwrap();
    let denied = take().await.unwrap_err();
    assert_eq!((denied.code, denied.status), ("AccessDenied", 403));
    let got = world
        .iam("GetRole", json!({"RoleName": "Machine"}))
        .await
        .unwrap();
    assert_eq!(decoded(&got["Role"]["AssumeRolePolicyDocument"]), closed);
}

#[tokio::test]
async fn a_roles_tags_can_be_changed() {
    let world = World::new().await;
    world.role("Machine").await;
    let tags = json!([{"Key": "machine", "Value": "m-1"}, {"Key": "rack", "Value": "7"}]);
    world
        .iam("TagRole", json!({"RoleName": "Machine", "Tags": tags}))
        .await
        .unwrap();
    let first = world
        .iam(
            "ListRoleTags",
            json!({"RoleName": "Machine", "MaxItems": 1}),
        )
        .await
        .unwrap();
    assert_eq!(first["Tags"], json!([tags[0]]));
    assert_eq!(first["IsTruncated"], true);
    let rest = json!({"RoleName": "Machine", "Marker": first["Marker"]});
    assert_eq!(
        world.iam("ListRoleTags", rest).await.unwrap()["Tags"],
        json!([tags[1]])
    );
    world
        .iam(
            "UntagRole",
            json!({"RoleName": "Machine", "TagKeys": ["rack"]}),
        )
        .await
        .unwrap();
    let left = world
        .iam("ListRoleTags", json!({"RoleName": "Machine"}))
        .await
        .unwrap();
    assert_eq!(left["Tags"], json!([tags[0]]));
}
