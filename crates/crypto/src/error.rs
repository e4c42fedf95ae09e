//! What can go wrong with a primitive, sorted by whose fault it is.

use thiserror::Error;

use crate::KeyPairSpec;

/// A primitive that could not be carried out. No variant holds anything secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    // --- the data's fault: somebody changed it, or the key is another one ---
    /// A sealed record, signature or wrapped key that does not verify. Which part failed is not said, on purpose.
    #[error("the data does not verify under this key: it was changed, or the key is another one")]
    NotAuthentic,

    // --- the caller's fault ---
    /// A key, nonce or buffer whose length the primitive does not take.
    #[error("{what} has {actual} bytes where {expected} are needed")]
    Length {
        /// What has the length.
        what: &'static str,
        /// What the primitive takes, in words or numbers.
        expected: &'static str,
        /// What it was given.
        actual: usize,
    },
    /// More bytes than one secret, record or data unit may have.
    #[error("{what} has {actual} bytes, more than the {max} allowed")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length in bytes.
        actual: usize,
        /// The named bound in bytes.
        max: usize,
    },
    /// Both halves of an XTS key are the same (IEEE 1619-2018 and FIPS 140 IG C.I forbid it).
    #[error("the two halves of the XTS key are equal; generate another key")]
    EqualHalves,
    /// A password-hashing cost that the algorithm does not take.
    #[error("argon2 does not take {0}")]
    Argon2Cost(&'static str),
    /// A label of a key derivation that holds a zero byte, which would end it early.
    #[error("the label of a key derivation holds a zero byte")]
    Label,
    /// A sector number beyond 2^64.
    #[error("the sector numbers run past 2^64")]
    SectorOverflow,
    /// A private or public key that cannot be parsed or breaks its algorithm's rules.
    #[error("this is not a usable {0} key")]
    BadKey(&'static str),
    /// A private or public half that is not a sound key of the specification it is meant for.
    #[error("this is not a usable {spec} key: {why}")]
    UnfitKey {
        /// What it was to be.
        spec: KeyPairSpec,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An operation, or a form of message, that keys of this specification do not have.
    #[error("{spec} keys do not take {what}")]
    WrongKind {
        /// The key's specification.
        spec: KeyPairSpec,
        /// What was asked of it.
        what: &'static str,
    },

    // --- the machine's fault ---
    /// No memory for a secret.
    #[error("the system gave no memory for a secret: {0}; raise RLIMIT_MEMLOCK or free memory")]
    SecretMemory(std::io::Error),
    /// No memory for a password hash.
    #[error(
        "argon2 needs {kib} KiB of memory and the system gave none; free memory, or use a keyslot of lower cost"
    )]
    Argon2Memory {
        /// What was asked for.
        kib: u32,
    },
    /// The system refused to keep this process out of core dumps.
    #[error("the process cannot be kept out of core dumps: {0}")]
    Process(std::io::Error),
    /// The primitive library reports a failure that no input explains.
    #[error("the cryptographic library failed at {0}")]
    Library(&'static str),
}
