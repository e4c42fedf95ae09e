//! What the store keeps of buckets and objects.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wire::ApiError;
use wire::checksum::ChecksumAlgorithm;

use crate::content::BodyId;
use crate::faults;

/// The version of the records below.
const VERSION: u32 = 1;

/// A bucket's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BucketRecord {
    v: u32,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) created: Timestamp,
}

impl BucketRecord {
    pub(crate) fn new(account: &str, region: &str, created: Timestamp) -> Self {
        Self {
            v: VERSION,
            account: account.to_owned(),
            region: region.to_owned(),
            created,
        }
    }
}

/// An object's record: its head, and where its body is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectRecord {
    v: u32,
    pub(crate) body: BodyId,
    /// Of the body, in hex: what it is checked against when it is read whole.
    sha256: String,
    pub(crate) head: ObjectHead,
}

impl ObjectRecord {
    pub(crate) fn new(body: BodyId, sha256: [u8; 32], head: ObjectHead) -> Self {
        Self {
            v: VERSION,
            body,
            sha256: hex::encode(sha256),
            head,
        }
    }

    pub(crate) fn sha256(&self) -> Result<[u8; 32], ApiError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&self.sha256, &mut bytes).map_err(|_| damaged("a body's hash"))?;
        Ok(bytes)
    }
}

/// What an object says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectHead {
    /// Its length in bytes.
    pub size: u64,
    /// Its `ETag`: the MD5 of its bytes in hex, in quotes.
    pub etag: String,
    /// When it was stored.
    pub last_modified: Timestamp,
    /// The headers that come back with it, by their lower-case names; see
    /// [`PutObject::headers`](crate::PutObject::headers).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// `x-amz-meta-…`, without that prefix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The checksum that the client sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<StoredChecksum>,
}

/// A checksum that a client sent with an object, verified when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredChecksum {
    /// The algorithm as S3 names it: `CRC32`, `CRC32C`, `CRC64NVME`, `SHA1`, `SHA256`.
    pub algorithm: String,
    /// The value in base64, as the headers `x-amz-checksum-…` have it.
    pub value: String,
}

impl StoredChecksum {
    pub(crate) fn new(algorithm: ChecksumAlgorithm, value: &[u8]) -> Self {
        Self {
            algorithm: algorithm.as_str().to_owned(),
            value: STANDARD.encode(value),
        }
    }

    /// The header that carries it; `None` for an algorithm of a later version.
    pub fn header_name(&self) -> Option<&'static str> {
        let known = ChecksumAlgorithm::ALL
            .into_iter()
            .find(|known| known.as_str() == self.algorithm)?;
        Some(known.header_name())
    }
}

pub(crate) fn encode(record: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(record).map_err(|_| faults::internal())
}

/// Reads a record back; one of a later version, or a damaged one, is an internal error and is logged.
pub(crate) fn decode<T: DeserializeOwned + Versioned>(
    name: &store::Key,
    bytes: &[u8],
) -> Result<T, ApiError> {
    match serde_json::from_slice::<T>(bytes) {
        Ok(record) if record.version() == VERSION => Ok(record),
        _ => Err(damaged(name.as_str())),
    }
}

pub(crate) trait Versioned {
    fn version(&self) -> u32;
}

impl Versioned for BucketRecord {
    fn version(&self) -> u32 {
        self.v
    }
}

impl Versioned for ObjectRecord {
    fn version(&self) -> u32 {
        self.v
    }
}

fn damaged(place: &str) -> ApiError {
    tracing::error!(place, "a record of an object cannot be read");
    faults::internal()
}
