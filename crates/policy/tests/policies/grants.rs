//! Grants in the order of evaluation: they only ever allow, and only whom they name.

use policy::{
    Ask, GrantLayer, Grantee, Layer, Layers, PolicyKind, Principal, PrincipalIds, ResourcePolicy,
};
use serde_json::{Value, json};

use crate::words::*;

const ELSEWHERE: &str = "444455556666";

fn account(number: &str) -> String {
    format!("arn:aws:iam::{number}:root")
}

/// An ask under a key policy, with a grant to `grantee` that fits it.
fn granted(grantee: &str, key_policy: Value) -> Ask {
    let grant = GrantLayer {
        id: "g".to_owned(),
        grantee: Grantee::parse(grantee).unwrap(),
    };
    let policy = policy(PolicyKind::Resource, key_policy);
    Ask::new("kms:Decrypt", KEY)
        .with_resource_policy(ResourcePolicy::Required(policy))
        .with_grant(Some(grant))
}

/// A key policy that lets nobody of these tests do anything.
fn silent() -> Value {
    json!([{ "Effect": "Allow", "Principal": { "AWS": account(ACCOUNT) }, "Action": "kms:PutKeyPolicy", "Resource": "*" }])
}

fn all(effect: &str) -> Value {
    json!({ "Effect": effect, "Action": "*", "Resource": "*" })
}

const ALLOWED_BY_GRANT: policy::Decision = policy::Decision::Allowed(Layer::Grant);

fn session_policy(statement: Value) -> Layers {
    Layers {
        identity: Vec::new(),
        session: Some(policy(PolicyKind::Session, statement)),
    }
}

#[test]
fn a_grant_allows_its_grantee_without_any_policy() {
    for (grantee, caller) in [
        (alice().arn, alice()),
        (machine_session().role_arn.unwrap(), machine_session()),
        (machine_session().arn, machine_session()),
        (
            "ec2.amazonaws.com".to_owned(),
            Principal::service("ec2.amazonaws.com"),
        ),
    ] {
        let ask = granted(&grantee, silent());
        assert_eq!(
            decide(&caller, &ask, &no_policies()),
            ALLOWED_BY_GRANT,
            "{grantee}"
        );
    }
}

#[test]
fn a_grant_allows_nobody_else() {
    let mut other = alice();
    other.arn = format!("arn:aws:iam::{ACCOUNT}:user/bob");
    let ask = granted(&alice().arn, silent());
    for caller in [
        other,
        machine_session(),
        Principal::root(ACCOUNT),
        Principal::anonymous(),
    ] {
        assert_eq!(
            decide(&caller, &ask, &no_policies()),
            no_allow(Layer::Resource),
            "{}",
            caller.arn
        );
    }
}

#[test]
fn a_deny_in_any_layer_beats_a_grant() {
    let arn = machine_session().arn;
    let denying = json!([{ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" }]);
    assert_eq!(
        decide(&machine_session(), &granted(&arn, denying), &no_policies()),
        explicit_deny(Layer::Resource)
    );
    let ask = granted(&arn, silent());
    assert_eq!(
        decide(&machine_session(), &ask, &identity(all("Deny"))),
        explicit_deny(Layer::Identity)
    );
    assert_eq!(
        decide(&machine_session(), &ask, &session_policy(all("Deny"))),
        explicit_deny(Layer::Session)
    );
}

#[test]
fn a_grant_to_an_account_leaves_it_to_identity_policies() {
    let ask = granted(ACCOUNT, silent());
    assert_eq!(
        decide(&alice(), &ask, &no_policies()),
        no_allow(Layer::Resource)
    );
    assert_eq!(
        decide(&alice(), &ask, &identity(all("Allow"))),
        ALLOWED_BY_GRANT
    );
    assert_eq!(
        decide(&Principal::root(ACCOUNT), &ask, &no_policies()),
        ALLOWED_BY_GRANT
    );
}

#[test]
fn a_session_policy_limits_a_grant_to_the_role_and_not_one_to_the_session() {
    let elsewhere = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
    let to_role = granted(&machine_session().role_arn.unwrap(), silent());
    let limited = session_policy(elsewhere.clone());
    assert_eq!(
        decide(&machine_session(), &to_role, &limited),
        no_allow(Layer::Resource)
    );
    assert_eq!(
        decide(&machine_session(), &to_role, &session_policy(all("Allow"))),
        ALLOWED_BY_GRANT
    );
    let to_session = granted(&machine_session().arn, silent());
    assert_eq!(
        decide(&machine_session(), &to_session, &limited),
        ALLOWED_BY_GRANT
    );
}

#[test]
fn a_grant_reaches_into_another_account_by_itself() {
    let carol = of_account(ELSEWHERE, &alice());
    let ask = granted(&carol.arn, silent());
    assert_eq!(decide(&carol, &ask, &no_policies()), ALLOWED_BY_GRANT);
}

#[test]
fn where_a_policy_allows_the_grant_is_not_asked() {
    let allowing = json!([{ "Effect": "Allow", "Principal": { "AWS": alice().arn }, "Action": "*", "Resource": "*" }]);
    let ask = granted(&alice().arn, allowing);
    assert_eq!(decide(&alice(), &ask, &no_policies()), ALLOWED_BY_RESOURCE);
}

#[test]
fn a_grantee_is_one_principal_with_one_text() {
    for (written, canonical) in [
        (ACCOUNT, account(ACCOUNT)),
        (&account(ACCOUNT), account(ACCOUNT)),
        (
            "arn:aws:iam::111122223333:user/a/b",
            "arn:aws:iam::111122223333:user/a/b".to_owned(),
        ),
        (
            "arn:aws:iam::111122223333:role/r",
            "arn:aws:iam::111122223333:role/r".to_owned(),
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/r/s",
            "arn:aws:sts::111122223333:assumed-role/r/s".to_owned(),
        ),
        (
            "rds.us-east-1.amazonaws.com",
            "rds.us-east-1.amazonaws.com".to_owned(),
        ),
    ] {
        assert_eq!(Grantee::parse(written).unwrap().to_string(), canonical);
    }
    for none in [
        "*",
        "",
        "alice",
        "11112222333",
        "arn:aws:iam::111122223333:user/*",
        "arn:aws:iam::111122223333:group/g",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:sts::111122223333:assumed-role/r",
        "arn:aws:s3:::bucket",
    ] {
        assert_eq!(Grantee::parse(none), None, "{none}");
    }
}

/// One role and one user, who may be gone.
struct Known(Option<&'static str>);

impl PrincipalIds for Known {
    fn id_of(&self, _: &str) -> Option<String> {
        self.0.map(str::to_owned)
    }
}

#[test]
fn a_caller_is_found_under_every_handle_that_means_them() {
    for (caller, id) in [
        (alice(), "AIDAALICE"),
        (machine_session(), "AROAMACHINE"),
        (Principal::root(ACCOUNT), "none"),
        (Principal::service("ec2.amazonaws.com"), "none"),
    ] {
        let handles = Grantee::handles_of(&caller);
        let names = [Some(caller.arn.clone()), caller.role_arn.clone()];
        for name in names.into_iter().flatten() {
            let grantee = Grantee::parse(&name).unwrap();
            assert!(handles.contains(&grantee.handle()), "{name}");
            let bound = grantee.bind(&Known(Some(id))).unwrap();
            assert!(bound.includes(&caller), "{name}");
            assert!(handles.contains(&bound.handle()), "{}", bound.handle());
        }
    }
    assert!(Grantee::handles_of(&Principal::anonymous()).is_empty());
}

#[test]
fn a_grantee_that_is_bound_is_nobody_who_came_later() {
    for (caller, id, stand_in) in [
        (alice(), "AIDAALICE", "AIDAALICE"),
        (machine_session(), "AROAMACHINE", "AROAMACHINE:i-0abc"),
    ] {
        let bind = |known: &Known| Grantee::parse(&caller.arn).unwrap().bind(known);
        let bound = bind(&Known(Some(id))).unwrap();
        assert!(bound.includes(&caller));
        assert_eq!(bound.shown(&Known(Some(id))), caller.arn);
        for later in [Known(None), Known(Some("AIDALATER"))] {
            assert_eq!(bound.shown(&later), stand_in);
        }
        let earlier = bind(&Known(Some("AIDAEARLIER"))).unwrap();
        assert!(!earlier.includes(&caller));
        assert!(bind(&Known(None)).is_err());
        let again = Grantee::parse(&caller.arn).unwrap();
        assert_eq!(again.bound_to(bound.id().map(str::to_owned)), bound);
    }
    let account = Grantee::parse(ACCOUNT).unwrap().bind(&Known(None)).unwrap();
    assert_eq!(account.id(), None, "an account is nobody in particular");
}
