//! RSAES-OAEP (RFC 8017 §7.1), MGF1 with the same hash, an empty label.

use crate::pkey::{Kind, Padding};
use crate::{Error, HashAlgorithm, KeyPair, KeyPairSpec, PublicKey, SecretBytes};

/// The hash of the padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Oaep {
    /// With SHA-1, whose weaknesses do not matter here.
    Sha1,
    /// With SHA-256.
    Sha256,
}

impl Oaep {
    const fn hash(self) -> HashAlgorithm {
        match self {
            Self::Sha1 => HashAlgorithm::Sha1,
            Self::Sha256 => HashAlgorithm::Sha256,
        }
    }

    /// The most bytes that a key with a modulus of `modulus_len` bytes encrypts at once.
    const fn plaintext_max(self, modulus_len: usize) -> usize {
        modulus_len - 2 * self.hash().output_len() - 2
    }
}

impl PublicKey {
    /// Encrypts a short message.
    ///
    /// # Errors
    /// [`Error::TooLong`] for more than the key takes at once; [`Error::WrongKind`] for a key that is not RSA's;
    /// [`Error::Library`] where the library fails.
    pub fn encrypt(&self, padding: Oaep, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        must_be_rsa(self.spec())?;
        let max = padding.plaintext_max(self.key().modulus_len());
        if plaintext.len() > max {
            return Err(Error::TooLong {
                what: "the plaintext",
                actual: plaintext.len(),
                max,
            });
        }
        self.key().encrypt(Padding::Oaep(padding.hash()), plaintext)
    }
}

impl KeyPair {
    /// Decrypts what [`PublicKey::encrypt`] made.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] when it was made for another key or padding, or changed; [`Error::WrongKind`] for a key that
    /// is not RSA's; [`Error::SecretMemory`] without memory.
    pub fn decrypt(&self, padding: Oaep, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        must_be_rsa(self.spec())?;
        self.key()
            .decrypt(Padding::Oaep(padding.hash()), ciphertext)
    }
}

pub(crate) const fn must_be_rsa(spec: KeyPairSpec) -> Result<(), Error> {
    spec.must(matches!(spec.kind(), Kind::Rsa { .. }), "encryption")
}
