//! Errors as callers see them: AWS's code, HTTP status and message, encoded for the protocol that the caller speaks.

use std::fmt;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The caller's: the same request will fail again.
    Sender,
    /// The service's: the same request may succeed later.
    Receiver,
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
