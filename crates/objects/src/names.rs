//! Names: of buckets and objects by S3's rules, of the resources that policies know, of records in the store.

use std::net::Ipv4Addr;

use wire::ApiError;

use crate::faults;

/// The longest object key, in bytes of UTF-8.
pub const MAX_KEY_LEN: usize = 1024;
/// The prefix of all buckets' records.
pub(crate) const BUCKETS: &str = "s3/bucket/";

/// Whether S3 lets a general purpose bucket have this name.
///
/// Source: S3 user guide, "General purpose bucket naming rules".
///
/// # Errors
/// `InvalidBucketName`.
pub fn check_bucket(bucket: &str) -> Result<(), ApiError> {
    let bytes = bucket.as_bytes();
    let is_edge = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let is_allowed = |byte: &u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    };
    let is_valid = (3..=63).contains(&bytes.len())
        && bytes.iter().all(is_allowed)
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && !bucket.contains("..")
        && bucket.parse::<Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"]
            .iter()
            .any(|prefix| bucket.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| bucket.ends_with(suffix));
    if is_valid {
        Ok(())
    } else {
        Err(faults::invalid_bucket_name(bucket))
    }
}

/// Whether an object may have this key.
///
/// # Errors
/// `KeyTooLongError`, or `InvalidArgument` for an empty one.
pub fn check_key(key: &str) -> Result<(), ApiError> {
    match key.len() {
        0 => Err(faults::invalid_argument(
            "Object key must not be empty",
            "key",
            "",
        )),
        1..=MAX_KEY_LEN => Ok(()),
        len => Err(faults::key_too_long(len)),
    }
}

/// A bucket's ARN.
pub fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// An object's ARN.
pub fn object_arn(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}

/// A bucket's record. `Err` cannot happen to checked names; it is the store's to say.
pub(crate) fn bucket_record(bucket: &str) -> Result<store::Key, ApiError> {
    record(format!("{BUCKETS}{bucket}"))
}

pub(crate) fn object_record(bucket: &str, key: &str) -> Result<store::Key, ApiError> {
    record(format!("{}{key}", object_prefix(bucket)))
}

/// The prefix of a bucket's objects' records. A bucket's name has no slash, so that no bucket's prefix begins
/// another's.
pub(crate) fn object_prefix(bucket: &str) -> String {
    format!("s3/object/{bucket}/")
}

pub(crate) fn record(name: String) -> Result<store::Key, ApiError> {
    store::Key::new(name).map_err(|error| faults::store(&error))
}
