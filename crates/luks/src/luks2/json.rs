//! The text of a JSON area to a value. A member that is there twice is refused: readers disagree on which one counts,
//! and so would what is checked and what is used.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::Error;

/// The object in a JSON area: one object, a NUL, and nothing but NULs.
pub(crate) fn from_area(area: &[u8]) -> Result<Value, Error> {
    let end = area
        .iter()
        .position(|byte| *byte == 0)
        .ok_or_else(|| Error::corrupt("JSON area", "not ended by a NUL"))?;
    let (text, padding) = area.split_at(end);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Error::corrupt("JSON area", "something follows its NUL"));
    }
    if text.first() != Some(&b'{') {
        return Err(Error::corrupt("JSON area", "does not begin with an object"));
    }
    let twice = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = Node {
        path: String::new(),
        twice: &twice,
    }
    .deserialize(&mut json)
    .and_then(|value| {
        json.end()?;
        Ok(value)
    });
    value.map_err(|error| match twice.into_inner() {
        Some(path) => Error::corrupt(path, "this member is there twice"),
        None => Error::corrupt(
            "JSON area",
            format!("not JSON at column {}", error.column()),
        ),
    })
}

/// The text of a JSON area of `len` bytes, padded with NULs.
pub(crate) fn to_area(value: &Value, len: u64) -> Result<Vec<u8>, Error> {
    let mut area = value.to_string().into_bytes();
    let len = usize::try_from(len).map_err(|_| Error::Full("the metadata"))?;
    if area.len() >= len {
        return Err(Error::Full("the metadata"));
    }
    area.resize(len, 0);
    Ok(area)
}

struct Node<'a> {
    path: String,
    /// The path of the first member found twice.
    twice: &'a RefCell<Option<String>>,
}

impl Node<'_> {
    fn child(&self, name: &dyn fmt::Display) -> Self {
        let path = if self.path.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.path)
        };
        Self {
            path,
            twice: self.twice,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.child(&items.len()))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let child = self.child(&name);
            if members.contains_key(&name) {
                self.twice.borrow_mut().get_or_insert(child.path);
                return Err(A::Error::custom("duplicate member"));
            }
            let value = access.next_value_seed(child)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}
