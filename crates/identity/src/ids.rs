//! Unique ids and secrets, in the forms that AWS gives them.

use base64::{Engine, engine::general_purpose::STANDARD};
use crypto::{Secret, SecretBytes};

/// The characters of a secret access key.
pub(crate) const SECRET_LEN: usize = 40;

/// The random bytes that encode to a secret access key.
const SECRET_ENTROPY: usize = 30;

/// What a unique id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdKind {
    /// A user: `AIDA` and 17 more.
    User,
    /// A role: `AROA` and 17 more.
    Role,
    /// A managed policy: `ANPA` and 17 more.
    ManagedPolicy,
    /// An access key that lasts: `AKIA` and 16 more.
    AccessKey,
    /// A session's access key: `ASIA` and 16 more.
    SessionKey,
}

impl IdKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Role => "AROA",
            Self::ManagedPolicy => "ANPA",
            Self::AccessKey => "AKIA",
            Self::SessionKey => "ASIA",
        }
    }

    const fn random_len(self) -> usize {
        match self {
            Self::User | Self::Role | Self::ManagedPolicy => 17,
            Self::AccessKey | Self::SessionKey => 16,
        }
    }

    /// A fresh id of this kind.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub(crate) fn fresh(self) -> Result<String, crypto::Error> {
        const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bytes = crypto::random::bytes::<17>()?;
        let symbols = bytes
            .iter()
            .take(self.random_len())
            .map(|byte| char::from(BASE32[usize::from(byte & 31)]));
        Ok(self.prefix().chars().chain(symbols).collect())
    }

    /// Whether `id` has the form of this kind.
    pub(crate) fn is_form_of(self, id: &str) -> bool {
        id.strip_prefix(self.prefix()).is_some_and(|rest| {
            rest.len() == self.random_len()
                && rest
                    .bytes()
                    .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        })
    }
}

/// A fresh secret access key: 40 characters that carry 240 random bits, made in locked memory.
///
/// # Errors
/// Where the system has no randomness or no memory for a secret.
pub(crate) fn fresh_secret() -> Result<SecretBytes, crypto::Error> {
    let entropy = Secret::<SECRET_ENTROPY>::random()?;
    SecretBytes::build(SECRET_LEN, |out| {
        // 30 bytes are 40 characters without padding: the slice has room.
        STANDARD
            .encode_slice(entropy.danger_expose(), out)
            .map(drop)
            .map_err(|_| crypto::Error::Library("base64"))
    })
}
