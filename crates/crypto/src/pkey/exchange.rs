//! Secrets that pass from one holder of a key to another: RSA encryption, key agreement, key encapsulation.

use std::ptr;

use aws_lc_sys::{
    EVP_PKEY_CTX_set_rsa_oaep_md, EVP_PKEY_CTX_set_rsa_padding, EVP_PKEY_decapsulate,
    EVP_PKEY_decrypt, EVP_PKEY_decrypt_init, EVP_PKEY_derive, EVP_PKEY_derive_init,
    EVP_PKEY_derive_set_peer, EVP_PKEY_encapsulate, EVP_PKEY_encrypt, EVP_PKEY_encrypt_init,
    EVP_PKEY_get_raw_private_key, EVP_PKEY_kem_get_type, EVP_PKEY_kem_new_raw_key,
    EVP_PKEY_public_check, EVP_PKEY_size, RSA_PKCS1_OAEP_PADDING, RSA_PKCS1_PADDING,
};

use super::Pkey;
use super::context::{Context, done, table_of};
use crate::{Error, HashAlgorithm, SecretBytes};

/// H(ek) and z, the end of an ML-KEM decapsulation key.
const KEM_TAIL_LEN: usize = 64;
/// What an encapsulation key has beyond the coefficients, of which both keys have as many.
const KEM_RHO_LEN: usize = 32;

/// How a message is brought to the length of an RSA modulus.
#[derive(Clone, Copy)]
pub(crate) enum Padding {
    /// RFC 8017 §7.2.
    Pkcs1,
    /// RFC 8017 §7.1, with MGF1 of the same hash and an empty label.
    Oaep(HashAlgorithm),
}

impl Pkey {
    /// The length of an RSA modulus in bytes.
    pub(crate) fn modulus_len(&self) -> usize {
        // SAFETY: the key is whole.
        usize::try_from(unsafe { EVP_PKEY_size(self.as_ptr()) }).unwrap_or_default()
    }

    /// Encrypts under an RSA key. What is too long for it was refused before.
    pub(crate) fn encrypt(&self, padding: Padding, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let context = Context::begun(self, EVP_PKEY_encrypt_init)?;
        context.set_padding(padding)?;
        let mut out = vec![0; self.modulus_len()];
        let mut len = out.len();
        // SAFETY: the context is whole and encrypts; `out` has `len` bytes.
        let ok = unsafe {
            EVP_PKEY_encrypt(
                context.as_ptr(),
                out.as_mut_ptr(),
                &raw mut len,
                plaintext.as_ptr(),
                plaintext.len(),
            )
        };
        done(ok, "RSA encryption")?;
        out.truncate(len);
        Ok(out)
    }

    /// Decrypts with an RSA key. AWS-LC looks at the padding in constant time; that it failed, and nothing else, is told.
    pub(crate) fn decrypt(
        &self,
        padding: Padding,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, Error> {
        let context = Context::begun(self, EVP_PKEY_decrypt_init)?;
        context.set_padding(padding)?;
        let mut len = self.modulus_len();
        let plaintext = SecretBytes::build(len, |out| {
            // SAFETY: the context is whole and decrypts; `out` has `len` bytes.
            let ok = unsafe {
                EVP_PKEY_decrypt(
                    context.as_ptr(),
                    out.as_mut_ptr(),
                    &raw mut len,
                    ciphertext.as_ptr(),
                    ciphertext.len(),
                )
            };
            if ok == 1 {
                Ok(())
            } else {
                Err(Error::NotAuthentic)
            }
        })?;
        Ok(plaintext.truncated(len))
    }

    /// The raw Diffie-Hellman secret with `peer`, which is of the same curve.
    pub(crate) fn derive(&self, peer: &Self) -> Result<SecretBytes, Error> {
        let context = Context::begun(self, EVP_PKEY_derive_init)?;
        let mut len = 0;
        // SAFETY: context and peer are whole; the context takes a reference of its own to the peer, and a null output
        // asks for the length alone.
        unsafe {
            done(
                EVP_PKEY_derive_set_peer(context.as_ptr(), peer.as_ptr()),
                "the peer of a key agreement",
            )?;
            done(
                EVP_PKEY_derive(context.as_ptr(), ptr::null_mut(), &raw mut len),
                "the length of a shared secret",
            )?;
        }
        let secret = SecretBytes::build(len, |out| {
            // SAFETY: as before; `out` has `len` bytes.
            let ok = unsafe { EVP_PKEY_derive(context.as_ptr(), out.as_mut_ptr(), &raw mut len) };
            done(ok, "key agreement")
        })?;
        Ok(secret.truncated(len))
    }

    /// A fresh shared secret under an ML-KEM key, and what its owner gets it back from.
    pub(crate) fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes), Error> {
        let context = Context::new(self)?;
        let (mut ciphertext_len, mut secret_len) = (0, 0);
        // SAFETY: the context is whole; null outputs ask for the lengths alone.
        let asked = unsafe {
            EVP_PKEY_encapsulate(
                context.as_ptr(),
                ptr::null_mut(),
                &raw mut ciphertext_len,
                ptr::null_mut(),
                &raw mut secret_len,
            )
        };
        done(asked, "the lengths of an encapsulation")?;
        let mut ciphertext = vec![0; ciphertext_len];
        let secret = SecretBytes::build(secret_len, |out| {
            // SAFETY: both outputs have the lengths that are given.
            let ok = unsafe {
                EVP_PKEY_encapsulate(
                    context.as_ptr(),
                    ciphertext.as_mut_ptr(),
                    &raw mut ciphertext_len,
                    out.as_mut_ptr(),
                    &raw mut secret_len,
                )
            };
            done(ok, "encapsulation")
        })?;
        Ok((ciphertext, secret))
    }

    /// The shared secret of an encapsulation. One of the right length always yields a secret: that of a changed one is
    /// another (FIPS 203 §6.3), which is no way to tell.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        let context = Context::new(self)?;
        let mut len = 0;
        // SAFETY: the context is whole; a null output asks for the length alone.
        let asked = unsafe {
            EVP_PKEY_decapsulate(
                context.as_ptr(),
                ptr::null_mut(),
                &raw mut len,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        };
        done(asked, "the length of a shared secret")?;
        SecretBytes::build(len, |out| {
            // SAFETY: the context is whole; `out` has `len` bytes.
            let ok = unsafe {
                EVP_PKEY_decapsulate(
                    context.as_ptr(),
                    out.as_mut_ptr(),
                    &raw mut len,
                    ciphertext.as_ptr(),
                    ciphertext.len(),
                )
            };
            if ok == 1 {
                Ok(())
            } else {
                Err(Error::NotAuthentic)
            }
        })
    }

    /// The ML-KEM key pair whose private half this holds, with the public half that lies inside that one (FIPS 203 §7.1,
    /// `dk_PKE ‖ ek ‖ H(ek) ‖ z`) where AWS-LC read the private half alone; none where they do not fit.
    pub(crate) fn with_both_kem_halves(self) -> Result<Option<Self>, Error> {
        if self.is_consistent_kem() {
            return Ok(Some(self));
        }
        let private = self.raw_private()?;
        let private = private.danger_expose();
        let end = private.len().saturating_sub(KEM_TAIL_LEN);
        let public = private
            .get((end / 2).saturating_sub(KEM_RHO_LEN / 2)..end)
            .ok_or(Error::Library("ML-KEM"))?;
        // SAFETY: both slices are only read and copied, and their lengths checked against the parameters; the key that
        // comes back is owned here.
        let whole = unsafe {
            Self::owned(EVP_PKEY_kem_new_raw_key(
                EVP_PKEY_kem_get_type(self.as_ptr()),
                public.as_ptr(),
                public.len(),
                private.as_ptr(),
                private.len(),
            ))
        };
        Ok(whole.filter(Self::is_consistent_kem))
    }

    fn raw_private(&self) -> Result<SecretBytes, Error> {
        let mut len = SecretBytes::MAX;
        let raw = SecretBytes::build(len, |out| {
            // SAFETY: `out` has `len` bytes.
            let ok = unsafe {
                EVP_PKEY_get_raw_private_key(self.as_ptr(), out.as_mut_ptr(), &raw mut len)
            };
            done(ok, "a private key")
        })?;
        Ok(raw.truncated(len))
    }

    /// Whether an ML-KEM key is well-formed (FIPS 203 §7.2) and, where both halves are there, they fit.
    pub(crate) fn is_consistent_kem(&self) -> bool {
        // SAFETY: the context is whole; the check looks at the kind of the key before anything else.
        Context::new(self)
            .is_ok_and(|context| unsafe { EVP_PKEY_public_check(context.as_ptr()) } == 1)
    }
}

impl Context {
    fn set_padding(&self, padding: Padding) -> Result<(), Error> {
        let raw = self.as_ptr();
        // SAFETY: the context is whole, and the tables are statics.
        let ok = unsafe {
            match padding {
                Padding::Pkcs1 => EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_PADDING) == 1,
                Padding::Oaep(hash) => {
                    EVP_PKEY_CTX_set_rsa_padding(raw, RSA_PKCS1_OAEP_PADDING) == 1
                        && EVP_PKEY_CTX_set_rsa_oaep_md(raw, table_of(hash)) == 1
                }
            }
        };
        done(ok.into(), "an RSA padding")
    }
}
