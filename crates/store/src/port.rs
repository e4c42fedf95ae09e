//! The port that every store implements.

use async_trait::async_trait;

use crate::{Key, Result, Revision, Transaction, Versioned, Watch};

/// An ordered, revisioned key-value store.
#[async_trait]
pub trait Store: Send + Sync {
    /// The record under `key`, if there is one.
    ///
    /// # Errors
    /// [`Corrupt`](crate::StoreError::Corrupt) or [`Unavailable`](crate::StoreError::Unavailable).
    async fn get(&self, key: &Key) -> Result<Option<Versioned>>;

    /// The first `limit` records whose keys begin with `prefix` and come after `after`, in the order of their keys.
    ///
    /// Fewer than `limit` means that there are no more. One call sees one instant; several pages see several. `after`
    /// need not exist, nor begin with `prefix`.
    ///
    /// # Errors
    /// [`Corrupt`](crate::StoreError::Corrupt) or [`Unavailable`](crate::StoreError::Unavailable).
    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>>;

    /// Makes the checks of `transaction` and, when all hold, its writes; returns when they are durable.
    ///
    /// The answer is the revision that the written records now have; for a transaction that writes nothing, the
    /// current one.
    ///
    /// # Errors
    /// [`Conflict`](crate::StoreError::Conflict) with the first check that did not hold;
    /// [`Full`](crate::StoreError::Full); [`TooLarge`](crate::StoreError::TooLarge);
    /// [`Corrupt`](crate::StoreError::Corrupt); [`Unavailable`](crate::StoreError::Unavailable); and
    /// [`OutcomeUnknown`](crate::StoreError::OutcomeUnknown), after which the store must be opened again.
    async fn commit(&self, transaction: Transaction) -> Result<Revision>;

    /// The latest committed revision. To follow a folder: take this, scan, then [`watch`](Store::watch) from here; what
    /// was written in between is then seen twice, and never missed.
    ///
    /// # Errors
    /// [`Unavailable`](crate::StoreError::Unavailable).
    async fn revision(&self) -> Result<Revision>;

    /// Every later commit that touches a key which begins with `prefix`, in order, from the first after `after`.
    fn watch(&self, prefix: &str, after: Revision) -> Watch;
}
