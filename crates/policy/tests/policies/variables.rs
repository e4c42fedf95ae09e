//! Policy variables.

use policy::{Ask, Context, Layers, Policy, PolicyKind};
use serde_json::{Value, json};

use crate::words::*;

fn reaches(pattern: &str, resource: &str) -> bool {
    let layers = identity(json!({"Effect": "Allow", "Action": "*", "Resource": pattern}));
    decide(&alice(), &Ask::new("s3:GetObject", resource), &layers).is_allowed()
}

#[test]
fn variables_are_filled_in_from_the_request() {
    assert!(reaches(
        "arn:aws:s3:::home/${aws:username}/*",
        "arn:aws:s3:::home/alice/x"
    ));
    assert!(!reaches(
        "arn:aws:s3:::home/${aws:username}/*",
        "arn:aws:s3:::home/bob/x"
    ));
    assert!(reaches(
        "arn:aws:s3:::home/${AWS:UserId}",
        "arn:aws:s3:::home/AIDAALICE"
    ));
    assert!(reaches(
        "arn:aws:s3:::${aws:PrincipalTag/team}/*",
        "arn:aws:s3:::storage/x"
    ));
}

#[test]
fn a_variable_without_a_value_takes_its_default_or_matches_nothing() {
    assert!(reaches(
        "arn:aws:s3:::${aws:PrincipalTag/unit, 'common'}/*",
        "arn:aws:s3:::common/x"
    ));
    assert!(reaches(
        "arn:aws:s3:::${aws:PrincipalTag/team, 'common'}/*",
        "arn:aws:s3:::storage/x"
    ));
    assert!(!reaches(
        "arn:aws:s3:::${aws:PrincipalTag/unit}*",
        "arn:aws:s3:::anything"
    ));
}

#[test]
fn a_variable_without_a_value_never_widens_an_allow() {
    let allowed_by = |statement: Value| {
        decide(
            &alice(),
            &Ask::new("s3:GetObject", OBJECT),
            &identity(statement),
        )
        .is_allowed()
    };
    let not_resource = json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::${aws:PrincipalTag/x}"});
    let not_equals = json!({"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:username": "${aws:PrincipalTag/x}"}}});
    assert!(!allowed_by(not_resource));
    assert!(!allowed_by(not_equals));
}

#[test]
fn a_variable_without_a_value_never_narrows_a_deny_of_the_others() {
    let ask = Ask::new("s3:GetObject", OBJECT);
    for deny in [
        json!({"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::${aws:PrincipalTag/x}"}),
        json!({"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:username": "${aws:PrincipalTag/x}"}}}),
    ] {
        let layers = identity(json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, deny]));
        assert!(!decide(&alice(), &ask, &layers).is_allowed());
    }
}

#[test]
fn a_value_brings_no_wildcards_with_it() {
    let mut star = alice();
    star.tags.insert("Team".into(), "*".into());
    let layers = identity(json!({"Effect": "Allow", "Action": "*",
        "Resource": "arn:aws:s3:::${aws:PrincipalTag/Team}/*"}));
    assert!(
        !decide(
            &star,
            &Ask::new("s3:GetObject", "arn:aws:s3:::storage/x"),
            &layers
        )
        .is_allowed()
    );
    assert!(
        decide(
            &star,
            &Ask::new("s3:GetObject", "arn:aws:s3:::*/x"),
            &layers
        )
        .is_allowed()
    );
}

#[test]
fn wildcards_and_dollars_can_be_written_as_themselves() {
    assert!(reaches("arn:aws:s3:::b/${*}${?}${$}", "arn:aws:s3:::b/*?$"));
    assert!(!reaches("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/anything"));
}

#[test]
fn the_older_version_of_the_language_has_no_variables() {
    let document = json!({"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "*",
        "Resource": "arn:aws:s3:::home/${aws:username}"}});
    for document in [document.clone(), {
        let mut unversioned = document;
        unversioned.as_object_mut().unwrap().remove("Version");
        unversioned
    }] {
        let policy = Policy::compile(&document.to_string(), PolicyKind::Identity).unwrap();
        let layers = Layers {
            identity: vec![policy.into()],
            session: None,
        };
        let allowed =
            |resource| decide(&alice(), &Ask::new("s3:GetObject", resource), &layers).is_allowed();
        assert!(!allowed("arn:aws:s3:::home/alice"));
        assert!(allowed("arn:aws:s3:::home/${aws:username}"));
    }
}

#[test]
fn the_machine_of_an_encryption_context_can_be_tied_to_the_caller() {
    let statement = json!({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
        "Condition": {"StringEquals": {"kms:EncryptionContext:kluis:machine": "${aws:PrincipalTag/machine}"}}});
    let mut machine = machine_session();
    machine.tags.insert("machine".into(), "m-1".into());
    let ask = |value: &str| {
        Ask::new("kms:Decrypt", KEY)
            .with_context(Context::new().with("kms:EncryptionContext:kluis:machine", value))
    };
    assert!(decide(&machine, &ask("m-1"), &identity(statement.clone())).is_allowed());
    assert!(!decide(&machine, &ask("m-2"), &identity(statement)).is_allowed());
}
