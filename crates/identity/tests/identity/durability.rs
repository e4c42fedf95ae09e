//! What is answered stays, and what fails changes nothing.

use serde_json::json;
use store::{Fault, Key, Store, Transaction};

use crate::words::*;

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let world = World::new().await;
    world.user("alice").await;
    world.allow_user("alice", json!("iam:*")).await;
    let keys = world.key_of("alice").await;
    world.role("Machine").await;
    world
        .iam(
            "TagRole",
            json!({"RoleName": "Machine", "Tags": [{"Key": "a", "Value": "b"}]}),
        )
        .await
        .unwrap();
    let questions = [
        ("ListUsers", json!({})),
        ("GetUser", json!({"UserName": "alice"})),
        (
            "GetUserPolicy",
            json!({"UserName": "alice", "PolicyName": "own"}),
        ),
        ("ListAccessKeys", json!({"UserName": "alice"})),
        ("GetRole", json!({"RoleName": "Machine"})),
    ];
    let mut before = Vec::new();
    for (name, request) in &questions {
        before.push(world.iam(name, request.clone()).await.unwrap());
    }
    let world = world.restarted().await;
    for ((name, request), answer) in questions.iter().zip(before) {
        assert_eq!(
            world.iam(name, request.clone()).await.unwrap(),
            answer,
            "{name}"
        );
    }
    world
        .iam_as(&world.caller(&keys), "ListUsers", json!({}))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_root_user_is_given_one_key_and_told_it_again() {
    let world = World::new().await;
    let first = world.identity.root_key(ACCOUNT).unwrap().unwrap();
    let world = world.restarted().await;
    let again = world.identity.root_key(ACCOUNT).unwrap().unwrap();
    assert_eq!(first.access_key_id, again.access_key_id);
    assert!(first.secret.ct_eq(&again.secret));
    let listed = world.iam("ListAccessKeys", json!({})).await.unwrap();
    assert_eq!(listed["AccessKeyMetadata"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_root_key_that_was_deleted_does_not_come_back() {
    let world = World::new().await;
    let key = world.identity.root_key(ACCOUNT).unwrap().unwrap();
    world
        .iam("DeleteAccessKey", json!({"AccessKeyId": key.access_key_id}))
        .await
        .unwrap();
    let world = world.restarted().await;
    assert!(world.identity.root_key(ACCOUNT).unwrap().is_none());
    assert!(
        world
            .identity
            .authenticate(&key.access_key_id, None, world.now)
            .is_err()
    );
}

#[tokio::test]
async fn a_store_that_fails_leaves_everything_as_it_was() {
    let world = World::new().await;
    world.user("alice").await;
    for (fault, code) in [
        (Fault::Full, "ServiceFailure 500"),
        (Fault::Unavailable, "ServiceFailure 500"),
        (Fault::Conflict, "ConcurrentModification 409"),
    ] {
        for (name, request) in [
            ("CreateUser", json!({"UserName": "bob"})),
            ("DeleteUser", json!({"UserName": "bob"})),
            (
                "TagUser",
                json!({"UserName": "alice", "Tags": [{"Key": "a", "Value": "b"}]}),
            ),
        ] {
            if name == "DeleteUser" {
                world
                    .iam("CreateUser", json!({"UserName": "bob"}))
                    .await
                    .unwrap();
            }
            world.store.inject(fault);
            assert_eq!(world.code(name, request).await, code, "{name} {fault:?}");
            if name == "DeleteUser" {
                world
                    .iam("DeleteUser", json!({"UserName": "bob"}))
                    .await
                    .unwrap();
            }
        }
        assert_eq!(
            world.code("GetUser", json!({"UserName": "bob"})).await,
            "NoSuchEntity 404"
        );
        let tags = world
            .iam("ListUserTags", json!({"UserName": "alice"}))
            .await
            .unwrap();
        assert_eq!(tags["Tags"], json!([]));
    }
}

#[tokio::test]
async fn a_crash_before_or_after_the_commit_leaves_all_of_it_or_nothing() {
    for (fault, made) in [
        (Fault::CrashBeforeCommit, false),
        (Fault::CrashAfterCommit, true),
    ] {
        let world = World::new().await;
        world.store.inject(fault);
        assert_eq!(
            world.code("CreateUser", json!({"UserName": "alice"})).await,
            "ServiceFailure 500"
        );
        let world = world.restarted().await;
        assert_eq!(
            world
                .iam("GetUser", json!({"UserName": "alice"}))
                .await
                .is_ok(),
            made,
            "{fault:?}"
        );
        let waiting = world
            .store
            .scan(trail::OUTBOX_PREFIX, None, 10)
            .await
            .unwrap();
        assert_eq!(
            waiting
                .iter()
                .any(|(_, record)| record.value.windows(10).any(|w| w == b"CreateUser")),
            made
        );
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named() {
    for name in [
        "iam/111122223333/user/broken",
        "iam/111122223333/account",
        // Of no account, of none that is there, and of no kind.
        "iam/user/alice",
        "iam/444455556666/user/alice",
        "iam/111122223333/planet/mars",
    ] {
        let world = World::new().await;
        let put = Transaction::new().put(Key::new(name).unwrap(), "{}");
        world.store.commit(put).await.unwrap();
        let sealing =
            std::sync::Arc::new(crypto::WrappingKey::new(crypto::Secret::random().unwrap()));
        let error = identity::Identity::open(world.store.clone(), sealing)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_user_without_an_account_is_damage() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let account = Key::new("iam/111122223333/account").unwrap();
    let delete = Transaction::new().delete(account);
    world.store.commit(delete).await.unwrap();
    let sealing = std::sync::Arc::new(crypto::WrappingKey::new(crypto::Secret::random().unwrap()));
    let error = identity::Identity::open(world.store.clone(), sealing)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("111122223333/account"),
        "{error}"
    );
}

#[tokio::test]
async fn more_records_than_one_scan_gives_are_all_loaded() {
    let world = World::new().await;
    for n in 0..600 {
        world
            .iam("CreateUser", json!({"UserName": format!("user-{n}")}))
            .await
            .unwrap();
    }
    let world = world.restarted().await;
    let listed = world
        .iam("ListUsers", json!({"MaxItems": 1000}))
        .await
        .unwrap();
    assert_eq!(listed["Users"].as_array().unwrap().len(), 600);
}

#[tokio::test]
async fn changes_at_the_same_time_are_made_one_after_the_other() {
    let world = World::new().await;
    world.user("alice").await;
    let tag = |n: usize| {
        world.iam(
            "TagUser",
            json!({"UserName": "alice", "Tags": [{"Key": format!("k{n}"), "Value": ""}]}),
        )
    };
    let (a, b, c, d) = tokio::join!(tag(0), tag(1), tag(2), tag(3));
    for outcome in [a, b, c, d] {
        outcome.unwrap();
    }
    let tags = world
        .iam("ListUserTags", json!({"UserName": "alice"}))
        .await
        .unwrap();
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 4);
}

/// The gate spawns it: what is held over an await must be allowed to move between threads.
#[tokio::test]
async fn carrying_out_can_move_between_threads() {
    fn movable<T: Send>(work: T) -> T {
        work
    }
    let world = World::new().await;
    movable(world.iam("CreateUser", json!({"UserName": "alice"})))
        .await
        .unwrap();
}
