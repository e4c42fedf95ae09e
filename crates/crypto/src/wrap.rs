//! Records under a long-lived key, each under a key of its own, so that no number of them exhausts a nonce.
//!
//! ```text
//! nonce = 16 random bytes
//! K     = KBKDF(key, label, nonce ‖ header)
//! blob  = nonce ‖ AES-256-GCM(K, plaintext, additional data = len₆₄(label) ‖ label ‖ len₆₄(header) ‖ header ‖ nonce ‖ aad)
//! ```
//!
//! The root key of a service and KMS's `Encrypt` are both this construction, under different labels.

use crate::{Error, Secret, SecretBytes, kbkdf_hmac_sha256, open_once, random, seal_once};

const NONCE_LEN: usize = 16;

/// A key that wraps any number of records.
#[derive(Debug)]
pub struct WrappingKey(Secret<32>);

impl WrappingKey {
    /// Wraps under `key`.
    pub fn new(key: Secret<32>) -> Self {
        Self(key)
    }

    /// Wraps one record. `label` says what for and separates one use of the key from another; `header` is bound both
    /// into the derived key and the additional data; `aad` into the additional data.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a plaintext beyond what one secret holds; [`Error::SecretMemory`] and
    /// [`Error::Library`] where memory or randomness fails; [`Error::Label`] for a label with a zero byte.
    pub fn wrap(
        &self,
        label: &[u8],
        header: &[u8],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let nonce = random::bytes::<NONCE_LEN>()?;
        let key = kbkdf_hmac_sha256(&self.0, label, &[&nonce, header])?;
        let sealed = seal_once(key, &additional_data(label, header, &nonce, aad), plaintext)?;
        Ok([&nonce, sealed.as_slice()].concat())
    }

    /// Unwraps what [`Self::wrap`] made with the same key, label, header and `aad`.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] when any of them differs or the blob was changed; [`Error::TooLong`] for a blob
    /// longer than any that `wrap` makes.
    pub fn unwrap(
        &self,
        label: &[u8],
        header: &[u8],
        aad: &[u8],
        blob: &[u8],
    ) -> Result<SecretBytes, Error> {
        let (nonce, sealed) = blob
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(Error::NotAuthentic)?;
        let key = kbkdf_hmac_sha256(&self.0, label, &[nonce, header])?;
        open_once(key, &additional_data(label, header, nonce, aad), sealed)
    }
}

fn additional_data(label: &[u8], header: &[u8], nonce: &[u8; NONCE_LEN], aad: &[u8]) -> Vec<u8> {
    let len = |part: &[u8]| (part.len() as u64).to_be_bytes();
    [&len(label), label, &len(header), header, nonce, aad].concat()
}
