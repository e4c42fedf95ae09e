//! The trail: who asked for what, when, from where, and what came of it; on disk before the answer goes out.
//!
//! A [`Draft`] is made before an operation is executed. Its outcome turns it into a [`Record`]: one event in
//! CloudTrail's schema, as exact bytes. Executing an operation hands back an [`Executed`], which carries the record in
//! an [`Entry`] and must be used.
//!
//! The boundary: this crate knows the schema and the log, and no business rule.

mod entry;
mod event;

pub use entry::{Entry, Executed, OUTBOX_PREFIX, outbox_key};
pub use event::{Draft, DraftFacts, EventId, Record, RecordError, Resource};
