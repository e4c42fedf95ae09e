//! AES-256-GCM (SP 800-38D) under a key that is used for one message and then gone: the type is moved in, so the
//! nonce can be zero and can never repeat under a key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::{Error, Secret, SecretBytes};

/// The tag's length in bytes: a sealed message is this much longer than its plaintext.
const TAG_LEN: usize = 16;

/// Encrypts one message: ciphertext ‖ 16-byte tag.
///
/// # Errors
/// [`Error::TooLong`] beyond [`SecretBytes::MAX`], since it could not be opened again.
pub fn seal_once(key: Secret<32>, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    if plaintext.len() > SecretBytes::MAX - TAG_LEN {
        return Err(Error::TooLong {
            what: "a message",
            actual: plaintext.len(),
            max: SecretBytes::MAX - TAG_LEN,
        });
    }
    let key = single_use(key)?;
    // Encrypted where a secret may lie, so that a failure half-way leaves no plaintext behind.
    let mut buffer = SecretBytes::copy_of(plaintext)?;
    let tag = buffer
        .with_bytes_mut(|bytes| key.seal_in_place_separate_tag(zero_nonce(), Aad::from(aad), bytes))
        .map_err(|_| Error::Library("AES-GCM"))?;
    Ok([buffer.danger_expose(), tag.as_ref()].concat())
}

/// Opens what [`seal_once`] made with the same key and additional data.
///
/// # Errors
/// [`Error::NotAuthentic`] when anything differs; [`Error::TooLong`] for more than [`SecretBytes::MAX`] bytes.
pub fn open_once(key: Secret<32>, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, Error> {
    if sealed.len() < TAG_LEN {
        return Err(Error::NotAuthentic);
    }
    let key = single_use(key)?;
    let mut buffer = SecretBytes::copy_of(sealed)?;
    let len = buffer
        .with_bytes_mut(|bytes| {
            key.open_in_place(zero_nonce(), Aad::from(aad), bytes)
                .map(|opened| opened.len())
        })
        .map_err(|_| Error::NotAuthentic)?;
    Ok(buffer.truncated(len))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "taking the key is what makes it single-use"
)]
fn single_use(key: Secret<32>) -> Result<LessSafeKey, Error> {
    let key = UnboundKey::new(&AES_256_GCM, key.danger_expose())
        .map_err(|_| Error::Library("AES-GCM"))?;
    Ok(LessSafeKey::new(key))
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
