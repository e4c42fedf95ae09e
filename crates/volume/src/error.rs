//! Everything that a verb can fail with, and the one place that turns it into an exit code.

use std::path::PathBuf;

use crate::binding::{SecretError, TokenError};
use crate::config::{ConfigError, KeySource};
use crate::engine::EngineError;
use crate::host::HostError;
use crate::plan::Refusal;
use crate::ports::{KeyServiceError, ObjectError, ObjectUri, ReachError};
use crate::target::Target;

/// Exit codes: cryptsetup's, and `EX_TEMPFAIL` of sysexits for "try again".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Wrong parameters or configuration.
    Parameters = 1,
    /// No permission, or the key is not the one.
    Key = 2,
    /// Out of memory.
    Memory = 3,
    /// The wrong device or file, or something wrong with it.
    Device = 4,
    /// In use.
    Busy = 5,
    /// Temporary: the same command may succeed later.
    Temporary = 75,
}

/// Why a verb failed. Messages say what happened and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // --- the operator's ---
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No such volume.
    #[error("there is no volume {name} in the configuration; it has {known}")]
    UnknownVolume {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// No such user or group.
    #[error(
        "there is no {} {name}, the `{key}` of volume {volume}; nothing was done. Make it first, or name another", if *key == "owner" { "user" } else { "group" }
    )]
    UnknownAccount {
        /// The volume.
        volume: String,
        /// Which key of the configuration.
        key: &'static str,
        /// The name.
        name: String,
    },
    /// The verb makes no sense for that volume.
    #[error("{0}")]
    Misuse(String),

    /// A device that no volume of the configuration lies on.
    #[error(
        "no volume of the configuration lies on {device}; kluis opens only those that it has, by their device or file"
    )]
    NotConfigured {
        /// What was asked for.
        device: String,
    },
    /// No root is configured.
    #[error(
        "the configuration has no root; add a table [root] with device and key (man 5 kluis-volumes), then run this again"
    )]
    NoRoot,

    // --- the volume's state: nothing was changed ---
    /// The plan was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),

    // --- the header's ---
    /// The header on the device is damaged, unsupported or outside the allow-list.
    #[error("the header of {place} cannot be used: {source}; look at it (kluis header show NAME)")]
    Header {
        /// The device or file.
        place: String,
        /// What is wrong.
        source: luks::Error,
    },
    /// The token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The header's mac is not the one of its fields under this secret.
    #[error(
        "the header of {place} is not the one that volume {volume} was bound to: it was re-encrypted (cryptsetup reencrypt), was changed, or belongs to another volume; it was not opened. If it was you who re-encrypted it, run: kluis rekey --rebind {volume}; else look at it first: kluis header show {volume}"
    )]
    Mac {
        /// The volume.
        volume: String,
        /// The device or file.
        place: String,
    },
    /// The same in seed mode, where the likelier reason is that the object holds another secret.
    #[error(
        "the header of {place} does not verify with the secret at {secret}; it was not opened. Either volume {volume} was sealed with another secret: point `secret` at that one, or run: kluis rekey --from s3://bucket/previous {volume}; or it has another key since (if it was you who ran cryptsetup reencrypt: kluis rekey --rebind {volume}); or it was changed, or is another volume's: look at it first: kluis header show {volume}"
    )]
    SharedMac {
        /// The volume.
        volume: String,
        /// The device or file.
        place: String,
        /// The object of the secret.
        secret: ObjectUri,
    },
    /// The secret is the right one, and its keyslot does not open.
    #[error(
        "the header of {place} is the one that volume {volume} was bound to, and its keyslot does not open: its key material was damaged, or half of it written back. {}", if *is_alone { format!("If there is a backup of it: kluis header restore {volume} FILE") } else { "What lies beside it on that disk has been written over it, as it seems; look at what that is (lsblk -f)".to_owned() }
    )]
    KeyMaterial {
        /// The volume.
        volume: String,
        /// The device.
        place: String,
        /// Whether nothing else is on it.
        is_alone: bool,
    },
    /// The secret opens no keyslot.
    #[error(
        "the secret opens no keyslot of volume {volume} ({place}): it was sealed with another secret; point `secret` at that one, or run: kluis rekey --from s3://bucket/previous {volume}"
    )]
    WrongSecret {
        /// The volume.
        volume: String,
        /// The device or file.
        place: String,
    },
    /// Whoever asks for a passphrase has read another header than is there.
    #[error(
        "the header that was to be opened is not the one on {place}: it was changed a moment ago, or in between; it was not opened. Try again"
    )]
    OtherHeader {
        /// The device or file.
        place: String,
    },
    /// A passphrase that a person gave.
    #[error("this passphrase opens no keyslot of {place}; nothing was written")]
    WrongPassphrase {
        /// The device.
        place: String,
    },
    /// A root's token that is another's, or tampered with.
    #[error(
        "the kluis token on {place} does not verify for the name {name}: it was enrolled under another name, or the header was changed. If you changed `name`, set it back, or take the token away and enroll anew: cryptsetup token remove --token-id {token} {place}"
    )]
    RootToken {
        /// The device.
        place: String,
        /// The name of its mapping.
        name: String,
        /// The token's number.
        token: u32,
    },
    /// It opened, and there is nothing in it to mount.
    #[error(
        "volume {volume} opens and holds {found}; kluis makes a file system only in a volume that it is making. Open it by hand (cryptsetup open) and look at what it is, and at its header (kluis header show {volume})"
    )]
    NoFileSystem {
        /// The volume.
        volume: String,
        /// What it holds.
        found: String,
    },
    /// The re-encryption left no keyslot that the secret opens.
    #[error(
        "the secret of volume {volume} opens no keyslot of {place}: cryptsetup reencrypt keeps only the keyslots whose passphrases it was given. Give one that opens it, and the secret gets a keyslot again: kluis rekey --rebind --key-file FILE {volume}"
    )]
    NoKeyslotOfOurs {
        /// The volume.
        volume: String,
        /// The device or file.
        place: String,
    },
    /// A header that lies over the data in another way, or is another.
    #[error(
        "the header of {place} is not the one that this machine knows of volume {volume} with a new key: its UUID, or where and how its data lies, is another; it was not bound. Look at it: kluis header show {volume}"
    )]
    NotRebound {
        /// The volume.
        volume: String,
        /// The device or file.
        place: String,
    },
    /// Its header says that it was never finished, and nobody here was making it.
    #[error(
        "the header of {place} says that volume {volume} was never finished; it opens to no file system that is known, and this machine has no record of making it, so nothing was made in it. Its making is finished on the machine that began it; what is in it can be looked at: cryptsetup open {place} look"
    )]
    Unfinished {
        /// The volume.
        volume: String,
        /// The device or file.
        place: String,
    },
    /// What the service unwrapped cannot be a secret.
    #[error(transparent)]
    Secret(#[from] SecretError),

    // --- the services' ---
    /// The key service.
    #[error(transparent)]
    KeyService(#[from] KeyServiceError),
    /// A wrapped key that the service refuses to unwrap for this machine.
    #[error(
        "the key service does not unwrap the key of volume {volume} for machine {machine}: {source}; it is another machine's, or damaged. If the machine's name changed, set [agent] machine to the old one"
    )]
    ForeignBlob {
        /// The volume.
        volume: String,
        /// The name this machine goes by.
        machine: String,
        /// The service's words.
        source: KeyServiceError,
    },
    /// A key service that unwraps to something else than it wrapped.
    #[error(
        "the key service did not give back the secret that it had wrapped a moment ago; nothing was written. Do not trust this service"
    )]
    Inconsistent,
    /// The object store.
    #[error(transparent)]
    Object(#[from] ObjectError),

    // --- the machine's ---
    /// The machine.
    #[error(transparent)]
    Host(#[from] HostError),
    /// An engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A primitive.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// A piece of root-owned state that is not what Kluis wrote.
    #[error(
        "the state {0} is not what this version of kluis writes, and nothing was done. Bring it back from a backup of this machine, or use the version that wrote it; what it says is known from nowhere else"
    )]
    State(String),

    // --- erase's ---
    /// Not everything is gone.
    #[error("volume {volume} is not wholly erased; what remains: {}", remains.join("; "))]
    Remains {
        /// The volume.
        volume: String,
        /// What remains, and where.
        remains: Vec<String>,
    },
    /// A header backup that is not this volume's.
    #[error("{} is not a header of volume {volume}: {why}; nothing was written", file.display())]
    ForeignBackup {
        /// The volume.
        volume: String,
        /// The backup.
        file: PathBuf,
        /// How that shows.
        why: String,
    },
}

/// What to do about a denied call, which depends on who called.
pub(crate) fn denied_advice() -> &'static str {
    if rustix::process::geteuid().is_root() {
        "this is root already, so it is a capability that is missing here (a container?), or a folder that is immutable (lsattr -d): the mount point of a volume that is not up, perhaps"
    } else {
        "run this as root"
    }
}

impl Error {
    /// The header's mac is not the one of its fields under the secret of `target`.
    pub(crate) fn mac(target: &Target, place: String) -> Self {
        let volume = target.name.clone();
        match &target.key {
            KeySource::Seed { secret, .. } => Self::SharedMac {
                volume,
                place,
                secret: secret.clone(),
            },
            KeySource::Token { .. } | KeySource::Ephemeral => Self::Mac { volume, place },
        }
    }

    /// Whether a passphrase opened no keyslot.
    pub(crate) fn is_wrong_passphrase(&self) -> bool {
        matches!(
            self,
            Self::Header {
                source: luks::Error::WrongPassphrase { .. },
                ..
            }
        )
    }

    /// The one map from failures to exit codes.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_)
            | Self::UnknownVolume { .. }
            | Self::UnknownAccount { .. }
            | Self::Misuse(_)
            | Self::NotConfigured { .. }
            | Self::NoRoot => ExitCode::Parameters,
            Self::Refused(refusal) => refusal.exit_code(),
            Self::Header { source, .. } => header_code(source),
            Self::Secret(SecretError::Crypto(error)) | Self::Crypto(error) => crypto_code(error),
            Self::Token(_)
            | Self::KeyMaterial { .. }
            | Self::NoFileSystem { .. }
            | Self::Unfinished { .. }
            | Self::Remains { .. }
            | Self::ForeignBackup { .. }
            | Self::State(_) => ExitCode::Device,
            Self::Mac { .. }
            | Self::SharedMac { .. }
            | Self::WrongSecret { .. }
            | Self::NotRebound { .. }
            | Self::NoKeyslotOfOurs { .. }
            | Self::OtherHeader { .. }
            | Self::WrongPassphrase { .. }
            | Self::RootToken { .. }
            | Self::ForeignBlob { .. }
            | Self::Inconsistent
            | Self::Secret(_) => ExitCode::Key,
            Self::KeyService(error) => key_service_code(error),
            Self::Object(error) => object_code(error),
            Self::Host(error) => host_code(error),
            Self::Engine(error) => engine_code(error),
        }
    }
}

/// 1 for where the service is, 2 for who asks, 75 for what passes by itself.
fn reach_code(error: &ReachError) -> ExitCode {
    match error {
        ReachError::Clock(_) | ReachError::CredentialsNotYet(_) => ExitCode::Temporary,
        ReachError::Untrusted { .. }
        | ReachError::OtherName { .. }
        | ReachError::Expired { .. }
        | ReachError::NotTls { .. }
        | ReachError::Stranger { .. }
        | ReachError::Misconfigured(_) => ExitCode::Parameters,
        ReachError::NoCredentials(_)
        | ReachError::CredentialsFailed(_)
        | ReachError::NotRecognized(_) => ExitCode::Key,
    }
}

fn key_service_code(error: &KeyServiceError) -> ExitCode {
    match error {
        KeyServiceError::Reach(error) => reach_code(error),
        KeyServiceError::Unreachable(_) | KeyServiceError::Throttled(_) => ExitCode::Temporary,
        KeyServiceError::NotFound(_) => ExitCode::Parameters,
        KeyServiceError::Denied(_)
        | KeyServiceError::Disabled(_)
        | KeyServiceError::PendingDeletion(_)
        | KeyServiceError::Unusable(_)
        | KeyServiceError::Invalid(_) => ExitCode::Key,
    }
}

fn object_code(error: &ObjectError) -> ExitCode {
    match error {
        ObjectError::Reach(error) => reach_code(error),
        ObjectError::Unreachable(_) | ObjectError::Throttled(_) => ExitCode::Temporary,
        ObjectError::NotFound(_) => ExitCode::Parameters,
        ObjectError::Denied(_) | ObjectError::Unusable(_) | ObjectError::Invalid(_) => {
            ExitCode::Key
        }
    }
}

fn header_code(error: &luks::Error) -> ExitCode {
    match error {
        luks::Error::WrongPassphrase { .. } => ExitCode::Key,
        luks::Error::Crypto(error) => crypto_code(error),
        _ => ExitCode::Device,
    }
}

fn crypto_code(error: &crypto::Error) -> ExitCode {
    match error {
        crypto::Error::SecretMemory(_) | crypto::Error::Argon2Memory { .. } => ExitCode::Memory,
        crypto::Error::NotAuthentic => ExitCode::Key,
        _ => ExitCode::Device,
    }
}

fn host_code(error: &HostError) -> ExitCode {
    match error {
        HostError::Busy { .. } | HostError::SameUuid { .. } => ExitCode::Busy,
        HostError::Denied { .. } | HostError::Insecure { .. } => ExitCode::Key,
        HostError::Memory { .. } => ExitCode::Memory,
        HostError::Unsupported { .. }
        | HostError::MissingProgram { .. }
        | HostError::Exists { .. } => ExitCode::Parameters,
        HostError::NotFound { .. }
        | HostError::WrongKind { .. }
        | HostError::Replaced { .. }
        | HostError::ReadOnly { .. }
        | HostError::Full { .. }
        | HostError::TooLarge { .. }
        | HostError::Program { .. }
        | HostError::Io { .. } => ExitCode::Device,
    }
}

fn engine_code(error: &EngineError) -> ExitCode {
    match error {
        EngineError::Busy { .. } => ExitCode::Busy,
        EngineError::Denied { .. } => ExitCode::Key,
        EngineError::Memory { .. } => ExitCode::Memory,
        EngineError::Unavailable { .. } => ExitCode::Parameters,
        EngineError::Unsupported { .. } | EngineError::Failed { .. } => ExitCode::Device,
    }
}
