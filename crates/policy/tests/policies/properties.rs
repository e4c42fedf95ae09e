//! Properties of the compiler and the evaluator.

use policy::{Ask, Context, Layers, Policy, PolicyKind, ResourcePolicy};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::words::*;

const KINDS: [PolicyKind; 4] = [
    PolicyKind::Identity,
    PolicyKind::Resource,
    PolicyKind::Trust,
    PolicyKind::Session,
];

/// JSON made of the words of policies, mostly in the wrong places.
fn policy_like_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "Version",
        "2012-10-17",
        "Statement",
        "Sid",
        "Effect",
        "Allow",
        "Deny",
        "Principal",
        "NotPrincipal",
        "AWS",
        "Service",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "StringLike",
        "Null",
        "ArnLike",
        "ForAnyValue:StringEquals",
        "DateLessThan",
        "IpAddress",
        "NumericEquals",
        "BinaryEquals",
        "Bool",
        "*",
        "s3:*",
        "sts:AssumeRole",
        "arn:aws:s3:::${aws:username}/*",
        "${",
        "${aws:x, 'y'}",
        "aws:userid",
        "true",
        "2026-11-21T00:00Z",
        "10.0.0.0/8",
        "111122223333",
        "arn:aws:iam::111122223333:root",
        "-1.5",
        "",
    ]);
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|members| Value::Object(
                members
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect()
            )),
        ]
    })
}

/// A statement that is nearly right: each element is of a plausible form.
fn statement_like() -> impl Strategy<Value = Value> {
    let any_text = "[ -~]{0,12}|\\PC{0,6}";
    (prop::sample::select(vec!["Allow", "Deny"]), any_text, any_text, any_text, any_text, policy_like_json()).prop_map(
        |(effect, action, resource, key, value, odd)| {
            json!([
                {"Effect": effect, "Action": format!("s3:{action}"), "Resource": format!("arn:aws:s3:::{resource}"),
                    "Condition": {"StringLike": {format!("aws:{key}"): value}}},
                {"Effect": effect, "Action": "s3:*", "Resource": "*", "Condition": {"ArnLike": {"aws:x": odd}}},
            ])
        },
    )
}

proptest! {
    #[test]
    fn no_bytes_make_the_compiler_panic(text in "\\PC{0,200}") {
        for kind in KINDS {
            let _ = Policy::compile(&text, kind);
        }
    }

    #[test]
    fn no_json_makes_the_compiler_panic(value in policy_like_json()) {
        for kind in KINDS {
            let _ = Policy::compile(&value.to_string(), kind);
            let _ = Policy::compile(&json!({"Version": "2012-10-17", "Statement": value}).to_string(), kind);
        }
    }

    #[test]
    fn what_compiles_evaluates_and_compiles_again_to_the_same(
        statement in statement_like(), action in "\\PC{0,12}", resource in "\\PC{0,24}", value in "\\PC{0,12}",
    ) {
        for statement in statement.as_array().unwrap() {
            let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            let Ok(policy) = Policy::compile(&document, PolicyKind::Identity) else { continue };
            prop_assert_eq!(&Policy::compile(policy.document(), PolicyKind::Identity).unwrap(), &policy);
            let layers = Layers { identity: vec![policy.into()], session: None };
            let context = Context::new().with("aws:x", value.clone());
            let _ = decide(&alice(), &Ask::new(action.clone(), resource.clone()).with_context(context), &layers);
        }
    }

    #[test]
    fn a_literal_resource_matches_itself_and_nothing_else(
        own in "[a-zA-Z0-9/._:-]{1,20}", other in "[a-zA-Z0-9/._:-]{1,20}",
    ) {
        let layers = identity(json!({"Effect": "Allow", "Action": "*", "Resource": format!("arn:aws:s3:::{own}")}));
        let reaches = |name: &str| {
            decide(&alice(), &Ask::new("s3:GetObject", format!("arn:aws:s3:::{name}")), &layers).is_allowed()
        };
        prop_assert!(reaches(&own));
        prop_assert_eq!(reaches(&other), own == other);
    }

    #[test]
    fn any_text_written_with_escapes_matches_itself_and_nothing_else(own in "\\PC{0,12}", other in "\\PC{0,12}") {
        let escaped: String = own.chars().map(|char| match char {
            '*' | '?' | '$' => format!("${{{char}}}"),
            other => other.to_string(),
        }).collect();
        let condition = json!({"StringLike": {"aws:Key": escaped}});
        prop_assert!(holds("Allow", condition.clone(), Context::new().with("aws:Key", own.clone())));
        prop_assert_eq!(holds("Allow", condition, Context::new().with("aws:Key", other.clone())), own == other);
    }

    #[test]
    fn a_deny_for_all_leaves_nothing(statement in statement_like(), required: bool) {
        let statement = &statement[0];
        let document = json!({"Statement": [statement]}).to_string();
        let Ok(allowing) = Policy::compile(&document, PolicyKind::Identity) else { return Ok(()) };
        let denying = policy(PolicyKind::Resource, json!([
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"},
        ]));
        let on_resource = if required { ResourcePolicy::Required(denying) } else { ResourcePolicy::Optional(denying) };
        let layers = Layers { identity: vec![allowing.into()], session: None };
        let ask = Ask::new("s3:GetObject", OBJECT).with_resource_policy(on_resource);
        prop_assert!(!decide(&alice(), &ask, &layers).is_allowed());
    }

    #[test]
    fn numbers_compare_as_numbers(one in -10_000..10_000_i64, other in -10_000..10_000_i64, decimals in 0..4_u32) {
        let written = |number: i64| {
            let scale = 10_i64.pow(decimals);
            let sign = if number < 0 { "-" } else { "" };
            let (whole, part) = (number.abs() / scale, number.abs() % scale);
            format!("{sign}{whole}.{part:0width$}", width = decimals as usize)
        };
        for (operator, expected) in [
            ("NumericEquals", one == other),
            ("NumericNotEquals", one != other),
            ("NumericLessThan", one < other),
            ("NumericLessThanEquals", one <= other),
            ("NumericGreaterThan", one > other),
            ("NumericGreaterThanEquals", one >= other),
        ] {
            let condition = json!({operator: {"aws:Key": written(other)}});
            prop_assert_eq!(holds("Allow", condition, Context::new().with("aws:Key", written(one))), expected);
        }
    }

    #[test]
    fn instants_compare_as_instants_in_every_zone(
        one in 0..4_000_000_000_i64, other in 0..4_000_000_000_i64, minutes in -720..720_i32,
    ) {
        let zone = jiff::tz::Offset::from_seconds(minutes * 60).unwrap();
        let instant = jiff::Timestamp::from_second(one).unwrap();
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let local = format!("{}{sign}{hours:02}:{rest:02}", zone.to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S"));
        let wanted = jiff::Timestamp::from_second(other).unwrap().to_string();
        for (operator, expected) in
            [("DateLessThan", one < other), ("DateGreaterThanEquals", one >= other), ("DateEquals", one == other)]
        {
            let condition = json!({operator: {"aws:Key": wanted}});
            prop_assert_eq!(holds("Allow", condition, Context::new().with("aws:Key", local.clone())), expected);
        }
    }

    #[test]
    fn an_address_is_in_a_block_when_its_first_bits_are(base: u32, other: u32, bits in 0..33_u32) {
        let near = if bits == 0 { other } else { base & !(u32::MAX >> 1 >> (bits - 1)) | other >> bits.min(31) };
        for address in [other, near] {
            let expected = bits == 0 || base >> (32 - bits) == address >> (32 - bits);
            let block = format!("{}/{bits}", std::net::Ipv4Addr::from_bits(base));
            let condition = json!({"IpAddress": {"aws:SourceIp": block}});
            let context = Context::new().with("aws:SourceIp", std::net::Ipv4Addr::from_bits(address).to_string());
            prop_assert_eq!(holds("Allow", condition, context), expected);
        }
    }
}
