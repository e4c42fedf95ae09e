//! The SDK's errors, sorted into the ports' by what the caller can do about them: by types where there are types, by the services' codes
//! where they answered.

use std::error::Error;
use std::io::{self, ErrorKind};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::future::timeout::TimedOutError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use rustls::pki_types::{InvalidDnsNameError, UnixTime};
use rustls::{AlertDescription, CertificateError};
use volume::ports::ReachError;

use crate::clock::Clock;
use crate::credentials;
use crate::probe::{self, Spoken};
use crate::resolver::NameUnknown;

/// What went wrong, whichever the service.
#[derive(Debug)]
pub(crate) enum Fault {
    Reach(ReachError),
    Unreachable(String),
    Throttled(String),
    Denied(String),
    NotFound(String),
    Disabled(String),
    PendingDeletion(String),
    Unusable(String),
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
const DENIED: &[&str] = &["AccessDenied", "AccessDeniedException"];
const SKEWED: &[&str] = &["RequestTimeTooSkewed", "RequestExpired"];
/// They may be the clock's fault, and else are the credentials'.
const NOT_RECOGNIZED: &[&str] = &[
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
/// How a signature that is too old or too new is told where there is no code for it.
const SKEWED_WORDS: &[&str] = &["Signature expired", "Signature not yet current"];
/// The object store's answers to a request for another region.
const OTHER_REGION: &[&str] = &[
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
];
/// The answers of a service to another's requests.
const OTHER_SERVICE: &[&str] = &[
    "InvalidAction",
    "UnknownOperation",
    "UnknownOperationException",
];
const NOT_FOUND: &[&str] = &["NotFoundException", "NoSuchKey", "NoSuchBucket"];
const DISABLED: &str = "DisabledException";
const INVALID_STATE: &str = "KMSInvalidStateException";
/// One code stands for several states; this is the one that cannot wait.
const PENDING_DELETION_WORDS: &str = "pending deletion";

/// Sorts an error of a call to the service at `place`.
pub(crate) fn sort<E>(error: &SdkError<E, HttpResponse>, place: &str, clock: &Clock) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) if service.raw().status().is_success() => {
            stranger(service.raw().status().as_u16(), place, clock)
        }
        SdkError::ServiceError(service) => by_code(
            service.err().code(),
            service.err().message(),
            service.raw().status().as_u16(),
            place,
            clock,
        ),
        SdkError::ResponseError(response) => {
            stranger(response.raw().status().as_u16(), place, clock)
        }
        SdkError::TimeoutError(_) => Fault::Unreachable("the request timed out".to_owned()),
        error => match find::<CredentialsError>(error) {
            Some(error) => credentials::fault(error, place, clock),
            None if matches!(error, SdkError::ConstructionFailure(_))
                && find::<TimedOutError>(error).is_none() =>
            {
                Fault::Reach(ReachError::Misconfigured(format!(
                    "no request to {place} can be made: {}; check [agent] endpoint and region, or AWS_ENDPOINT_URL and AWS_REGION",
                    chain(error)
                )))
            }
            None => connection(error, place),
        },
    }
}

/// An answer that is not the service's, such as a page: another program listens there, or a proxy stands before it. Overload passes; the
/// rest is a mistake in where the service is.
fn stranger(status: u16, place: &str, clock: &Clock) -> Fault {
    // Its clock is nobody's.
    clock.forget();
    match status {
        429 => Fault::Throttled(format!("HTTP {status} without a reason")),
        // But one that does not know the method, or the version of HTTP, is not busy.
        500.. if !matches!(status, 501 | 505) => {
            Fault::Unreachable(format!("HTTP {status} without a reason"))
        }
        _ => Fault::Reach(ReachError::Stranger {
            place: place.to_owned(),
            why: format!("it answers HTTP {status} without the service's words"),
        }),
    }
}

/// Sorts a connection that broke off before anything was understood: who speaks at the other end says whether it may hold the next time.
fn broken_off(text: String, place: &str) -> Fault {
    let place = place.to_owned();
    match (place.starts_with("https://"), probe::what_speaks(&place)) {
        (true, Some(Spoken::Http)) => Fault::Reach(ReachError::NotTls {
            place,
            why: "what answers speaks plain HTTP".to_owned(),
        }),
        (true, Some(Spoken::Other)) => Fault::Reach(ReachError::NotTls {
            place,
            why: "what answers speaks neither TLS nor HTTP".to_owned(),
        }),
        (false, Some(Spoken::Tls)) => Fault::Reach(ReachError::Misconfigured(format!(
            "{place} speaks TLS, and is asked without; write https:// in [agent] endpoint (or AWS_ENDPOINT_URL)"
        ))),
        (false, Some(Spoken::Other)) => Fault::Reach(ReachError::Stranger {
            place,
            why: "it does not speak HTTP".to_owned(),
        }),
        _ => Fault::Unreachable(text),
    }
}

/// Sorts a failure to connect, or to stay connected.
pub(crate) fn connection(error: &(dyn Error + 'static), place: &str) -> Fault {
    if let Some(error) = find::<rustls::Error>(error) {
        return tls(error, place);
    }
    if let Some(unknown) = find::<NameUnknown>(error) {
        return if unknown.is_temporary() {
            Fault::Unreachable(unknown.to_string())
        } else {
            Fault::Reach(ReachError::Misconfigured(format!(
                "{unknown}; check the name in [agent] endpoint (or AWS_ENDPOINT_URL)"
            )))
        };
    }
    if find::<InvalidDnsNameError>(error).is_some() {
        return Fault::Reach(ReachError::Misconfigured(format!(
            "{place} has no valid host name; check [agent] endpoint (or AWS_ENDPOINT_URL)"
        )));
    }
    let is_timeout = find::<TimedOutError>(error).is_some()
        || find::<ConnectorError>(error).is_some_and(ConnectorError::is_timeout);
    if is_timeout {
        return Fault::Unreachable("the connection timed out".to_owned());
    }
    match find::<io::Error>(error) {
        Some(error) if is_broken_off(error.kind()) => broken_off(error.to_string(), place),
        Some(error) => Fault::Unreachable(error.to_string()),
        None => broken_off(chain(error), place),
    }
}

/// Whether somebody took the connection, and then did not go on with it.
fn is_broken_off(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::InvalidData
            | ErrorKind::Other
            | ErrorKind::UnexpectedEof
    )
}

/// What is wrong with the other end's TLS.
fn tls(error: &rustls::Error, place: &str) -> Fault {
    let place = place.to_owned();
    Fault::Reach(match error {
        rustls::Error::InvalidCertificate(wrong) => return certificate(wrong, place),
        rustls::Error::NoCertificatesPresented => ReachError::Untrusted {
            place,
            why: "it shows no certificate".to_owned(),
        },
        rustls::Error::InvalidMessage(_) => ReachError::NotTls {
            place,
            why: "what answers is something else, such as plain HTTP".to_owned(),
        },
        // A server that is in trouble of its own.
        rustls::Error::AlertReceived(AlertDescription::InternalError)
        | rustls::Error::DecryptError => return Fault::Unreachable(error.to_string()),
        error => ReachError::NotTls {
            place,
            why: error.to_string(),
        },
    })
}

fn certificate(error: &CertificateError, place: String) -> Fault {
    Fault::Reach(match error {
        CertificateError::UnknownIssuer => ReachError::Untrusted {
            place,
            why: "its certificate is of an authority that is unknown here".to_owned(),
        },
        CertificateError::NotValidForNameContext { presented, .. } => ReachError::OtherName {
            place,
            why: if presented.is_empty() {
                "it has no name at all".to_owned()
            } else {
                // webpki writes them as DnsName("…").
                let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                format!("it has {}", names.join(", "))
            },
        },
        CertificateError::NotValidForName => ReachError::OtherName {
            place,
            why: "it does not have this one".to_owned(),
        },
        CertificateError::ExpiredContext { time, not_after } => ReachError::Expired {
            place,
            why: format!(
                "it was valid until {}, and this machine's clock says {}",
                date(*not_after),
                date(*time)
            ),
        },
        CertificateError::Expired => ReachError::Expired {
            place,
            why: "it is no longer valid".to_owned(),
        },
        CertificateError::NotValidYetContext { time, not_before } => ReachError::Clock(format!(
            "this machine's clock says {}, and the certificate of {place} is valid from {} on",
            date(*time),
            date(*not_before)
        )),
        CertificateError::NotValidYet => ReachError::Clock(format!(
            "by this machine's clock the certificate of {place} is not valid yet"
        )),
        error => ReachError::Untrusted {
            place,
            why: format!("invalid peer certificate: {error}"),
        },
    })
}

/// A presented name without its kind.
fn bare(name: &str) -> &str {
    name.split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(name)
        .trim_matches('"')
}

fn date(time: UnixTime) -> String {
    let time = DateTime::from_secs(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    time.fmt(Format::DateTime)
        .unwrap_or_else(|_| "a time beyond reckoning".to_owned())
}

fn by_code(
    code: Option<&str>,
    message: Option<&str>,
    status: u16,
    place: &str,
    clock: &Clock,
) -> Fault {
    // Each of the services' errors has a code.
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        return stranger(status, place, clock);
    };
    let text = match message {
        // It becomes a part of a sentence.
        Some(message) if !message.is_empty() => {
            format!("{code}: {}", message.trim_end_matches('.'))
        }
        _ => code.to_owned(),
    };
    // The object store hands on what the key service told it.
    let code = code.strip_prefix("KMS.").unwrap_or(code);
    let message = message.unwrap_or_default();
    let one_of = |codes: &[&str]| codes.contains(&code);
    if one_of(THROTTLED) {
        Fault::Throttled(text)
    } else if one_of(SKEWED)
        || one_of(NOT_RECOGNIZED)
            && (clock.is_suspicious() || SKEWED_WORDS.iter().any(|words| message.contains(words)))
    {
        Fault::Reach(ReachError::Clock(format!("{} ({text})", clock.text())))
    } else if one_of(NOT_RECOGNIZED) {
        Fault::Reach(ReachError::NotRecognized(text))
    } else if one_of(OTHER_REGION) {
        Fault::Reach(ReachError::Misconfigured(format!(
            "the service is for another region: {text}; set [agent] region (or AWS_REGION) to it"
        )))
    } else if one_of(OTHER_SERVICE) {
        Fault::Reach(ReachError::Stranger {
            place: place.to_owned(),
            why: format!("it does not know what it is asked ({text})"),
        })
    } else if one_of(DENIED) {
        Fault::Denied(text)
    } else if one_of(NOT_FOUND) {
        Fault::NotFound(text)
    } else if code == DISABLED {
        Fault::Disabled(text)
    } else if code == INVALID_STATE && message.contains(PENDING_DELETION_WORDS) {
        Fault::PendingDeletion(text)
    } else if code == INVALID_STATE {
        Fault::Unusable(text)
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

/// The first error of that type among an error and its causes.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An `io::Error` gives its own cause's cause for its cause.
        if let Some(inner) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            && let Some(found) = find::<T>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The SDK's and its HTTP client's names for "something below went wrong".
const EMPTY_WORDS: &[&str] = &[
    "dispatch failure",
    "failed to construct request",
    "io error",
    "client error (Connect)",
    "client error (SendRequest)",
    "other",
    "response error",
    "an error occurred while loading credentials",
    "the credential provider was not enabled",
    "the credentials provider was not properly configured",
];

/// An error and all its causes, without what is said twice and what says nothing.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let words = cause.to_string();
        // Of a list, its title.
        let words = words.lines().next().unwrap_or_default();
        let words = words.trim_end_matches(". Attempted:").trim_end_matches('.');
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

    fn sorted(code: Option<&str>, message: &str, status: u16) -> &'static str {
        match by_code(code, Some(message), status, "https://k", &Clock::new()) {
            Fault::Unreachable(_) => "unreachable",
            Fault::Throttled(_) => "throttled",
            Fault::Denied(_) => "denied",
            Fault::NotFound(_) => "not found",
            Fault::Disabled(_) => "disabled",
            Fault::PendingDeletion(_) => "pending deletion",
            Fault::Unusable(_) => "unusable",
            Fault::Invalid(_) => "invalid",
            Fault::Reach(ReachError::Clock(_)) => "clock",
            Fault::Reach(ReachError::NotRecognized(_)) => "not recognized",
            Fault::Reach(ReachError::Misconfigured(_)) => "misconfigured",
            Fault::Reach(ReachError::Stranger { .. }) => "stranger",
            Fault::Reach(_) => "reach",
        }
    }

    #[test]
    fn a_code_says_more_than_a_status() {
        for (code, status, class) in [
            ("ThrottlingException", 400, "throttled"),
            ("SlowDown", 503, "throttled"),
            ("AccessDeniedException", 400, "denied"),
            ("NotFoundException", 400, "not found"),
            ("InvalidCiphertextException", 400, "invalid"),
            ("DisabledException", 400, "disabled"),
            ("KMS.DisabledException", 400, "disabled"),
            ("KMSInternalException", 500, "unreachable"),
            ("KeyUnavailableException", 500, "unreachable"),
            ("UnrecognizedClientException", 400, "not recognized"),
            ("InvalidAccessKeyId", 403, "not recognized"),
            ("SignatureDoesNotMatch", 403, "not recognized"),
            ("ExpiredTokenException", 400, "not recognized"),
            ("RequestTimeTooSkewed", 403, "clock"),
            ("AuthorizationHeaderMalformed", 400, "misconfigured"),
            ("UnknownOperationException", 404, "stranger"),
        ] {
            assert_eq!(sorted(Some(code), "why", status), class, "{code}");
        }
    }

    #[test]
    fn one_code_of_two_states_is_told_apart_by_its_words() {
        let arn = "arn:aws:kms:us-east-1:111122223333:key/1";
        let state = |words: &str| {
            sorted(
                Some("KMSInvalidStateException"),
                &format!("{arn} is {words}."),
                400,
            )
        };
        assert_eq!(state("pending deletion"), "pending deletion");
        assert_eq!(state("pending import"), "unusable");
    }

    #[test]
    fn a_signature_that_is_too_old_is_the_clocks_fault_and_another_is_not() {
        let code = Some("InvalidSignatureException");
        assert_eq!(
            sorted(
                code,
                "Signature expired: 20261130T000000Z is now earlier than",
                400
            ),
            "clock"
        );
        assert_eq!(
            sorted(code, "The request signature we calculated", 400),
            "not recognized"
        );
    }

    #[test]
    fn without_a_code_it_is_not_the_service_unless_it_is_overloaded() {
        for status in [301, 400, 403, 404, 418, 501] {
            assert_eq!(sorted(None, "why", status), "stranger");
            assert_eq!(sorted(Some(""), "why", status), "stranger");
        }
        assert_eq!(sorted(None, "why", 429), "throttled");
        assert_eq!(sorted(None, "why", 503), "unreachable");
    }

    #[test]
    fn the_services_words_are_kept() {
        let Fault::Denied(text) = by_code(
            Some("AccessDeniedException"),
            Some("User: x is not authorized"),
            400,
            "https://k",
            &Clock::new(),
        ) else {
            panic!("not denied")
        };
        assert_eq!(text, "AccessDeniedException: User: x is not authorized");
    }

    #[test]
    fn an_error_is_found_where_an_io_error_hides_it() {
        let hidden = io::Error::other(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer,
        ));
        assert!(matches!(
            connection(&hidden, "https://kms.example"),
            Fault::Reach(ReachError::Untrusted { .. })
        ));
    }

    #[test]
    fn a_certificate_that_is_not_valid_yet_is_the_clocks_fault_and_one_that_has_run_out_is_not() {
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let early = CertificateError::NotValidYetContext {
            time: at(0),
            not_before: at(86_400),
        };
        let late = CertificateError::ExpiredContext {
            time: at(86_400),
            not_after: at(0),
        };
        let Fault::Reach(ReachError::Clock(text)) = certificate(&early, "https://k".to_owned())
        else {
            panic!("not the clock")
        };
        assert!(text.contains("1970-01-02T00:00:00Z"), "{text}");
        assert!(matches!(
            certificate(&late, "https://k".to_owned()),
            Fault::Reach(ReachError::Expired { .. })
        ));
    }

    #[test]
    fn presented_names_are_shown_bare() {
        assert_eq!(bare("DnsName(\"kms.example\")"), "kms.example");
        assert_eq!(bare("kms.example"), "kms.example");
    }
}
