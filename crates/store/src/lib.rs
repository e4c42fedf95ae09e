//! The store: one port, an ordered and revisioned key-value store with multi-key transactions and a watch.
//!
//! [`Store`] is the port. [`Memory`] is its simulator, which injects faults; [`Sqlite`] keeps records in one file.
//! Every implementation passes the same contract tests (`tests/contract.rs`).
//!
//! The boundary: this crate never knows what a record means. Keys are ordered text, values are bytes.
//!
//! Guarantees, for every implementation:
//! * a [`Transaction`] is all or nothing, and serializable: its checks and its writes happen at one instant;
//! * when [`Store::commit`] answers with a revision, the writes survive a crash of the process and of the machine
//!   ([`Memory`] excepted: it lives as long as the process);
//! * revisions only grow, one for each commit, and every record carries the revision that wrote it;
//! * a [`Watch`] shows every commit once and in order, or says that it [lagged](WatchError::Lagged).

mod error;
mod feed;
mod key;
mod memory;
mod port;
mod sqlite;
mod transaction;

pub use error::{Result, StoreError};
pub use feed::{Change, Commit, Watch, WatchError};
pub use key::{Key, Revision, Versioned};
pub use memory::{Fault, Memory};
pub use port::Store;
pub use sqlite::Sqlite;
pub use transaction::{Check, Expect, Transaction, Write};
