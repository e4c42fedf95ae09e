//! Names of records, and when each was written.

use std::fmt;

use bytes::Bytes;

use crate::{Result, StoreError};

/// The name of a record: text of 1 to [`Key::MAX_LEN`] bytes, ordered by its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The longest key, in bytes: an S3 object's key (1024), its bucket's name (63) and a prefix, with room to spare.
    pub const MAX_LEN: usize = 2048;

    /// Makes a key.
    ///
    /// # Errors
    /// [`StoreError::InvalidKey`] when `name` is empty or longer than [`Key::MAX_LEN`] bytes.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        if name.is_empty() || name.len() > Self::MAX_LEN {
            return Err(StoreError::InvalidKey { len: name.len() });
        }
        Ok(Self(name))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for Key {
    type Error = StoreError;
    fn try_from(name: String) -> Result<Self> {
        Self::new(name)
    }
}

impl TryFrom<&str> for Key {
    type Error = StoreError;
    fn try_from(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The number of a commit. Revisions only grow; 0 is the empty store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision of a store that nothing was ever written to.
    pub const ZERO: Self = Self(0);
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A value and the commit that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The record's bytes.
    pub value: Bytes,
    /// The commit that wrote them: what [`Transaction::expect`](crate::Transaction::expect) takes.
    pub revision: Revision,
}
