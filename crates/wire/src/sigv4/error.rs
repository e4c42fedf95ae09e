//! Why a request is not believed, and how each protocol says so.

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::{error::ApiError, protocol::Dialect, time};

/// Why a signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SigError {
    /// The request has neither an `Authorization` header nor a signed query.
    #[error("the request is not signed")]
    Missing,
    /// The request has both, or one of them twice.
    #[error("the request is signed in more than one way")]
    Ambiguous,
    /// Another algorithm than `AWS4-HMAC-SHA256`.
    #[error("the request is signed with an algorithm that is not supported; use AWS4-HMAC-SHA256")]
    Algorithm,
    /// Something is missing or malformed.
    #[error("{what}")]
    Incomplete {
        /// What.
        what: String,
        /// Whether it is in a signed query.
        in_query: bool,
    },
    /// The credential scope is not that of this service.
    #[error("Credential should be scoped to {}", match .part {
        ScopePart::Region => "a valid region.".to_owned(),
        ScopePart::Service => format!("correct service: '{expected}'."),
        ScopePart::Date => format!("the date of the request: '{expected}'."),
        ScopePart::Terminator => "a valid terminator: 'aws4_request'.".to_owned(),
    })]
    Scope {
        /// Which part differs.
        part: ScopePart,
        /// What is there.
        found: String,
        /// What ought to be.
        expected: String,
    },
    /// A header that could change what the request means is not signed.
    #[error("There were headers present in the request which were not signed: {0}")]
    UnsignedHeader(String),
    /// The request was signed too long ago, or too far ahead.
    #[error("{}", skewed(*signed_at, *now))]
    Skewed {
        /// When it was signed.
        signed_at: Timestamp,
        /// When it came.
        now: Timestamp,
    },
    /// A presigned request came after its time.
    #[error("Request has expired")]
    Expired {
        /// Until when it was good.
        until: Timestamp,
        /// When it came.
        now: Timestamp,
    },
    /// The signature is not that of the request under the caller's secret.
    #[error("The request signature we calculated does not match the signature you provided")]
    Mismatch,
    /// No such access key: said by whoever looks keys up.
    #[error("The security token included in the request is invalid.")]
    UnknownAccessKey,
    /// The session has ended: said by whoever looks keys up.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// Locked memory for the signing key could not be had.
    #[error("out of locked memory; raise RLIMIT_MEMLOCK")]
    Memory,
}

/// A part of the credential scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopePart {
    /// The day.
    Date,
    /// The region.
    Region,
    /// The service.
    Service,
    /// `aws4_request`.
    Terminator,
}

impl SigError {
    pub(super) fn incomplete(what: impl Into<String>, in_query: bool) -> Self {
        Self::Incomplete {
            what: what.into(),
            in_query,
        }
    }

    /// The error as the services of that protocol answer it.
    pub fn to_api_error(&self, dialect: Dialect) -> ApiError {
        match dialect {
            Dialect::Json(_) | Dialect::Cbor => self.json(),
            Dialect::Query(_) => self.query(),
            Dialect::S3 => self.s3(),
        }
    }

    fn json(&self) -> ApiError {
        let code = match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Ambiguous | Self::Algorithm | Self::Incomplete { .. } => {
                "IncompleteSignatureException"
            }
            Self::UnknownAccessKey => "UnrecognizedClientException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::Memory => return ApiError::internal_failure(),
            _ => "InvalidSignatureException",
        };
        ApiError::sender(code, 400, self.text())
    }

    fn query(&self) -> ApiError {
        let (code, status) = match self {
            Self::Missing => ("MissingAuthenticationToken", 403),
            Self::Ambiguous | Self::Algorithm | Self::Incomplete { .. } => {
                ("IncompleteSignature", 400)
            }
            Self::UnknownAccessKey => ("InvalidClientTokenId", 403),
            Self::ExpiredToken => ("ExpiredToken", 403),
            Self::Memory => return ApiError::internal_failure(),
            _ => ("SignatureDoesNotMatch", 403),
        };
        ApiError::sender(code, status, self.text())
    }

    /// The text of the services other than S3.
    fn text(&self) -> String {
        match self {
            Self::Missing => "Missing Authentication Token".to_owned(),
            Self::Mismatch => format!(
                "{self}. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
            ),
            Self::Expired { until, now } => format!(
                "Signature expired: {} is now earlier than {}",
                basic(*until),
                basic(*now)
            ),
            _ => self.to_string(),
        }
    }

    fn s3(&self) -> ApiError {
        match self {
            Self::Missing => ApiError::sender("AccessDenied", 403, "Access Denied"),
            Self::Ambiguous => ApiError::sender(
                "InvalidArgument",
                400,
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified",
            ),
            Self::Algorithm => ApiError::sender(
                "InvalidRequest",
                400,
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            ),
            Self::Incomplete {
                what,
                in_query: true,
            } => ApiError::sender("AuthorizationQueryParametersError", 400, what),
            Self::Incomplete { what, .. } => malformed_header(what),
            Self::Scope {
                part: ScopePart::Region,
                found,
                expected,
            } => malformed_header(&format!(
                "the region '{found}' is wrong; expecting '{expected}'"
            ))
            .with_detail("Region", expected),
            Self::Scope { .. } => malformed_header(&self.to_string()),
            Self::UnsignedHeader(names) => ApiError::sender(
                "AccessDenied",
                403,
                "There were headers present in the request which were not signed",
            )
            .with_detail("HeadersNotSigned", names),
            Self::Skewed { signed_at, now } => ApiError::sender(
                "RequestTimeTooSkewed",
                403,
                "The difference between the request time and the current time is too large.",
            )
            .with_detail("RequestTime", basic(*signed_at))
            .with_detail("ServerTime", time::to_iso8601(*now))
            .with_detail(
                "MaxAllowedSkewMilliseconds",
                super::SKEW_MAX.as_millis().to_string(),
            ),
            Self::Expired { until, now } => ApiError::sender("AccessDenied", 403, self.to_string())
                .with_detail("Expires", time::to_iso8601(*until))
                .with_detail("ServerTime", time::to_iso8601(*now)),
            Self::Mismatch => ApiError::sender(
                "SignatureDoesNotMatch",
                403,
                format!("{self}. Check your key and signing method."),
            ),
            Self::UnknownAccessKey => ApiError::sender(
                "InvalidAccessKeyId",
                403,
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Self::ExpiredToken => {
                ApiError::sender("ExpiredToken", 400, "The provided token has expired.")
            }
            Self::Memory => ApiError::receiver(
                "InternalError",
                500,
                "We encountered an internal error. Please try again.",
            ),
        }
    }
}

fn malformed_header(what: &str) -> ApiError {
    ApiError::sender(
        "AuthorizationHeaderMalformed",
        400,
        format!("The authorization header is malformed; {what}"),
    )
}

/// AWS's words, with the edge of what would have been accepted.
fn skewed(signed_at: Timestamp, now: Timestamp) -> String {
    let minutes = super::SKEW_MAX.as_secs() / 60;
    let (signed, current) = (basic(signed_at), basic(now));
    if signed_at < now {
        let edge = basic(shifted(now, -super::SKEW_MAX));
        format!(
            "Signature expired: {signed} is now earlier than {edge} ({current} - {minutes} min.)"
        )
    } else {
        let edge = basic(shifted(now, super::SKEW_MAX));
        format!(
            "Signature not yet current: {signed} is still later than {edge} ({current} + {minutes} min.)"
        )
    }
}

fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

/// ISO 8601's basic form: `20150830T123600Z`.
pub(super) fn basic(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}
