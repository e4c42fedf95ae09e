//! Requests and answers as the trail shows them, in CloudTrail's spelling. Nothing gets in that is not put in by name.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A JSON object that is built member by member; absent members are left out.
#[derive(Default)]
pub(crate) struct Parameters(Map<String, Value>);

impl Parameters {
    /// With a member.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// With a member, if there is a value.
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With an encryption context, if there is one.
    pub(crate) fn context(self, context: Option<&BTreeMap<String, String>>) -> Self {
        self.maybe("encryptionContext", context.map(pairs))
    }

    /// Those of an operation that is told a key and nothing more.
    pub(crate) fn of_key(key_id: &str) -> Value {
        Self::default().with("keyId", key_id).into_value()
    }

    /// The object; `null` when nothing was put in, as CloudTrail has it.
    pub(crate) fn into_value(self) -> Value {
        if self.0.is_empty() {
            Value::Null
        } else {
            Value::Object(self.0)
        }
    }
}

/// An encryption context.
pub(crate) fn pairs(context: &BTreeMap<String, String>) -> Value {
    let members = context.iter();
    Value::Object(
        members
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect(),
    )
}

/// An instant as CloudTrail writes it inside of requests and answers: `Jan 2, 2026 3:04:05 PM`.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%b %-d, %Y %-I:%M:%S %p").to_string()
}
