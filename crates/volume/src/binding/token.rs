//! The token of type `kluis` in a LUKS2 header. It is public and anybody with the disk can write it: nothing in it is
//! believed before its mac is verified, and no endpoint, ARN or machine name is ever taken from it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ports::BLOB_MAX;

/// The token's type in the LUKS2 JSON area.
pub const TOKEN_TYPE: &str = "kluis";
/// The version of the token's format.
pub const TOKEN_VERSION: u64 = 1;

/// Where a volume is in its life, as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The header is written; the file system is not made, or not known to be whole.
    Provisioning,
    /// The file system was made and synced. mkfs never runs again.
    Ready,
}

impl State {
    /// As in the token.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
        }
    }
}

/// A token, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The keyslot that it opens; `None` on an ephemeral volume, which has none.
    pub keyslot: Option<u32>,
    /// The wrapped secret; `None` in seed mode, where it lies in the object store, and on an ephemeral volume.
    pub blob: Option<Vec<u8>>,
    /// How often the wrapping was replaced.
    pub generation: u64,
    /// Whether mkfs is still to run.
    pub state: State,
    /// The mac; `None` on an ephemeral volume, whose secret is gone when its mapping is.
    pub mac: Option<Vec<u8>>,
}

/// Why JSON of type `kluis` is not a token that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Made by something newer.
    #[error(
        "the header's kluis token has version {0}, which this Kluis does not know; install a newer one"
    )]
    Version(u64),
    /// Not what Kluis writes.
    #[error(
        "the header's kluis token is malformed: {0}; restore a header backup (kluis header restore)"
    )]
    Malformed(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    keyslots: Vec<String>,
    v: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
    #[serde(rename = "gen")]
    generation: u64,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

impl Token {
    /// Takes a token apart. `None` when it is another's.
    ///
    /// # Errors
    /// [`TokenError`] when it says that it is Kluis's and is not.
    pub fn from_json(value: &Value) -> Option<Result<Self, TokenError>> {
        (value.get("type").and_then(Value::as_str) == Some(TOKEN_TYPE)).then(|| Self::read(value))
    }

    fn read(value: &Value) -> Result<Self, TokenError> {
        // The version first: a newer token may have members that this one does not know.
        if let Some(version) = value
            .get("v")
            .and_then(Value::as_u64)
            .filter(|v| *v != TOKEN_VERSION)
        {
            return Err(TokenError::Version(version));
        }
        let malformed = |what: &str| TokenError::Malformed(what.to_owned());
        let raw =
            Raw::deserialize(value).map_err(|error| TokenError::Malformed(error.to_string()))?;
        let keyslot = match raw.keyslots.as_slice() {
            [] => None,
            [slot] => Some(
                slot.parse()
                    .map_err(|_| malformed("keyslots holds no number"))?,
            ),
            _ => return Err(malformed("more than one keyslot")),
        };
        let blob = raw
            .blob
            .as_deref()
            .map(|text| decode(text, BLOB_MAX))
            .transpose()
            .ok_or_malformed("blob")?;
        let mac = raw
            .mac
            .as_deref()
            .map(|text| decode(text, 32))
            .transpose()
            .ok_or_malformed("mac")?;
        if mac.as_ref().is_some_and(|mac| mac.len() != 32) {
            return Err(malformed("mac has not 32 bytes"));
        }
        Ok(Self {
            keyslot,
            blob,
            generation: raw.generation,
            state: raw.state,
            mac,
        })
    }

    /// The JSON of the token.
    pub fn to_json(&self) -> Value {
        let raw = Raw {
            kind: TOKEN_TYPE.to_owned(),
            keyslots: self.keyslot.iter().map(u32::to_string).collect(),
            v: TOKEN_VERSION,
            blob: self.blob.as_ref().map(|blob| STANDARD.encode(blob)),
            generation: self.generation,
            state: self.state,
            mac: self.mac.as_ref().map(|mac| STANDARD.encode(mac)),
        };
        // A struct of strings and numbers always has a JSON form.
        serde_json::to_value(raw).unwrap_or(Value::Null)
    }
}

/// `Err(())` stands for "not base64 of at most `max` bytes".
fn decode(text: &str, max: usize) -> Result<Vec<u8>, ()> {
    STANDARD
        .decode(text)
        .ok()
        .filter(|bytes| !bytes.is_empty() && bytes.len() <= max)
        .ok_or(())
}

trait OkOrMalformed<T> {
    fn ok_or_malformed(self, member: &str) -> Result<T, TokenError>;
}

impl<T> OkOrMalformed<T> for Result<T, ()> {
    fn ok_or_malformed(self, member: &str) -> Result<T, TokenError> {
        self.map_err(|()| TokenError::Malformed(format!("{member} is not base64, or too long")))
    }
}
