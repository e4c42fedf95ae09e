//! Checks a decoded request against its shape, in AWS's own words.
//!
//! The texts are those of the services' common front end, for instance
//! `1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1`.

use serde_json::{Map, Value};

use crate::{
    error::ApiError,
    shape::{Bounds, Kind, Pattern, Service, Shape, Words},
};

/// How many failures one answer names.
pub const FAILURES_MAX: usize = 16;

/// How many characters of an offending value are shown.
pub const SHOWN_VALUE_MAX: usize = 1024;

/// Checks `value`, of the types that a codec makes, against every constraint of `shape`.
///
/// # Errors
///
/// `ValidationException` of a JSON service, `ValidationError` of a Query service, naming every member that breaks a constraint (the first
/// [`FAILURES_MAX`]).
pub fn check(service: &Service, shape: &Shape, value: &Value) -> Result<(), ApiError> {
    let failures = failures(shape, value);
    if failures.is_empty() {
        return Ok(());
    }
    let code = match service.protocol.words() {
        Words::Json => "ValidationException",
        Words::Query => "ValidationError",
    };
    let plural = if failures.len() == 1 { "" } else { "s" };
    Err(ApiError::sender(
        code,
        400,
        format!(
            "{} validation error{plural} detected: {}",
            failures.len(),
            failures.join("; ")
        ),
    ))
}

/// Every broken constraint, each as AWS words it, the first [`FAILURES_MAX`].
pub fn failures(shape: &Shape, value: &Value) -> Vec<String> {
    let mut found = Findings::default();
    found.visit(shape, value, "");
    found.0.truncate(FAILURES_MAX);
    found.0
}

#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, shape: &Shape, value: &Value, path: &str, constraint: &str) {
        let shown = if shape.sensitive {
            String::new()
        } else {
            format!(" '{}'", shown(shape, value))
        };
        self.0.push(format!(
            "Value{shown} at '{path}' failed to satisfy constraint: {constraint}"
        ));
    }

    fn visit(&mut self, shape: &Shape, value: &Value, path: &str) {
        if self.0.len() >= FAILURES_MAX {
            return;
        }
        match (&shape.kind, value) {
            (Kind::Structure(_), Value::Object(values)) => self.members(shape, values, path),
            (Kind::List { member, length, .. }, Value::Array(values)) => {
                self.each(shape, value, path, &broken_length(*length, values.len()));
                self.items(shape, member, value, values, path);
            }
            (
                Kind::Map {
                    key,
                    value: item,
                    length,
                    ..
                },
                Value::Object(values),
            ) => {
                self.each(shape, value, path, &broken_length(*length, values.len()));
                self.entries(shape, key, item, value, values, path);
            }
            _ => self.each(shape, value, path, &broken(shape, value)),
        }
    }

    fn each(&mut self, shape: &Shape, value: &Value, path: &str, constraints: &[String]) {
        for constraint in constraints {
            self.add(shape, value, path, constraint);
        }
    }

    fn members(&mut self, shape: &Shape, values: &Map<String, Value>, path: &str) {
        for member in shape.members() {
            let path = || join(path, &lower_first(member.name));
            match values.get(member.name) {
                None | Some(Value::Null) if member.required => self.0.push(format!(
                    "Value null at '{}' failed to satisfy constraint: Member must not be null",
                    path()
                )),
                None | Some(Value::Null) => {}
                Some(value) => self.visit(member.shape, value, &path()),
            }
        }
    }

    /// A list's own line names what its plain members break; members that are structures have lines of their own.
    fn items(&mut self, list: &Shape, member: &Shape, value: &Value, values: &[Value], path: &str) {
        if is_plain(member) {
            if values.iter().any(|item| !broken(member, item).is_empty()) {
                let constraint =
                    format!("Member must satisfy constraint: [{}]", constraints(member));
                self.add(list, value, path, &constraint);
            }
            return;
        }
        for (at, item) in values.iter().enumerate() {
            self.visit(member, item, &join(path, &format!("{}.member", at + 1)));
        }
    }

    fn entries(
        &mut self,
        map: &Shape,
        key: &Shape,
        item: &Shape,
        value: &Value,
        values: &Map<String, Value>,
        path: &str,
    ) {
        let broken_key = |name: &String| !broken(key, &Value::String(name.clone())).is_empty();
        if values.keys().any(broken_key) {
            let constraint = format!("Map keys must satisfy constraint: [{}]", constraints(key));
            self.add(map, value, path, &constraint);
        }
        if is_plain(item) {
            if values.values().any(|each| !broken(item, each).is_empty()) {
                let constraint =
                    format!("Map value must satisfy constraint: [{}]", constraints(item));
                self.add(map, value, path, &constraint);
            }
            return;
        }
        for (name, each) in values {
            self.visit(item, each, &join(path, &format!("{name}.member")));
        }
    }
}

fn is_plain(shape: &Shape) -> bool {
    !matches!(
        shape.kind,
        Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. }
    )
}

/// The constraints of a plain shape that `value` breaks.
fn broken(shape: &Shape, value: &Value) -> Vec<String> {
    match (&shape.kind, value) {
        (
            Kind::String {
                length,
                pattern,
                allowed,
            },
            Value::String(text),
        ) => {
            let mut broken = Vec::new();
            if let Some(pattern) = pattern.filter(|pattern| !pattern.matches(text)) {
                broken.push(must_match(pattern));
            }
            if !allowed.is_empty() && !allowed.contains(&text.as_str()) {
                broken.push(must_be_one_of(allowed));
            }
            broken.extend(broken_length(*length, text.chars().count()));
            broken
        }
        (Kind::Blob { length }, Value::String(text)) => broken_length(*length, blob_len(text)),
        (Kind::Integer { range } | Kind::Long { range }, Value::Number(number)) => {
            number.as_i64().map_or_else(
                || vec!["Member must be a whole number".to_owned()],
                |number| broken_range(*range, number),
            )
        }
        (Kind::Double | Kind::Timestamp, Value::Number(_)) | (Kind::Boolean, Value::Bool(_)) => {
            Vec::new()
        }
        (_, Value::Null) => vec!["Member must not be null".to_owned()],
        // The codecs refuse other types with their own errors; a value that came another way is refused here.
        _ => vec!["Member must be of its type".to_owned()],
    }
}

/// The number of bytes in base64 text, without decoding it.
fn blob_len(base64: &str) -> usize {
    let digits = base64.trim_end_matches('=').len();
    digits * 3 / 4
}

fn broken_length(bounds: Bounds, len: usize) -> Vec<String> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let mut broken = Vec::new();
    if let Some(max) = bounds.max.filter(|max| len > *max) {
        broken.push(must_be_at_most_long(max));
    }
    if let Some(min) = bounds.min.filter(|min| len < *min) {
        broken.push(must_be_at_least_long(min));
    }
    broken
}

fn broken_range(bounds: Bounds, number: i64) -> Vec<String> {
    let mut broken = Vec::new();
    if let Some(max) = bounds.max.filter(|max| number > *max) {
        broken.push(format!(
            "Member must have value less than or equal to {max}"
        ));
    }
    if let Some(min) = bounds.min.filter(|min| number < *min) {
        broken.push(format!(
            "Member must have value greater than or equal to {min}"
        ));
    }
    broken
}

/// All constraints of a plain shape, as AWS lists them for the members of a list.
fn constraints(shape: &Shape) -> String {
    let mut all = Vec::new();
    match &shape.kind {
        Kind::String {
            length,
            pattern,
            allowed,
        } => {
            all.extend(length.max.map(must_be_at_most_long));
            all.extend(length.min.map(must_be_at_least_long));
            all.extend(pattern.map(must_match));
            if !allowed.is_empty() {
                all.push(must_be_one_of(allowed));
            }
        }
        Kind::Blob { length } => {
            all.extend(length.max.map(must_be_at_most_long));
            all.extend(length.min.map(must_be_at_least_long));
        }
        Kind::Integer { range } | Kind::Long { range } => {
            let most = |max| format!("Member must have value less than or equal to {max}");
            let least = |min| format!("Member must have value greater than or equal to {min}");
            all.extend(range.max.map(most));
            all.extend(range.min.map(least));
        }
        _ => {}
    }
    // A null in a list breaks no other constraint, and AWS always names this one.
    all.push("Member must not be null".to_owned());
    all.join(", ")
}

fn must_be_at_most_long(max: i64) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn must_be_at_least_long(min: i64) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn must_match(pattern: &Pattern) -> String {
    format!(
        "Member must satisfy regular expression pattern: {}",
        pattern.shown
    )
}

fn must_be_one_of(allowed: &[&str]) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        allowed.join(", ")
    )
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A member's name as messages and the trail write it.
pub(crate) fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// A value as AWS's front end shows it, which is as Java prints it.
fn shown(shape: &Shape, value: &Value) -> String {
    let mut out = String::new();
    show(shape, value, &mut out);
    if let Some((cut, _)) = out.char_indices().nth(SHOWN_VALUE_MAX) {
        out.truncate(cut);
        out.push('…');
    }
    out
}

fn show(shape: &Shape, value: &Value, out: &mut String) {
    // Enough to be cut off by the caller.
    if out.len() > SHOWN_VALUE_MAX * 4 {
        return;
    }
    if shape.sensitive {
        return out.push_str("***");
    }
    match (&shape.kind, value) {
        (Kind::Blob { .. }, Value::String(text)) => {
            let len = blob_len(text);
            let len = len.to_string();
            out.extend([
                "java.nio.HeapByteBuffer[pos=0 lim=",
                &len,
                " cap=",
                &len,
                "]",
            ]);
        }
        (Kind::Structure(_), _) => out.push_str(shape.name),
        (Kind::List { member, .. }, Value::Array(items)) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                show(member, item, out);
            }
            out.push(']');
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            out.push('{');
            for (at, (name, entry)) in entries.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                out.push_str(name);
                out.push('=');
                show(item, entry, out);
            }
            out.push('}');
        }
        (_, Value::String(text)) => out.push_str(text),
        (_, other) => out.push_str(&other.to_string()),
    }
}
