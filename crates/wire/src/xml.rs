//! XML documents: Query answers, and the error documents of Query services and of S3.

use serde_json::Value;

use crate::{
    error::ApiError,
    shape::{Kind, OperationShape, Shape},
    time,
};

/// The answer of a Query operation: the members of `value` under the operation's output shape.
pub fn response(
    operation: &OperationShape,
    namespace: &str,
    value: &Value,
    request_id: &str,
) -> String {
    let mut out = Writer::default();
    let root = format!("{}Response", operation.name);
    out.open_with_namespace(&root, namespace);
    if let Some(output) = operation.output {
        let wrapper = operation.result_wrapper;
        if let Some(wrapper) = wrapper {
            out.open(wrapper);
        }
        out.members(output, value);
        if let Some(wrapper) = wrapper {
            out.close(wrapper);
        }
    }
    out.open("ResponseMetadata");
    out.text("RequestId", request_id);
    out.close("ResponseMetadata");
    out.close(&root);
    out.0
}

/// The error document of a Query service.
pub fn query_error(error: &ApiError, namespace: &str, request_id: &str) -> String {
    let mut out = Writer::default();
    out.open_with_namespace("ErrorResponse", namespace);
    out.open("Error");
    out.text("Type", error.fault.as_str());
    out.text("Code", error.code);
    out.text("Message", &error.message);
    out.close("Error");
    out.text("RequestId", request_id);
    out.close("ErrorResponse");
    out.0
}

/// The error document of S3.
pub fn s3_error(error: &ApiError, request_id: &str) -> String {
    let mut out = Writer("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned());
    out.open("Error");
    out.text("Code", error.code);
    out.text("Message", &error.message);
    for (name, value) in &error.details {
        out.text(name, value);
    }
    out.text("RequestId", request_id);
    out.close("Error");
    out.0
}

/// Element names are the models' and this crate's own, never a caller's; text is escaped.
#[derive(Default)]
struct Writer(String);

impl Writer {
    fn open(&mut self, name: &str) {
        self.0.extend(["<", name, ">"]);
    }

    fn open_with_namespace(&mut self, name: &str, namespace: &str) {
        self.0.extend(["<", name, " xmlns=\"", namespace, "\">"]);
    }

    fn close(&mut self, name: &str) {
        self.0.extend(["</", name, ">"]);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.escaped(text);
        self.close(name);
    }

    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // A reader would turn a bare one into a line feed.
                '\r' => self.0.push_str("&#xD;"),
                '\t' | '\n' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' => {
                    self.0.push(character);
                }
                '\u{10000}'..='\u{10FFFF}' => self.0.push(character),
                // XML 1.0 has no way to write the rest (§ 2.2).
                _ => self.0.push('\u{FFFD}'),
            }
        }
    }

    fn members(&mut self, shape: &Shape, value: &Value) {
        for member in shape.members() {
            match value.get(member.name) {
                None | Some(Value::Null) => {}
                Some(value) => self.element(member.query_name, member.shape, value),
            }
        }
    }

    fn element(&mut self, name: &str, shape: &Shape, value: &Value) {
        match (&shape.kind, value) {
            (Kind::Structure(_), _) => {
                self.open(name);
                self.members(shape, value);
                self.close(name);
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
                let item_name = if *flattened { name } else { member_name };
                self.wrapped(name, *flattened, |out| {
                    for item in items {
                        out.element(item_name, member, item);
                    }
                });
            }
            (
                Kind::Map {
                    key,
                    value: item,
                    flattened,
                    ..
                },
                Value::Object(entries),
            ) => {
                let entry_name = if *flattened { name } else { "entry" };
                self.wrapped(name, *flattened, |out| {
                    for (entry_key, entry) in entries {
                        out.open(entry_name);
                        out.element("key", key, &Value::String(entry_key.clone()));
                        out.element("value", item, entry);
                        out.close(entry_name);
                    }
                });
            }
            (Kind::Timestamp, Value::Number(number)) => {
                let at = time::from_number(number).map(time::to_iso8601);
                self.text(name, &at.unwrap_or_default());
            }
            (_, Value::String(text)) => self.text(name, text),
            (_, other) => self.text(name, &other.to_string()),
        }
    }

    fn wrapped(&mut self, name: &str, flattened: bool, content: impl FnOnce(&mut Self)) {
        if !flattened {
            self.open(name);
        }
        content(self);
        if !flattened {
            self.close(name);
        }
    }
}
