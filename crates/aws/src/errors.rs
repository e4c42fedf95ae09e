//! The SDK's errors, sorted into the ports' by what the caller can do about them.

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// What went wrong, whichever the service.
pub(crate) enum Fault {
    Unreachable(String),
    Throttled(String),
    Denied(String),
    NotFound(String),
    Invalid(String),
}

/// Error codes of the services, and what they mean to a caller.
const THROTTLED: &[&str] = &[
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestLimitExceeded",
    "SlowDown",
    "TooManyRequestsException",
    "RequestThrottled",
];
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
const NOT_FOUND: &[&str] = &["NotFoundException", "NoSuchKey", "NoSuchBucket"];

/// Sorts an error.
pub(crate) fn sort<E>(error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(service) if service.raw().status().is_success() => {
            stranger(service.raw().status().as_u16())
        }
        SdkError::ServiceError(service) => by_code(
            service.err().code(),
            service.err().message(),
            service.raw().status().as_u16(),
        ),
        SdkError::ResponseError(response) => stranger(response.raw().status().as_u16()),
        _ => Fault::Unreachable(with_advice(chain(error))),
    }
}

/// An answer that does not parse: a proxy's or a guest network's page, which may be gone when this is run again.
fn stranger(status: u16) -> Fault {
    Fault::Unreachable(format!(
        "whoever answered (HTTP {status}) is not this service"
    ))
}

/// A certificate that is not trusted is mended where the trust comes from.
fn with_advice(text: String) -> String {
    if text.contains("invalid peer certificate") {
        format!(
            "{text}; if the service is yours, AWS_CA_BUNDLE must name the certificate of its authority"
        )
    } else {
        text
    }
}

fn by_code(code: Option<&str>, message: Option<&str>, status: u16) -> Fault {
    let text = match (code, message) {
        (Some(code), Some(message)) if !message.is_empty() => {
            // It becomes a part of a sentence.
            format!("{code}: {}", message.trim_end_matches('.'))
        }
        (Some(code), _) => code.to_owned(),
        (None, _) => format!("HTTP {status} without a reason"),
    };
    let code = code.unwrap_or_default();
    let one_of = |codes: &[&str]| codes.contains(&code);
    if one_of(THROTTLED) {
        Fault::Throttled(text)
    } else if one_of(DENIED) {
        Fault::Denied(text)
    } else if one_of(NOT_FOUND) {
        Fault::NotFound(text)
    } else if status >= 500 {
        Fault::Unreachable(text)
    } else {
        match status {
            429 => Fault::Throttled(text),
            401 | 403 => Fault::Denied(text),
            404 => Fault::NotFound(text),
            _ => Fault::Invalid(text),
        }
    }
}

/// The SDK's and its HTTP client's names for "something below went wrong".
const EMPTY_WORDS: &[&str] = &[
    "dispatch failure",
    "io error",
    "client error (Connect)",
    "client error (SendRequest)",
    "other",
    "response error",
    "an error occurred while loading credentials",
    "the credential provider was not enabled",
];

/// An error and all its causes, without what is said twice and what says nothing.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let words = cause.to_string();
        // Of a list, its title.
        let words = words.lines().next().unwrap_or_default();
        let words = words.trim_end_matches(". Attempted:");
        if !text.contains(words) && !EMPTY_WORDS.contains(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(words);
        }
        next = cause.source();
    }
    if text.is_empty() {
        error.to_string()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(code: Option<&str>, status: u16) -> &'static str {
        match by_code(code, Some("why"), status) {
            Fault::Unreachable(_) => "unreachable",
            Fault::Throttled(_) => "throttled",
            Fault::Denied(_) => "denied",
            Fault::NotFound(_) => "not found",
            Fault::Invalid(_) => "invalid",
        }
    }

    #[test]
    fn a_code_says_more_than_a_status() {
        assert_eq!(sorted(Some("ThrottlingException"), 400), "throttled");
        assert_eq!(sorted(Some("SlowDown"), 503), "throttled");
        assert_eq!(sorted(Some("AccessDeniedException"), 400), "denied");
        assert_eq!(sorted(Some("NotFoundException"), 400), "not found");
        assert_eq!(sorted(Some("InvalidCiphertextException"), 400), "invalid");
        assert_eq!(sorted(Some("DisabledException"), 400), "invalid");
        assert_eq!(sorted(Some("KMSInternalException"), 500), "unreachable");
    }

    #[test]
    fn without_a_code_the_status_decides() {
        assert_eq!(sorted(None, 403), "denied");
        assert_eq!(sorted(None, 404), "not found");
        assert_eq!(sorted(None, 429), "throttled");
        assert_eq!(sorted(None, 503), "unreachable");
        assert_eq!(sorted(None, 418), "invalid");
    }

    #[test]
    fn the_services_words_are_kept() {
        let Fault::Denied(text) = by_code(
            Some("AccessDeniedException"),
            Some("User: x is not authorized"),
            400,
        ) else {
            panic!("not denied")
        };
        assert_eq!(text, "AccessDeniedException: User: x is not authorized");
    }
}
