//! Signatures over a digest, and over a whole message where the algorithm wants to see it.

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use aws_lc_sys::{
    EVP_DigestSign, EVP_DigestSignInit, EVP_DigestVerify, EVP_DigestVerifyInit, EVP_MD_CTX,
    EVP_MD_CTX_free, EVP_MD_CTX_new, EVP_PKEY_CTX_set_rsa_padding,
    EVP_PKEY_CTX_set_rsa_pss_saltlen, EVP_PKEY_CTX_set_signature_md, EVP_PKEY_ED25519PH,
    EVP_PKEY_get_raw_private_key, EVP_PKEY_get_raw_public_key, EVP_PKEY_new_raw_private_key,
    EVP_PKEY_new_raw_public_key, EVP_PKEY_sign, EVP_PKEY_sign_init, EVP_PKEY_size, EVP_PKEY_verify,
    EVP_PKEY_verify_init, RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST,
};

use super::Pkey;
use super::context::{Context, done, table_of};
use crate::signature::SigningAlgorithm;
use crate::{Error, Secret};

/// The length of both halves of an Ed25519 key in bytes.
const ED25519_LEN: usize = 32;

impl Pkey {
    /// Signs a digest of the algorithm's hash, or ML-DSA's mu.
    pub(crate) fn sign_digest(
        &self,
        algorithm: SigningAlgorithm,
        digest: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let context = Context::begun(self, EVP_PKEY_sign_init)?;
        context.set_algorithm(algorithm)?;
        self.signature(|out, len| {
            // SAFETY: the context is whole and signs; `out` has `*len` bytes.
            unsafe { EVP_PKEY_sign(context.as_ptr(), out, len, digest.as_ptr(), digest.len()) }
        })
    }

    /// Verifies what [`Self::sign_digest`] makes.
    pub(crate) fn verify_digest(
        &self,
        algorithm: SigningAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let context = Context::begun(self, EVP_PKEY_verify_init)?;
        context.set_algorithm(algorithm)?;
        // SAFETY: the context is whole and verifies; both slices are only read.
        authentic(unsafe {
            EVP_PKEY_verify(
                context.as_ptr(),
                signature.as_ptr(),
                signature.len(),
                digest.as_ptr(),
                digest.len(),
            )
        })
    }

    /// Signs a message that the algorithm itself hashes: Ed25519 and ML-DSA, whose context stays empty.
    pub(crate) fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let context = MessageContext::new()?;
        // SAFETY: context and key are whole; no digest and no engine are named, and the inner context is not asked for.
        let began = unsafe {
            EVP_DigestSignInit(
                context.as_ptr(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                self.as_ptr(),
            )
        };
        done(began, "the beginning of a signature")?;
        self.signature(|out, len| {
            // SAFETY: the context is whole and signs; `out` has `*len` bytes.
            unsafe { EVP_DigestSign(context.as_ptr(), out, len, message.as_ptr(), message.len()) }
        })
    }

    /// Verifies what [`Self::sign_message`] makes.
    pub(crate) fn verify_message(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let context = MessageContext::new()?;
        // SAFETY: as in `sign_message`.
        let began = unsafe {
            EVP_DigestVerifyInit(
                context.as_ptr(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                self.as_ptr(),
            )
        };
        done(began, "the beginning of a verification")?;
        // SAFETY: the context is whole and verifies; both slices are only read.
        authentic(unsafe {
            EVP_DigestVerify(
                context.as_ptr(),
                signature.as_ptr(),
                signature.len(),
                message.as_ptr(),
                message.len(),
            )
        })
    }

    /// The same Ed25519 key pair for digests (Ed25519ph), which AWS-LC has as a kind of its own.
    pub(crate) fn prehashing(&self) -> Result<Self, Error> {
        let seed = Secret::<ED25519_LEN>::build(|out| {
            let mut len = out.len();
            // SAFETY: `out` has `len` bytes.
            let read = unsafe {
                EVP_PKEY_get_raw_private_key(self.as_ptr(), out.as_mut_ptr(), &raw mut len)
            };
            done(read, "an Ed25519 key")
        })?;
        let seed = seed.danger_expose();
        // SAFETY: the seed is only read and copied; the key that comes back is owned here.
        unsafe {
            Self::owned(EVP_PKEY_new_raw_private_key(
                EVP_PKEY_ED25519PH,
                ptr::null_mut(),
                seed.as_ptr(),
                seed.len(),
            ))
        }
        .ok_or(Error::Library("an Ed25519 key"))
    }

    /// The same Ed25519 public key for digests.
    pub(crate) fn prehashing_public(&self) -> Result<Self, Error> {
        let mut point = [0; ED25519_LEN];
        let mut len = point.len();
        // SAFETY: `point` has `len` bytes, and is then only read and copied; the key that comes back is owned here.
        unsafe {
            let read = EVP_PKEY_get_raw_public_key(self.as_ptr(), point.as_mut_ptr(), &raw mut len);
            done(read, "an Ed25519 key")?;
            Self::owned(EVP_PKEY_new_raw_public_key(
                EVP_PKEY_ED25519PH,
                ptr::null_mut(),
                point.as_ptr(),
                point.len(),
            ))
        }
        .ok_or(Error::Library("an Ed25519 key"))
    }

    /// Room for the longest signature of this key, as much of it as `sign` says it has written.
    fn signature(&self, sign: impl FnOnce(*mut u8, *mut usize) -> c_int) -> Result<Vec<u8>, Error> {
        // SAFETY: the key is whole.
        let max = unsafe { EVP_PKEY_size(self.as_ptr()) };
        let mut out = vec![0; usize::try_from(max).map_err(|_| Error::Library("a signature"))?];
        let mut len = out.len();
        done(sign(out.as_mut_ptr(), &raw mut len), "a signature")?;
        out.truncate(len);
        Ok(out)
    }
}

impl Context {
    fn set_algorithm(&self, algorithm: SigningAlgorithm) -> Result<(), Error> {
        let raw = self.as_ptr();
        let table = algorithm.hash().map(table_of);
        // SAFETY: the context is whole, and the tables are statics.
        let ok = unsafe {
            match (algorithm, table) {
                (SigningAlgorithm::RsaPkcs1(_), Some(table)) => {
                    EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_PADDING) == 1
                        && EVP_PKEY_CTX_set_signature_md(raw, table) == 1
                }
                (SigningAlgorithm::RsaPss(_), Some(table)) => {
                    EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_PSS_PADDING) == 1
                        && EVP_PKEY_CTX_set_signature_md(raw, table) == 1
                        && EVP_PKEY_CTX_set_rsa_pss_saltlen(raw, RSA_PSS_SALTLEN_DIGEST) == 1
                }
                (_, Some(table)) => EVP_PKEY_CTX_set_signature_md(raw, table) == 1,
                (_, None) => true,
            }
        };
        done(ok.into(), "a signing algorithm")
    }
}

/// An `EVP_MD_CTX`, through which AWS-LC takes whole messages.
struct MessageContext(NonNull<EVP_MD_CTX>);

impl MessageContext {
    fn new() -> Result<Self, Error> {
        // SAFETY: what comes back is checked before use, and owned here.
        NonNull::new(unsafe { EVP_MD_CTX_new() })
            .map(Self)
            .ok_or(Error::Library("message context"))
    }

    const fn as_ptr(&self) -> *mut EVP_MD_CTX {
        self.0.as_ptr()
    }
}

impl Drop for MessageContext {
    fn drop(&mut self) {
        // SAFETY: the context is owned and freed once; freeing wipes what it held.
        unsafe { EVP_MD_CTX_free(self.as_ptr()) };
    }
}

fn authentic(returned: c_int) -> Result<(), Error> {
    if returned == 1 {
        Ok(())
    } else {
        Err(Error::NotAuthentic)
    }
}
