//! Values made from the shapes themselves.

use serde_json::{Map, Value, json};
use wire::shape::{Bounds, Kind, Pattern, Shape};

/// Texts, one of which satisfies each pattern of the models; a new pattern may need a new one.
const TEXTS: &[&str] = &[
    "a",
    "1",
    "/",
    "/a/",
    "us-east-1",
    "cluster-abcdefghijk",
    "arn:aws:iam::111122223333:role/machine",
    "https://proxy.example.com",
    "/kms/xks/v1",
    "ABCDEFGHIJKLMNOPQRST",
    "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
    "Sum",
    "v2",
    "ab<&>\"'\r\n\u{e9}\u{1F512}",
];

/// A value of `shape` with all members, or with only those that are required, valid in every respect.
pub(crate) fn sample(shape: &Shape, full: bool) -> Value {
    nested(shape, full, 0)
}

fn nested(shape: &Shape, full: bool, depth: usize) -> Value {
    match &shape.kind {
        Kind::Structure(members) => {
            let mut values = Map::new();
            for member in *members {
                // Recursive shapes end somewhere.
                if member.required || (full && depth < 6) {
                    values.insert(
                        member.name.to_owned(),
                        nested(member.shape, full, depth + 1),
                    );
                }
            }
            Value::Object(values)
        }
        Kind::List { member, length, .. } => {
            let count = length.min.unwrap_or(0).max(if full { 2 } else { 0 });
            let count = count.min(length.max.unwrap_or(i64::MAX));
            (0..count)
                .map(|_| nested(member, full, depth + 1))
                .collect()
        }
        Kind::Map { value, .. } => {
            json!({"key one": nested(value, full, depth + 1), "key two": nested(value, full, depth + 1)})
        }
        Kind::String {
            length,
            pattern,
            allowed,
        } => match allowed.first() {
            Some(first) => json!(first),
            None => json!(text(*length, *pattern, shape.name)),
        },
        Kind::Blob { .. } => json!("AQID"),
        Kind::Integer { range } | Kind::Long { range } => json!(range.min.unwrap_or(7)),
        Kind::Double => json!(1.5),
        Kind::Boolean => json!(true),
        Kind::Timestamp => json!(1_767_323_045),
    }
}

fn text(length: Bounds, pattern: Option<&Pattern>, name: &str) -> String {
    let min = usize::try_from(length.min.unwrap_or(0)).unwrap();
    let max = usize::try_from(length.max.unwrap_or(i64::MAX)).unwrap();
    let padded = TEXTS.iter().rev().map(|text| {
        let fill = if text.starts_with('1') { "1" } else { "a" };
        let missing = min.saturating_sub(text.chars().count());
        format!("{text}{}", fill.repeat(missing))
    });
    padded
        .filter(|text| text.chars().count() <= max)
        .find(|text| pattern.is_none_or(|pattern| pattern.matches(text)))
        .unwrap_or_else(|| panic!("no sample text for {name}: add one to TEXTS"))
}
