//! Message authentication: HMAC-SHA256 (FIPS 198-1). Tags are public values; keys that come out of HMAC are `kdf`'s.

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

/// HMAC-SHA256 of the concatenation of `parts`.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

/// Whether `tag` is the whole HMAC-SHA256 of `parts`, in constant time. A shortened tag is not accepted.
#[must_use]
pub fn hmac_sha256_verify(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    hmac_sha256(key, parts).ct_eq(tag).into()
}
