//! Managed policies: made, given, changed under whoever has them, and removed.

use identity::Caller;
use serde_json::{Value, json};

use crate::words::*;

const ARN: &str = "arn:aws:iam::111122223333:policy/team/Reader";
const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const POWER_USER: &str = "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser";

async fn reader(world: &World, actions: Value) {
    let request = json!({"PolicyName": "Reader", "Path": "/team/", "PolicyDocument": allowing(actions),
        "Description": "reads", "Tags": [{"Key": "a", "Value": "b"}]});
    let made = world.iam("CreatePolicy", request).await.unwrap();
    assert_eq!(made["Policy"]["Arn"], ARN);
}

async fn attach(world: &World, user: &str, arn: &str) {
    let request = json!({"UserName": user, "PolicyArn": arn});
    world.iam("AttachUserPolicy", request).await.unwrap();
}

/// Whether the caller, signing anew, may list users.
async fn may_list(world: &World, user: &str, keys: &Keys) -> bool {
    let caller: Caller = world.caller(keys);
    assert_eq!(caller.principal.name, user);
    world.iam_as(&caller, "ListUsers", json!({})).await.is_ok()
}

async fn version(world: &World, actions: Value, is_default: bool) -> String {
    let request =
        json!({"PolicyArn": ARN, "PolicyDocument": allowing(actions), "SetAsDefault": is_default});
    let made = world.iam("CreatePolicyVersion", request).await.unwrap();
    made["PolicyVersion"]["VersionId"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_policy_shows_what_it_was_made_of() {
    let world = World::new().await;
    reader(&world, json!("iam:ListUsers")).await;
    let world = world.restarted().await;
    let policy = world
        .iam("GetPolicy", json!({"PolicyArn": ARN}))
        .await
        .unwrap()["Policy"]
        .clone();
    let id = policy["PolicyId"].as_str().unwrap();
    assert!(id.starts_with("ANPA") && id.len() == 21, "{id}");
    let members = json!({"PolicyName": "Reader", "Path": "/team/", "Arn": ARN, "DefaultVersionId": "v1",
        "AttachmentCount": 0, "PermissionsBoundaryUsageCount": 0, "IsAttachable": true, "Description": "reads",
        "Tags": [{"Key": "a", "Value": "b"}]});
    for (name, wanted) in members.as_object().unwrap() {
        assert_eq!(policy[name], *wanted, "{name}");
    }
    let request = json!({"PolicyArn": ARN, "VersionId": "v1"});
    let shown = world.iam("GetPolicyVersion", request).await.unwrap();
    let document = decoded(&shown["PolicyVersion"]["Document"]);
    assert_eq!(document, allowing(json!("iam:ListUsers")));
    assert_eq!(shown["PolicyVersion"]["IsDefaultVersion"], true);
}

#[tokio::test]
async fn an_attached_policy_gives_leave_until_it_is_detached() {
    let world = World::new().await;
    reader(&world, json!("iam:ListUsers")).await;
    world.user("alice").await;
    let keys = world.key_of("alice").await;
    assert!(!may_list(&world, "alice", &keys).await);
    attach(&world, "alice", ARN).await;
    attach(&world, "alice", ARN).await;
    let world = world.restarted().await;
    assert!(may_list(&world, "alice", &keys).await);
    let listed = world
        .iam("ListAttachedUserPolicies", json!({"UserName": "alice"}))
        .await
        .unwrap();
    assert_eq!(
        listed["AttachedPolicies"],
        json!([{"PolicyName": "Reader", "PolicyArn": ARN}])
    );
    let request = json!({"UserName": "alice", "PolicyArn": ARN});
    world
        .iam("DetachUserPolicy", request.clone())
        .await
        .unwrap();
    assert!(!may_list(&world, "alice", &keys).await);
    assert_eq!(
        world.code("DetachUserPolicy", request).await,
        "NoSuchEntity 404"
    );
}

#[tokio::test]
async fn the_version_in_force_is_the_default_one() {
    let world = World::new().await;
    reader(&world, json!("s3:*")).await;
    world.user("alice").await;
    let keys = world.key_of("alice").await;
    attach(&world, "alice", ARN).await;
    let second = version(&world, json!("iam:ListUsers"), false).await;
    assert_eq!(second, "v2");
    assert!(!may_list(&world, "alice", &keys).await);
    let request = json!({"PolicyArn": ARN, "VersionId": "v2"});
    world.iam("SetDefaultPolicyVersion", request).await.unwrap();
    assert!(may_list(&world, "alice", &keys).await);
    version(&world, json!("s3:*"), true).await;
    assert!(!may_list(&world, "alice", &keys).await);
}

#[tokio::test]
async fn a_policy_has_five_versions_and_no_number_twice() {
    let world = World::new().await;
    reader(&world, json!("s3:*")).await;
    for _ in 2..=5 {
        version(&world, json!("s3:*"), false).await;
    }
    let another = json!({"PolicyArn": ARN, "PolicyDocument": allowing(json!("s3:*"))});
    assert_eq!(
        world.code("CreatePolicyVersion", another).await,
        "LimitExceeded 409"
    );
    let delete = |version: &str| json!({"PolicyArn": ARN, "VersionId": version});
    for (version, code) in [
        ("v1", "DeleteConflict 409"),
        ("v9", "NoSuchEntity 404"),
        ("v05", "ValidationError 400"),
    ] {
        let found = world.code("DeletePolicyVersion", delete(version)).await;
        assert_eq!(found, code, "{version}");
    }
    world
        .iam("DeletePolicyVersion", delete("v5"))
        .await
        .unwrap();
    assert_eq!(version(&world, json!("s3:*"), false).await, "v6");
    let listed = world
        .iam("ListPolicyVersions", json!({"PolicyArn": ARN}))
        .await
        .unwrap();
    let ids: Vec<&str> = listed["Versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["VersionId"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["v6", "v4", "v3", "v2", "v1"]);
    assert_eq!(listed["Versions"][0].get("Document"), None);
}

#[tokio::test]
async fn a_policy_that_is_in_use_or_has_versions_is_not_deleted() {
    let world = World::new().await;
    reader(&world, json!("s3:*")).await;
    world.user("alice").await;
    attach(&world, "alice", ARN).await;
    let policy = json!({"PolicyArn": ARN});
    let error = world.iam("DeletePolicy", policy.clone()).await.unwrap_err();
    assert_eq!(error.code, "DeleteConflict");
    assert_eq!(
        error.message,
        "Cannot delete a policy attached to entities."
    );
    let user = json!({"UserName": "alice", "PolicyArn": ARN});
    world.iam("DetachUserPolicy", user).await.unwrap();
    version(&world, json!("s3:*"), true).await;
    assert_eq!(
        world.code("DeletePolicy", policy.clone()).await,
        "DeleteConflict 409"
    );
    let first = json!({"PolicyArn": ARN, "VersionId": "v1"});
    world.iam("DeletePolicyVersion", first).await.unwrap();
    world.iam("DeletePolicy", policy.clone()).await.unwrap();
    assert_eq!(world.code("GetPolicy", policy).await, "NoSuchEntity 404");
}

#[tokio::test]
async fn users_and_roles_with_attached_policies_are_not_deleted() {
    let world = World::new().await;
    world.user("alice").await;
    for key in world
        .iam("ListAccessKeys", json!({"UserName": "alice"}))
        .await
        .unwrap()["AccessKeyMetadata"]
        .as_array()
        .unwrap()
    {
        let request = json!({"UserName": "alice", "AccessKeyId": key["AccessKeyId"]});
        world.iam("DeleteAccessKey", request).await.unwrap();
    }
    world.role("Machine").await;
    attach(&world, "alice", POWER_USER).await;
    let request = json!({"RoleName": "Machine", "PolicyArn": POWER_USER});
    world.iam("AttachRolePolicy", request).await.unwrap();
    for (operation, request) in [
        ("DeleteUser", json!({"UserName": "alice"})),
        ("DeleteRole", json!({"RoleName": "Machine"})),
    ] {
        let error = world.iam(operation, request).await.unwrap_err();
        assert_eq!(error.code, "DeleteConflict");
        assert_eq!(
            error.message,
            "Cannot delete entity, must detach all policies first."
        );
    }
    let entities = world
        .iam("ListEntitiesForPolicy", json!({"PolicyArn": POWER_USER}))
        .await
        .unwrap();
    assert_eq!(entities["PolicyUsers"][0]["UserName"], "alice");
    assert_eq!(entities["PolicyRoles"][0]["RoleName"], "Machine");
    let roles = json!({"PolicyArn": POWER_USER, "EntityFilter": "Role"});
    let roles = world.iam("ListEntitiesForPolicy", roles).await.unwrap();
    assert_eq!(roles["PolicyUsers"], json!([]));
    assert_eq!(roles["PolicyRoles"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_roles_attached_policies_are_its_sessions() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let role = world.role("Machine").await;
    let take = json!({"RoleArn": role, "RoleSessionName": "s1"});
    let keys = world.assume(&traveller, take).await.unwrap();
    assert!(!may_list(&world, "s1", &keys).await);
    let request = json!({"RoleName": "Machine", "PolicyArn": ADMINISTRATOR});
    world.iam("AttachRolePolicy", request).await.unwrap();
    assert!(may_list(&world, "s1", &keys).await);
}

#[tokio::test]
async fn what_aws_offers_is_there_and_stays_as_it_is() {
    let world = World::new().await;
    let listed = world
        .iam("ListPolicies", json!({"Scope": "AWS"}))
        .await
        .unwrap();
    let arns: Vec<&str> = listed["Policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["Arn"].as_str().unwrap())
        .collect();
    assert_eq!(arns, [POWER_USER, ADMINISTRATOR]);
    for (operation, request) in [
        ("DeletePolicy", json!({"PolicyArn": ADMINISTRATOR})),
        (
            "CreatePolicyVersion",
            json!({"PolicyArn": ADMINISTRATOR, "PolicyDocument": allowing(json!("s3:*"))}),
        ),
    ] {
        assert_eq!(world.code(operation, request).await, "AccessDenied 403");
    }
    let unknown = json!({"UserName": "alice", "PolicyArn": "arn:aws:iam::aws:policy/Unknown"});
    world.user("alice").await;
    assert_eq!(
        world.code("AttachUserPolicy", unknown).await,
        "NoSuchEntity 404"
    );
}

#[tokio::test]
async fn listings_are_filtered_and_cut_into_pages() {
    let world = World::new().await;
    reader(&world, json!("s3:*")).await;
    for name in ["Another", "third"] {
        let request = json!({"PolicyName": name, "PolicyDocument": allowing(json!("s3:*"))});
        world.iam("CreatePolicy", request).await.unwrap();
    }
    world.user("alice").await;
    attach(&world, "alice", ARN).await;
    for (request, wanted) in [
        (
            json!({"Scope": "Local"}),
            vec!["Another", "Reader", "third"],
        ),
        (json!({"PathPrefix": "/team/"}), vec!["Reader"]),
        (json!({"OnlyAttached": true}), vec!["Reader"]),
        (json!({"PolicyUsageFilter": "PermissionsBoundary"}), vec![]),
    ] {
        let (mut names, mut marker) = (Vec::new(), Value::Null);
        loop {
            let mut request = request.clone();
            request["MaxItems"] = json!(1);
            if !marker.is_null() {
                request["Marker"] = marker;
            }
            let page = world.iam("ListPolicies", request).await.unwrap();
            let items = page["Policies"].as_array().unwrap();
            assert!(items.len() <= 1);
            names.extend(items.iter().map(|policy| policy["PolicyName"].clone()));
            if page["IsTruncated"] == false {
                break;
            }
            marker = page["Marker"].clone();
        }
        assert_eq!(json!(names), json!(wanted), "{request}");
    }
}

#[tokio::test]
async fn names_sizes_and_numbers_have_limits() {
    let world = World::new().await;
    reader(&world, json!("s3:*")).await;
    let create =
        |name: &str, document: String| json!({"PolicyName": name, "PolicyDocument": document});
    let long = allowing(json!(vec!["s3:GetObject"; 500]));
    for (request, code) in [
        (
            create("READER", allowing(json!("s3:*"))),
            "EntityAlreadyExists 409",
        ),
        (create("long", long), "LimitExceeded 409"),
        (
            create("broken", "{}".to_owned()),
            "MalformedPolicyDocument 400",
        ),
    ] {
        assert_eq!(world.code("CreatePolicy", request).await, code);
    }
    world.user("alice").await;
    for n in 0..11 {
        let request = create(&format!("p{n}"), allowing(json!("s3:*")));
        let made = world.iam("CreatePolicy", request).await.unwrap();
        let request = json!({"UserName": "alice", "PolicyArn": made["Policy"]["Arn"]});
        let attached = world.iam("AttachUserPolicy", request).await;
        assert_eq!(attached.is_ok(), n < 10, "{n}");
    }
}

#[tokio::test]
async fn who_may_attach_can_be_held_to_certain_policies() {
    let world = World::new().await;
    reader(&world, json!("s3:*")).await;
    world.user("alice").await;
    world.user("clerk").await;
    let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:AttachUserPolicy",
        "Resource": "*", "Condition": {"ArnEquals": {"iam:PolicyARN": ARN}}}});
    let put =
        json!({"UserName": "clerk", "PolicyName": "p", "PolicyDocument": document.to_string()});
    world.iam("PutUserPolicy", put).await.unwrap();
    let clerk = world.caller(&world.key_of("clerk").await);
    for (arn, may) in [(ARN, true), (ADMINISTRATOR, false)] {
        let request = json!({"UserName": "alice", "PolicyArn": arn});
        let answer = world.iam_as(&clerk, "AttachUserPolicy", request).await;
        assert_eq!(answer.is_ok(), may, "{arn}");
    }
}

#[tokio::test]
async fn another_accounts_policies_are_not_to_be_had() {
    let world = World::new().await;
    reader(&world, json!("s3:*")).await;
    let other = world.root_of(OTHER).await;
    let get = json!({"PolicyArn": ARN});
    let refused = world.iam_as(&other, "GetPolicy", get).await.unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
    let make = json!({"UserName": "eve"});
    world.iam_as(&other, "CreateUser", make).await.unwrap();
    let attach = json!({"UserName": "eve", "PolicyArn": ARN});
    let refused = world
        .iam_as(&other, "AttachUserPolicy", attach)
        .await
        .unwrap_err();
    assert_eq!(refused.code, "NoSuchEntity");
}

#[tokio::test]
async fn a_store_that_has_lost_a_policy_which_somebody_has_is_refused() {
    use store::Store as _;
    let world = World::new().await;
    reader(&world, json!("s3:*")).await;
    world.user("alice").await;
    attach(&world, "alice", ARN).await;
    let lost = store::Key::new("iam/111122223333/policy/reader").unwrap();
    let delete = store::Transaction::new().delete(lost);
    world.store.commit(delete).await.unwrap();
    let sealing = std::sync::Arc::new(crypto::WrappingKey::new(crypto::Secret::random().unwrap()));
    let error = identity::Identity::open(world.store.clone(), sealing)
        .await
        .unwrap_err();
    assert!(error.to_string().contains(ARN), "{error}");
}

#[tokio::test]
async fn a_roles_description_and_longest_session_can_be_changed() {
    let world = World::new().await;
    world.role("Machine").await;
    let update = json!({"RoleName": "Machine", "Description": "boots", "MaxSessionDuration": 7200});
    world.iam("UpdateRole", update).await.unwrap();
    let world = world.restarted().await;
    let shown = world
        .iam("GetRole", json!({"RoleName": "Machine"}))
        .await
        .unwrap();
    assert_eq!(shown["Role"]["Description"], "boots");
    assert_eq!(shown["Role"]["MaxSessionDuration"], 7200);
    let short = json!({"RoleName": "Machine", "MaxSessionDuration": 60});
    assert_eq!(world.code("UpdateRole", short).await, "ValidationError 400");
}
