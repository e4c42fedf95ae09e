//! Random bytes from AWS-LC's generator, which the operating system seeds (CTR-DRBG, SP 800-90A).

use aws_lc_rs::rand;

use crate::Error;

/// Fills `out` with random bytes.
///
/// # Errors
/// [`Error::Library`] where the system has no randomness to give.
pub fn fill(out: &mut [u8]) -> Result<(), Error> {
    rand::fill(out).map_err(|_| Error::Library("random bytes"))
}

/// `N` random bytes that are public: a salt, a nonce, an id. A secret is made by [`crate::Secret::random`].
///
/// # Errors
/// As [`fill`].
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut out = [0; N];
    fill(&mut out)?;
    Ok(out)
}
