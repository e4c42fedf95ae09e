//! AWS Query: a form to a value of the shape's types.
//!
//! A member of a structure is after a dot, an item of a list is `Name.member.N` (`Name.N` where flattened), an entry of a map is
//! `Name.entry.N.key` and `.value`. Unknown members are ignored. Stricter than AWS: a parameter that occurs twice is refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    error::ApiError,
    json::{self, BODY_MAX},
    shape::{Kind, Shape},
    time,
    uri::{self, Plus},
};

/// How many parameters a form may have.
pub const PARAMETERS_MAX: usize = 4096;

/// How many parts a parameter's name may have: `Tags.member.1.Key` has four.
pub const PARTS_MAX: usize = 32;

/// The parameters of a request, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a form: a POST's body, or the query of a GET.
    ///
    /// # Errors
    ///
    /// `MalformedQueryString` when it is too long, has too many parameters, repeats one, or is not percent-encoded UTF-8.
    pub fn parse(form: &[u8]) -> Result<Self, ApiError> {
        let malformed = |message: &str| ApiError::malformed_query_string(message);
        if form.len() > BODY_MAX {
            return Err(malformed("The request is too long"));
        }
        let text = std::str::from_utf8(form).map_err(|_| malformed("The form is not UTF-8"))?;
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |part| {
                uri::decode(part, Plus::Space)
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| malformed("The form is not percent-encoded UTF-8"))
            };
            let (name, value) = (decoded(name)?, decoded(value)?);
            if parameters.len() == PARAMETERS_MAX {
                return Err(malformed("The request has too many parameters"));
            }
            if parameters.contains_key(&name) {
                return Err(malformed(&format!("The parameter {name} occurs twice")));
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The parameters as a value of `shape`.
    ///
    /// # Errors
    ///
    /// `MalformedInput` when a parameter is not of its member's type, `MalformedQueryString` when a name has too many parts.
    pub fn decode(&self, shape: &Shape) -> Result<Value, ApiError> {
        let mut root = Node::default();
        for (name, value) in &self.0 {
            let parts: Vec<&str> = name.split('.').collect();
            if parts.len() > PARTS_MAX {
                return Err(ApiError::malformed_query_string(
                    "A parameter's name has too many parts",
                ));
            }
            let mut node = &mut root;
            for part in parts {
                node = node.children.entry(part).or_default();
            }
            node.text = Some(value);
        }
        root.value(shape, "")
    }
}

/// The parameters by the parts of their names.
#[derive(Default)]
struct Node<'f> {
    text: Option<&'f str>,
    children: BTreeMap<&'f str, Node<'f>>,
}

impl<'f> Node<'f> {
    fn value(&self, shape: &Shape, path: &str) -> Result<Value, ApiError> {
        match &shape.kind {
            Kind::Structure(members) => {
                let mut values = Map::new();
                for member in *members {
                    if let Some(node) = self.children.get(member.query_name) {
                        let path = format!("{path}{}.", member.query_name);
                        let value = node.value(member.shape, &path)?;
                        values.insert(member.name.to_owned(), value);
                    }
                }
                Ok(Value::Object(values))
            }
            Kind::List {
                member,
                member_name,
                flattened,
                ..
            } => self
                .numbered(if *flattened { None } else { Some(member_name) }, path)?
                .into_values()
                .map(|node| node.value(member, path))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Kind::Map {
                value: item,
                flattened,
                ..
            } => self.entries(item, *flattened, path),
            _ => {
                let text = self.text.ok_or_else(|| wrong(path))?;
                scalar(text, shape).ok_or_else(|| wrong(path))
            }
        }
    }

    /// The children that are numbers, under the wrapper where there is one; an empty parameter is an empty list.
    fn numbered(
        &self,
        wrapper: Option<&str>,
        path: &str,
    ) -> Result<BTreeMap<u32, &Node<'f>>, ApiError> {
        if self.text.is_some_and(|text| !text.is_empty()) {
            return Err(wrong(path));
        }
        let Some(holder) = wrapper.map_or(Some(self), |wrapper| self.children.get(wrapper)) else {
            return Ok(BTreeMap::new());
        };
        holder
            .children
            .iter()
            .map(|(number, node)| Ok((position(number).ok_or_else(|| wrong(path))?, node)))
            .collect()
    }

    fn entries(&self, item: &Shape, flattened: bool, path: &str) -> Result<Value, ApiError> {
        let mut entries = Map::new();
        let wrapper = if flattened { None } else { Some("entry") };
        for node in self.numbered(wrapper, path)?.into_values() {
            let part = |name| node.children.get(name).ok_or_else(|| wrong(path));
            let key = part("key")?.text.ok_or_else(|| wrong(path))?;
            let value = part("value")?.value(item, path)?;
            if entries.insert(key.to_owned(), value).is_some() {
                return Err(wrong(path));
            }
        }
        Ok(Value::Object(entries))
    }
}

/// A position from 1, written in one way only.
fn position(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(number)
}

fn scalar(text: &str, shape: &Shape) -> Option<Value> {
    match shape.kind {
        Kind::String { .. } => Some(Value::String(text.to_owned())),
        Kind::Blob { .. } => json::blob(text.to_owned()).ok(),
        Kind::Integer { .. } => text.parse::<i32>().ok().map(Value::from),
        Kind::Long { .. } => text.parse::<i64>().ok().map(Value::from),
        Kind::Double => text
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number),
        Kind::Boolean => text.parse::<bool>().ok().map(Value::Bool),
        Kind::Timestamp => text.parse().ok().map(time::to_number),
        Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } => None,
    }
}

fn wrong(path: &str) -> ApiError {
    ApiError::malformed_input(format!(
        "The parameter {} is not of its type",
        path.trim_end_matches('.')
    ))
}
