//! What can go wrong outside of a request: when the room is opened, and when the root user gets its key.

/// Why the room could not be opened, or the root user not be given a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// A record is not what this room wrote: damage, or the work of a later version.
    #[error(
        "the record {key} cannot be read ({reason}); restore the store from a backup, or run the version that wrote it"
    )]
    Record {
        /// The record's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The account is not one.
    #[error("an account is twelve digits, such as 111122223333")]
    Account,
    /// A secret could not be made, or a wrapped one not be opened with this sealing key.
    #[error("a secret could not be made or opened: {0}")]
    Crypto(#[from] crypto::Error),
}
