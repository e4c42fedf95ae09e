//! Typed members of a JSON object, each refusal naming its path. LUKS2 writes 64-bit numbers as decimal strings
//! (LUKS2 §3.1) and object names as decimal numbers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use crate::Error;
use crate::limits::MAX_OBJECTS;

/// An object and where it is.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    members: &'a Map<String, Value>,
    path: &'a str,
}

impl<'a> Object<'a> {
    pub(crate) fn new(value: &'a Value, path: &'a str) -> Result<Self, Error> {
        match value {
            Value::Object(members) => Ok(Self { members, path }),
            _ => Err(Error::corrupt(path, "not an object")),
        }
    }

    /// The path of a member.
    pub(crate) fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// All of it.
    pub(crate) fn json(&self) -> Value {
        Value::Object(self.members.clone())
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.members.keys().map(String::as_str)
    }

    pub(crate) fn value(&self, name: &str) -> Result<&'a Value, Error> {
        self.members
            .get(name)
            .ok_or_else(|| Error::corrupt(self.at(name), "missing"))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, Error> {
        self.value(name)?
            .as_str()
            .ok_or_else(|| Error::corrupt(self.at(name), "not a string"))
    }

    /// A JSON number from 0 to 2^31 - 1, which is what json-c's `int` holds.
    pub(crate) fn int(&self, name: &str) -> Result<u32, Error> {
        self.value(name)?
            .as_u64()
            .and_then(|number| i32::try_from(number).ok())
            .map(i32::cast_unsigned)
            .ok_or_else(|| Error::corrupt(self.at(name), "not a number from 0 to 2147483647"))
    }

    /// A 64-bit number in a string.
    pub(crate) fn long(&self, name: &str) -> Result<u64, Error> {
        decimal(self.text(name)?)
            .ok_or_else(|| Error::corrupt(self.at(name), "not a number in a string"))
    }

    pub(crate) fn base64(&self, name: &str) -> Result<Vec<u8>, Error> {
        let bytes = BASE64_STANDARD
            .decode(self.text(name)?)
            .map_err(|_| Error::corrupt(self.at(name), "not Base64"))?;
        if bytes.is_empty() {
            return Err(Error::corrupt(self.at(name), "empty"));
        }
        Ok(bytes)
    }

    /// An array of strings, or none.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let Some(value) = self.optional(name) else {
            return Ok(Vec::new());
        };
        let items = value
            .as_array()
            .ok_or_else(|| Error::corrupt(self.at(name), "not an array"))?;
        items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| Error::corrupt(self.at(name), "not an array of strings"))
    }

    /// An array of the names of numbered objects, none of them twice.
    pub(crate) fn references(&self, name: &str) -> Result<Vec<u32>, Error> {
        self.value(name)?;
        let mut ids = Vec::new();
        for text in self.texts(name)? {
            let id = object_id(&text)
                .ok_or_else(|| Error::corrupt(self.at(name), "not object numbers"))?;
            if ids.contains(&id) {
                return Err(Error::corrupt(self.at(name), format!("names {id} twice")));
            }
            ids.push(id);
        }
        Ok(ids)
    }
}

/// The members of an object of numbered objects, in order.
pub(crate) fn numbered<'a>(root: &Object<'a>, name: &str) -> Result<Vec<(u32, &'a Value)>, Error> {
    let path = root.at(name);
    let Value::Object(members) = root.value(name)? else {
        return Err(Error::corrupt(path, "not an object"));
    };
    let mut objects = Vec::with_capacity(members.len());
    for (name, value) in members {
        let id = object_id(name).ok_or_else(|| {
            Error::corrupt(
                format!("{path}.{name}"),
                format!("not numbered 0 to {}", MAX_OBJECTS - 1),
            )
        })?;
        objects.push((id, value));
    }
    objects.sort_unstable_by_key(|(id, _)| *id);
    Ok(objects)
}

/// An object's number: canonical decimal below [`MAX_OBJECTS`].
fn object_id(text: &str) -> Option<u32> {
    let id = u32::try_from(decimal(text)?).ok()?;
    (id < MAX_OBJECTS).then_some(id)
}

/// A decimal number without sign, blanks or leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}
