//! Why a header, a keyslot or a change was refused, sorted by whose fault it is.

use std::borrow::Cow;

use thiserror::Error;

/// Whose fault an [`Error`](enum@Error) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no header here.
    Absent,
    /// The header breaks the format, by damage or by intent.
    Corrupt,
    /// The header keeps to the format and asks for something that is not allowed or not known here.
    Unsupported,
    /// The header keeps to the format and asks for less protection than is accepted.
    Weak,
    /// The passphrase is not this keyslot's.
    WrongPassphrase,
    /// The caller asked for something impossible.
    Misuse,
    /// The machine failed: a read, memory, randomness.
    Environment,
}

/// A refusal. Where a part of the header is to blame, `field` names it: a member of the binary header (`hdr_size`), or
/// a path in the JSON (`keyslots.0.area.offset`).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither a LUKS1 nor a LUKS2 header, primary or secondary.
    #[error("no LUKS header here")]
    NotLuks,
    /// The header breaks the format.
    #[error("the LUKS header is damaged at {field}: {problem}")]
    Corrupt {
        /// The part to blame.
        field: String,
        /// What is wrong with it.
        problem: Cow<'static, str>,
    },
    /// Outside what is opened here.
    #[error("the LUKS header asks at {field} for what Kluis does not open: {problem}")]
    Unsupported {
        /// The part to blame.
        field: String,
        /// What it asks for.
        problem: Cow<'static, str>,
    },
    /// Protects less than is accepted.
    #[error("the LUKS header is weakened at {field}: {problem}; do not use this volume")]
    Weak {
        /// The part to blame.
        field: String,
        /// In what way.
        problem: Cow<'static, str>,
    },
    /// The passphrase does not open the keyslot.
    #[error("the passphrase does not open keyslot {keyslot}")]
    WrongPassphrase {
        /// The keyslot that was tried.
        keyslot: u32,
    },
    /// The volume key is not this volume's.
    #[error("this is not the volume key of this header")]
    WrongVolumeKey,
    /// There is no such keyslot, or it is not active.
    #[error("there is no keyslot {0}")]
    NoKeyslot(u32),
    /// There is no such token.
    #[error("there is no token {0}")]
    NoToken(u32),
    /// The caller asked for something that the format cannot hold.
    #[error("{what}: {problem}")]
    Misuse {
        /// What was asked for.
        what: &'static str,
        /// Why it cannot be.
        problem: Cow<'static, str>,
    },
    /// No room for another keyslot, token or JSON member.
    #[error("the header has no room for {0}")]
    Full(&'static str),
    /// The caller's source could not read.
    #[error("the header cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// A primitive failed.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotLuks => Fault::Absent,
            Self::Corrupt { .. } => Fault::Corrupt,
            Self::Unsupported { .. } => Fault::Unsupported,
            Self::Weak { .. } => Fault::Weak,
            Self::WrongPassphrase { .. } => Fault::WrongPassphrase,
            Self::WrongVolumeKey
            | Self::NoKeyslot(_)
            | Self::NoToken(_)
            | Self::Misuse { .. }
            | Self::Full(_) => Fault::Misuse,
            Self::Read(_) | Self::Crypto(_) => Fault::Environment,
        }
    }

    /// The part of the header to blame, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Corrupt { field, .. }
            | Self::Unsupported { field, .. }
            | Self::Weak { field, .. } => Some(field),
            _ => None,
        }
    }

    pub(crate) fn corrupt(field: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt {
            field: field.into(),
            problem: problem.into(),
        }
    }

    pub(crate) fn unsupported(
        field: impl Into<String>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Unsupported {
            field: field.into(),
            problem: problem.into(),
        }
    }

    pub(crate) fn weak(field: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Weak {
            field: field.into(),
            problem: problem.into(),
        }
    }

    pub(crate) fn misuse(what: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::Misuse {
            what,
            problem: problem.into(),
        }
    }
}
