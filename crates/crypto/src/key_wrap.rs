//! AES key wrap with padding (RFC 5649, SP 800-38F KWP) under a 256-bit key.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};

use crate::{Error, Secret, SecretBytes};

/// What wrapping adds at most: the integrity check's block, and padding.
const OVERHEAD_MAX: usize = 15;

/// Wraps a secret of at least one byte.
///
/// # Errors
/// [`Error::Length`] for an empty secret, [`Error::Library`] where the library fails.
pub fn aes_key_wrap(key: &Secret<32>, secret: &SecretBytes) -> Result<Vec<u8>, Error> {
    if secret.is_empty() {
        return Err(Error::Length {
            what: "a secret",
            expected: "one or more",
            actual: 0,
        });
    }
    let mut out = vec![0; secret.len() + OVERHEAD_MAX];
    let len = kek(key)?
        .wrap_with_padding(secret.danger_expose(), &mut out)
        .map_err(|_| Error::Library("AES key wrap"))?
        .len();
    out.truncate(len);
    Ok(out)
}

/// Unwraps what [`aes_key_wrap`] made.
///
/// # Errors
/// [`Error::NotAuthentic`] when it was wrapped under another key, changed, or is nothing of the kind; [`Error::TooLong`]
/// for more than [`SecretBytes::MAX`] bytes; [`Error::SecretMemory`] without memory.
pub fn aes_key_unwrap(key: &Secret<32>, wrapped: &[u8]) -> Result<SecretBytes, Error> {
    let kek = kek(key)?;
    let mut len = 0;
    let secret = SecretBytes::build(wrapped.len(), |out| {
        let unwrapped = kek.unwrap_with_padding(wrapped, out);
        len = unwrapped.map_err(|_| Error::NotAuthentic)?.len();
        Ok::<_, Error>(())
    })?;
    Ok(secret.truncated(len))
}

fn kek(key: &Secret<32>) -> Result<AesKek, Error> {
    AesKek::new(&AES_256, key.danger_expose()).map_err(|_| Error::Library("AES key wrap"))
}
