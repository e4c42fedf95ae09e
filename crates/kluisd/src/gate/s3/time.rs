//! Instants as S3 writes them.

use jiff::Timestamp as Instant;
use s3s::dto::Timestamp;

/// For an HTTP header.
pub(super) fn http_date(at: Instant) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// For XML.
pub(super) fn time(at: Instant) -> Timestamp {
    Timestamp::from(std::time::SystemTime::from(at))
}
