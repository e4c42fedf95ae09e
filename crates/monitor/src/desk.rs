//! What one request sees, and what it comes to.

use jiff::Timestamp;
use policy::Principal;
use serde_json::Value;
use trail::Resource;

use crate::book::{Book, Change};
use crate::metrics::Metrics;
use crate::operation::Response;
use crate::place::Place;
use crate::sinks::Sinks;

/// One request's view of the room.
pub(crate) struct Desk<'a> {
    pub(crate) place: Place,
    pub(crate) now: Timestamp,
    pub(crate) principal: &'a Principal,
    pub(crate) book: &'a Book,
    pub(crate) metrics: &'a Metrics,
    pub(crate) sinks: &'a dyn Sinks,
}

/// What an operation comes to.
pub(crate) struct Plan {
    pub(crate) response: Response,
    /// What is to be made durable and then taken over, all or nothing.
    pub(crate) changes: Vec<Change>,
    /// CloudTrail's `responseElements`.
    pub(crate) elements: Option<Value>,
    /// CloudTrail's `resources`.
    pub(crate) resources: Vec<Resource>,
}

impl Plan {
    /// An answer that changes nothing.
    pub(crate) fn answer(response: impl Into<Response>) -> Self {
        Self::change(response, Vec::new())
    }

    /// An answer that goes with changes.
    pub(crate) fn change(response: impl Into<Response>, changes: Vec<Change>) -> Self {
        Self {
            response: response.into(),
            changes,
            elements: None,
            resources: Vec::new(),
        }
    }
}
