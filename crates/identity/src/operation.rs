//! The operations of both services that this room answers, and their answers.

use wire::protocol::Dialect;
use wire::{Answer, ApiError, iam, sts};

/// An operation of IAM or of STS.
#[derive(Debug)]
pub enum Operation {
    /// Identity and Access Management.
    Iam(iam::Operation),
    /// The Security Token Service.
    Sts(sts::Operation),
}

impl Operation {
    /// The operation's name, such as `CreateRole`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Iam(operation) => operation.name(),
            Self::Sts(operation) => operation.name(),
        }
    }

    /// The service's name in the trail: `iam.amazonaws.com` or `sts.amazonaws.com`.
    pub fn event_source(&self) -> &'static str {
        match self {
            Self::Iam(_) => iam::SERVICE.event_source,
            Self::Sts(_) => sts::SERVICE.event_source,
        }
    }

    /// Whether it leaves everything as it was. Taking a role does: a session is kept nowhere.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::Iam(operation) => {
                operation.name().starts_with("Get") || operation.name().starts_with("List")
            }
            Self::Sts(_) => true,
        }
    }
}

impl From<iam::Operation> for Operation {
    fn from(operation: iam::Operation) -> Self {
        Self::Iam(operation)
    }
}

impl From<sts::Operation> for Operation {
    fn from(operation: sts::Operation) -> Self {
        Self::Sts(operation)
    }
}

/// What an operation answers.
#[derive(Debug)]
pub enum Response {
    /// Of IAM.
    Iam(iam::Response),
    /// Of STS.
    Sts(sts::Response),
}

impl Response {
    /// The operation's name, such as `CreateRole`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Iam(response) => response.name(),
            Self::Sts(response) => response.name(),
        }
    }

    /// The answer in bytes, in the caller's protocol.
    ///
    /// # Errors
    /// `InternalFailure` when the value cannot be written, which no value of these types is known to cause.
    pub fn encode_in(&self, dialect: Dialect, request_id: &str) -> Result<Answer, ApiError> {
        match self {
            Self::Iam(response) => response.encode_in(dialect, request_id),
            Self::Sts(response) => response.encode_in(dialect, request_id),
        }
    }
}

impl From<iam::Response> for Response {
    fn from(response: iam::Response) -> Self {
        Self::Iam(response)
    }
}

impl From<sts::Response> for Response {
    fn from(response: sts::Response) -> Self {
        Self::Sts(response)
    }
}
