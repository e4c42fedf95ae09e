//! Every refusal, in S3's words.

use store::StoreError;
use wire::ApiError;

fn of(code: &'static str, status: u16, message: &str) -> ApiError {
    ApiError::sender(code, status, message)
}

/// The bucket is not there.
pub fn no_such_bucket(bucket: &str) -> ApiError {
    of("NoSuchBucket", 404, "The specified bucket does not exist").with_detail("BucketName", bucket)
}

/// The object is not there.
pub fn no_such_key(key: &str) -> ApiError {
    of("NoSuchKey", 404, "The specified key does not exist.").with_detail("Key", key)
}

/// The object is not there, or it is: the caller may not know.
pub fn denied() -> ApiError {
    of("AccessDenied", 403, "Access Denied")
}

pub(crate) fn invalid_bucket_name(bucket: &str) -> ApiError {
    of(
        "InvalidBucketName",
        400,
        "The specified bucket is not valid.",
    )
    .with_detail("BucketName", bucket)
}

pub(crate) fn bucket_is_yours(bucket: &str) -> ApiError {
    let message =
        "Your previous request to create the named bucket succeeded and you already own it.";
    of("BucketAlreadyOwnedByYou", 409, message).with_detail("BucketName", bucket)
}

/// The bucket is another account's.
pub(crate) fn access_denied() -> ApiError {
    of("AccessDenied", 403, "Access Denied")
}

pub(crate) fn bucket_is_anothers(bucket: &str) -> ApiError {
    let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                   system. Please select a different name and try again.";
    of("BucketAlreadyExists", 409, message).with_detail("BucketName", bucket)
}

pub(crate) fn bucket_not_empty(bucket: &str) -> ApiError {
    of(
        "BucketNotEmpty",
        409,
        "The bucket you tried to delete is not empty",
    )
    .with_detail("BucketName", bucket)
}

pub(crate) fn illegal_location(location: &str) -> ApiError {
    let message = format!(
        "The {location} location constraint is incompatible for the region specific endpoint this request was sent to."
    );
    of("IllegalLocationConstraintException", 400, &message)
}

pub(crate) fn key_too_long(len: usize) -> ApiError {
    of("KeyTooLongError", 400, "Your key is too long")
        .with_detail("Size", len.to_string())
        .with_detail("MaxSizeAllowed", crate::names::MAX_KEY_LEN.to_string())
}

pub(crate) fn invalid_argument(message: &str, name: &'static str, value: &str) -> ApiError {
    of("InvalidArgument", 400, message)
        .with_detail("ArgumentName", name)
        .with_detail("ArgumentValue", value)
}

pub(crate) fn malformed_delete(message: &str) -> ApiError {
    of("MalformedXML", 400, message)
}

pub(crate) fn metadata_too_large() -> ApiError {
    of(
        "MetadataTooLarge",
        400,
        "Your metadata headers exceed the maximum allowed metadata size",
    )
}

pub(crate) fn entity_too_large() -> ApiError {
    of(
        "EntityTooLarge",
        400,
        "Your proposed upload exceeds the maximum allowed size",
    )
}

pub(crate) fn incomplete_body() -> ApiError {
    let message =
        "You did not provide the number of bytes specified by the Content-Length HTTP header";
    of("IncompleteBody", 400, message)
}

pub(crate) fn bad_digest() -> ApiError {
    of(
        "BadDigest",
        400,
        "The Content-MD5 you specified did not match what we received.",
    )
}

pub(crate) fn precondition_failed(condition: &str) -> ApiError {
    let message = "At least one of the pre-conditions you specified did not hold";
    of("PreconditionFailed", 412, message).with_detail("Condition", condition)
}

pub(crate) fn conflicting_request() -> ApiError {
    let message = "The conditional request cannot succeed due to a conflicting operation against this resource.";
    of("ConditionalRequestConflict", 409, message)
}

pub(crate) fn invalid_range(size: u64) -> ApiError {
    of(
        "InvalidRange",
        416,
        "The requested range is not satisfiable",
    )
    .with_detail("ActualObjectSize", size.to_string())
}

pub(crate) fn not_implemented(message: &str) -> ApiError {
    of("NotImplemented", 501, message)
}

pub(crate) fn internal() -> ApiError {
    ApiError::receiver(
        "InternalError",
        500,
        "We encountered an internal error. Please try again.",
    )
}

/// No room, or nothing to be reached: the same request may succeed later.
pub(crate) fn unavailable(message: &str) -> ApiError {
    ApiError::receiver("ServiceUnavailable", 503, message)
}

/// The store's errors. Conflicts are the operations' own matter and do not come here.
pub(crate) fn store(error: &StoreError) -> ApiError {
    match error {
        StoreError::Full => unavailable("The service has no room left. Please try again."),
        StoreError::Unavailable { .. } | StoreError::OutcomeUnknown { .. } => {
            tracing::error!(%error, "the store failed");
            unavailable("Please reduce your request rate or try again.")
        }
        error => {
            tracing::error!(%error, "the store failed");
            internal()
        }
    }
}

/// The file system's errors.
pub(crate) fn io(error: &std::io::Error) -> ApiError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
        return unavailable("The service has no room left. Please try again.");
    }
    tracing::error!(%error, "an object's file failed");
    internal()
}
