//! How a passphrase becomes the key of a keyslot area.

use std::num::NonZeroU32;

use crypto::{Argon2Cost, Argon2Variant, HashAlgorithm, SecretBytes, XtsKey};

use crate::limits::{
    MAX_ARGON2_LANES, MAX_ARGON2_MEMORY_KIB, MAX_ARGON2_WORK_KIB, MAX_PASSPHRASE,
    MAX_PBKDF2_ITERATIONS, MIN_ARGON2_WORK_KIB, MIN_PBKDF2_ITERATIONS, SALT_LEN,
};
use crate::{Error, cipher};

/// What a new keyslot shall cost to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KdfChoice {
    /// PBKDF2: for secrets of full entropy, where there is nothing to stretch.
    Pbkdf2 {
        /// HMAC's digest.
        hash: HashAlgorithm,
        /// At least [`MIN_PBKDF2_ITERATIONS`].
        iterations: u32,
    },
    /// Argon2id: for whatever a person may have chosen.
    Argon2id(Argon2Cost),
}

impl KdfChoice {
    /// For 256 random bits: cryptsetup's minimum.
    pub const MACHINE_SECRET: Self = Self::Pbkdf2 {
        hash: HashAlgorithm::Sha256,
        iterations: MIN_PBKDF2_ITERATIONS,
    };
    /// For any other passphrase: RFC 9106's choice for machines with little memory, with a pass more, which makes it
    /// cryptsetup's minimum of passes.
    pub const PASSPHRASE: Self = Self::Argon2id(Argon2Cost {
        time: 4,
        memory_kib: 64 << 10,
        lanes: 4,
    });
}

/// A key derivation as a header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kdf {
    /// PBKDF2 with HMAC.
    Pbkdf2 {
        /// HMAC's digest, by the header's name: it may be one that is not known here.
        hash: String,
        /// Iterations.
        iterations: u32,
        /// Salt.
        salt: Vec<u8>,
    },
    /// Argon2i or Argon2id.
    Argon2 {
        /// Which.
        variant: Argon2Variant,
        /// What it costs.
        cost: Argon2Cost,
        /// Salt.
        salt: Vec<u8>,
    },
    /// One that is not known here: it is shown, and opens nothing.
    Unknown {
        /// Its type as the header has it.
        kind: String,
    },
}

impl Kdf {
    /// A new derivation with a random salt of 32 bytes.
    pub(crate) fn new(choice: KdfChoice) -> Result<Self, Error> {
        let salt = crypto::random::bytes::<32>()?.to_vec();
        let kdf = match choice {
            KdfChoice::Pbkdf2 { hash, iterations } => Self::Pbkdf2 {
                hash: cipher::name_of_hash(hash).to_owned(),
                iterations,
                salt,
            },
            KdfChoice::Argon2id(cost) => Self::Argon2 {
                variant: Argon2Variant::Id,
                cost,
                salt,
            },
        };
        kdf.check_cost("kdf").map_err(|error| match error {
            Error::Weak { problem, .. } | Error::Unsupported { problem, .. } => {
                Error::misuse("kdf", problem)
            }
            other => other,
        })?;
        Ok(kdf)
    }

    /// Its type as the header has it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Unknown { kind } => kind,
            Self::Pbkdf2 { .. } => "pbkdf2",
            Self::Argon2 {
                variant: Argon2Variant::I,
                ..
            } => "argon2i",
            Self::Argon2 {
                variant: Argon2Variant::Id,
                ..
            } => "argon2id",
        }
    }

    /// Refuses what costs too little or too much, before any of it is paid. `at` is the path of the `kdf` member.
    pub(crate) fn check_cost(&self, at: &str) -> Result<(), Error> {
        match self {
            Self::Pbkdf2 { salt, .. } | Self::Argon2 { salt, .. }
                if !SALT_LEN.contains(&salt.len()) =>
            {
                Err(Error::weak(
                    format!("{at}.salt"),
                    "a salt has 16 to 64 bytes",
                ))
            }
            Self::Pbkdf2 {
                hash, iterations, ..
            } => {
                check_hash(hash, &format!("{at}.hash"))?;
                check_iterations(
                    *iterations,
                    MAX_PBKDF2_ITERATIONS,
                    &format!("{at}.iterations"),
                )
            }
            Self::Argon2 { cost, .. } => check_argon2(*cost, at),
            Self::Unknown { .. } => Err(Error::unsupported(
                format!("{at}.type"),
                "not pbkdf2, argon2i or argon2id",
            )),
        }
    }

    /// Derives the key of a keyslot area.
    pub(crate) fn derive(&self, passphrase: &[u8], key_len: usize) -> Result<XtsKey, Error> {
        if passphrase.len() > MAX_PASSPHRASE {
            return Err(Error::misuse(
                "passphrase",
                format!("longer than {MAX_PASSPHRASE} bytes"),
            ));
        }
        let key = SecretBytes::build(key_len, |out| match self {
            Self::Pbkdf2 {
                hash,
                iterations,
                salt,
            } => {
                let hash = check_hash(hash, "kdf.hash")?;
                let iterations = NonZeroU32::new(*iterations)
                    .ok_or_else(|| Error::weak("kdf.iterations", "there are none"))?;
                Ok::<_, Error>(crypto::pbkdf2(hash, passphrase, salt, iterations, out)?)
            }
            Self::Argon2 {
                variant,
                cost,
                salt,
            } => Ok(crypto::argon2(*variant, *cost, passphrase, salt, out)?),
            Self::Unknown { .. } => Err(Error::unsupported(
                "kdf.type",
                "not pbkdf2, argon2i or argon2id",
            )),
        })?;
        Ok(XtsKey::new(key.danger_expose())?)
    }
}

/// The digest of a name that must be known.
pub(crate) fn check_hash(name: &str, at: &str) -> Result<HashAlgorithm, Error> {
    cipher::hash_from_name(name)
        .ok_or_else(|| Error::unsupported(at, "a digest other than SHA-1 and SHA-2"))
}

pub(crate) fn check_iterations(iterations: u32, max: u32, at: &str) -> Result<(), Error> {
    if iterations < MIN_PBKDF2_ITERATIONS {
        return Err(Error::weak(
            at,
            format!("fewer than {MIN_PBKDF2_ITERATIONS} PBKDF2 iterations"),
        ));
    }
    if iterations > max {
        return Err(Error::unsupported(
            at,
            format!("more than {max} PBKDF2 iterations"),
        ));
    }
    Ok(())
}

fn check_argon2(cost: Argon2Cost, at: &str) -> Result<(), Error> {
    if cost.lanes == 0 || cost.lanes > MAX_ARGON2_LANES {
        return Err(Error::unsupported(
            format!("{at}.cpus"),
            format!("not 1 to {MAX_ARGON2_LANES} lanes"),
        ));
    }
    if cost.memory_kib > MAX_ARGON2_MEMORY_KIB {
        return Err(Error::unsupported(
            format!("{at}.memory"),
            format!("more than {MAX_ARGON2_MEMORY_KIB} KiB"),
        ));
    }
    if cost.memory_kib < 8 * cost.lanes {
        return Err(Error::weak(
            format!("{at}.memory"),
            "less than 8 KiB for each lane",
        ));
    }
    let work = u64::from(cost.memory_kib) * u64::from(cost.time);
    if work < MIN_ARGON2_WORK_KIB {
        return Err(Error::weak(
            format!("{at}.time"),
            "less memory × passes than cryptsetup's minimum",
        ));
    }
    if work > MAX_ARGON2_WORK_KIB {
        return Err(Error::unsupported(
            format!("{at}.time"),
            format!("more than {MAX_ARGON2_WORK_KIB} KiB × passes"),
        ));
    }
    Ok(())
}

/// Whether `key` hashes to `expected` (a digest of LUKS2, `mkDigest` of LUKS1), in constant time.
pub(crate) fn key_matches(
    key: &[u8],
    hash: HashAlgorithm,
    salt: &[u8],
    iterations: NonZeroU32,
    expected: &[u8],
) -> Result<bool, Error> {
    if expected.is_empty() {
        return Ok(false);
    }
    let computed = SecretBytes::build(expected.len(), |out| {
        crypto::pbkdf2(hash, key, salt, iterations, out)
    })?;
    Ok(computed.ct_eq(&SecretBytes::copy_of(expected)?))
}
