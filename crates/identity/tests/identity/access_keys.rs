//! Access keys that last.

use serde_json::json;

use crate::words::*;

#[tokio::test]
async fn a_key_has_awss_form_and_its_secret_is_told_once() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let keys = world.key_of("alice").await;
    assert!(
        keys.id.starts_with("AKIA") && keys.id.len() == 20,
        "{}",
        keys.id
    );
    assert_eq!(keys.secret.len(), 40);
    let listed = world
        .iam("ListAccessKeys", json!({"UserName": "alice"}))
        .await
        .unwrap();
    assert_eq!(listed["AccessKeyMetadata"][0]["AccessKeyId"], keys.id);
    assert!(!listed.to_string().contains(&keys.secret));
}

#[tokio::test]
async fn the_secret_is_not_in_the_store_in_the_clear() {
    use store::Store;
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let keys = world.key_of("alice").await;
    for (key, record) in world.store.scan("", None, 1000).await.unwrap() {
        let holds = record
            .value
            .windows(40)
            .any(|window| window == keys.secret.as_bytes());
        assert!(!holds, "{key} holds the secret");
    }
}

#[tokio::test]
async fn a_user_has_two_keys_at_most() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let (one, two) = (world.key_of("alice").await, world.key_of("alice").await);
    assert_ne!(one.id, two.id);
    assert_ne!(one.secret, two.secret);
    assert_eq!(
        world
            .code("CreateAccessKey", json!({"UserName": "alice"}))
            .await,
        "LimitExceeded 409"
    );
}

#[tokio::test]
async fn a_key_is_changed_only_in_its_owners_name() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    world
        .iam("CreateUser", json!({"UserName": "bob"}))
        .await
        .unwrap();
    let keys = world.key_of("alice").await;
    let of = |user: &str| json!({"UserName": user, "AccessKeyId": keys.id});
    assert_eq!(
        world.code("DeleteAccessKey", of("bob")).await,
        "NoSuchEntity 404"
    );
    assert_eq!(
        world
            .code("DeleteAccessKey", json!({"AccessKeyId": keys.id}))
            .await,
        "NoSuchEntity 404"
    );
    assert_eq!(
        world
            .code("CreateAccessKey", json!({"UserName": "carol"}))
            .await,
        "NoSuchEntity 404"
    );
    world.iam("DeleteAccessKey", of("alice")).await.unwrap();
    assert!(
        world
            .identity
            .authenticate(&keys.id, None, world.now)
            .is_err()
    );
}

#[tokio::test]
async fn an_inactive_key_stands_for_nobody_until_it_is_active_again() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let keys = world.key_of("alice").await;
    let set = |status: &str| {
        world.iam(
            "UpdateAccessKey",
            json!({"UserName": "alice", "AccessKeyId": keys.id, "Status": status}),
        )
    };
    set("Inactive").await.unwrap();
    assert!(
        world
            .identity
            .authenticate(&keys.id, None, world.now)
            .is_err()
    );
    set("Active").await.unwrap();
    let _ = world
        .identity
        .authenticate(&keys.id, None, world.now)
        .unwrap();
    assert_eq!(set("Expired").await.unwrap_err().code, "ValidationError");
}

#[tokio::test]
async fn users_may_look_after_their_own_keys() {
    let world = World::new().await;
    world.user("alice").await;
    let own = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:*AccessKey*",
        "Resource": "arn:aws:iam::*:user/${aws:username}"}});
    let request =
        json!({"UserName": "alice", "PolicyName": "own-keys", "PolicyDocument": own.to_string()});
    world.iam("PutUserPolicy", request).await.unwrap();
    world.user("bob").await;
    let alice = world.caller(&world.key_of("alice").await);
    let listed = world
        .iam_as(&alice, "ListAccessKeys", json!({}))
        .await
        .unwrap();
    assert_eq!(listed["AccessKeyMetadata"].as_array().unwrap().len(), 2);
    let denied = world
        .iam_as(&alice, "CreateAccessKey", json!({"UserName": "bob"}))
        .await
        .unwrap_err();
    assert_eq!(denied.code, "AccessDenied");
}
