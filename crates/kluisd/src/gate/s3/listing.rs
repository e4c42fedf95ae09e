//! Objects as a listing shows them.

use objects::Listed;
use s3s::dto::{CommonPrefix, ETag, Object};

use super::time::time;

/// `encoding-type=url`: keys that XML cannot carry are percent-encoded.
#[derive(Clone, Copy)]
pub(super) enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    /// What the request asks for.
    pub(super) fn of(name: Option<&str>) -> Self {
        if name == Some("url") {
            Self::Url
        } else {
            Self::Plain
        }
    }

    /// A text as it asks for.
    pub(super) fn text(self, text: String) -> String {
        /// What S3 leaves as it is.
        const ESCAPED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'_')
            .remove(b'.')
            .remove(b'*')
            .remove(b'/');
        match self {
            Self::Plain => text,
            Self::Url => percent_encoding::utf8_percent_encode(&text, ESCAPED).to_string(),
        }
    }
}

/// An object, listed.
pub(super) fn object(listed: Listed, encode: Encoding) -> Object {
    Object {
        key: Some(encode.text(listed.key)),
        last_modified: Some(time(listed.last_modified)),
        e_tag: ETag::parse_http_header(listed.etag.as_bytes()).ok(),
        size: i64::try_from(listed.size).ok(),
        storage_class: Some(s3s::dto::ObjectStorageClass::from_static("STANDARD")),
        ..Default::default()
    }
}

/// Common prefixes, listed.
pub(super) fn prefixes(prefixes: Vec<String>, encode: Encoding) -> Vec<CommonPrefix> {
    prefixes
        .into_iter()
        .map(|prefix| CommonPrefix {
            prefix: Some(encode.text(prefix)),
        })
        .collect()
}
