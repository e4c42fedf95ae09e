//! Key encapsulation: ML-KEM (FIPS 203). A shared secret has 32 bytes and may be used as a key.

use crate::pkey::Kind;
use crate::{Error, KeyPair, KeyPairSpec, PublicKey, SecretBytes};

impl PublicKey {
    /// A fresh shared secret, after what the key's owner gets it back from.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a key that is not ML-KEM's; [`Error::SecretMemory`] without memory; [`Error::Library`]
    /// where the library fails.
    pub fn encapsulate(&self) -> Result<(Vec<u8>, SecretBytes), Error> {
        must_encapsulate(self.spec())?;
        self.key().encapsulate()
    }
}

impl KeyPair {
    /// The shared secret of [`PublicKey::encapsulate`]. A ciphertext that was changed yields another secret and no error
    /// (FIPS 203 §6.3).
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] for a ciphertext of another length; [`Error::WrongKind`] for a key that is not ML-KEM's;
    /// [`Error::SecretMemory`] without memory.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        must_encapsulate(self.spec())?;
        self.key().decapsulate(ciphertext)
    }
}

const fn must_encapsulate(spec: KeyPairSpec) -> Result<(), Error> {
    spec.must(matches!(spec.kind(), Kind::MlKem { .. }), "encapsulation")
}
