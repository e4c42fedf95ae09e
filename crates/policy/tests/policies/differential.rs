//! The evaluator beside an independent one (`iam-rs` 0.8), over random policies and requests.
//!
//! The generator keeps to where that one follows AWS. It does not in these, each of which was looked up in the
//! IAM User Guide before it was left out:
//! - `Principal` matching knows neither accounts nor delegation nor roles behind sessions: only identity policies,
//!   and their union, are compared.
//! - A set operator or `IfExists` is a name of its own there, and not every family has one.
//! - `Arn*` operators match the ARN as one string, not segment by segment, and `ArnEquals` without wildcards.
//! - A policy variable without a value or a default becomes the empty text, so `home/${aws:username}*` opens all
//!   homes; and the value's own `*` is taken for a wildcard.
//! - `*` in the first five segments of a resource never crosses a colon there; no such resource is generated.

use iam_rs::{Arn, ContextValue, Decision, IAMPolicy, IAMRequest, PrincipalId, evaluate_policies};
use policy::{Ask, Context, Layers, Policy, PolicyKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::words::{alice, decide};

/// How many are compared; `POLICY_DIFFERENTIAL_CASES=10000000` for the promise in full.
fn cases() -> u32 {
    std::env::var("POLICY_DIFFERENTIAL_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(4_000)
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a", "b", "ab", "ba", "a/b", "b/a", "a/b/a", "abab", "A", "",
    ])
    .prop_map(str::to_owned)
}

fn pattern() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["a", "b", "/", "*", "?", "A"]),
        0..6,
    )
    .prop_map(|parts| parts.concat())
}

fn one_or_many<T: std::fmt::Debug + Clone + 'static>(
    item: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Value>
where
    Value: From<T> + From<Vec<T>>,
{
    prop_oneof![
        item.clone().prop_map(Value::from),
        prop::collection::vec(item, 1..4).prop_map(Value::from)
    ]
}

fn action_pattern() -> impl Strategy<Value = String> + Clone {
    prop::sample::select(vec![
        "*",
        "s3:*",
        "s3:Get*",
        "s3:?etObject",
        "S3:GETOBJECT",
        "s3:PutObject",
        "kms:*",
        "s3:*Object",
    ])
    .prop_map(str::to_owned)
}

fn resource_pattern() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        1 => Just("*".to_owned()),
        6 => "[ab*?/]{1,6}".prop_map(|own| format!("arn:aws:s3:::{own}")),
        1 => Just("arn:aws:s3:::${aws:username}/*".to_owned()),
        1 => Just("arn:aws:s3:::${aws:PrincipalTag/none, 'a'}/*".to_owned()),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    let string = prop::sample::select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringEqualsIfExists",
        "StringLikeIfExists",
    ]);
    let numeric = prop::sample::select(vec![
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
    ]);
    let date = prop::sample::select(vec!["DateLessThan", "DateGreaterThanEquals", "DateEquals"]);
    let network = prop::sample::select(vec!["IpAddress", "NotIpAddress"]);
    prop_oneof![
        6 => (string, one_or_many(pattern().boxed())).prop_map(|(operator, value)| json!({operator: {"aws:Text": value}})),
        2 => (numeric, -3..4_i32).prop_map(|(operator, value)| json!({operator: {"aws:Number": value.to_string()}})),
        1 => (date, 1..28_u8).prop_map(|(operator, day)| {
            json!({operator: {"aws:Date": format!("2026-11-{day:02}T00:00:00Z")}})
        }),
        1 => (network, 8..33_u8).prop_map(|(operator, bits)| json!({operator: {"aws:Address": format!("10.1.2.3/{bits}")}})),
        1 => any::<bool>().prop_map(|value| json!({"Bool": {"aws:Flag": value.to_string()}})),
        1 => any::<bool>().prop_map(|value| json!({"Null": {"aws:Text": value.to_string()}})),
    ]
}

fn statement() -> impl Strategy<Value = Value> {
    let effect = prop::sample::select(vec!["Allow", "Allow", "Deny"]);
    let action = (
        prop::sample::select(vec!["Action", "Action", "NotAction"]),
        one_or_many(action_pattern()),
    );
    let resource = (
        prop::sample::select(vec!["Resource", "Resource", "NotResource"]),
        one_or_many(resource_pattern()),
    );
    (effect, action, resource, prop::option::of(condition())).prop_map(
        |(effect, action, resource, condition)| {
            let mut statement =
                json!({"Effect": effect, action.0: action.1, resource.0: resource.1});
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            statement
        },
    )
}

fn policies() -> impl Strategy<Value = Vec<Value>> {
    let policy = prop::collection::vec(statement(), 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}));
    prop::collection::vec(policy, 1..3)
}

#[derive(Debug, Clone)]
struct Request {
    action: &'static str,
    resource: String,
    text: Option<String>,
    number: Option<i32>,
    date: Option<u8>,
    address: Option<[u8; 2]>,
    flag: Option<bool>,
}

fn request() -> impl Strategy<Value = Request> {
    let action = prop::sample::select(vec!["s3:GetObject", "s3:PutObject", "kms:Decrypt"]);
    let resource = prop_oneof![4 => "[ab]{1,2}(/[ab]{1,2}){0,2}", 1 => Just("alice/a".to_owned())];
    let context = (
        prop::option::of(text()),
        prop::option::of(-3..4_i32),
        prop::option::of(1..28_u8),
        prop::option::of(any::<[u8; 2]>()),
        prop::option::of(any::<bool>()),
    );
    (action, resource, context).prop_map(
        |(action, resource, (text, number, date, address, flag))| Request {
            action,
            resource: format!("arn:aws:s3:::{resource}"),
            text,
            number,
            date,
            address,
            flag,
        },
    )
}

impl Request {
    fn values(&self) -> Vec<(&'static str, String)> {
        let address = self.address.map(|[c, d]| format!("10.1.{}.{d}", c & 3));
        let date = self.date.map(|day| format!("2026-11-{day:02}T00:00:00Z"));
        [
            ("aws:Text", self.text.clone()),
            ("aws:Number", self.number.map(|number| number.to_string())),
            ("aws:Date", date),
            ("aws:Address", address),
            ("aws:Flag", self.flag.map(|flag| flag.to_string())),
        ]
        .into_iter()
        .filter_map(|(key, value)| value.map(|value| (key, value)))
        .collect()
    }

    fn ours(&self, policies: &[Value]) -> bool {
        let compile = |document: &Value| {
            Policy::compile(&document.to_string(), PolicyKind::Identity)
                .unwrap()
                .into()
        };
        let layers = Layers {
            identity: policies.iter().map(compile).collect(),
            session: None,
        };
        let context: Context = self.values().into_iter().collect();
        decide(
            &alice(),
            &Ask::new(self.action, self.resource.clone()).with_context(context),
            &layers,
        )
        .is_allowed()
    }

    fn theirs(&self, policies: &[Value]) -> bool {
        let policies: Vec<IAMPolicy> = policies
            .iter()
            .map(|document| serde_json::from_value(document.clone()).unwrap())
            .collect();
        let mut context = iam_rs::Context::new().with_string("aws:username", "alice");
        for (key, value) in self.values() {
            let value = match key {
                "aws:Number" => ContextValue::Number(value.parse().unwrap()),
                "aws:Flag" => ContextValue::Boolean(value == "true"),
                _ => ContextValue::String(value),
            };
            context.insert(key.to_owned(), value);
        }
        let principal = iam_rs::Principal::Aws(PrincipalId::String(alice().arn));
        let resource = Arn::parse(&self.resource).unwrap();
        let request = IAMRequest::new_with_context(principal, self.action, resource, context);
        evaluate_policies(&policies, &request).unwrap() == Decision::Allow
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn both_evaluators_decide_alike(policies in policies(), request in request()) {
        prop_assert_eq!(request.ours(&policies), request.theirs(&policies));
    }
}

/// The same policy in other words: indented, members and statements the other way round, every lone text in a list,
/// actions and condition keys in capitals.
fn rewritten(document: &Value) -> String {
    let statements = document["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|statement| {
            let members = statement
                .as_object()
                .unwrap()
                .iter()
                .rev()
                .map(|(name, value)| {
                    let value = match name.as_str() {
                        "Action" | "NotAction" => listed(value, str::to_ascii_uppercase),
                        "Resource" | "NotResource" => listed(value, str::to_owned),
                        "Condition" => capital_keys(value),
                        _ => value.clone(),
                    };
                    (name.clone(), value)
                });
            Value::Object(members.collect())
        });
    let document =
        json!({"Statement": statements.collect::<Vec<_>>(), "Version": document["Version"]});
    serde_json::to_string_pretty(&document).unwrap()
}

fn listed(value: &Value, spelled: fn(&str) -> String) -> Value {
    let one = std::slice::from_ref(value);
    let items = value.as_array().map_or(one, Vec::as_slice).iter();
    items.map(|item| spelled(item.as_str().unwrap())).collect()
}

fn capital_keys(condition: &Value) -> Value {
    let block = |block: &Value| -> Value {
        let keys = block.as_object().unwrap().iter();
        Value::Object(
            keys.map(|(key, value)| (key.to_uppercase(), value.clone()))
                .collect(),
        )
    };
    let operators = condition.as_object().unwrap().iter();
    Value::Object(
        operators
            .map(|(operator, keys)| (operator.clone(), block(keys)))
            .collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases() / 4))]

    #[test]
    fn a_policy_in_other_words_decides_alike(policies in policies(), request in request()) {
        let others: Vec<Value> =
            policies.iter().map(|document| serde_json::from_str(&rewritten(document)).unwrap()).collect();
        prop_assert_eq!(request.ours(&policies), request.ours(&others));
    }
}

fn theirs_alone(
    statement: Value,
    context: iam_rs::Context,
) -> Result<bool, iam_rs::EvaluationError> {
    let document = json!({"Version": "2012-10-17", "Statement": statement});
    let policy: IAMPolicy = serde_json::from_value(document).unwrap();
    let principal = iam_rs::Principal::Aws(PrincipalId::String(alice().arn));
    let resource = Arn::parse("arn:aws:s3:eu-west-1:111122223333:home/alice/x").unwrap();
    let request = IAMRequest::new_with_context(principal, "s3:GetObject", resource, context);
    Ok(evaluate_policies(&[policy], &request)? == Decision::Allow)
}

fn ours_alone(statement: Value, context: Context) -> bool {
    let resource = "arn:aws:s3:eu-west-1:111122223333:home/alice/x";
    let ask = Ask::new("s3:GetObject", resource).with_context(context);
    decide(&alice(), &ask, &crate::words::identity(statement)).is_allowed()
}

/// Holds the other evaluator to what is said of it above: when a row fails, that one was mended, and the generator
/// can cover more.
#[test]
fn the_other_evaluator_still_differs_where_it_is_written_down() {
    let on = |resource: &str| json!({"Effect": "Allow", "Action": "*", "Resource": resource});
    let when = |condition: Value| json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
    let home = "arn:aws:s3:eu-west-1:111122223333:home/";
    let role = "arn:aws:iam::111122223333:role/x";
    for (statement, key, value, ours, theirs) in [
        (
            on(&format!("{home}${{aws:PrincipalTag/none}}*")),
            "aws:x",
            "",
            false,
            true,
        ),
        (
            on(&format!("{home}${{s3:prefix}}")),
            "s3:prefix",
            "*",
            false,
            true,
        ),
        (
            when(json!({"ArnEquals": {"aws:SourceArn": "arn:aws:iam::*:role/*"}})),
            "aws:SourceArn",
            role,
            true,
            false,
        ),
        (
            when(json!({"ArnLike": {"aws:SourceArn": "arn:aws:i*:role/x:y:z"}})),
            "aws:SourceArn",
            "arn:aws:iam::111122223333:role/x:y:z",
            false,
            true,
        ),
    ] {
        let context: Context = [(key, value)].into_iter().collect();
        assert_eq!(
            ours_alone(statement.clone(), context),
            ours,
            "ours: {statement}"
        );
        let context = iam_rs::Context::new().with_string(key, value);
        assert_eq!(
            theirs_alone(statement.clone(), context).ok(),
            Some(theirs),
            "theirs: {statement}"
        );
    }
}
