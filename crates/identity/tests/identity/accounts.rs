//! Several accounts in one service.

use serde_json::{Value, json};

use crate::words::*;

/// A user of the other account, with an access key and leave for `actions`.
async fn foreign_user(world: &World, name: &str, actions: Value) -> identity::Caller {
    let root = world.root_of(OTHER).await;
    let make = json!({"UserName": name});
    world
        .iam_as(&root, "CreateUser", make.clone())
        .await
        .unwrap();
    let policy =
        json!({"UserName": name, "PolicyName": "own", "PolicyDocument": allowing(actions)});
    world.iam_as(&root, "PutUserPolicy", policy).await.unwrap();
    let key = world.iam_as(&root, "CreateAccessKey", make).await.unwrap();
    let id = key["AccessKey"]["AccessKeyId"].as_str().unwrap();
    world
        .identity
        .authenticate(id, None, world.now)
        .unwrap()
        .caller
}

#[tokio::test]
async fn accounts_are_made_once_and_keep_their_order() {
    let world = World::new().await;
    assert!(world.identity.add_account(OTHER, world.now).await.unwrap());
    let early = "000000000001";
    assert!(world.identity.add_account(early, world.now).await.unwrap());
    assert!(!world.identity.add_account(OTHER, world.now).await.unwrap());
    assert!(world.identity.add_account("1234", world.now).await.is_err());
    let world = world.restarted().await;
    assert_eq!(world.identity.accounts(), [ACCOUNT, OTHER, early]);
    let ids = [ACCOUNT, OTHER, early].map(|account| {
        world
            .identity
            .root_key(account)
            .unwrap()
            .unwrap()
            .access_key_id
    });
    for (account, id) in [ACCOUNT, OTHER, early].iter().zip(&ids) {
        let caller = world.identity.authenticate(id, None, world.now).unwrap();
        assert_eq!(caller.caller.principal.account, **account);
    }
}

#[tokio::test]
async fn names_are_each_accounts_own() {
    let world = World::new().await;
    let other = world.root_of(OTHER).await;
    for root in [&world.root, &other] {
        let trust = trusting(json!({"AWS": ACCOUNT}));
        for (operation, request) in [
            ("CreateUser", json!({"UserName": "same"})),
            (
                "CreateRole",
                json!({"RoleName": "same", "AssumeRolePolicyDocument": trust}),
            ),
        ] {
            world.iam_as(root, operation, request).await.unwrap();
        }
    }
    let delete = json!({"UserName": "same"});
    world.iam("DeleteUser", delete).await.unwrap();
    let world = world.restarted().await;
    let left = world.iam_as(&other, "ListUsers", json!({})).await.unwrap();
    assert_eq!(
        left["Users"][0]["Arn"],
        "arn:aws:iam::444455556666:user/same"
    );
    let gone = world.iam("ListUsers", json!({})).await.unwrap();
    assert_eq!(gone["Users"], json!([]));
}

#[tokio::test]
async fn an_access_key_of_one_account_is_nothing_to_another() {
    let world = World::new().await;
    foreign_user(&world, "eve", json!("iam:*")).await;
    let foreign = world.identity.root_key(OTHER).unwrap().unwrap();
    let request = json!({"AccessKeyId": foreign.access_key_id});
    assert_eq!(
        world.code("DeleteAccessKey", request).await,
        "NoSuchEntity 404"
    );
}

#[tokio::test]
async fn a_role_is_taken_from_another_account_where_both_sides_allow() {
    let world = World::new().await;
    let eve = foreign_user(&world, "eve", json!("sts:AssumeRole")).await;
    let mallory = foreign_user(&world, "mallory", json!("s3:*")).await;
    let open = world
        .role_with("Open", trusting(json!({"AWS": OTHER})))
        .await;
    let shut = world.role("Shut").await;
    let take = |role: &str| json!({"RoleArn": role, "RoleSessionName": "s1"});

    let keys = world.assume(&eve, take(&open)).await.unwrap();
    let session = world.caller(&keys);
    assert_eq!(
        session.principal.arn,
        "arn:aws:sts::111122223333:assumed-role/Open/s1"
    );
    assert_eq!(session.principal.account, ACCOUNT);
    assert_eq!(session.user_identity["accountId"], ACCOUNT);

    for (caller, role, layer) in [
        (&eve, &shut, "resource-based"),
        (&mallory, &open, "identity-based"),
        (&mallory, &shut, "resource-based"),
    ] {
        let refused = world.assume(caller, take(role)).await.unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
        assert!(refused.message.contains(layer), "{}", refused.message);
    }
}

#[tokio::test]
async fn a_role_of_another_account_that_is_not_there_is_refused_as_one_that_may_not_be_taken() {
    let world = World::new().await;
    let eve = foreign_user(&world, "eve", json!("sts:*")).await;
    let shut = world.role("Shut").await;
    let mut answers = Vec::new();
    for role in [shut.clone(), shut.replace("Shut", "None")] {
        let request = json!({"RoleArn": role, "RoleSessionName": "s1"});
        let refused = world.assume(&eve, request).await.unwrap_err();
        assert_eq!(refused.code, "AccessDenied");
        answers.push(refused.message.replace(&role, "ROLE"));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_user_who_is_made_anew_is_not_who_a_trust_policy_names() {
    let world = World::new().await;
    world.user("alice").await;
    world.allow_user("alice", json!("sts:*")).await;
    let arn = "arn:aws:iam::111122223333:user/alice";
    let role = world
        .role_with("Machine", trusting(json!({"AWS": arn})))
        .await;
    let take = json!({"RoleArn": role, "RoleSessionName": "s1"});
    let keys = world.key_of("alice").await;
    let first = world.caller(&keys);
    world.assume(&first, take.clone()).await.unwrap();
    let shown = |role: &Value| -> Value {
        serde_json::from_str(&decoded(&role["Role"]["AssumeRolePolicyDocument"])).unwrap()
    };
    let get = json!({"RoleName": "Machine"});
    let before = world.iam("GetRole", get.clone()).await.unwrap();
    assert_eq!(shown(&before)["Statement"]["Principal"]["AWS"], arn);

    let listed = world
        .iam("ListAccessKeys", json!({"UserName": "alice"}))
        .await
        .unwrap();
    for key in listed["AccessKeyMetadata"].as_array().unwrap() {
        let request = json!({"UserName": "alice", "AccessKeyId": key["AccessKeyId"]});
        world.iam("DeleteAccessKey", request).await.unwrap();
    }
    for (operation, request) in [
        (
            "DeleteUserPolicy",
            json!({"UserName": "alice", "PolicyName": "own"}),
        ),
        ("DeleteUser", json!({"UserName": "alice"})),
    ] {
        world.iam(operation, request).await.unwrap();
    }
    world.user("alice").await;
    world.allow_user("alice", json!("sts:*")).await;
    let world = world.restarted().await;
    let second = world.caller(&world.key_of("alice").await);
    assert_eq!(second.principal.arn, first.principal.arn);
    let refused = world.assume(&second, take).await.unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
    let after = world.iam("GetRole", get).await.unwrap();
    assert_eq!(
        shown(&after)["Statement"]["Principal"]["AWS"],
        first.principal.user_id
    );
}
