//! Policies that are bound to those whom they name.

use std::collections::BTreeMap;

use policy::{
    Ask, Context, Layers, Policy, PolicyKind, Principal, PrincipalIds, PrincipalKind,
    ResourcePolicy, evaluate,
};
use serde_json::{Value, json};

const USER: &str = "arn:aws:iam::111122223333:user/a";
const ROLE: &str = "arn:aws:iam::111122223333:role/r";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/r/s";

/// Who is there, by ARN.
struct World(BTreeMap<&'static str, &'static str>);

impl PrincipalIds for World {
    fn id_of(&self, arn: &str) -> Option<String> {
        self.0.get(arn).map(|id| (*id).to_owned())
    }
}

fn world() -> World {
    World(BTreeMap::from([
        (USER, "AIDAONE"),
        (ROLE, "AROAONE"),
        (SESSION, "AROAONE"),
    ]))
}

fn naming(element: &str, effect: &str, principals: Value) -> String {
    let mut statement = json!({"Effect": effect, "Action": "kms:Decrypt", "Resource": "*"});
    statement[element] = json!({"AWS": principals});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn bound(document: &str) -> Policy {
    Policy::compile(document, PolicyKind::Resource)
        .unwrap()
        .bind(&world())
        .unwrap()
}

fn caller(kind: PrincipalKind, arn: &str, user_id: &str) -> Principal {
    Principal {
        kind,
        arn: arn.to_owned(),
        user_id: user_id.to_owned(),
        role_arn: (kind == PrincipalKind::AssumedRole).then(|| ROLE.to_owned()),
        ..Principal::root("111122223333")
    }
}

fn allows(policy: &Policy, caller: &Principal) -> bool {
    let ask = Ask::new("kms:Decrypt", "*")
        .with_resource_policy(ResourcePolicy::Required(policy.clone().into()));
    evaluate(caller, &ask, &Layers::default(), &Context::new()).is_allowed()
}

#[test]
fn a_bound_policy_names_the_one_and_not_who_has_the_name_later() {
    let cases = [
        (USER, PrincipalKind::User, USER, "AIDAONE", "AIDATWO"),
        (
            ROLE,
            PrincipalKind::AssumedRole,
            SESSION,
            "AROAONE:s",
            "AROATWO:s",
        ),
        (
            SESSION,
            PrincipalKind::AssumedRole,
            SESSION,
            "AROAONE:s",
            "AROATWO:s",
        ),
    ];
    for (named, kind, arn, first, second) in cases {
        let document = naming("Principal", "Allow", json!(named));
        let policy = bound(&document);
        assert!(allows(&policy, &caller(kind, arn, first)), "{named}");
        assert!(!allows(&policy, &caller(kind, arn, second)), "{named}");
        let again = Policy::compile(&document, PolicyKind::Resource)
            .unwrap()
            .bound_to(policy.ids().clone());
        assert_eq!(again, policy);
    }
}

#[test]
fn another_session_of_a_bound_role_is_not_the_one_that_is_named() {
    let policy = bound(&naming("Principal", "Allow", json!(SESSION)));
    let other = SESSION.replace("/s", "/t");
    assert!(!allows(
        &policy,
        &caller(PrincipalKind::AssumedRole, &other, "AROAONE:t")
    ));
}

#[test]
fn a_deny_of_all_but_one_strikes_who_has_that_ones_name_later() {
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "NotPrincipal": {"AWS": [USER, "111122223333"]}, "Action": "*", "Resource": "*"},
    ]});
    let policy = bound(&document.to_string());
    assert!(allows(
        &policy,
        &caller(PrincipalKind::User, USER, "AIDAONE")
    ));
    assert!(!allows(
        &policy,
        &caller(PrincipalKind::User, USER, "AIDATWO")
    ));
}

#[test]
fn a_policy_that_names_nobody_known_is_not_bound() {
    let absent = "arn:aws:iam::111122223333:user/absent";
    let document = naming("Principal", "Allow", json!([USER, absent]));
    let policy = Policy::compile(&document, PolicyKind::Resource).unwrap();
    assert_eq!(policy.bind(&world()).unwrap_err().arn, absent);
}

#[test]
fn a_document_shows_the_unique_id_of_who_is_gone_and_of_no_other() {
    let mut document: Value =
        serde_json::from_str(&naming("Principal", "Allow", json!([USER, ROLE, SESSION]))).unwrap();
    // A condition's value is not a principal, whatever it looks like.
    document["Statement"][0]["Condition"] = json!({"StringEquals": {"aws:PrincipalArn": USER}});
    let text = format!(" {document} ");
    let policy = bound(&text);
    assert_eq!(policy.shown(&world()), text);

    let mut later = world();
    later.0.insert(USER, "AIDATWO");
    later.0.remove(SESSION);
    let shown: Value = serde_json::from_str(&policy.shown(&later)).unwrap();
    let mut wanted = document;
    wanted["Statement"][0]["Principal"]["AWS"] = json!(["AIDAONE", ROLE, "AROAONE:s"]);
    assert_eq!(shown, wanted);
}
