//! What an operation hands back: its answer, and the record that must reach the log before the answer goes out.

use crate::{EventId, Record};

/// The store folder in which records wait that were committed together with what they tell of.
pub const OUTBOX_PREFIX: &str = "outbox/";

/// The store key under which an operation commits its record, in the same transaction as its changes.
///
/// ```
/// # let record = trail::Draft::new(trail::DraftFacts::example()).succeeded(None, Vec::new());
/// assert_eq!(trail::outbox_key(record.event_id()), format!("outbox/{}", record.event_id()));
/// ```
pub fn outbox_key(event_id: EventId) -> String {
    format!("{OUTBOX_PREFIX}{event_id}")
}

/// A record on its way to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an entry that is not appended to the trail is an operation without an audit record"]
pub enum Entry {
    /// Nobody has kept it yet.
    Unwritten(Record),
    /// The operation's own store transaction holds it under [`outbox_key`]; delete it there once it is appended.
    InStore(Record),
}

impl Entry {
    /// The record.
    pub const fn record(&self) -> &Record {
        match self {
            Self::Unwritten(record) | Self::InStore(record) => record,
        }
    }
}

/// An answer that may go out once its entry is in the log.
#[derive(Debug)]
#[must_use = "an answer goes out only after its entry is appended to the trail"]
pub struct Executed<T> {
    /// What the operation answers.
    pub answer: T,
    /// What the trail must hold first.
    pub entry: Entry,
}
