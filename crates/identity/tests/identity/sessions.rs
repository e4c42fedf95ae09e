//! Taking roles, and what a session is.

use serde_json::{Value, json};

use crate::words::*;

fn take(arn: &str) -> Value {
    json!({"RoleArn": arn, "RoleSessionName": "i-0abc"})
}

fn with(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

fn tags(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

async fn refusal(world: &World, caller: &identity::Caller, request: Value) -> (String, String) {
    let error = world
        .assume(caller, request)
        .await
        .expect_err("it is refused");
    (format!("{} {}", error.code, error.status), error.message)
}

#[tokio::test]
async fn a_session_is_somebody_of_its_own() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let answer = world
        .sts_as(&traveller, "AssumeRole", take(&arn))
        .await
        .unwrap();
    let role_id = world
        .iam("GetRole", json!({"RoleName": "Machine"}))
        .await
        .unwrap()["Role"]["RoleId"]
        .clone();
    let session_arn = "arn:aws:sts::111122223333:assumed-role/Machine/i-0abc";
    let id = format!("{}:i-0abc", role_id.as_str().unwrap());
    assert_eq!(
        answer["AssumedRoleUser"],
        json!({"AssumedRoleId": id, "Arn": session_arn})
    );
    assert_eq!(
        answer["Credentials"]["Expiration"],
        world.now.as_second() + 3600
    );
    let key = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
    assert!(key.starts_with("ASIA") && key.len() == 20, "{key}");

    let keys = world.assume(&traveller, take(&arn)).await.unwrap();
    let session = world.caller(&keys);
    let me = world
        .sts_as(&session, "GetCallerIdentity", json!({}))
        .await
        .unwrap();
    assert_eq!(
        me,
        json!({"UserId": id, "Account": ACCOUNT, "Arn": session_arn})
    );
}

#[tokio::test]
async fn both_the_trust_policy_and_ones_own_must_allow_when_the_account_is_trusted() {
    let world = World::new().await;
    let arn = world.role("Machine").await;
    let poor = world.user("poor").await;
    let (code, message) = refusal(&world, &poor, take(&arn)).await;
    assert_eq!(code, "AccessDenied 403");
    assert!(
        message.ends_with("because no identity-based policy allows the sts:AssumeRole action"),
        "{message}"
    );
    let named = world
        .role_with("Named", trusting(json!({"AWS": poor.principal.arn})))
        .await;
    world.assume(&poor, take(&named)).await.unwrap();
}

#[tokio::test]
async fn a_role_that_is_not_there_is_refused_as_one_that_may_not_be_taken() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let closed = world
        .role_with("Closed", trusting(json!({"Service": "ec2.amazonaws.com"})))
        .await;
    let absent = closed.replace("Closed", "Absent");
    let (code, message) = refusal(&world, &traveller, take(&closed)).await;
    let (absent_code, absent_message) = refusal(&world, &traveller, take(&absent)).await;
    assert_eq!(code, absent_code);
    assert_eq!(message.replace("Closed", "Absent"), absent_message);
}

#[tokio::test]
async fn a_role_is_named_with_its_path() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let trust = trusting(json!({"AWS": ACCOUNT}));
    let create =
        json!({"RoleName": "Machine", "Path": "/fleet/", "AssumeRolePolicyDocument": trust});
    world.iam("CreateRole", create).await.unwrap();
    world
        .assume(
            &traveller,
            take("arn:aws:iam::111122223333:role/fleet/Machine"),
        )
        .await
        .unwrap();
    for wrong in [
        "arn:aws:iam::111122223333:role/Machine",
        "arn:aws:iam::444455556666:role/fleet/Machine",
        "arn:aws:iam::111122223333:user/fleet/Machine",
    ] {
        assert_eq!(
            refusal(&world, &traveller, take(wrong)).await.0,
            "AccessDenied 403"
        );
    }
}

#[tokio::test]
async fn the_root_user_takes_no_roles() {
    let world = World::new().await;
    let arn = world.role("Machine").await;
    let (code, message) = refusal(&world, &world.root, take(&arn)).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "AccessDenied 403",
            "Roles may not be assumed by root accounts."
        )
    );
}

#[tokio::test]
async fn an_external_id_is_what_the_trust_policy_says() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let trust = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT},
        "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "42"}}}});
    let arn = world.role_with("Partner", trust.to_string()).await;
    assert_eq!(
        refusal(&world, &traveller, take(&arn)).await.0,
        "AccessDenied 403"
    );
    assert_eq!(
        refusal(
            &world,
            &traveller,
            with(take(&arn), "ExternalId", json!("43"))
        )
        .await
        .0,
        "AccessDenied 403"
    );
    world
        .assume(&traveller, with(take(&arn), "ExternalId", json!("42")))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_lasts_as_long_as_the_role_allows_and_then_is_over() {
    let mut world = World::new().await;
    let traveller = world.traveller().await;
    let create = json!({"RoleName": "Machine", "MaxSessionDuration": 7200,
        "AssumeRolePolicyDocument": trusting(json!({"AWS": ACCOUNT}))});
    let arn = world.iam("CreateRole", create).await.unwrap()["Role"]["Arn"]
        .as_str()
        .unwrap()
        .to_owned();
    let lasting = |seconds: i32| with(take(&arn), "DurationSeconds", json!(seconds));
    for seconds in [899, 7201, 43_201] {
        assert_eq!(
            refusal(&world, &traveller, lasting(seconds)).await.0,
            "ValidationError 400",
            "{seconds}"
        );
    }
    let keys = world.assume(&traveller, lasting(7200)).await.unwrap();
    world.later(7199);
    let _ = world
        .identity
        .authenticate(&keys.id, keys.token.as_deref(), world.now)
        .unwrap();
    world.later(1);
    let over = world
        .identity
        .authenticate(&keys.id, keys.token.as_deref(), world.now)
        .unwrap_err();
    assert_eq!(over, identity::Rejected::Expired);
}

#[tokio::test]
async fn the_roles_tags_and_the_sessions_over_them_are_the_principals() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let own = json!({"RoleName": "Machine", "Tags": tags(&[("machine", "m-1"), ("Rack", "7")])});
    world.iam("TagRole", own).await.unwrap();
    let request = with(
        take(&arn),
        "Tags",
        tags(&[("rack", "8"), ("job", "scratch")]),
    );
    let session = world.caller(&world.assume(&traveller, request).await.unwrap());
    let expected = [("machine", "m-1"), ("rack", "8"), ("job", "scratch")];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(session.principal.tags, expected.into());
}

#[tokio::test]
async fn tags_on_a_session_need_leave_of_their_own() {
    let world = World::new().await;
    world.user("poor").await;
    world.allow_user("poor", json!("sts:AssumeRole")).await;
    let poor = world.caller(&world.key_of("poor").await);
    let arn = world.role("Machine").await;
    world.assume(&poor, take(&arn)).await.unwrap();
    let (code, message) = refusal(
        &world,
        &poor,
        with(take(&arn), "Tags", tags(&[("machine", "m-2")])),
    )
    .await;
    assert_eq!(code, "AccessDenied 403");
    assert!(message.contains("sts:TagSession"), "{message}");
    let (code, message) = refusal(
        &world,
        &poor,
        with(take(&arn), "SourceIdentity", json!("me")),
    )
    .await;
    assert_eq!(code, "AccessDenied 403");
    assert!(message.contains("sts:SetSourceIdentity"), "{message}");
}

#[tokio::test]
async fn a_session_policy_only_takes_away() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Operator").await;
    let own = json!({"RoleName": "Operator", "PolicyName": "p", "PolicyDocument": allowing(json!("iam:*"))});
    world.iam("PutRolePolicy", own).await.unwrap();
    let narrowed = with(
        take(&arn),
        "Policy",
        json!(allowing(json!(["iam:ListRoles", "s3:*"]))),
    );
    let session = world.caller(&world.assume(&traveller, narrowed).await.unwrap());
    world
        .iam_as(&session, "ListRoles", json!({}))
        .await
        .unwrap();
    let denied = world
        .iam_as(&session, "ListUsers", json!({}))
        .await
        .unwrap_err();
    assert!(
        denied
            .message
            .ends_with("because no session policy allows the iam:ListUsers action"),
        "{denied}"
    );
    let malformed = with(take(&arn), "Policy", json!("{}"));
    assert_eq!(
        refusal(&world, &traveller, malformed).await.0,
        "MalformedPolicyDocument 400"
    );
}

#[tokio::test]
async fn what_a_session_carries_is_bounded() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let long: Vec<(String, String)> = (0..50)
        .map(|n| (format!("key-{n}"), "v".repeat(120)))
        .collect();
    let long: Vec<(&str, &str)> = long
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        refusal(&world, &traveller, with(take(&arn), "Tags", tags(&long)))
            .await
            .0,
        "PackedPolicyTooLarge 400"
    );
    let fits = with(take(&arn), "Tags", tags(&long[..10]));
    let answer = world.sts_as(&traveller, "AssumeRole", fits).await.unwrap();
    let percent = answer["PackedPolicySize"].as_i64().unwrap();
    assert!((1..=100).contains(&percent), "{percent}");
}

#[tokio::test]
async fn what_is_not_had_here_is_refused_and_not_passed_over() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    for (name, value, code) in [
        (
            "PolicyArns",
            json!([{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]),
            "ValidationError 400",
        ),
        (
            "SerialNumber",
            json!("arn:aws:iam::111122223333:mfa/alice"),
            "AccessDenied 403",
        ),
        ("TransitiveTagKeys", json!(["never"]), "ValidationError 400"),
    ] {
        assert_eq!(
            refusal(&world, &traveller, with(take(&arn), name, value))
                .await
                .0,
            code,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_chain_keeps_its_transitive_tags_and_its_source_identity() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let (first, second) = (world.role("First").await, world.role("Second").await);
    let own =
        json!({"RoleName": "First", "PolicyName": "p", "PolicyDocument": allowing(json!("sts:*"))});
    world.iam("PutRolePolicy", own).await.unwrap();
    let mut request = with(take(&first), "Tags", tags(&[("team", "a"), ("job", "b")]));
    request["TransitiveTagKeys"] = json!(["Team"]);
    request["SourceIdentity"] = json!("alice");
    let session = world.caller(&world.assume(&traveller, request).await.unwrap());

    let next = world.caller(&world.assume(&session, take(&second)).await.unwrap());
    assert_eq!(
        next.principal.tags,
        [("team".to_owned(), "a".to_owned())].into()
    );
    assert_eq!(next.principal.context.get("aws:SourceIdentity"), ["alice"]);

    let other_tag = with(take(&second), "Tags", tags(&[("TEAM", "b")]));
    assert_eq!(
        refusal(&world, &session, other_tag).await.0,
        "InvalidParameterValue 400"
    );
    let other_name = with(take(&second), "SourceIdentity", json!("bob"));
    assert_eq!(
        refusal(&world, &session, other_name).await.0,
        "AccessDenied 403"
    );
    let too_long = with(take(&second), "DurationSeconds", json!(3601));
    assert_eq!(
        refusal(&world, &session, too_long).await.0,
        "ValidationError 400"
    );
}

#[tokio::test]
async fn taking_the_roles_rights_away_acts_on_the_sessions_there_are() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Operator").await;
    let own = json!({"RoleName": "Operator", "PolicyName": "p", "PolicyDocument": allowing(json!("iam:ListRoles"))});
    world.iam("PutRolePolicy", own).await.unwrap();
    let keys = world.assume(&traveller, take(&arn)).await.unwrap();
    world
        .iam_as(&world.caller(&keys), "ListRoles", json!({}))
        .await
        .unwrap();
    world
        .iam(
            "DeleteRolePolicy",
            json!({"RoleName": "Operator", "PolicyName": "p"}),
        )
        .await
        .unwrap();
    world
        .iam_as(&world.caller(&keys), "ListRoles", json!({}))
        .await
        .unwrap_err();

    world
        .iam("DeleteRole", json!({"RoleName": "Operator"}))
        .await
        .unwrap();
    let gone = world
        .identity
        .authenticate(&keys.id, keys.token.as_deref(), world.now)
        .unwrap_err();
    assert_eq!(gone, identity::Rejected::InvalidToken);
    world.role("Operator").await;
    let namesake = world
        .identity
        .authenticate(&keys.id, keys.token.as_deref(), world.now)
        .unwrap_err();
    assert_eq!(
        namesake,
        identity::Rejected::InvalidToken,
        "a role of the same name is another role"
    );
}

#[tokio::test]
async fn a_session_outlives_the_service_but_not_its_sealing_key() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let keys = world.assume(&traveller, take(&arn)).await.unwrap();
    let world = world.restarted().await;
    world.caller(&keys);
    let stranger = World::new().await;
    let foreign = stranger
        .identity
        .authenticate(&keys.id, keys.token.as_deref(), stranger.now)
        .unwrap_err();
    assert_eq!(foreign, identity::Rejected::InvalidToken);
}
