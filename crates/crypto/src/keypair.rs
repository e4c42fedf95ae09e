//! A key pair: its private half as PKCS#8 in locked pages, its public half beside it.

use std::fmt;

use aws_lc_sys::{
    NID_MLDSA44, NID_MLDSA65, NID_MLDSA87, NID_MLKEM512, NID_MLKEM768, NID_MLKEM1024,
    NID_X9_62_prime256v1, NID_secp256k1, NID_secp384r1, NID_secp521r1,
};

use crate::pkey::{Kind, Pkey};
use crate::{Error, PublicKey, SecretBytes};

/// The algorithm and the size of a key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "the names are the standards' own; see `Display`"
)]
pub enum KeyPairSpec {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
    P521,
    Secp256k1,
    Ed25519,
    MlDsa44,
    MlDsa65,
    MlDsa87,
    MlKem512,
    MlKem768,
    MlKem1024,
}

impl KeyPairSpec {
    /// Every one of them.
    pub const ALL: [Self; 14] = [
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Secp256k1,
        Self::Ed25519,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
        Self::MlKem512,
        Self::MlKem768,
        Self::MlKem1024,
    ];

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Rsa2048 => Kind::Rsa { bits: 2048 },
            Self::Rsa3072 => Kind::Rsa { bits: 3072 },
            Self::Rsa4096 => Kind::Rsa { bits: 4096 },
            Self::P256 => Kind::Ec {
                curve: NID_X9_62_prime256v1,
            },
            Self::P384 => Kind::Ec {
                curve: NID_secp384r1,
            },
            Self::P521 => Kind::Ec {
                curve: NID_secp521r1,
            },
            Self::Secp256k1 => Kind::Ec {
                curve: NID_secp256k1,
            },
            Self::Ed25519 => Kind::Ed25519,
            Self::MlDsa44 => Kind::MlDsa {
                parameters: NID_MLDSA44,
            },
            Self::MlDsa65 => Kind::MlDsa {
                parameters: NID_MLDSA65,
            },
            Self::MlDsa87 => Kind::MlDsa {
                parameters: NID_MLDSA87,
            },
            Self::MlKem512 => Kind::MlKem {
                parameters: NID_MLKEM512,
            },
            Self::MlKem768 => Kind::MlKem {
                parameters: NID_MLKEM768,
            },
            Self::MlKem1024 => Kind::MlKem {
                parameters: NID_MLKEM1024,
            },
        }
    }

    /// [`Error::WrongKind`] unless `offered` holds.
    pub(crate) const fn must(self, offered: bool, what: &'static str) -> Result<(), Error> {
        if offered {
            Ok(())
        } else {
            Err(Error::WrongKind { spec: self, what })
        }
    }

    pub(crate) const fn unfit(self, why: &'static str) -> Error {
        Error::UnfitKey { spec: self, why }
    }

    /// The key that was read, if it is one of this specification and none that is known to be weak.
    pub(crate) fn check(self, key: Option<Pkey>) -> Result<Pkey, Error> {
        let key = key.ok_or(self.unfit("it cannot be read, or its parts contradict each other"))?;
        if key.kind() != Some(self.kind()) {
            return Err(self.unfit("it is of another kind or size"));
        }
        if key
            .exponent_bits()
            .is_some_and(|bits| bits < EXPONENT_BITS_MIN)
        {
            return Err(self.unfit("its public exponent is below 65537"));
        }
        if key.spells_out_its_curve() {
            return Err(self.unfit("it spells its curve out instead of naming it"));
        }
        if let (Kind::Rsa { bits }, Some(distance)) = (self.kind(), key.prime_distance_bits()?)
            && distance <= bits.unsigned_abs() / 2 - PRIME_DISTANCE_SHORT
        {
            return Err(self.unfit("its primes are too close to each other"));
        }
        Ok(key)
    }
}

impl fmt::Display for KeyPairSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
            Self::MlKem512 => "ML-KEM-512",
            Self::MlKem768 => "ML-KEM-768",
            Self::MlKem1024 => "ML-KEM-1024",
        })
    }
}

/// An odd number of so many bits is at least 65537 (FIPS 186-5 §A.1.1).
const EXPONENT_BITS_MIN: u32 = 17;
/// How many bits fewer than a prime the distance of both may have (FIPS 186-5 §A.1.3).
const PRIME_DISTANCE_SHORT: u32 = 100;

/// Both halves of a key.
///
/// Beside the PKCS#8 in locked pages there is the form that AWS-LC computes with, on its heap and wiped when the pair goes:
/// a program keeps the PKCS#8, and the pair no longer than it works with it.
pub struct KeyPair {
    pkcs8: SecretBytes,
    public: PublicKey,
    key: Pkey,
}

impl KeyPair {
    /// Makes a key pair; one of RSA takes up to some seconds. RSA's public exponent is 65537.
    ///
    /// # Errors
    /// [`Error::Library`] where generation fails, [`Error::SecretMemory`] without memory.
    pub fn generate(spec: KeyPairSpec) -> Result<Self, Error> {
        let key = Pkey::generate(spec.kind())?;
        let pkcs8 = key.pkcs8()?.ok_or(Error::Library("PKCS#8"))?;
        Self::new(spec, key, pkcs8)
    }

    /// Reads a private key in PKCS#8 (RFC 5958): RSA's with both primes (RFC 8017 §A.1.2), an elliptic curve's by name
    /// (RFC 5915), Ed25519's (RFC 8410), ML-DSA's as seed, expanded key or both (RFC 9881), ML-KEM's as seed or expanded
    /// key (RFC 9935). It is kept as [`Self::pkcs8`] says.
    ///
    /// # Errors
    /// [`Error::UnfitKey`] for one that cannot be read, is of another specification, is weak, or whose halves do not
    /// belong together; [`Error::SecretMemory`] without memory.
    pub fn from_pkcs8(spec: KeyPairSpec, pkcs8: SecretBytes) -> Result<Self, Error> {
        let mut key = spec.check(Pkey::from_pkcs8(pkcs8.danger_expose()))?;
        if matches!(spec.kind(), Kind::MlKem { .. }) {
            key = key
                .with_both_kem_halves()?
                .ok_or(spec.unfit("its halves do not belong together"))?;
        }
        let pkcs8 = key.pkcs8()?.unwrap_or(pkcs8);
        Self::new(spec, key, pkcs8)
    }

    fn new(spec: KeyPairSpec, key: Pkey, pkcs8: SecretBytes) -> Result<Self, Error> {
        let public = PublicKey::from_spki(spec, &key.spki()?)?;
        Ok(Self { pkcs8, public, key })
    }

    /// The private half as PKCS#8: in one form for each key, in whatever form it was read (an expanded ML-DSA key
    /// without its seed alone stays as it came).
    pub const fn pkcs8(&self) -> &SecretBytes {
        &self.pkcs8
    }

    /// The public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its algorithm and size.
    pub const fn spec(&self) -> KeyPairSpec {
        self.public.spec()
    }

    pub(crate) const fn key(&self) -> &Pkey {
        &self.key
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.spec())
    }
}
