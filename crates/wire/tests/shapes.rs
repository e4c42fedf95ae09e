//! Every operation of every service, through every codec: what the shapes say is what the types, the codecs and the validator do.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "support/samples.rs"]
mod samples;

use std::collections::BTreeSet;

use quick_xml::events::Event;
use samples::sample;
use serde_json::{Map, Value};
use wire::{
    ApiError, SERVICES, cloudtrail, cloudwatch, iam, json, kms,
    query::Form,
    service_quotas,
    shape::{Kind, OperationShape, Service, Shape},
    sts, validate, xml,
};

fn operations() -> impl Iterator<Item = (&'static Service, &'static OperationShape)> {
    SERVICES.iter().flat_map(|service| {
        service
            .operations
            .iter()
            .map(|operation| (*service, *operation))
    })
}

/// Decodes a request by its service, and says the operation's name and its parameters for the trail.
fn decode(service: &Service, name: &str, value: Value) -> Result<(&'static str, Value), ApiError> {
    match service.name {
        "kms" => kms::Operation::decode(name, value).map(|op| (op.name(), op.parameters())),
        "sts" => sts::Operation::decode(name, value).map(|op| (op.name(), op.parameters())),
        "iam" => iam::Operation::decode(name, value).map(|op| (op.name(), op.parameters())),
        "cloudtrail" => {
            cloudtrail::Operation::decode(name, value).map(|op| (op.name(), op.parameters()))
        }
        "monitoring" => {
            cloudwatch::Operation::decode(name, value).map(|op| (op.name(), op.parameters()))
        }
        "servicequotas" => {
            service_quotas::Operation::decode(name, value).map(|op| (op.name(), op.parameters()))
        }
        other => panic!("teach this test the service {other}"),
    }
}

/// Gives an answer its type and takes it back.
fn through_types(service: &Service, name: &str, value: Value) -> Value {
    let typed = match service.name {
        "kms" => serde_json::to_value(kms::Response::decode(name, value).unwrap()),
        "sts" => serde_json::to_value(sts::Response::decode(name, value).unwrap()),
        "iam" => serde_json::to_value(iam::Response::decode(name, value).unwrap()),
        "cloudtrail" => serde_json::to_value(cloudtrail::Response::decode(name, value).unwrap()),
        "monitoring" => serde_json::to_value(cloudwatch::Response::decode(name, value).unwrap()),
        "servicequotas" => {
            serde_json::to_value(service_quotas::Response::decode(name, value).unwrap())
        }
        other => panic!("teach this test the service {other}"),
    };
    typed.unwrap()
}

/// Every shape that can be reached from an operation.
fn visit(
    shape: &'static Shape,
    seen: &mut BTreeSet<&'static str>,
    see: &mut dyn FnMut(&'static Shape),
) {
    if !seen.insert(shape.name) {
        return;
    }
    see(shape);
    match &shape.kind {
        Kind::Structure(members) => members
            .iter()
            .for_each(|member| visit(member.shape, seen, see)),
        Kind::List { member, .. } => visit(member, seen, see),
        Kind::Map { key, value, .. } => {
            visit(key, seen, see);
            visit(value, seen, see);
        }
        _ => {}
    }
}

fn shapes(see: &mut dyn FnMut(&'static Shape)) {
    for service in SERVICES {
        let mut seen = BTreeSet::new();
        for operation in service.operations {
            visit(operation.input, &mut seen, see);
            if let Some(output) = operation.output {
                visit(output, &mut seen, see);
            }
        }
    }
}

#[test]
fn every_pattern_compiles() {
    let mut count = 0;
    shapes(&mut |shape| {
        if let Kind::String {
            pattern: Some(pattern),
            ..
        } = shape.kind
        {
            assert!(pattern.is_valid(), "{}: {}", shape.name, pattern.regex);
            count += 1;
        }
    });
    assert!(count > 20, "{count}");
}

#[test]
fn operations_are_found_by_name() {
    for (service, operation) in operations() {
        let found = service.operation(operation.name).unwrap();
        assert!(std::ptr::eq(found, operation), "{}", operation.name);
    }
}

#[test]
fn a_valid_request_is_decoded_to_its_operation() {
    for (service, operation) in operations() {
        for full in [false, true] {
            let decoded = decode(service, operation.name, sample(operation.input, full));
            assert_eq!(decoded.unwrap().0, operation.name);
        }
    }
}

#[test]
fn each_required_member_is_required() {
    for (service, operation) in operations() {
        for member in operation
            .input
            .members()
            .iter()
            .filter(|member| member.required)
        {
            let mut request = sample(operation.input, true);
            request.as_object_mut().unwrap().remove(member.name);
            let error = decode(service, operation.name, request).unwrap_err();
            assert!(
                error.message.ends_with("Member must not be null"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_length_beyond_its_bounds_is_refused() {
    let mut count = 0;
    shapes(&mut |shape| {
        let Kind::String { length, .. } = shape.kind else {
            return;
        };
        if let Some(max) = length.max {
            let long = "a".repeat(usize::try_from(max).unwrap() + 1);
            let failures = validate::failures(shape, &Value::String(long));
            let expected = format!("length less than or equal to {max}");
            assert!(
                failures.iter().any(|failure| failure.ends_with(&expected)),
                "{failures:?}"
            );
            count += 1;
        }
    });
    assert!(count > 30, "{count}");
}

#[test]
fn json_keeps_what_the_shape_has_and_nothing_else() {
    for (_, operation) in operations() {
        let value = sample(operation.input, true);
        let mut sent = value.clone();
        let members = sent.as_object_mut().unwrap();
        members.insert("NotInTheModel".to_owned(), Value::Bool(true));
        let decoded = json::decode(sent.to_string().as_bytes(), operation.input).unwrap();
        assert_eq!(decoded, value, "{}", operation.name);
    }
}

/// A form as AWS's clients write it.
fn form(shape: &Shape, value: &Value, prefix: &str, out: &mut Vec<(String, String)>) {
    let under = |name: &str| {
        if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}.{name}")
        }
    };
    match (&shape.kind, value) {
        (Kind::Structure([]), _) => out.push((prefix.to_owned(), String::new())),
        (Kind::Structure(members), Value::Object(values)) => {
            for member in *members {
                if let Some(value) = values.get(member.name) {
                    form(member.shape, value, &under(member.query_name), out);
                }
            }
        }
        (
            Kind::List {
                member,
                member_name,
                flattened,
                ..
            },
            Value::Array(items),
        ) => {
            for (at, item) in items.iter().enumerate() {
                let place = if *flattened {
                    format!("{}", at + 1)
                } else {
                    format!("{member_name}.{}", at + 1)
                };
                form(member, item, &under(&place), out);
            }
        }
        (
            Kind::Map {
                value: item,
                flattened,
                ..
            },
            Value::Object(entries),
        ) => {
            let wrapper = if *flattened { "" } else { ".entry" };
            for (at, (name, entry)) in entries.iter().enumerate() {
                let entry_prefix = format!("{prefix}{wrapper}.{}", at + 1);
                out.push((format!("{entry_prefix}.key"), name.clone()));
                form(item, entry, &format!("{entry_prefix}.value"), out);
            }
        }
        (Kind::Timestamp, _) => out.push((prefix.to_owned(), "2026-01-02T03:04:05Z".to_owned())),
        (_, Value::String(text)) => out.push((prefix.to_owned(), text.clone())),
        (_, other) => out.push((prefix.to_owned(), other.to_string())),
    }
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| {
        format!("{encoded}%{byte:02X}")
    })
}

#[test]
fn a_form_is_read_back_as_the_value_it_was_made_from() {
    for (service, operation) in operations() {
        if service.protocol.xml_namespace().is_some() {
            let value = sample(operation.input, true);
            let mut pairs = vec![("Action".to_owned(), operation.name.to_owned())];
            form(operation.input, &value, "", &mut pairs);
            let text: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{name}={}", percent(value)))
                .collect();
            let read = Form::parse(text.join("&").as_bytes()).unwrap();
            assert_eq!(read.get("Action"), Some(operation.name));
            assert_eq!(
                read.decode(operation.input).unwrap(),
                value,
                "{}",
                operation.name
            );
        }
    }
}

#[test]
fn an_answer_keeps_its_members_through_its_types() {
    for (service, operation) in operations() {
        if let Some(output) = operation.output {
            let value = sample(output, true);
            assert_eq!(
                through_types(service, operation.name, value.clone()),
                value,
                "{}",
                operation.name
            );
        }
    }
}

/// An element, read by another XML reader.
#[derive(Debug, Default)]
struct Element {
    text: String,
    children: Vec<(String, Element)>,
}

impl Element {
    fn read(document: &str) -> Self {
        let mut reader = quick_xml::Reader::from_str(document);
        let mut open = vec![(String::new(), Self::default())];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    open.push((start.local_name().as_ref().to_owned(), Self::default()));
                }
                Event::Text(text) => open.last_mut().unwrap().1.text.push_str(&text),
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().unwrap() {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&reference)
                            .unwrap()
                            .to_owned(),
                    };
                    open.last_mut().unwrap().1.text.push_str(&resolved);
                }
                Event::End(_) => {
                    let closed = open.pop().unwrap();
                    open.last_mut().unwrap().1.children.push(closed);
                }
                Event::Eof => return open.pop().unwrap().1,
                _ => {}
            }
        }
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children
            .iter()
            .find(|(each, _)| each == name)
            .map(|(_, child)| child)
    }

    fn value(&self, shape: &Shape) -> Value {
        match &shape.kind {
            Kind::Structure(members) => {
                let present = members.iter().filter_map(|member| {
                    let child = self.child(member.query_name)?;
                    Some((member.name.to_owned(), child.value(member.shape)))
                });
                Value::Object(present.collect::<Map<_, _>>())
            }
            Kind::List {
                member,
                member_name,
                flattened: false,
                ..
            } => {
                assert!(self.children.iter().all(|(name, _)| name == member_name));
                self.children
                    .iter()
                    .map(|(_, child)| child.value(member))
                    .collect()
            }
            Kind::Map {
                value,
                flattened: false,
                ..
            } => {
                let entries = self.children.iter().map(|(name, entry)| {
                    assert_eq!(name, "entry");
                    let key = entry.child("key").unwrap().text.clone();
                    (key, entry.child("value").unwrap().value(value))
                });
                Value::Object(entries.collect())
            }
            Kind::Integer { .. } | Kind::Long { .. } | Kind::Double | Kind::Boolean => {
                self.text.parse().unwrap()
            }
            Kind::Timestamp => {
                assert_eq!(self.text, "2026-01-02T03:04:05Z");
                1_767_323_045.into()
            }
            Kind::String { .. } | Kind::Blob { .. } => Value::String(self.text.clone()),
            other => panic!("teach this test {other:?}"),
        }
    }
}

#[test]
fn a_query_answer_is_read_back_as_the_value_it_was_made_from() {
    for (service, operation) in operations() {
        let Some(xml_namespace) = service.protocol.xml_namespace() else {
            continue;
        };
        let value = operation
            .output
            .map_or(Value::Null, |output| sample(output, true));
        let document = xml::response(operation, xml_namespace, &value, "request-1");
        let read = Element::read(&document);
        let root = read.child(&format!("{}Response", operation.name)).unwrap();
        assert!(document.contains(&format!("xmlns=\"{xml_namespace}\"")));
        let metadata = root.child("ResponseMetadata").unwrap();
        assert_eq!(metadata.child("RequestId").unwrap().text, "request-1");
        if let Some(output) = operation.output {
            let result = root.child(operation.result_wrapper.unwrap()).unwrap();
            assert_eq!(result.value(output), value, "{}", operation.name);
        }
    }
}

#[test]
fn the_trails_parameters_hold_no_sensitive_member() {
    for (service, operation) in operations() {
        let (_, parameters) =
            decode(service, operation.name, sample(operation.input, true)).unwrap();
        for member in operation.input.members() {
            let mut name = member.name.to_owned();
            name[..1].make_ascii_lowercase();
            let is_hidden =
                member.shape.sensitive || matches!(member.shape.kind, Kind::Blob { .. });
            assert_eq!(
                parameters.get(&name).is_none(),
                is_hidden,
                "{}: {name}",
                operation.name
            );
        }
    }
}
