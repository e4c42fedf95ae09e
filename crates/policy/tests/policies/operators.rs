//! Condition operators, one test each.

use policy::{Context, Policy, PolicyKind};
use serde_json::{Value, json};

use crate::words::holds;

/// Each row: the operator, the policy's values, the request's value, whether the condition holds.
fn check(rows: &[(&str, Value, &str, bool)]) {
    for (operator, wanted, value, expected) in rows {
        for effect in ["Allow", "Deny"] {
            let condition = json!({*operator: {"aws:Key": wanted}});
            let got = holds(effect, condition, Context::new().with("aws:Key", *value));
            assert_eq!(got, *expected, "{effect} {operator} {wanted} on {value:?}");
        }
    }
}

#[test]
fn string_equals() {
    check(&[
        ("StringEquals", json!("a"), "a", true),
        ("StringEquals", json!("a"), "A", false),
        ("StringEquals", json!(["a", "b"]), "b", true),
        ("StringEquals", json!("*"), "a", false),
        ("StringEquals", json!(7), "7", true),
        ("StringNotEquals", json!("a"), "a", false),
        ("StringNotEquals", json!(["a", "b"]), "b", false),
        ("StringNotEquals", json!(["a", "b"]), "c", true),
    ]);
}

#[test]
fn string_equals_ignore_case() {
    check(&[
        ("StringEqualsIgnoreCase", json!("Straße"), "STRAßE", true),
        ("StringEqualsIgnoreCase", json!("a"), "b", false),
        ("StringNotEqualsIgnoreCase", json!("a"), "A", false),
        ("StringNotEqualsIgnoreCase", json!("a"), "b", true),
    ]);
}

#[test]
fn string_like() {
    check(&[
        ("StringLike", json!("a*c"), "abbc", true),
        ("StringLike", json!("a*c"), "abbd", false),
        ("StringLike", json!("a?c"), "abc", true),
        ("StringLike", json!("a?c"), "ac", false),
        ("StringLike", json!("*"), "", true),
        ("StringLike", json!("A*"), "abc", false),
        ("StringNotLike", json!(["a*", "b*"]), "bc", false),
        ("StringNotLike", json!(["a*", "b*"]), "cc", true),
    ]);
}

#[test]
fn numeric() {
    check(&[
        ("NumericEquals", json!(10), "10.0", true),
        (
            "NumericEquals",
            json!("9007199254740993"),
            "9007199254740992",
            false,
        ),
        ("NumericNotEquals", json!("10"), "11", true),
        ("NumericNotEquals", json!("10"), "010", false),
        ("NumericLessThan", json!("10"), "9.99", true),
        ("NumericLessThan", json!("10"), "10", false),
        ("NumericLessThan", json!("-2"), "-3", true),
        ("NumericLessThanEquals", json!("10"), "10", true),
        ("NumericGreaterThan", json!("0.5"), ".51", true),
        ("NumericGreaterThan", json!("0"), "-1", false),
        ("NumericGreaterThanEquals", json!("0"), "-0", true),
        ("NumericEquals", json!("10"), "ten", false),
    ]);
}

#[test]
fn date() {
    check(&[
        (
            "DateEquals",
            json!("2026-11-21T00:00:00Z"),
            "2026-11-21T01:00:00+01:00",
            true,
        ),
        (
            "DateNotEquals",
            json!("2026-11-21"),
            "2026-11-21T00:00:00.000Z",
            false,
        ),
        (
            "DateLessThan",
            json!("2026-11-21T00:00Z"),
            "2026-11-20T23:59:59.999Z",
            true,
        ),
        (
            "DateLessThan",
            json!("2026-11-21"),
            "2026-11-21T00:00:00Z",
            false,
        ),
        (
            "DateLessThanEquals",
            json!("2026"),
            "2026-01-01T00:00:00Z",
            true,
        ),
        (
            "DateGreaterThan",
            json!("2026-11"),
            "2026-11-01T00:00:01Z",
            true,
        ),
        ("DateGreaterThan", json!(1_700_000_000), "1700000001", true),
        ("DateGreaterThanEquals", json!("1970-01-01"), "00000", true),
        ("DateGreaterThan", json!("1970-01-01"), "tomorrow", false),
    ]);
}

#[test]
fn bool() {
    check(&[
        ("Bool", json!("true"), "true", true),
        ("Bool", json!(true), "True", true),
        ("Bool", json!("false"), "true", false),
        ("Bool", json!(["true", "false"]), "false", true),
        ("Bool", json!("true"), "yes", false),
    ]);
}

#[test]
fn binary_equals() {
    check(&[
        ("BinaryEquals", json!("QmluYXJ5"), "QmluYXJ5", true),
        ("BinaryEquals", json!("QmluYXJ5"), "QmluYXJ4", false),
        ("BinaryEquals", json!("QmluYXJ5"), "Binary", false),
    ]);
}

#[test]
fn ip_address() {
    check(&[
        ("IpAddress", json!("203.0.113.0/24"), "203.0.113.200", true),
        ("IpAddress", json!("203.0.113.0/24"), "203.0.114.1", false),
        (
            "IpAddress",
            json!(["10.0.0.0/8", "192.0.2.7"]),
            "192.0.2.7",
            true,
        ),
        ("IpAddress", json!("0.0.0.0/0"), "198.51.100.1", true),
        ("IpAddress", json!("0.0.0.0/0"), "2001:db8::1", false),
        (
            "IpAddress",
            json!("2001:db8::/33"),
            "2001:db8:7fff::1",
            true,
        ),
        (
            "IpAddress",
            json!("2001:db8::/33"),
            "2001:db8:8000::1",
            false,
        ),
        (
            "IpAddress",
            json!("203.0.113.0/24"),
            "::ffff:203.0.113.9",
            true,
        ),
        (
            "NotIpAddress",
            json!("203.0.113.0/24"),
            "203.0.113.1",
            false,
        ),
        ("NotIpAddress", json!("203.0.113.0/24"), "203.0.114.1", true),
        (
            "NotIpAddress",
            json!("203.0.113.0/24"),
            "::ffff:203.0.113.9",
            false,
        ),
    ]);
}

#[test]
fn arn() {
    let role = "arn:aws:iam::111122223333:role/x/y";
    for operator in ["ArnEquals", "ArnLike"] {
        check(&[
            (operator, json!(role), role, true),
            (operator, json!("arn:aws:iam::*:role/*"), role, true),
            (
                operator,
                json!("arn:aws:iam::11112222333?:role/x/?"),
                role,
                true,
            ),
            (operator, json!("arn:aws:iam::*:role/x"), role, false),
            (operator, json!("*"), role, true),
            (
                operator,
                json!("arn:aws:iam::*:role/*"),
                "not-an-arn",
                false,
            ),
        ]);
    }
    for operator in ["ArnNotEquals", "ArnNotLike"] {
        check(&[
            (operator, json!("arn:aws:iam::*:role/*"), role, false),
            (operator, json!("arn:aws:iam::*:user/*"), role, true),
        ]);
    }
}

#[test]
fn null() {
    for effect in ["Allow", "Deny"] {
        let there = || Context::new().with("aws:Key", "x");
        let empty = {
            let mut context = Context::new();
            context.set_all("aws:Key", Vec::<String>::new());
            context
        };
        assert!(holds(
            effect,
            json!({"Null": {"aws:Key": "true"}}),
            Context::new()
        ));
        assert!(holds(effect, json!({"Null": {"aws:Key": true}}), empty));
        assert!(!holds(
            effect,
            json!({"Null": {"aws:Key": "true"}}),
            there()
        ));
        assert!(holds(
            effect,
            json!({"Null": {"aws:Key": "false"}}),
            there()
        ));
        assert!(!holds(
            effect,
            json!({"Null": {"aws:Key": "false"}}),
            Context::new()
        ));
    }
}

#[test]
fn an_absent_key_fails_a_test_and_passes_its_negation() {
    for (operator, value, expected) in [
        ("StringEquals", "a", false),
        ("StringNotEquals", "a", true),
        ("StringLike", "*", false),
        ("StringNotLike", "*", true),
        ("NumericLessThan", "1", false),
        ("NumericNotEquals", "1", true),
        ("DateLessThan", "2026", false),
        ("DateNotEquals", "2026", true),
        ("Bool", "false", false),
        ("BinaryEquals", "", false),
        ("IpAddress", "0.0.0.0/0", false),
        ("NotIpAddress", "0.0.0.0/0", true),
        ("ArnLike", "arn:aws:iam::*:*", false),
        ("ArnNotLike", "arn:aws:iam::*:*", true),
    ] {
        for effect in ["Allow", "Deny"] {
            let condition = |name: &str| json!({name: {"aws:Key": value}});
            assert_eq!(
                holds(effect, condition(operator), Context::new()),
                expected,
                "{effect} {operator}"
            );
            let if_exists = format!("{operator}IfExists");
            assert!(
                holds(effect, condition(&if_exists), Context::new()),
                "{effect} {if_exists}"
            );
        }
    }
}

#[test]
fn if_exists_still_tests_a_key_that_is_there() {
    check(&[
        ("StringEqualsIfExists", json!("a"), "a", true),
        ("StringEqualsIfExists", json!("a"), "b", false),
        ("BoolIfExists", json!("true"), "false", false),
    ]);
}

fn tag_keys(values: &[&str]) -> Context {
    let mut context = Context::new();
    context.set_all("aws:TagKeys", values.iter().copied());
    context
}

#[test]
fn for_all_values_and_for_any_value() {
    for (operator, values, expected) in [
        ("ForAllValues:StringEquals", &["a", "b"][..], true),
        ("ForAllValues:StringEquals", &["a", "c"], false),
        ("ForAllValues:StringEquals", &[], true),
        ("ForAnyValue:StringEquals", &["a", "c"], true),
        ("ForAnyValue:StringEquals", &["c"], false),
        ("ForAnyValue:StringEquals", &[], false),
        ("ForAllValues:StringNotEquals", &["c", "d"], true),
        ("ForAllValues:StringNotEquals", &["c", "a"], false),
        ("ForAnyValue:StringNotEquals", &["c", "a"], true),
        ("ForAnyValue:StringNotEquals", &["a", "b"], false),
        ("ForAnyValue:StringNotEquals", &[], false),
        ("ForAnyValue:StringLikeIfExists", &[], true),
    ] {
        for effect in ["Allow", "Deny"] {
            let condition = json!({operator: {"aws:TagKeys": ["a", "b"]}});
            assert_eq!(
                holds(effect, condition, tag_keys(values)),
                expected,
                "{effect} {operator} {values:?}"
            );
        }
    }
}

#[test]
fn without_a_set_qualifier_several_values_never_grant_more() {
    let condition = || json!({"StringEquals": {"aws:TagKeys": "a"}});
    assert!(!holds("Allow", condition(), tag_keys(&["a", "b"])));
    assert!(holds("Deny", condition(), tag_keys(&["a", "b"])));
}

#[test]
fn a_value_of_the_wrong_type_never_grants_more() {
    let condition = json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}});
    let odd = || Context::new().with("aws:SourceIp", "somewhere");
    assert!(!holds("Allow", condition.clone(), odd()));
    assert!(holds("Deny", condition, odd()));
}

#[test]
fn all_keys_and_all_operators_must_hold() {
    let condition =
        json!({"StringEquals": {"aws:A": "1", "aws:B": "2"}, "Bool": {"aws:C": "true"}});
    let all = Context::new()
        .with("aws:A", "1")
        .with("AWS:b", "2")
        .with("aws:C", "true");
    assert!(holds("Allow", condition.clone(), all.clone()));
    assert!(!holds(
        "Allow",
        condition.clone(),
        all.clone().with("aws:B", "3")
    ));
    assert!(!holds("Allow", condition, all.with("aws:C", "false")));
}

#[test]
fn keys_that_differ_only_in_case_are_one_key_with_both_values() {
    let context: Context = [
        ("kms:EncryptionContext:App", "a"),
        ("kms:EncryptionContext:app", "b"),
    ]
    .into_iter()
    .collect();
    let condition = json!({"StringEquals": {"kms:EncryptionContext:APP": "a"}});
    assert!(!holds("Allow", condition, context));
}

#[test]
fn a_value_that_is_not_of_the_operators_type_is_refused() {
    for (operator, value) in [
        ("NumericEquals", json!("ten")),
        ("NumericEquals", json!("1e3")),
        ("DateEquals", json!("21-11-2026")),
        ("DateEquals", json!("2026-13-01")),
        ("Bool", json!("yes")),
        ("BinaryEquals", json!("not base64!")),
        ("IpAddress", json!("10.0.0.0/33")),
        ("IpAddress", json!("10.0.0/8")),
        ("ArnLike", json!("role/x")),
        ("Null", json!("maybe")),
        ("StringEquals", json!({"a": "b"})),
        ("StringEquals", json!(null)),
    ] {
        let document = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {operator: {"aws:Key": value}}}});
        let error = Policy::compile(&document.to_string(), PolicyKind::Identity)
            .expect_err("it is refused");
        assert_eq!(
            error.place(),
            format!("Statement[0].Condition.{operator}.aws:Key"),
            "{document}"
        );
    }
}
