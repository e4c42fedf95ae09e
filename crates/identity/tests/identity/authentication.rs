//! Whose an access key is, and how a refusal is told.

use identity::Rejected;
use proptest::prelude::*;
use serde_json::json;

use crate::words::*;

#[tokio::test]
async fn the_secret_that_is_checked_is_the_secret_that_was_given() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let keys = world.key_of("alice").await;
    let lasting = world
        .identity
        .authenticate(&keys.id, None, world.now)
        .unwrap();
    assert_eq!(lasting.secret.danger_expose(), keys.secret.as_bytes());
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let keys = world
        .assume(&traveller, json!({"RoleArn": arn, "RoleSessionName": "s1"}))
        .await
        .unwrap();
    let session = world
        .identity
        .authenticate(&keys.id, keys.token.as_deref(), world.now)
        .unwrap();
    assert_eq!(session.secret.danger_expose(), keys.secret.as_bytes());
}

#[tokio::test]
async fn who_was_seen_before_is_seen_as_they_are_now() {
    let world = World::new().await;
    world
        .iam("CreateUser", json!({"UserName": "alice"}))
        .await
        .unwrap();
    let keys = world.key_of("alice").await;
    let seen = || world.identity.authenticate(&keys.id, None, world.now);
    let before = seen().unwrap();
    assert!(before.caller.layers.identity.is_empty());

    world.allow_user("alice", json!("kms:*")).await;
    let tag = json!({"UserName": "alice", "Tags": [{"Key": "team", "Value": "blue"}]});
    world.iam("TagUser", tag).await.unwrap();
    let after = seen().unwrap();
    assert_eq!(after.caller.layers.identity.len(), 1);
    assert_eq!(after.caller.principal.tags["team"], "blue");
    assert_eq!(after.secret.danger_expose(), keys.secret.as_bytes());

    let key = json!({"UserName": "alice", "AccessKeyId": keys.id, "Status": "Inactive"});
    world.iam("UpdateAccessKey", key).await.unwrap();
    assert_eq!(seen().unwrap_err(), Rejected::UnknownKey);
}

#[tokio::test]
async fn the_trail_is_told_who_it_was() {
    let world = World::new().await;
    assert_eq!(world.root.user_identity["type"], "Root");
    assert_eq!(
        world.root.user_identity["arn"],
        "arn:aws:iam::111122223333:root"
    );

    let traveller = world.traveller().await;
    let user = &traveller.user_identity;
    assert_eq!(user["type"], "IAMUser");
    assert_eq!(user["userName"], "traveller");
    assert_eq!(user["principalId"], traveller.principal.user_id);

    let arn = world.role("Machine").await;
    let request = json!({"RoleArn": arn, "RoleSessionName": "s1", "SourceIdentity": "alice"});
    let session = world.caller(&world.assume(&traveller, request).await.unwrap());
    let shown = &session.user_identity;
    assert_eq!(shown["type"], "AssumedRole");
    assert_eq!(
        shown["arn"],
        "arn:aws:sts::111122223333:assumed-role/Machine/s1"
    );
    let context = &shown["sessionContext"];
    assert_eq!(context["sessionIssuer"]["arn"], arn);
    assert_eq!(context["sessionIssuer"]["userName"], "Machine");
    assert_eq!(
        context["attributes"],
        json!({"creationDate": "2026-11-21T01:02:03Z", "mfaAuthenticated": "false"})
    );
    assert_eq!(context["sourceIdentity"], "alice");
}

#[tokio::test]
async fn a_key_and_a_token_go_together_or_not_at_all() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let take = json!({"RoleArn": arn, "RoleSessionName": "s1"});
    let one = world.assume(&traveller, take.clone()).await.unwrap();
    let two = world.assume(&traveller, take).await.unwrap();
    let lasting = world.key_of("traveller").await;
    let rejected = |id: &str, token: Option<&str>| {
        world
            .identity
            .authenticate(id, token, world.now)
            .unwrap_err()
    };
    assert_eq!(
        rejected(&one.id, two.token.as_deref()),
        Rejected::InvalidToken
    );
    assert_eq!(rejected(&one.id, None), Rejected::UnknownKey);
    assert_eq!(
        rejected(&lasting.id, one.token.as_deref()),
        Rejected::InvalidToken
    );
    assert_eq!(rejected("AKIAAAAAAAAAAAAAAAAA", None), Rejected::UnknownKey);
    assert_eq!(rejected("", Some("")), Rejected::InvalidToken);
}

#[tokio::test]
async fn a_token_with_any_bit_changed_is_no_token() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let keys = world
        .assume(&traveller, json!({"RoleArn": arn, "RoleSessionName": "s1"}))
        .await
        .unwrap();
    let token = keys.token.unwrap();
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let outcome = world
            .identity
            .authenticate(&keys.id, Some(&changed), world.now);
        assert_eq!(
            outcome.unwrap_err(),
            Rejected::InvalidToken,
            "character {at}"
        );
    }
}

#[test]
fn each_protocol_has_its_own_words() {
    for (rejected, query, json, s3) in [
        (
            Rejected::UnknownKey,
            ("InvalidClientTokenId", 403),
            ("UnrecognizedClientException", 400),
            ("InvalidAccessKeyId", 403),
        ),
        (
            Rejected::InvalidToken,
            ("InvalidClientTokenId", 403),
            ("UnrecognizedClientException", 400),
            ("InvalidToken", 400),
        ),
        (
            Rejected::Expired,
            ("ExpiredToken", 403),
            ("ExpiredTokenException", 400),
            ("ExpiredToken", 400),
        ),
        (
            Rejected::Unreadable,
            ("InternalFailure", 500),
            ("InternalFailure", 500),
            ("InternalError", 500),
        ),
    ] {
        for (error, (code, status)) in [
            (rejected.for_query(), query),
            (rejected.for_json(), json),
            (rejected.for_s3(), s3),
        ] {
            assert_eq!((error.code, error.status), (code, status), "{rejected:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_key_and_token_make_it_panic(id in "\\PC{0,40}", token in prop::option::of("[A-Za-z0-9+/=]{0,200}|\\PC{0,40}")) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = runtime.block_on(World::new());
        prop_assert!(world.identity.authenticate(&id, token.as_deref(), world.now).is_err());
    }
}
