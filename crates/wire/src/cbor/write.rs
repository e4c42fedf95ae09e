//! From a value under a shape to bytes: definite lengths, the shortest heads, whole numbers as integers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Number, Value};

use super::read::EPOCH;
use crate::{
    error::ApiError,
    shape::{Kind, Shape},
};

/// The major types of RFC 8949 § 3.1.
const POSITIVE: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
/// The first bytes of simple values and of a double.
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const DOUBLE: u8 = 0xfb;

#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn error(&mut self, error: &ApiError) {
        let message = (!error.message.is_empty()).then_some(error.message.as_str());
        self.head(MAP, if message.is_some() { 2 } else { 1 });
        self.text("__type");
        self.text(error.code);
        if let Some(message) = message {
            self.text("message");
            self.text(message);
        }
    }

    fn head(&mut self, major: u8, argument: u64) {
        let first = |additional: u8| major << 5 | additional;
        let bytes = argument.to_be_bytes();
        let [.., a, b, c, d] = bytes;
        match argument {
            0..=23 => self.0.push(first(d)),
            24..=0xff => self.0.extend([first(24), d]),
            0x100..=0xffff => self.0.extend([first(25), c, d]),
            0x1_0000..=0xffff_ffff => self.0.extend([first(26), a, b, c, d]),
            _ => {
                self.0.push(first(27));
                self.0.extend(bytes);
            }
        }
    }

    fn counted(&mut self, major: u8, count: usize) {
        // A length in memory always fits.
        self.head(major, count as u64);
    }

    fn text(&mut self, text: &str) {
        self.counted(TEXT, text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: &Number) {
        match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => self.head(POSITIVE, number),
            (_, Some(number), _) => self.head(NEGATIVE, (!number).unsigned_abs()),
            (.., number) => self.double(number.unwrap_or_default()),
        }
    }

    fn double(&mut self, number: f64) {
        self.0.push(DOUBLE);
        self.0.extend(number.to_be_bytes());
    }

    pub(super) fn value(&mut self, shape: &Shape, value: &Value) {
        match (&shape.kind, value) {
            (Kind::Structure(_), Value::Object(values)) => {
                let present = |name| values.get(name).filter(|value| !value.is_null());
                let members = shape.members().iter();
                let there = members.filter_map(|each| Some((each, present(each.name)?)));
                self.counted(MAP, there.clone().count());
                for (member, value) in there {
                    self.text(member.name);
                    self.value(member.shape, value);
                }
            }
            (Kind::List { member, .. }, Value::Array(items)) => {
                self.counted(ARRAY, items.len());
                for item in items {
                    self.value(member, item);
                }
            }
            (Kind::Map { value: item, .. }, Value::Object(entries)) => {
                self.counted(MAP, entries.len());
                for (name, entry) in entries {
                    self.text(name);
                    self.value(item, entry);
                }
            }
            (Kind::Blob { .. }, Value::String(text)) => self.blob(text),
            (Kind::Timestamp, Value::Number(seconds)) => {
                self.head(TAG, EPOCH);
                self.number(seconds);
            }
            (Kind::Double, Value::Number(number)) => {
                self.double(number.as_f64().unwrap_or_default());
            }
            (_, Value::String(text)) => self.text(text),
            (_, Value::Number(number)) => self.number(number),
            (_, Value::Bool(false)) => self.0.push(FALSE),
            (_, Value::Bool(true)) => self.0.push(TRUE),
            // Nulls within lists; a value is of its shape in every other way.
            _ => self.0.push(NULL),
        }
    }

    /// The bytes that base64 text stands for, which every value of a shape's type is.
    fn blob(&mut self, base64: &str) {
        let mut bytes = STANDARD.decode(base64).unwrap_or_default();
        self.counted(BYTES, bytes.len());
        self.0.extend_from_slice(&bytes);
        zeroize::Zeroize::zeroize(&mut bytes);
    }
}
