//! Preconditions (RFC 9110 §13): entity tags and times.

use jiff::Timestamp;
use wire::ApiError;

use crate::{ObjectHead, faults};

/// `If-Match` or `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `*`: any object at all.
    Any,
    /// One of these `ETag`s, without quotes.
    ETags(Vec<String>),
}

impl Condition {
    /// Reads the header's value. Weak tags compare as strong ones, as S3 has none.
    pub fn parse(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        let tags = header.split(',').map(|tag| {
            tag.trim()
                .trim_start_matches("W/")
                .trim_matches('"')
                .to_owned()
        });
        Self::ETags(tags.collect())
    }

    /// The header's value, for the condition keys of policies.
    pub(crate) fn header(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::ETags(tags) => tags.join(", "),
        }
    }

    fn matches(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::ETags(tags) => tags.iter().any(|tag| tag == etag.trim_matches('"')),
        }
    }
}

/// The preconditions of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<Condition>,
    /// `If-None-Match`.
    pub if_none_match: Option<Condition>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<Timestamp>,
}

/// What the preconditions of a read come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    Proceed,
    NotModified,
}

impl Conditions {
    /// Weighs them for reading `head`, in the order of RFC 9110 §13.2.2.
    pub(crate) fn for_read(&self, head: &ObjectHead) -> Result<ReadOutcome, ApiError> {
        // A header has whole seconds, and so has `Last-Modified` as the client was told it.
        let modified = head.last_modified.as_second();
        if let Some(condition) = &self.if_match {
            if !condition.matches(&head.etag) {
                return Err(faults::precondition_failed("If-Match"));
            }
        } else if self
            .if_unmodified_since
            .is_some_and(|since| modified > since.as_second())
        {
            return Err(faults::precondition_failed("If-Unmodified-Since"));
        }
        let is_unmodified = match &self.if_none_match {
            Some(condition) => condition.matches(&head.etag),
            None => self
                .if_modified_since
                .is_some_and(|since| modified <= since.as_second()),
        };
        Ok(if is_unmodified {
            ReadOutcome::NotModified
        } else {
            ReadOutcome::Proceed
        })
    }

    /// Refuses what S3 does not have for writes: `If-None-Match` with anything but `*`, and both at once.
    pub(crate) fn check_for_write(&self) -> Result<(), ApiError> {
        let message = "A header you provided implies functionality that is not implemented";
        match (&self.if_match, &self.if_none_match) {
            (Some(_), Some(_)) | (_, Some(Condition::ETags(_))) | (Some(Condition::Any), _) => {
                Err(faults::not_implemented(message))
            }
            _ => Ok(()),
        }
    }

    /// Weighs them for writing over `current`.
    pub(crate) fn for_write(
        &self,
        key: &str,
        current: Option<&ObjectHead>,
    ) -> Result<(), ApiError> {
        if self.if_none_match.is_some() && current.is_some() {
            return Err(faults::precondition_failed("If-None-Match"));
        }
        match (&self.if_match, current) {
            (Some(_), None) => Err(faults::no_such_key(key)),
            (Some(condition), Some(head)) if !condition.matches(&head.etag) => {
                Err(faults::precondition_failed("If-Match"))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is any for writing.
    pub(crate) fn binds_write(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }
}
