//! What one request sees, and what it comes to.

use crypto::WrappingKey;
use jiff::Timestamp;
use policy::{Principal, PrincipalKind};
use serde_json::Value;
use trail::Resource;
use wire::ApiError;

use crate::{
    Response,
    accounts::Accounts,
    directory::{Change, Directory},
    faults,
    records::Owner,
};

/// One request's view of the room.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    /// All accounts, for what reaches beyond one's own.
    pub(crate) accounts: &'a Accounts,
    /// The caller's account's.
    pub(crate) directory: &'a Directory,
    pub(crate) sealing: &'a WrappingKey,
    pub(crate) account: &'a str,
    pub(crate) principal: &'a Principal,
    pub(crate) now: Timestamp,
}

impl Desk<'_> {
    /// The user that a request means: the one it names, else the caller.
    ///
    /// # Errors
    /// `ValidationError` for a caller who is no user, such as a role session.
    pub(crate) fn owner(&self, named: Option<&str>) -> Result<Owner, ApiError> {
        match (named, self.principal.kind) {
            (Some(name), _) => Ok(Owner::User(name.to_owned())),
            (None, PrincipalKind::Root) => Ok(Owner::Root),
            (None, PrincipalKind::User) => Ok(Owner::User(self.principal.name.clone())),
            (None, _) => Err(faults::validation(
                "Must specify userName when calling with non-User credentials",
            )),
        }
    }

    /// The instant as IAM keeps it, in whole seconds.
    pub(crate) fn now_in_seconds(&self) -> Timestamp {
        Timestamp::from_second(self.now.as_second()).unwrap_or(self.now)
    }
}

/// What an operation comes to: what is answered and recorded, and what is to change before that.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) response: Response,
    /// CloudTrail's `responseElements`.
    pub(crate) elements: Option<Value>,
    /// CloudTrail's `resources`.
    pub(crate) resources: Vec<Resource>,
    pub(crate) changes: Vec<Change>,
}

impl Outcome {
    /// An answer that changes nothing.
    pub(crate) fn answer(response: impl Into<Response>) -> Self {
        Self {
            response: response.into(),
            elements: None,
            resources: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// An answer that goes with a change.
    pub(crate) fn change(response: impl Into<Response>, change: Change) -> Self {
        Self {
            changes: vec![change],
            ..Self::answer(response)
        }
    }

    pub(crate) fn with_elements(self, elements: Value) -> Self {
        Self {
            elements: Some(elements),
            ..self
        }
    }

    pub(crate) fn with_resource(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }
}

/// An instant as CloudTrail writes those inside of requests and responses: `Nov 21, 2026, 1:02:03 AM`.
pub(crate) fn trail_time(at: Timestamp) -> Value {
    at.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string().into()
}
