//! Users and their tags.

use serde_json::{Value, json};

use crate::words::*;

#[tokio::test]
async fn a_user_is_shown_as_it_was_made() {
    let world = World::new().await;
    let request = json!({"UserName": "alice", "Path": "/staff/", "Tags": [{"Key": "Team", "Value": "storage"}]});
    let made = world.iam("CreateUser", request).await.unwrap();
    let got = world
        .iam("GetUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    assert_eq!(made["User"], got["User"]);
    assert_eq!(
        got["User"]["Arn"],
        "arn:aws:iam::111122223333:user/staff/alice"
    );
    assert_eq!(got["User"]["Path"], "/staff/");
    assert_eq!(got["User"]["CreateDate"], world.now.as_second());
    assert_eq!(
        got["User"]["Tags"],
        json!([{"Key": "Team", "Value": "storage"}])
    );
    let id = got["User"]["UserId"].as_str().unwrap();
    assert!(id.starts_with("AIDA") && id.len() == 21, "{id}");
}

#[tokio::test]
async fn two_names_that_differ_only_in_case_are_one_name() {
    let world = World::new().await;
    world.user("Alice").await;
    assert_eq!(
        world.code("CreateUser", json!({"UserName": "alice"})).await,
        "EntityAlreadyExists 409"
    );
    assert_eq!(
        world.code("GetUser", json!({"UserName": "alice"})).await,
        "NoSuchEntity 404"
    );
}

#[tokio::test]
async fn names_and_paths_are_held_to_the_model() {
    let world = World::new().await;
    for request in [
        json!({}),
        json!({"UserName": ""}),
        json!({"UserName": "a b"}),
        json!({"UserName": "a/b"}),
        json!({"UserName": "x".repeat(65)}),
        json!({"UserName": "a", "Path": "staff"}),
        json!({"UserName": "a", "Path": "/staff"}),
    ] {
        assert_eq!(
            world.code("CreateUser", request).await,
            "ValidationError 400"
        );
    }
    world
        .iam("CreateUser", json!({"UserName": "a+=,.@-_Z9"}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_boundary_that_cannot_be_kept_is_refused() {
    let world = World::new().await;
    let request = json!({"UserName": "alice", "PermissionsBoundary": "arn:aws:iam::111122223333:policy/boundary"});
    assert_eq!(world.code("CreateUser", request).await, "NoSuchEntity 404");
}

#[tokio::test]
async fn who_asks_without_a_name_means_oneself() {
    let world = World::new().await;
    world.user("alice").await;
    world.allow_user("alice", json!("iam:*")).await;
    let alice = world.caller(&world.key_of("alice").await);
    let own = world.iam_as(&alice, "GetUser", json!({})).await.unwrap();
    assert_eq!(own["User"]["UserName"], "alice");
    let root = world.iam("GetUser", json!({})).await.unwrap();
    assert_eq!(root["User"]["Arn"], "arn:aws:iam::111122223333:root");
    assert_eq!(root["User"]["UserId"], ACCOUNT);
}

#[tokio::test]
async fn a_user_with_keys_or_policies_is_not_deleted() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let keys = world.key_of("alice").await;
    let gone = || json!({"UserName": "alice"});
    assert_eq!(world.code("DeleteUser", gone()).await, "DeleteConflict 409");
    world
        .iam(
            "DeleteAccessKey",
            json!({"UserName": "alice", "AccessKeyId": keys.id}),
        )
        .await
        .unwrap();
    world.allow_user("alice", json!("s3:*")).await;
    assert_eq!(world.code("DeleteUser", gone()).await, "DeleteConflict 409");
    world
        .iam(
            "DeleteUserPolicy",
            json!({"UserName": "alice", "PolicyName": "own"}),
        )
        .await
        .unwrap();
    world.iam("DeleteUser", gone()).await.unwrap();
    assert_eq!(world.code("DeleteUser", gone()).await, "NoSuchEntity 404");
}

#[tokio::test]
async fn tags_are_set_replaced_and_taken_away_without_regard_to_case() {
    let world = World::new().await;
    world.user("alice").await;
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    let tags = json!({"UserName": "alice", "Tags": [tag("Team", "a"), tag("unit", "x")]});
    world.iam("TagUser", tags).await.unwrap();
    world
        .iam(
            "TagUser",
            json!({"UserName": "alice", "Tags": [tag("team", "b")]}),
        )
        .await
        .unwrap();
    let list = || world.iam("ListUserTags", json!({"UserName": "alice"}));
    assert_eq!(
        list().await.unwrap()["Tags"],
        json!([tag("team", "b"), tag("unit", "x")])
    );
    world
        .iam(
            "UntagUser",
            json!({"UserName": "alice", "TagKeys": ["UNIT", "never"]}),
        )
        .await
        .unwrap();
    assert_eq!(list().await.unwrap()["Tags"], json!([tag("team", "b")]));
}

#[tokio::test]
async fn tags_are_bounded_and_are_not_awss() {
    let world = World::new().await;
    world.user("alice").await;
    let tags = |keys: Vec<String>| {
        let tags: Vec<Value> = keys
            .into_iter()
            .map(|key| json!({"Key": key, "Value": ""}))
            .collect();
        json!({"UserName": "alice", "Tags": tags})
    };
    assert_eq!(
        world
            .code("TagUser", tags(vec!["a".into(), "A".into()]))
            .await,
        "InvalidInput 400"
    );
    assert_eq!(
        world.code("TagUser", tags(vec!["AWS:x".into()])).await,
        "InvalidInput 400"
    );
    world
        .iam("TagUser", tags((0..50).map(|n| format!("k{n}")).collect()))
        .await
        .unwrap();
    assert_eq!(
        world.code("TagUser", tags(vec!["one more".into()])).await,
        "LimitExceeded 409"
    );
}

#[tokio::test]
async fn a_listing_comes_in_pages_that_miss_nobody() {
    let world = World::new().await;
    for name in ["b", "A", "c", "D", "e"] {
        world
            .iam("CreateUser", json!({"UserName": name}))
            .await
            .unwrap();
    }
    let mut names = Vec::new();
    let mut request = json!({"MaxItems": 2});
    loop {
        let page = world.iam("ListUsers", request.clone()).await.unwrap();
        let users = page["Users"].as_array().unwrap();
        assert!(users.len() <= 2);
        names.extend(
            users
                .iter()
                .map(|user| user["UserName"].as_str().unwrap().to_owned()),
        );
        assert_eq!(page["IsTruncated"], page.get("Marker").is_some());
        match page.get("Marker") {
            Some(marker) => request["Marker"] = marker.clone(),
            None => break,
        }
    }
    assert_eq!(names, ["A", "b", "c", "D", "e"]);
    assert_eq!(
        world
            .code("ListUsers", json!({"Marker": "not one of ours"}))
            .await,
        "ValidationError 400"
    );
}

#[tokio::test]
async fn a_listing_can_be_of_a_path() {
    let world = World::new().await;
    world
        .iam(
            "CreateUser",
            json!({"UserName": "in", "Path": "/staff/ops/"}),
        )
        .await
        .unwrap();
    world
        .iam(
            "CreateUser",
            json!({"UserName": "out", "Path": "/machines/"}),
        )
        .await
        .unwrap();
    let listed = world
        .iam("ListUsers", json!({"PathPrefix": "/staff/"}))
        .await
        .unwrap();
    assert_eq!(listed["Users"].as_array().unwrap().len(), 1);
    assert_eq!(listed["Users"][0]["UserName"], "in");
}
