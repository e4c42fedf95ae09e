//! How key material made elsewhere travels here: encrypted under an RSA key, by itself or through an AES key
//! (`CKM_RSA_AES_KEY_WRAP` of PKCS#11 v3.0 §2.1.21).

use crate::oaep::must_be_rsa;
use crate::pkey::Padding;
use crate::{Error, KeyPair, Oaep, Secret, SecretBytes, aes_key_unwrap};

/// How the material was wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportAlgorithm {
    /// RSAES-PKCS1-v1_5 (RFC 8017 §7.2). Whoever learns for ciphertexts of his choice whether they unwrap can decrypt others
    /// (Bleichenbacher): it is for keys that unwrap once and are gone.
    RsaesPkcs1,
    /// RSAES-OAEP with SHA-1.
    RsaesOaepSha1,
    /// RSAES-OAEP with SHA-256.
    RsaesOaepSha256,
    /// A 256-bit AES key under OAEP with SHA-1, then the material under that key, wrapped with padding.
    RsaAesKeyWrapSha1,
    /// The same with SHA-256.
    RsaAesKeyWrapSha256,
}

impl KeyPair {
    /// Unwraps key material with an RSA key.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] when it was wrapped for another key or in another way, or changed; [`Error::WrongKind`] for a
    /// key that is not RSA's; [`Error::TooLong`] for more than [`SecretBytes::MAX`] bytes; [`Error::SecretMemory`] without
    /// memory.
    pub fn unwrap_transport(
        &self,
        algorithm: TransportAlgorithm,
        wrapped: &[u8],
    ) -> Result<SecretBytes, Error> {
        must_be_rsa(self.spec())?;
        match algorithm {
            TransportAlgorithm::RsaesPkcs1 => self.key().decrypt(Padding::Pkcs1, wrapped),
            TransportAlgorithm::RsaesOaepSha1 => self.decrypt(Oaep::Sha1, wrapped),
            TransportAlgorithm::RsaesOaepSha256 => self.decrypt(Oaep::Sha256, wrapped),
            TransportAlgorithm::RsaAesKeyWrapSha1 => self.unwrap_hybrid(Oaep::Sha1, wrapped),
            TransportAlgorithm::RsaAesKeyWrapSha256 => self.unwrap_hybrid(Oaep::Sha256, wrapped),
        }
    }

    fn unwrap_hybrid(&self, padding: Oaep, wrapped: &[u8]) -> Result<SecretBytes, Error> {
        let (key, material) = wrapped
            .split_at_checked(self.key().modulus_len())
            .ok_or(Error::NotAuthentic)?;
        let key = self.decrypt(padding, key)?;
        let key = Secret::<32>::try_from(&key).map_err(|_| Error::NotAuthentic)?;
        aes_key_unwrap(&key, material)
    }
}
