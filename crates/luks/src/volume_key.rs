//! The key that the data is encrypted with.

use crypto::{SecretBytes, XtsKey};

use crate::Error;

/// An AES-XTS volume key of 32 or 64 bytes whose halves differ.
#[derive(Debug)]
pub struct VolumeKey(SecretBytes);

impl VolumeKey {
    /// Takes a key from elsewhere.
    ///
    /// # Errors
    /// [`Error::Crypto`] for another length than 32 or 64 bytes, and for equal halves.
    pub fn new(key: SecretBytes) -> Result<Self, Error> {
        XtsKey::new(key.danger_expose())?;
        Ok(Self(key))
    }

    /// A random key of 32 (AES-128) or 64 bytes (AES-256).
    ///
    /// # Errors
    /// As [`Self::new`], and where there is no randomness.
    pub fn random(len: usize) -> Result<Self, Error> {
        Self::new(SecretBytes::random(len)?)
    }

    /// Its length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key for the cipher.
    ///
    /// # Errors
    /// [`Error::Crypto`] without memory.
    pub fn xts(&self) -> Result<XtsKey, Error> {
        Ok(XtsKey::new(self.0.danger_expose())?)
    }

    /// The bytes themselves, for an engine that hands them to the kernel.
    pub fn danger_expose(&self) -> &[u8] {
        self.0.danger_expose()
    }

    /// Equality in constant time.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0)
    }
}
