//! Buckets and objects, with S3's semantics and none of its XML.
//!
//! A request comes as an [`Operation`]; [`Objects::asks`] says what leave it needs, `policy` mints the proof, and
//! [`Objects::execute`] carries it out and hands back the [`Response`] with its audit record. What an object says of
//! itself is a record in `store`; what it holds is a file named by a random id, so that no object's name ever becomes
//! a file's.
//!
//! The order that makes it safe: a body is received into a file of its own, hashed, synced and moved into place; then
//! one transaction makes it the object's body, together with the audit record; then the body before it is removed. A
//! crash leaves at most files that nothing refers to, which the next opening removes.
//!
//! The boundary: this crate knows neither HTTP nor SQL, and nothing of who a caller is but what `policy` says.

mod asks;
mod body;
mod buckets;
mod conditions;
mod content;
mod delete;
pub mod faults;
mod get;
mod list;
pub mod names;
mod operation;
mod put;
mod record;
mod response;
mod service;

pub use body::{Body, BodySource, ObjectBody};
pub use conditions::{Condition, Conditions};
pub use operation::{
    DeleteObjects, GetObject, ListObjects, ListVersion, Operation, PutObject, RangeRequest,
};
pub use record::{ObjectHead, StoredChecksum};
pub use response::{
    BucketSummary, ContentRange, Deleted, GotObject, Listed, Listing, PutDone, Response,
};
pub use service::{Objects, OpenError};
