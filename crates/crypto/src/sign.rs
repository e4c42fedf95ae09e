//! Signatures: Ed25519 (RFC 8032) for checkpoints of the trail, RSA-2048 PKCS#1 v1.5 with SHA-256 for CloudTrail's
//! digest files.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    UnparsedPublicKey,
};
use zeroize::Zeroize;

use crate::{Error, Secret, SecretBytes};

/// An Ed25519 private key.
pub struct Ed25519Key(Ed25519KeyPair);

impl Ed25519Key {
    /// The key of a 32-byte seed (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`Error::BadKey`] where the library refuses it.
    pub fn from_seed(seed: &Secret<32>) -> Result<Self, Error> {
        Ed25519KeyPair::from_seed_unchecked(seed.danger_expose())
            .map(Self)
            .map_err(|_| Error::BadKey("Ed25519"))
    }

    /// The public key's 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.public_key().as_ref());
        out
    }

    /// Signs a message: 64 bytes.
    ///
    /// # Errors
    /// [`Error::Library`] where the library fails.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], Error> {
        let signature = self
            .0
            .try_sign(message)
            .map_err(|_| Error::Library("Ed25519"))?;
        signature
            .as_ref()
            .try_into()
            .map_err(|_| Error::Library("Ed25519"))
    }
}

impl std::fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ed25519Key")
    }
}

/// Verifies an Ed25519 signature.
///
/// # Errors
/// [`Error::NotAuthentic`] when it does not verify, a malformed key included.
pub fn ed25519_verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Error> {
    UnparsedPublicKey::new(&ED25519, public_key)
        .verify(message, signature)
        .map_err(|_| Error::NotAuthentic)
}

/// An RSA private key for PKCS#1 v1.5 signatures with SHA-256.
pub struct RsaKey(RsaKeyPair);

impl RsaKey {
    /// Generates an RSA-2048 key, the size CloudTrail uses.
    ///
    /// # Errors
    /// [`Error::Library`] where generation fails.
    pub fn generate() -> Result<Self, Error> {
        RsaKeyPair::generate(KeySize::Rsa2048)
            .map(Self)
            .map_err(|_| Error::Library("RSA key generation"))
    }

    /// Reads a PKCS#8 private key.
    ///
    /// # Errors
    /// [`Error::BadKey`] when it is not an RSA key of 2048 bits or more.
    pub fn from_pkcs8(der: &SecretBytes) -> Result<Self, Error> {
        RsaKeyPair::from_pkcs8(der.danger_expose())
            .map(Self)
            .map_err(|_| Error::BadKey("RSA"))
    }

    /// The private key in PKCS#8, to be wrapped and kept.
    ///
    /// # Errors
    /// [`Error::Library`] where encoding fails, [`Error::SecretMemory`] without memory.
    pub fn to_pkcs8(&self) -> Result<SecretBytes, Error> {
        let encoded =
            AsDer::<Pkcs8V1Der<'_>>::as_der(&self.0).map_err(|_| Error::Library("PKCS#8"))?;
        SecretBytes::copy_of(encoded.as_ref())
    }

    /// The public key as a PKCS#1 `RSAPublicKey` in DER, which is what CloudTrail's `ListPublicKeys` returns.
    pub fn public_key_der(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`Error::Library`] where the library fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| {
                signature.zeroize();
                Error::Library("RSA signature")
            })?;
        Ok(signature)
    }
}

impl std::fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RsaKey")
    }
}

/// Verifies an RSA PKCS#1 v1.5 signature with SHA-256 under a PKCS#1 or `SubjectPublicKeyInfo` public key in DER.
///
/// # Errors
/// [`Error::NotAuthentic`] when it does not verify, a malformed key included.
pub fn rsa_pkcs1_sha256_verify(
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key)
        .verify(message, signature)
        .map_err(|_| Error::NotAuthentic)
}
