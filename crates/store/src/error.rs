//! What can go wrong, sorted by whose fault it is.

use crate::Key;

/// The crate's result.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a store did not do what was asked.
///
/// Only [`StoreError::OutcomeUnknown`] leaves it open whether a transaction took place; after every other error
/// nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A check of the transaction did not hold: somebody else was there first.
    #[error("the record {key} is not as the transaction expects it; read it again and decide anew")]
    Conflict {
        /// The key (or, for [`Expect::NonePrefixed`](crate::Expect::NonePrefixed), the prefix) of the failed check.
        key: Key,
    },
    /// There is no room. Nothing was written; the same call succeeds once there is room again.
    #[error("the store has no room left; free space on its file system and try again")]
    Full,
    /// The stored bytes are not what this store wrote.
    #[error("the store is damaged ({place}); restore it from a backup")]
    Corrupt {
        /// Where, in words for a person.
        place: String,
    },
    /// The file was made by a later version of Kluis.
    #[error(
        "the store has schema version {found}, and this program knows up to {supported}; run a later version of Kluis"
    )]
    Newer {
        /// The version found.
        found: u32,
        /// The latest version that is understood.
        supported: u32,
    },
    /// Another process holds the store.
    #[error("the store {path} is in use by another process; stop it first")]
    InUse {
        /// The store's path.
        path: String,
    },
    /// The store cannot be reached or has stopped after a failure. Nothing was written.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// Why, in words for a person.
        reason: String,
    },
    /// The store failed while a transaction was being made durable: it may have taken place or not.
    #[error(
        "the store failed during a commit, whose outcome is unknown until it is opened again: {reason}"
    )]
    OutcomeUnknown {
        /// Why, in words for a person.
        reason: String,
    },
    /// The key is empty or longer than [`Key::MAX_LEN`] bytes.
    #[error("a key must have 1 to {} bytes, this one has {len}", Key::MAX_LEN)]
    InvalidKey {
        /// The length of what was given, in bytes.
        len: usize,
    },
    /// The transaction is beyond a named limit of [`Transaction`](crate::Transaction).
    #[error("the transaction is too large: {what}")]
    TooLarge {
        /// Which limit, in words for a person.
        what: &'static str,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing it.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Full | Self::Unavailable { .. })
    }
}
