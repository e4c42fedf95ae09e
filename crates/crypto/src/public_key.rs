//! The public half of a key pair, as a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7) in DER.

use std::fmt;

use crate::pkey::{Kind, Pkey};
use crate::{Error, KeyPairSpec};

/// A public key that was found to be sound.
pub struct PublicKey {
    spec: KeyPairSpec,
    spki: Vec<u8>,
    key: Pkey,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`: RSA's (RFC 3279), a named curve's with a point in either form (RFC 5480), Ed25519's
    /// (RFC 8410), ML-DSA's (RFC 9881), ML-KEM's (RFC 9935). It is kept in DER, points uncompressed.
    ///
    /// # Errors
    /// [`Error::UnfitKey`] for one that cannot be read, is of another specification, or is no sound key: a point off the
    /// curve, coefficients out of range, an exponent below 65537.
    pub fn from_spki(spec: KeyPairSpec, der: &[u8]) -> Result<Self, Error> {
        let key = spec.check(Pkey::from_spki(der))?;
        if matches!(spec.kind(), Kind::MlKem { .. }) && !key.is_consistent_kem() {
            return Err(spec.unfit("its coefficients are out of range"));
        }
        let spki = key.spki()?;
        Ok(Self { spec, spki, key })
    }

    /// The key in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Its algorithm and size.
    pub const fn spec(&self) -> KeyPairSpec {
        self.spec
    }

    pub(crate) const fn key(&self) -> &Pkey {
        &self.key
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.spec)
    }
}
