//! Values that a model marks as sensitive: wiped when dropped, never shown, never copied by accident.
//!
//! They are what the wire carries, already once in the clear in a request's or an answer's bytes. A room that keeps such a value moves
//! it into `crypto`'s locked memory at once.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::{Zeroize, Zeroizing};

/// Sensitive bytes, such as `Plaintext`.
#[derive(Default)]
pub struct SensitiveBlob(Zeroizing<Vec<u8>>);

/// Sensitive text, such as `SecretAccessKey`.
#[derive(Default)]
pub struct SensitiveString(Zeroizing<String>);

impl SensitiveBlob {
    /// Takes over `bytes`, which are wiped when this is dropped.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes in the clear.
    pub fn danger_expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes in the clear, to be moved into locked memory by a function that wipes its source.
    pub fn danger_expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl SensitiveString {
    /// Takes over `text`, which is wiped when this is dropped.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text in the clear.
    pub fn danger_expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SensitiveBlob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SensitiveBlob(…)")
    }
}

impl fmt::Debug for SensitiveString {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SensitiveString(…)")
    }
}

impl Serialize for SensitiveBlob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(STANDARD.encode(self.danger_expose()));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for SensitiveBlob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // The decoder's own error would name the offending byte of a secret.
        let decoded = STANDARD.decode(text.as_bytes());
        decoded
            .map(Self::new)
            .map_err(|_| D::Error::custom("not base64"))
    }
}

impl Serialize for SensitiveString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.danger_expose())
    }
}

impl<'de> Deserialize<'de> for SensitiveString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Wipes every string in `value`.
pub(crate) fn wipe(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => text.zeroize(),
        serde_json::Value::Array(items) => items.iter_mut().for_each(wipe),
        serde_json::Value::Object(members) => members.values_mut().for_each(wipe),
        _ => {}
    }
}
