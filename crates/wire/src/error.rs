//! Errors as callers see them: AWS's code, HTTP status and message, encoded for the protocol that the caller speaks.

use std::fmt;

use crate::{answer::Answer, cbor, protocol::Dialect, xml};

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The caller's: the same request will fail again.
    Sender,
    /// The service's: the same request may succeed later.
    Receiver,
}

impl Fault {
    /// The word that AWS has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "Sender",
            Self::Receiver => "Receiver",
        }
    }
}

/// An error that goes back to a caller.
///
/// Handlers make them from the generated tables (`kms::errors::NOT_FOUND_EXCEPTION.because("…")`) and from the constructors below, which
/// are the errors that every service shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The code, such as `NotFoundException`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whose fault it is.
    pub fault: Fault,
    /// What happened and what to do next, for a person.
    pub message: String,
    /// Further elements of an S3 error document, such as `BucketName`.
    pub details: Vec<(&'static str, String)>,
}

impl ApiError {
    /// An error from its parts.
    pub fn new(code: &'static str, status: u16, fault: Fault, message: impl Into<String>) -> Self {
        Self {
            code,
            status,
            fault,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// An error that is the caller's fault.
    pub fn sender(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self::new(code, status, Fault::Sender, message)
    }

    /// An error that is the service's fault.
    pub fn receiver(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self::new(code, status, Fault::Receiver, message)
    }

    /// This error with one more element in its S3 document.
    pub fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// The errors that services share.
impl ApiError {
    /// A JSON body that does not parse, or whose members have the wrong types.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::sender("SerializationException", 400, message)
    }

    /// A Query form that does not parse.
    pub fn malformed_query_string(message: impl Into<String>) -> Self {
        Self::sender("MalformedQueryString", 400, message)
    }

    /// A Query parameter that is not of its type.
    pub fn malformed_input(message: impl Into<String>) -> Self {
        Self::sender("MalformedInput", 400, message)
    }

    /// Something that should not have happened; says nothing of the inside.
    pub fn internal_failure() -> Self {
        Self::receiver(
            "InternalFailure",
            500,
            "The request processing has failed because of an unknown error, exception or failure.",
        )
    }
}

/// Codes whose JSON text stands under `Message`, as the services send it; elsewhere it is `message`. SDKs read both.
const CAPITAL_MESSAGE: &[&str] = &["AccessDeniedException", "SerializationException"];

impl ApiError {
    /// The error in the caller's protocol.
    pub fn encode(&self, dialect: Dialect, request_id: &str) -> Answer {
        let (content_type, id_header, body) = match dialect {
            Dialect::Cbor => return cbor::error(self, request_id),
            Dialect::Json(version) => (
                format!("application/x-amz-json-{}", version.as_str()),
                "x-amzn-requestid",
                self.json_body(),
            ),
            Dialect::Query(namespace) => (
                "text/xml".to_owned(),
                "x-amzn-requestid",
                xml::query_error(self, namespace, request_id),
            ),
            Dialect::S3 => (
                "application/xml".to_owned(),
                "x-amz-request-id",
                xml::s3_error(self, request_id),
            ),
        };
        Answer {
            status: self.status,
            headers: vec![
                ("content-type", content_type),
                (id_header, request_id.to_owned()),
            ],
            body: body.into_bytes(),
        }
    }

    fn json_body(&self) -> String {
        let mut body = serde_json::Map::new();
        body.insert("__type".to_owned(), self.code.into());
        if !self.message.is_empty() {
            let name = if CAPITAL_MESSAGE.contains(&self.code) {
                "Message"
            } else {
                "message"
            };
            body.insert(name.to_owned(), self.message.as_str().into());
        }
        serde_json::Value::Object(body).to_string()
    }
}
