//! The order of evaluation, one row per case of AWS's evaluation logic.

use std::sync::Arc;

use policy::{Ask, Context, Layer, Layers, PolicyKind, Principal, ResourcePolicy, authorize};
use serde_json::{Value, json};

use crate::words::*;

fn allow(principal: Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"})
}

fn deny(principal: Value) -> Value {
    json!({"Effect": "Deny", "Principal": principal, "Action": "*", "Resource": "*"})
}

fn allow_all() -> Value {
    json!({"Effect": "Allow", "Action": "*", "Resource": "*"})
}

fn deny_all() -> Value {
    json!({"Effect": "Deny", "Action": "*", "Resource": "*"})
}

fn decrypt(key_policy: Value) -> Ask {
    let policy = policy(PolicyKind::Resource, key_policy);
    Ask::new("kms:Decrypt", KEY).with_resource_policy(ResourcePolicy::Required(policy))
}

fn get(bucket_policy: Value) -> Ask {
    let policy = policy(PolicyKind::Resource, bucket_policy);
    Ask::new("s3:GetObject", OBJECT).with_resource_policy(ResourcePolicy::Optional(policy))
}

fn root() -> Value {
    json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")})
}

fn alice_arn() -> Value {
    json!({"AWS": alice().arn})
}

fn role_arn() -> Value {
    json!({"AWS": machine_session().role_arn})
}

fn session_arn() -> Value {
    json!({"AWS": machine_session().arn})
}

fn in_session(identity: Option<Value>, session: Value) -> Layers {
    Layers {
        identity: identity
            .into_iter()
            .map(|s| policy(PolicyKind::Identity, s))
            .collect(),
        session: Some(policy(PolicyKind::Session, session)),
    }
}

#[test]
fn nothing_is_allowed_by_default() {
    assert_eq!(
        decide(&alice(), &Ask::new("s3:GetObject", OBJECT), &no_policies()),
        no_allow(Layer::Identity)
    );
}

#[test]
fn an_identity_policy_allows_where_the_resource_has_none() {
    assert_eq!(
        decide(
            &alice(),
            &Ask::new("s3:GetObject", OBJECT),
            &identity(allow_all())
        ),
        ALLOWED_BY_IDENTITY
    );
}

#[test]
fn an_explicit_deny_wins_in_every_layer() {
    let both = identity(json!([allow_all(), deny_all()]));
    assert_eq!(
        decide(&alice(), &Ask::new("s3:GetObject", OBJECT), &both),
        explicit_deny(Layer::Identity)
    );

    let denying_bucket = get(json!([allow(json!("*")), deny(alice_arn())]));
    assert_eq!(
        decide(&alice(), &denying_bucket, &identity(allow_all())),
        explicit_deny(Layer::Resource)
    );

    let session = in_session(Some(allow_all()), json!([allow_all(), deny_all()]));
    let ask = Ask::new("s3:GetObject", OBJECT);
    assert_eq!(
        decide(&machine_session(), &ask, &session),
        explicit_deny(Layer::Session)
    );
}

#[test]
fn an_explicit_deny_on_the_account_binds_all_in_it_and_its_root_user() {
    let ask = get(json!([allow(json!("*")), deny(root())]));
    for principal in [alice(), machine_session(), Principal::root(ACCOUNT)] {
        assert_eq!(
            decide(&principal, &ask, &identity(allow_all())),
            explicit_deny(Layer::Resource)
        );
    }
}

#[test]
fn the_root_user_needs_no_identity_policy() {
    let root = Principal::root(ACCOUNT);
    assert_eq!(
        decide(&root, &Ask::new("s3:GetObject", OBJECT), &no_policies()),
        ALLOWED_BY_IDENTITY
    );
}

#[test]
fn the_root_user_has_a_key_only_by_the_key_policy() {
    let user = Principal::root(ACCOUNT);
    assert_eq!(
        decide(&user, &decrypt(json!([allow(root())])), &no_policies()),
        ALLOWED_BY_IDENTITY
    );
    assert_eq!(
        decide(&user, &decrypt(json!([allow(alice_arn())])), &no_policies()),
        no_allow(Layer::Resource)
    );
}

#[test]
fn an_identity_policy_alone_never_opens_a_key() {
    let ask = decrypt(json!([allow(role_arn())]));
    assert_eq!(
        decide(&alice(), &ask, &identity(allow_all())),
        no_allow(Layer::Resource)
    );
}

#[test]
fn a_key_policy_that_names_the_caller_is_enough() {
    assert_eq!(
        decide(
            &alice(),
            &decrypt(json!([allow(alice_arn())])),
            &no_policies()
        ),
        ALLOWED_BY_RESOURCE
    );
    assert_eq!(
        decide(
            &machine_session(),
            &decrypt(json!([allow(role_arn())])),
            &no_policies()
        ),
        ALLOWED_BY_RESOURCE
    );
    assert_eq!(
        decide(
            &alice(),
            &decrypt(json!([allow(json!("*"))])),
            &no_policies()
        ),
        ALLOWED_BY_RESOURCE
    );
}

#[test]
fn a_key_policy_that_names_the_account_leaves_it_to_identity_policies() {
    for account in [root(), json!({"AWS": ACCOUNT})] {
        let ask = decrypt(json!([allow(account)]));
        assert_eq!(
            decide(&alice(), &ask, &no_policies()),
            no_allow(Layer::Identity)
        );
        assert_eq!(
            decide(&alice(), &ask, &identity(allow_all())),
            ALLOWED_BY_IDENTITY
        );
    }
}

#[test]
fn a_delegation_reaches_only_what_its_conditions_reach() {
    let statement = json!([{"Effect": "Allow", "Principal": root(), "Action": "kms:*", "Resource": "*",
        "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}}]);
    let direct = decrypt(statement.clone());
    let via = decrypt(statement)
        .with_context(Context::new().with("kms:ViaService", "s3.eu-west-1.amazonaws.com"));
    assert_eq!(
        decide(&alice(), &direct, &identity(allow_all())),
        no_allow(Layer::Resource)
    );
    assert_eq!(
        decide(&alice(), &via, &identity(allow_all())),
        ALLOWED_BY_IDENTITY
    );
}

#[test]
fn within_an_account_a_bucket_policy_or_an_identity_policy_allows() {
    let silent = get(json!([allow(role_arn())]));
    assert_eq!(
        decide(&alice(), &silent, &no_policies()),
        no_allow(Layer::Identity)
    );
    assert_eq!(
        decide(&alice(), &silent, &identity(allow_all())),
        ALLOWED_BY_IDENTITY
    );
    assert_eq!(
        decide(&alice(), &get(json!([allow(alice_arn())])), &no_policies()),
        ALLOWED_BY_RESOURCE
    );
}

#[test]
fn a_bucket_policy_that_names_the_account_gives_nobody_in_it_anything_by_itself() {
    assert_eq!(
        decide(&alice(), &get(json!([allow(root())])), &no_policies()),
        no_allow(Layer::Identity)
    );
}

#[test]
fn everyone_is_everyone_even_unsigned() {
    let ask = get(json!([allow(json!("*"))]));
    assert_eq!(
        decide(&Principal::anonymous(), &ask, &no_policies()),
        ALLOWED_BY_RESOURCE
    );
    let account_only = get(json!([allow(root())]));
    assert_eq!(
        decide(&Principal::anonymous(), &account_only, &no_policies()),
        no_allow(Layer::Identity)
    );
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let stranger = of_account("444455556666", &alice());
    let naming = decrypt(json!([allow(json!({"AWS": stranger.arn}))]));
    let silent = decrypt(json!([allow(root())]));
    assert_eq!(
        decide(&stranger, &naming, &no_policies()),
        no_allow(Layer::Identity)
    );
    assert_eq!(
        decide(&stranger, &naming, &identity(allow_all())),
        ALLOWED_BY_IDENTITY
    );
    assert_eq!(
        decide(&stranger, &silent, &identity(allow_all())),
        no_allow(Layer::Resource)
    );
    let bare = Ask::new("kms:Decrypt", KEY);
    assert_eq!(
        decide(&stranger, &bare, &identity(allow_all())),
        no_allow(Layer::Resource)
    );
}

#[test]
fn a_session_policy_limits_identity_policies() {
    let narrow = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    let layers = in_session(Some(allow_all()), narrow);
    assert_eq!(
        decide(
            &machine_session(),
            &Ask::new("s3:GetObject", OBJECT),
            &layers
        ),
        ALLOWED_BY_IDENTITY
    );
    assert_eq!(
        decide(
            &machine_session(),
            &Ask::new("s3:PutObject", OBJECT),
            &layers
        ),
        no_allow(Layer::Session)
    );
}

#[test]
fn a_session_policy_gives_nothing_by_itself() {
    let layers = in_session(None, allow_all());
    assert_eq!(
        decide(
            &machine_session(),
            &Ask::new("s3:GetObject", OBJECT),
            &layers
        ),
        no_allow(Layer::Identity)
    );
}

#[test]
fn a_session_policy_limits_what_a_resource_policy_gives_the_role() {
    let elsewhere = json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"});
    for ask in [
        decrypt(json!([allow(role_arn())])),
        get(json!([allow(role_arn())])),
    ] {
        let layers = in_session(Some(allow_all()), elsewhere.clone());
        assert_eq!(
            decide(&machine_session(), &ask, &layers),
            no_allow(Layer::Session)
        );
    }
}

#[test]
fn a_resource_policy_that_names_the_very_session_is_not_limited_but_by_a_deny() {
    let ask = get(json!([allow(session_arn())]));
    let silent = in_session(
        None,
        json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}),
    );
    let denying = in_session(None, json!([deny_all()]));
    assert_eq!(
        decide(&machine_session(), &ask, &silent),
        ALLOWED_BY_RESOURCE
    );
    assert_eq!(
        decide(&machine_session(), &ask, &denying),
        explicit_deny(Layer::Session)
    );
}

#[test]
fn a_role_is_named_with_its_path_and_a_session_without() {
    let without_path = json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/Machine")});
    assert!(
        !decide(
            &machine_session(),
            &get(json!([allow(without_path)])),
            &no_policies()
        )
        .is_allowed()
    );
    assert!(
        decide(
            &machine_session(),
            &get(json!([allow(role_arn())])),
            &no_policies()
        )
        .is_allowed()
    );
}

#[test]
fn not_principal_spares_only_who_is_named_whole() {
    let account = format!("arn:aws:iam::{ACCOUNT}:root");
    let deny_all_but = |names: Value| {
        get(json!([allow(json!("*")),
            {"Effect": "Deny", "NotPrincipal": {"AWS": names}, "Action": "*", "Resource": "*"}]))
    };
    let named = deny_all_but(json!([alice().arn, account]));
    assert_eq!(
        decide(&alice(), &named, &no_policies()),
        ALLOWED_BY_RESOURCE
    );
    assert_eq!(
        decide(&machine_session(), &named, &no_policies()),
        explicit_deny(Layer::Resource)
    );

    let without_account = deny_all_but(json!([alice().arn]));
    assert_eq!(
        decide(&alice(), &without_account, &no_policies()),
        explicit_deny(Layer::Resource)
    );

    let role = machine_session();
    let role_only = deny_all_but(json!([account, role.role_arn]));
    let role_and_session = deny_all_but(json!([account, role.role_arn, role.arn]));
    assert_eq!(
        decide(&role, &role_only, &no_policies()),
        explicit_deny(Layer::Resource)
    );
    assert_eq!(
        decide(&role, &role_and_session, &no_policies()),
        ALLOWED_BY_RESOURCE
    );
}

#[test]
fn a_service_is_let_in_by_its_name_only() {
    let ask = get(json!([allow(
        json!({"Service": "cloudtrail.amazonaws.com"})
    )]));
    let trail = Principal::service("cloudtrail.amazonaws.com");
    assert_eq!(decide(&trail, &ask, &no_policies()), ALLOWED_BY_RESOURCE);
    assert!(
        !decide(
            &Principal::service("ec2.amazonaws.com"),
            &ask,
            &no_policies()
        )
        .is_allowed()
    );
    assert!(!decide(&alice(), &ask, &no_policies()).is_allowed());
}

#[test]
fn a_trust_policy_decides_who_may_take_a_role() {
    let trust = policy(
        PolicyKind::Trust,
        json!({"Effect": "Allow", "Principal": alice_arn(), "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "42"}}}),
    );
    let role = format!("arn:aws:iam::{ACCOUNT}:role/fleet/Machine");
    let ask = |context| {
        Ask::new("sts:AssumeRole", role.clone())
            .with_context(context)
            .with_resource_policy(ResourcePolicy::Required(Arc::clone(&trust)))
    };
    let right = Context::new().with("sts:ExternalId", "42");
    assert_eq!(
        decide(&alice(), &ask(right), &no_policies()),
        ALLOWED_BY_RESOURCE
    );
    assert_eq!(
        decide(&alice(), &ask(Context::new()), &identity(allow_all())),
        no_allow(Layer::Resource)
    );
}

#[test]
fn actions_and_not_actions_compare_without_case() {
    let ask = Ask::new("kms:GenerateDataKey", "*");
    for (element, pattern, allowed) in [
        ("Action", "KMS:generatedatakey", true),
        ("Action", "kms:Generate*", true),
        ("Action", "kms:GenerateDataKe?", true),
        ("Action", "kms:Generate", false),
        ("Action", "kms:GenerateDataKeyWithoutPlaintext", false),
        ("Action", "s3:*", false),
        ("NotAction", "s3:*", true),
        ("NotAction", "kms:*", false),
    ] {
        let layers = identity(json!({"Effect": "Allow", element: [pattern], "Resource": "*"}));
        assert_eq!(
            decide(&alice(), &ask, &layers).is_allowed(),
            allowed,
            "{element} {pattern}"
        );
    }
}

#[test]
fn a_request_cannot_speak_for_the_caller() {
    let layers = identity(json!({"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/clearance": "secret"}}}));
    let forged = Context::new().with("aws:PrincipalTag/clearance", "secret");
    let ask = Ask::new("s3:GetObject", OBJECT).with_context(forged);
    assert!(!decide(&alice(), &ask, &layers).is_allowed());
}

#[test]
fn every_ask_must_be_allowed() {
    let layers = identity(json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}));
    let get = Ask::new("s3:GetObject", OBJECT);
    let put = Ask::new("s3:PutObject", OBJECT);
    let principal = Arc::new(alice());
    assert!(
        authorize(
            (),
            std::slice::from_ref(&get),
            Arc::clone(&principal),
            &layers,
            &Context::new()
        )
        .is_ok()
    );
    let denied = authorize((), &[get, put], principal, &layers, &Context::new())
        .expect_err("put is not allowed");
    assert_eq!(denied.action, "s3:PutObject");
}

#[test]
fn a_refusal_speaks_as_aws_does() {
    let cases = [
        (
            decrypt(json!([allow(root())])),
            no_policies(),
            "because no identity-based policy allows the kms:Decrypt action",
        ),
        (
            decrypt(json!([allow(session_arn())])),
            no_policies(),
            "because no resource-based policy allows the kms:Decrypt action",
        ),
        (
            decrypt(json!([deny(root())])),
            no_policies(),
            "with an explicit deny in a resource-based policy",
        ),
        (
            decrypt(json!([allow(root())])),
            identity(deny_all()),
            "with an explicit deny in an identity-based policy",
        ),
        (
            decrypt(json!([allow(root())])),
            in_session(None, deny_all()),
            "with an explicit deny in a session policy",
        ),
        (
            decrypt(json!([allow(root())])),
            in_session(
                Some(allow_all()),
                json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
            ),
            "because no session policy allows the kms:Decrypt action",
        ),
    ];
    for (ask, layers, reason) in cases {
        let denied = authorize((), &[ask], Arc::new(alice()), &layers, &Context::new())
            .expect_err("it is denied");
        let prefix = "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Decrypt \
                      on resource: arn:aws:kms:eu-west-1:111122223333:key/1234";
        assert_eq!(denied.to_string(), format!("{prefix} {reason}"));
    }
}
