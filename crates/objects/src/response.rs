//! What operations answer, typed.

use jiff::Timestamp;
use wire::ApiError;

use crate::{ObjectBody, ObjectHead, StoredChecksum};

/// The answer to an [`Operation`](crate::Operation), under its name.
#[derive(Debug)]
pub enum Response {
    /// The buckets, by name.
    ListBuckets(Vec<BucketSummary>),
    /// The bucket is made.
    CreateBucket {
        /// `/` and its name, for the `Location` header.
        location: String,
    },
    /// The bucket is there.
    HeadBucket {
        /// Where it was made.
        region: String,
    },
    /// The bucket is gone.
    DeleteBucket,
    /// Where the bucket was made.
    GetBucketLocation {
        /// `None` for us-east-1, as S3 has it.
        location: Option<String>,
    },
    /// The object is stored.
    PutObject(PutDone),
    /// The object.
    GetObject(Box<GotObject>),
    /// What the object says of itself, and the part that a range would give.
    HeadObject(Box<ObjectHead>, Option<ContentRange>),
    /// 304: the client has it already.
    NotModified(Box<ObjectHead>),
    /// The object is not there, or not any more.
    DeleteObject,
    /// What became of each key.
    DeleteObjects(Vec<Deleted>),
    /// Objects of a bucket.
    ListObjects(Listing),
}

/// A bucket in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSummary {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Where it was made.
    pub region: String,
}

/// An object that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutDone {
    /// The `ETag`, in its quotes.
    pub etag: String,
    /// The checksum that the client sent.
    pub checksum: Option<StoredChecksum>,
}

/// An object and its bytes.
#[derive(Debug)]
pub struct GotObject {
    /// What it says of itself; `size` is the whole object's.
    pub head: ObjectHead,
    /// Which part the body is, where a range was asked for: 206 and `Content-Range`.
    pub range: Option<ContentRange>,
    /// The bytes.
    pub body: ObjectBody,
}

/// A part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte.
    pub first: u64,
    /// The last byte, inclusive.
    pub last: u64,
    /// The whole object's length.
    pub total: u64,
}

impl ContentRange {
    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub fn len(&self) -> u64 {
        self.last - self.first + 1
    }

    /// The value of `Content-Range`.
    pub fn header(&self) -> String {
        format!("bytes {}-{}/{}", self.first, self.last, self.total)
    }
}

/// What became of one key of `DeleteObjects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// The key.
    pub key: String,
    /// Why it was not deleted.
    pub error: Option<ApiError>,
}

/// A page of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Objects, by key.
    pub objects: Vec<Listed>,
    /// Common prefixes, in order.
    pub common_prefixes: Vec<String>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// V1: `NextMarker`, where a delimiter was given and there are more.
    pub next_marker: Option<String>,
    /// V2: `NextContinuationToken`, where there are more.
    pub next_token: Option<String>,
    /// The limit that held.
    pub max_keys: u32,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// When it was stored.
    pub last_modified: Timestamp,
    /// Its `ETag`, in its quotes.
    pub etag: String,
    /// Its length in bytes.
    pub size: u64,
    /// The checksum that the client sent.
    pub checksum: Option<StoredChecksum>,
}
