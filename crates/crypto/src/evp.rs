//! A set-up cipher of AWS-LC's EVP interface, for the two ciphers that aws-lc-rs does not offer in place.
#![expect(unsafe_code, reason = "EVP is C")]

use std::ptr::{self, NonNull};

use aws_lc_sys::{
    EVP_CIPHER_CTX, EVP_CIPHER_CTX_free, EVP_CIPHER_CTX_new, EVP_Cipher, EVP_CipherInit_ex,
    EVP_aes_128_ecb, EVP_aes_256_xts,
};

use crate::Error;

/// The length of a block and of a tweak in bytes.
const BLOCK: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Aes256Xts,
    Aes128Ecb,
}

impl Algorithm {
    const fn key_len(self) -> usize {
        match self {
            Self::Aes256Xts => 64,
            Self::Aes128Ecb => 16,
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Decrypt = 0,
    Encrypt = 1,
}

/// An `EVP_CIPHER_CTX` with a key in it.
#[derive(Debug)]
pub(crate) struct Context(NonNull<EVP_CIPHER_CTX>);

// SAFETY: a context is a heap object without ties to a thread; `&mut self` keeps it to one at a time.
unsafe impl Send for Context {}

impl Context {
    pub(crate) fn new(
        algorithm: Algorithm,
        direction: Direction,
        key: &[u8],
    ) -> Result<Self, Error> {
        if key.len() != algorithm.key_len() {
            return Err(Error::Library("AES key length"));
        }
        // SAFETY: the new context is checked before use and owned by `context`, which frees it; the cipher is a static;
        // the key has the number of bytes that the cipher reads, as just checked.
        unsafe {
            let context =
                Self(NonNull::new(EVP_CIPHER_CTX_new()).ok_or(Error::Library("AES context"))?);
            let cipher = match algorithm {
                Algorithm::Aes256Xts => EVP_aes_256_xts(),
                Algorithm::Aes128Ecb => EVP_aes_128_ecb(),
            };
            let ok = EVP_CipherInit_ex(
                context.0.as_ptr(),
                cipher,
                ptr::null_mut(),
                key.as_ptr(),
                ptr::null(),
                direction as i32,
            );
            if ok == 1 {
                Ok(context)
            } else {
                Err(Error::Library("AES key"))
            }
        }
    }

    /// Sets the tweak and works on one data unit in place.
    #[inline]
    pub(crate) fn with_iv(&mut self, iv: &[u8; BLOCK], unit: &mut [u8]) -> Result<(), Error> {
        // SAFETY: the context holds a cipher and a key; the cipher reads at most the 16 bytes of `iv`; null and -1 keep
        // cipher, key and direction.
        let ok = unsafe {
            EVP_CipherInit_ex(
                self.0.as_ptr(),
                ptr::null(),
                ptr::null_mut(),
                ptr::null(),
                iv.as_ptr(),
                -1,
            )
        };
        if ok == 1 {
            self.blocks(unit)
        } else {
            Err(Error::Library("AES tweak"))
        }
    }

    /// Works in place on whole blocks.
    #[inline]
    pub(crate) fn blocks(&mut self, data: &mut [u8]) -> Result<(), Error> {
        if data.is_empty() || !data.len().is_multiple_of(BLOCK) {
            return Err(Error::Length {
                what: "the data",
                expected: "whole blocks of 16",
                actual: data.len(),
            });
        }
        // SAFETY: input and output are the same slice, which EVP allows, of whole blocks, so that nothing is written
        // beyond its end; the context holds a cipher and a key.
        let ok = unsafe {
            EVP_Cipher(
                self.0.as_ptr(),
                data.as_mut_ptr(),
                data.as_ptr(),
                data.len(),
            )
        };
        if ok == 1 {
            Ok(())
        } else {
            Err(Error::Library("AES"))
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context came from EVP_CIPHER_CTX_new and is freed once; freeing wipes it.
        unsafe { EVP_CIPHER_CTX_free(self.0.as_ptr()) };
    }
}
