//! The two types a secret may have. Neither is cloned, printed or compared in variable time; both live in locked
//! pages and are wiped when they go.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::arena::{MAX_SLOT, Slot};
use crate::{Error, random};

/// A secret of exactly `N` bytes, `N` at most [`SecretBytes::MAX`].
///
/// ```
/// let key = crypto::Secret::<32>::random()?;
/// assert_eq!(format!("{key:?}"), "Secret<32>");
/// # Ok::<(), crypto::Error>(())
/// ```
///
/// It cannot be cloned:
/// ```compile_fail
/// let key = crypto::Secret::<32>::random().unwrap();
/// let copy = key.clone();
/// ```
pub struct Secret<const N: usize>(Slot);

impl<const N: usize> Secret<N> {
    /// Builds the secret in place: `fill` is given zeroed, locked memory and never a copy.
    ///
    /// # Errors
    /// What `fill` returns, after wiping what it wrote; [`Error::SecretMemory`] where the system has no memory;
    /// [`Error::TooLong`] for an `N` beyond [`SecretBytes::MAX`].
    pub fn build<E: From<Error>>(
        fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut slot = Slot::new(N)?;
        // The slot has N bytes: the conversion cannot fail.
        let bytes = <&mut [u8; N]>::try_from(slot.bytes_mut())
            .map_err(|_| Error::Library("secret arena"))?;
        fill(bytes)?;
        Ok(Self(slot))
    }

    /// A uniformly random secret.
    ///
    /// # Errors
    /// [`Error::SecretMemory`] where the system has no memory, [`Error::Library`] where it has no randomness.
    pub fn random() -> Result<Self, Error> {
        Self::build(|bytes| random::fill(bytes))
    }

    /// Moves the secret out of ordinary memory, which is wiped.
    ///
    /// # Errors
    /// [`Error::SecretMemory`] where the system has no memory; `source` is wiped in any case.
    pub fn from_slice_wiping(source: &mut [u8; N]) -> Result<Self, Error> {
        let moved = Self::build(|bytes| {
            bytes.copy_from_slice(source);
            Ok(())
        });
        source.zeroize();
        moved
    }

    /// The bytes themselves. Whoever calls this keeps them out of logs, copies and variable-time comparisons.
    #[expect(
        clippy::missing_panics_doc,
        clippy::expect_used,
        reason = "a slot built for N bytes has N bytes"
    )]
    pub fn danger_expose(&self) -> &[u8; N] {
        self.0
            .bytes()
            .try_into()
            .expect("a slot built for N bytes has N bytes")
    }

    /// Equality in constant time.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.bytes().ct_eq(other.0.bytes()).into()
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>")
    }
}

impl<const N: usize> TryFrom<&SecretBytes> for Secret<N> {
    type Error = Error;

    fn try_from(bytes: &SecretBytes) -> Result<Self, Error> {
        if bytes.len() != N {
            return Err(Error::Length {
                what: "a secret",
                expected: "as many as its type says",
                actual: bytes.len(),
            });
        }
        Self::build(|out| {
            out.copy_from_slice(bytes.danger_expose());
            Ok(())
        })
    }
}

/// A secret whose length is known only at run time: a passphrase, a volume key.
pub struct SecretBytes(Slot);

impl SecretBytes {
    /// The longest secret in bytes. An ML-DSA-87 private key with seed and expanded key, the longest there is here,
    /// takes 5 KB.
    pub const MAX: usize = MAX_SLOT;

    /// Builds a secret of `len` bytes in place; see [`Secret::build`].
    ///
    /// # Errors
    /// What `fill` returns; [`Error::TooLong`] beyond [`Self::MAX`]; [`Error::SecretMemory`] without memory.
    pub fn build<E: From<Error>>(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut slot = Slot::new(len)?;
        fill(slot.bytes_mut())?;
        Ok(Self(slot))
    }

    /// A uniformly random secret of `len` bytes.
    ///
    /// # Errors
    /// As [`Self::build`], and [`Error::Library`] where the system has no randomness.
    pub fn random(len: usize) -> Result<Self, Error> {
        Self::build(len, random::fill)
    }

    /// Copies from memory that is already a secret's; ordinary memory goes through [`Self::from_slice_wiping`].
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn copy_of(source: &[u8]) -> Result<Self, Error> {
        Self::build(source.len(), |bytes| {
            bytes.copy_from_slice(source);
            Ok(())
        })
    }

    /// Moves a secret out of ordinary memory, which is wiped.
    ///
    /// # Errors
    /// As [`Self::build`]; `source` is wiped in any case.
    pub fn from_slice_wiping(source: &mut [u8]) -> Result<Self, Error> {
        let moved = Self::copy_of(source);
        source.zeroize();
        moved
    }

    /// The same secret cut to its first `len` bytes, the rest wiped. For readers that learn the length last.
    #[must_use]
    pub fn truncated(mut self, len: usize) -> Self {
        self.0.truncate(len);
        self
    }

    /// For primitives that work in place.
    pub(crate) fn with_bytes_mut<T>(&mut self, work: impl FnOnce(&mut [u8]) -> T) -> T {
        work(self.0.bytes_mut())
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes themselves; see [`Secret::danger_expose`].
    pub fn danger_expose(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Equality in constant time for equal lengths; the lengths themselves are not hidden.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.bytes().ct_eq(other.0.bytes()).into()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes")
    }
}

impl<const N: usize> From<Secret<N>> for SecretBytes {
    fn from(secret: Secret<N>) -> Self {
        Self(secret.0)
    }
}
