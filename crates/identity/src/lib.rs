//! Accounts, users, roles, access keys and sessions (IAM and STS).
//!
//! [`Identity`] is one room on the way through: [`Identity::authenticate`] says whose an access key is and hands out
//! its secret for the signature to be verified with; [`Identity::asks`] says what leave an operation needs;
//! [`Identity::execute`] carries it out once `policy` has given leave.
//!
//! Everything is in memory, loaded from the store when it is opened, so that no request waits for the store to learn
//! who its caller is. What changes state is decided by pure functions over that memory (a file for each noun), committed
//! together with its audit record, and only then seen by others.
//!
//! Secrets of access keys rest wrapped under the sealing key; those that are in use are kept unwrapped, in locked memory,
//! until anything changes. A session rests nowhere: its token *is* the session, sealed.
//! The role behind it is looked up at each use, so that taking a permission or a role away acts at once.
//!
//! This crate never knows keys of the key service, nor objects.

mod access_keys;
mod accounts;
mod asks;
mod attachments;
mod authenticate;
mod aws_managed;
mod desk;
mod directory;
mod error;
mod execute;
mod faults;
mod identity;
mod ids;
mod known;
mod limits;
mod managed;
mod managed_policies;
mod names;
mod operation;
mod page;
mod parameters;
mod policies;
mod records;
mod roles;
mod sessions;
mod sts;
mod tags;
mod users;

pub use authenticate::{Caller, Credential, Rejected};
pub use error::Error;
pub use identity::{Identity, RootKey};
pub use operation::{Operation, Response};
