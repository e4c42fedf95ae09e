//! AWS JSON 1.0 and 1.1: bytes to a value of the shape's types.
//!
//! Blobs are base64, instants are seconds since 1970 (a number), members that the shape does not have are ignored, and a member that is
//! null is one that is absent. Stricter than AWS: a member that occurs twice is refused, so that no two readers can disagree.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{
    error::ApiError,
    shape::{Kind, Shape},
    time,
};

/// The largest body that is read. The largest member of the services here is a policy of 128 KiB.
pub const BODY_MAX: usize = 1024 * 1024;

/// How deeply lists and structures may nest; the shapes need fewer than ten levels.
pub const DEPTH_MAX: usize = 32;

/// Reads `body` as a value of `shape`; an empty body is a structure without members.
///
/// # Errors
///
/// `SerializationException` when the body is too long, not JSON, too deep, repeats a member, or a member is not of its type.
pub fn decode(body: &[u8], shape: &Shape) -> Result<Value, ApiError> {
    if body.len() > BODY_MAX {
        return Err(ApiError::serialization("The request body is too long"));
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    // serde's message could quote a secret from the body; its place is enough to find the fault.
    let malformed = |error: serde_json::Error| {
        ApiError::serialization(format!(
            "The request body is not valid JSON (line {}, column {})",
            error.line(),
            error.column()
        ))
    };
    let value = Bounded { depth: 0 }
        .deserialize(&mut deserializer)
        .map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    conformed(value, shape)
}

/// A JSON value with the bound on depth and without repeated members.
#[derive(Clone, Copy)]
struct Bounded {
    depth: usize,
}

impl Bounded {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom("too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(seed)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(seed)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated member"));
            }
        }
        Ok(Value::Object(map))
    }
}

/// The value with only what the shape has, each of its type.
fn conformed(value: Value, shape: &Shape) -> Result<Value, ApiError> {
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(mut values)) => {
            let mut kept = Map::new();
            for member in *members {
                match values.get_mut(member.name).map(Value::take) {
                    None | Some(Value::Null) => {}
                    Some(value) => {
                        let value = conformed(value, member.shape)?;
                        kept.insert(member.name.to_owned(), value);
                    }
                }
            }
            Ok(Value::Object(kept))
        }
        (Kind::List { member, .. }, Value::Array(items)) => items
            .into_iter()
            .map(|item| present_or_null(item, member))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        (Kind::Map { value: item, .. }, Value::Object(entries)) => entries
            .into_iter()
            .map(|(name, entry)| Ok((name, present_or_null(entry, item)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
        (Kind::Blob { .. }, Value::String(text)) => blob(text),
        (Kind::String { .. }, value @ Value::String(_))
        | (Kind::Boolean, value @ Value::Bool(_))
        | (Kind::Double, value @ Value::Number(_)) => Ok(value),
        (Kind::Integer { .. }, Value::Number(number)) => {
            whole(&number, i32::MIN.into(), i32::MAX.into())
        }
        (Kind::Long { .. }, Value::Number(number)) => whole(&number, i64::MIN, i64::MAX),
        (Kind::Timestamp, Value::Number(number)) => time::from_number(&number)
            .map(time::to_number)
            .ok_or_else(|| ApiError::serialization("The instant is outside the calendar")),
        (kind, value) => Err(mismatch(kind, &value)),
    }
}

/// Nulls within lists and maps stay, for the validator to name.
fn present_or_null(value: Value, shape: &Shape) -> Result<Value, ApiError> {
    match value {
        Value::Null => Ok(Value::Null),
        value => conformed(value, shape),
    }
}

/// Base64 in its one canonical form, so that its length tells how many bytes it holds.
pub(crate) fn blob(text: String) -> Result<Value, ApiError> {
    let mut decoded = STANDARD
        .decode(&text)
        .map_err(|_| ApiError::serialization("The member is not valid base64"))?;
    zeroize::Zeroize::zeroize(&mut decoded);
    Ok(Value::String(text))
}

pub(crate) fn whole(number: &Number, min: i64, max: i64) -> Result<Value, ApiError> {
    let exact = number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // 2^53: beyond it a float is not one integer.
        let is_exact = float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be whole and in range"
        )]
        is_exact.then_some(float as i64)
    });
    exact
        .filter(|number| (min..=max).contains(number))
        .map(|number| Value::Number(number.into()))
        .ok_or_else(|| ApiError::serialization("NUMBER_VALUE can not be converted to an Integer"))
}

/// AWS's words for a member of the wrong type.
pub(crate) fn mismatch(kind: &Kind, value: &Value) -> ApiError {
    let found = match value {
        Value::Array(_) => {
            return ApiError::serialization("Start of list found where not expected");
        }
        Value::Object(_) => {
            return ApiError::serialization("Start of structure or map found where not expected.");
        }
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
    };
    let wanted = match kind {
        Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } => {
            return ApiError::serialization("Unexpected field type");
        }
        Kind::String { .. } => "a String",
        Kind::Blob { .. } => "a Blob",
        Kind::Integer { .. } => "an Integer",
        Kind::Long { .. } => "a Long",
        Kind::Double => "a Double",
        Kind::Boolean => "a Boolean",
        Kind::Timestamp => "a Timestamp",
    };
    ApiError::serialization(format!("{found} can not be converted to {wanted}"))
}
