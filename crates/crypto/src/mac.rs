//! Message authentication: HMAC (FIPS 198-1). Tags are public values; keys that come out of HMAC are `kdf`'s.

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

/// HMAC with one of the hashes of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are FIPS 180-4's own")]
pub enum MacAlgorithm {
    HmacSha224,
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

impl MacAlgorithm {
    const fn table(self) -> hmac::Algorithm {
        match self {
            Self::HmacSha224 => hmac::HMAC_SHA224,
            Self::HmacSha256 => hmac::HMAC_SHA256,
            Self::HmacSha384 => hmac::HMAC_SHA384,
            Self::HmacSha512 => hmac::HMAC_SHA512,
        }
    }

    fn tag(self, key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&hmac::Key::new(self.table(), key));
        for part in parts {
            context.update(part);
        }
        context.sign()
    }
}

/// The whole HMAC of the concatenation of `parts`, as long as the hash.
pub fn hmac(algorithm: MacAlgorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    algorithm.tag(key, parts).as_ref().to_vec()
}

/// Whether `tag` is the whole HMAC of `parts`, in constant time. A shortened tag is not accepted.
#[must_use]
pub fn hmac_verify(algorithm: MacAlgorithm, key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    algorithm.tag(key, parts).as_ref().ct_eq(tag).into()
}

/// [`hmac()`] with SHA-256, whose length the type tells.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(MacAlgorithm::HmacSha256.tag(key, parts).as_ref());
    out
}

/// [`hmac_verify`] with SHA-256.
#[must_use]
pub fn hmac_sha256_verify(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    hmac_verify(MacAlgorithm::HmacSha256, key, parts, tag)
}
