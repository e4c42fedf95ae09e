//! What callers may ask for, typed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use trail::Resource;

use crate::{Body, Conditions, names};

/// A request of S3's, as far as this service goes.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are S3's `Bucket` and `Key`")]
pub enum Operation {
    /// The account's buckets.
    ListBuckets,
    /// A new bucket. `location` is S3's `LocationConstraint`.
    CreateBucket {
        bucket: String,
        location: Option<String>,
    },
    /// Whether the bucket is there and may be used.
    HeadBucket { bucket: String },
    /// Removes a bucket, which must be empty.
    DeleteBucket { bucket: String },
    /// The region that the bucket was made in.
    GetBucketLocation { bucket: String },
    /// Stores an object.
    PutObject(PutObject),
    /// An object.
    GetObject(GetObject),
    /// What an object says of itself.
    HeadObject(GetObject),
    /// Removes an object, if it is there.
    DeleteObject { bucket: String, key: String },
    /// Removes objects.
    DeleteObjects(DeleteObjects),
    /// Objects of a bucket, in the order of their keys.
    ListObjects(ListObjects),
}

/// Stores an object.
#[derive(Debug)]
pub struct PutObject {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// Its bytes.
    pub body: Body,
    /// `Content-Length` (decoded), where the client sent it.
    pub content_length: Option<u64>,
    /// `Content-MD5`, where the client sent it.
    pub content_md5: Option<[u8; 16]>,
    /// The headers that come back with the object, by their lower-case names: `content-type`, `cache-control`,
    /// `content-disposition`, `content-encoding` (without `aws-chunked`), `content-language`, `expires`.
    pub headers: BTreeMap<String, String>,
    /// `x-amz-meta-…`, without that prefix.
    pub metadata: BTreeMap<String, String>,
    /// `If-Match` and `If-None-Match`; times are not looked at.
    pub conditions: Conditions,
}

/// An object, or its head.
#[derive(Debug, Clone, Default)]
pub struct GetObject {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// A part of it.
    pub range: Option<RangeRequest>,
    /// The preconditions.
    pub conditions: Conditions,
    /// Whether the caller may know that an object is not there: set by the gate when policies allow
    /// [`Objects::listing_ask`](crate::Objects::listing_ask). Without it, what is missing is denied.
    pub sees_absence: bool,
}

/// A range of bytes, as `Range: bytes=…` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeRequest {
    /// `first-` or `first-last`, both inclusive.
    From {
        /// The first byte.
        first: u64,
        /// The last byte, or the object's end.
        last: Option<u64>,
    },
    /// `-length`: the object's last bytes.
    Last {
        /// How many.
        length: u64,
    },
}

impl RangeRequest {
    /// Reads the value of a `Range` header. `None` for what is not one range of bytes: S3 then answers with all.
    pub fn parse(header: &str) -> Option<Self> {
        let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| -> Option<u64> {
            (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse().ok())?
        };
        if first.is_empty() {
            return Some(Self::Last {
                length: number(last)?,
            });
        }
        let first = number(first)?;
        let last = if last.is_empty() {
            None
        } else {
            Some(number(last)?)
        };
        if last.is_some_and(|last| last < first) {
            return None;
        }
        Some(Self::From { first, last })
    }
}

/// Removes objects.
#[derive(Debug, Clone)]
pub struct DeleteObjects {
    /// The bucket.
    pub bucket: String,
    /// The objects' keys, at most 1000.
    pub keys: Vec<String>,
}

/// Which of S3's two list operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListVersion {
    /// `ListObjects`, with markers.
    V1,
    /// `ListObjectsV2`, with continuation tokens.
    V2,
}

/// Objects of a bucket.
#[derive(Debug, Clone)]
pub struct ListObjects {
    /// Which operation it is.
    pub version: ListVersion,
    /// The bucket.
    pub bucket: String,
    /// Only keys that begin with this.
    pub prefix: Option<String>,
    /// Keys that agree up to this, behind the prefix, are shown as one common prefix.
    pub delimiter: Option<String>,
    /// At most so many keys and common prefixes; 1000 at most, and by default.
    pub max_keys: Option<u32>,
    /// `marker` or `start-after`: only keys behind this.
    pub start_after: Option<String>,
    /// `continuation-token`: goes on where an answer ended.
    pub token: Option<String>,
}

impl Operation {
    /// The name that CloudTrail and S3 have for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ListBuckets => "ListBuckets",
            Self::CreateBucket { .. } => "CreateBucket",
            Self::HeadBucket { .. } => "HeadBucket",
            Self::DeleteBucket { .. } => "DeleteBucket",
            Self::GetBucketLocation { .. } => "GetBucketLocation",
            Self::PutObject(_) => "PutObject",
            Self::GetObject(_) => "GetObject",
            Self::HeadObject(_) => "HeadObject",
            Self::DeleteObject { .. } => "DeleteObject",
            Self::DeleteObjects(_) => "DeleteObjects",
            // CloudTrail has one name for both, and `list-type` in the parameters.
            Self::ListObjects(_) => "ListObjects",
        }
    }

    /// Whether it changes nothing: CloudTrail's `readOnly`.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::ListBuckets
            | Self::HeadBucket { .. }
            | Self::GetBucketLocation { .. }
            | Self::GetObject(_)
            | Self::HeadObject(_)
            | Self::ListObjects(_) => true,
            Self::CreateBucket { .. }
            | Self::DeleteBucket { .. }
            | Self::PutObject(_)
            | Self::DeleteObject { .. }
            | Self::DeleteObjects(_) => false,
        }
    }

    /// Whether it is about buckets (CloudTrail's management events) and not about objects (data events).
    pub fn is_management(&self) -> bool {
        matches!(
            self,
            Self::ListBuckets
                | Self::CreateBucket { .. }
                | Self::HeadBucket { .. }
                | Self::DeleteBucket { .. }
                | Self::GetBucketLocation { .. }
        )
    }

    /// The bucket, but of `ListBuckets`.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::ListBuckets => None,
            Self::CreateBucket { bucket, .. }
            | Self::HeadBucket { bucket }
            | Self::DeleteBucket { bucket }
            | Self::GetBucketLocation { bucket }
            | Self::DeleteObject { bucket, .. } => Some(bucket),
            Self::PutObject(put) => Some(&put.bucket),
            Self::GetObject(get) | Self::HeadObject(get) => Some(&get.bucket),
            Self::DeleteObjects(delete) => Some(&delete.bucket),
            Self::ListObjects(list) => Some(&list.bucket),
        }
    }

    /// The object's key, where it is about one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::PutObject(put) => Some(&put.key),
            Self::GetObject(get) | Self::HeadObject(get) => Some(&get.key),
            Self::DeleteObject { key, .. } => Some(key),
            _ => None,
        }
    }

    /// What the trail shows of the request, in CloudTrail's spelling: never a body.
    pub fn request_parameters(&self) -> Value {
        let mut parameters = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                parameters.insert(name.to_owned(), value);
            }
        };
        set("bucketName", self.bucket().map(Value::from));
        set("key", self.key().map(Value::from));
        match self {
            Self::CreateBucket { location, .. } => {
                let location = location.as_deref().map(Value::from);
                set(
                    "CreateBucketConfiguration",
                    location.map(|name| serde_json::json!({ "LocationConstraint": name })),
                );
            }
            Self::DeleteObjects(delete) => set("objectCount", Some(delete.keys.len().into())),
            Self::ListObjects(list) => {
                set(
                    "list-type",
                    (list.version == ListVersion::V2).then(|| "2".into()),
                );
                set("prefix", list.prefix.as_deref().map(Value::from));
                set("delimiter", list.delimiter.as_deref().map(Value::from));
                set(
                    "max-keys",
                    list.max_keys.map(|count| count.to_string().into()),
                );
            }
            _ => {}
        }
        Value::Object(parameters)
    }

    /// What the trail says that it was about; `account` owns the buckets.
    pub fn resources(&self, account: &str) -> Vec<Resource> {
        let Some(bucket) = self.bucket() else {
            return Vec::new();
        };
        let mut resources = Vec::new();
        let mut object = |key: &str| {
            let (arn, kind) = (
                names::object_arn(bucket, key),
                Some("AWS::S3::Object".to_owned()),
            );
            resources.push(Resource {
                arn,
                account_id: None,
                kind,
            });
        };
        match self {
            Self::DeleteObjects(delete) => delete.keys.iter().for_each(|key| object(key)),
            _ => self.key().into_iter().for_each(object),
        }
        resources.push(Resource::new(
            names::bucket_arn(bucket),
            account,
            "AWS::S3::Bucket",
        ));
        resources
    }
}
