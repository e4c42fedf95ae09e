//! What is to be true, and what is then to be written, at one instant.

use bytes::Bytes;

use crate::{Key, Result, Revision, StoreError};

/// What a [`Check`] demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The record is not there.
    Absent,
    /// The record is there, whatever its revision.
    Present,
    /// The record is there and was written by this commit.
    Revision(Revision),
    /// No record's key begins with this key's text: the folder is empty.
    NonePrefixed,
}

/// A condition on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The record.
    pub key: Key,
    /// The condition.
    pub expect: Expect,
}

/// A record to put or, without a value, to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The record.
    pub key: Key,
    /// Its new value; `None` deletes. Deleting what is not there is no error.
    pub value: Option<Bytes>,
}

/// Checks and writes that happen together or not at all.
///
/// All checks are made against the state before any write. Of several writes to one key the last counts.
///
/// ```
/// use store::{Key, Transaction};
/// # fn main() -> store::Result<()> {
/// let alias = Key::new("kms/111122223333/eu-west-1/alias/disks")?;
/// let transaction = Transaction::new().expect_absent(alias.clone()).put(alias, "1234abcd");
/// assert_eq!(transaction.writes().len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction {
    checks: Vec<Check>,
    writes: Vec<Write>,
}

impl Transaction {
    /// The most checks and the most writes in one transaction.
    pub const MAX_ITEMS: usize = 4096;
    /// The longest value, in bytes.
    pub const MAX_VALUE_LEN: usize = 4 << 20;
    /// The most bytes of keys and values in one transaction.
    pub const MAX_TOTAL_LEN: usize = 16 << 20;

    /// A transaction that checks nothing and writes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands that `key` is not there.
    pub fn expect_absent(self, key: Key) -> Self {
        self.check(key, Expect::Absent)
    }

    /// Demands that `key` is there.
    pub fn expect_present(self, key: Key) -> Self {
        self.check(key, Expect::Present)
    }

    /// Demands that `key` is as the commit `revision` wrote it.
    pub fn expect(self, key: Key, revision: Revision) -> Self {
        self.check(key, Expect::Revision(revision))
    }

    /// Demands that no key begins with `prefix`.
    pub fn expect_none_prefixed(self, prefix: Key) -> Self {
        self.check(prefix, Expect::NonePrefixed)
    }

    fn check(mut self, key: Key, expect: Expect) -> Self {
        self.checks.push(Check { key, expect });
        self
    }

    /// Writes `value` under `key`.
    pub fn put(mut self, key: Key, value: impl Into<Bytes>) -> Self {
        self.writes.push(Write {
            key,
            value: Some(value.into()),
        });
        self
    }

    /// Removes `key`, if it is there.
    pub fn delete(mut self, key: Key) -> Self {
        self.writes.push(Write { key, value: None });
        self
    }

    /// The conditions, in the order given.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The writes, in the order given.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Whether there is nothing to write.
    pub fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }

    /// Refuses a transaction beyond the named limits; every store calls it first.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], naming the limit.
    pub fn validate(&self) -> Result<()> {
        if self.checks.len() > Self::MAX_ITEMS || self.writes.len() > Self::MAX_ITEMS {
            return Err(StoreError::TooLarge {
                what: "more than 4096 checks or writes",
            });
        }
        let mut values = self.writes.iter().filter_map(|write| write.value.as_ref());
        if values.any(|value| value.len() > Self::MAX_VALUE_LEN) {
            return Err(StoreError::TooLarge {
                what: "a value of more than 4 MiB",
            });
        }
        if self.len() > Self::MAX_TOTAL_LEN {
            return Err(StoreError::TooLarge {
                what: "more than 16 MiB in all",
            });
        }
        Ok(())
    }

    /// The bytes of keys and values that it writes.
    pub(crate) fn len(&self) -> usize {
        self.writes
            .iter()
            .map(|write| write.key.as_str().len() + write.value.as_ref().map_or(0, Bytes::len))
            .sum()
    }

    pub(crate) fn into_writes(self) -> Vec<Write> {
        self.writes
    }
}
