//! The trail: who asked for what, when, from where, and what came of it; on disk before the answer goes out.
//!
//! A [`Draft`] is made before an operation is executed. Its outcome turns it into a [`Record`]: one event in
//! CloudTrail's schema, as exact bytes. Executing an operation hands back an [`Executed`], which carries the record in
//! an [`Entry`] and must be used: [`Trail::append`] takes it and answers when it is durable.
//!
//! A trail is a folder:
//!
//! | file | holds |
//! |---|---|
//! | `00000001.jsonl`, … | the segments: one record a line, in an envelope that [chains](verify) it to the one before |
//! | `checkpoints.jsonl` | signed statements of how far the chain had come; a copy belongs on another machine |
//! | `unauthenticated.jsonl` | a bounded sample of requests that nobody signed; not chained |
//! | `reserve` | room kept back, so that "the disk is full" can itself be recorded |
//!
//! `jq .event 00000001.jsonl` shows the records. [`verify::verify`] checks a folder offline.
//!
//! The boundary: this crate knows the schema and the log, and no business rule.

mod chain;
mod checkpoint;
mod disk;
mod entry;
mod error;
mod event;
mod log;
mod lookup;
#[doc(hidden)]
pub mod property;
mod recovery;
mod segment;
mod unauthenticated;
pub mod verify;
mod writer;

pub use chain::{ChainHash, Node};
pub use checkpoint::{CheckpointOptions, PublicKey};
pub use entry::{Entry, Executed, OUTBOX_PREFIX, outbox_key};
pub use error::TrailError;
pub use event::{Draft, DraftFacts, EventId, Record, RecordError, Resource};
pub use log::{Appended, Options, Position, Trail};
pub use lookup::{Attribute, Found, LookupError, Page, Query};
pub use segment::Place;
pub use unauthenticated::Unauthenticated;
