//! The boundary of an engine: what shows the decrypted view of a volume as a block device.
//!
//! An engine knows nothing of keys' origins, headers or configuration; it is handed a range of bytes of a
//! backing device and the key that they are under. `linux` has the device-mapper one, `fuse` the other.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use luks::VolumeKey;
use uuid::Uuid;

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineKind {
    /// The kernel's dm-crypt target.
    DmCrypt,
    /// A FUSE-exported decrypted file behind a loop device.
    Fuse,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DmCrypt => "dm-crypt",
            Self::Fuse => "fuse",
        })
    }
}

/// Which LUKS the header on the backing is; device-mapper UUIDs and `status` carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LuksKind {
    /// LUKS1.
    V1,
    /// LUKS2.
    V2,
}

impl fmt::Display for LuksKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "LUKS1",
            Self::V2 => "LUKS2",
        })
    }
}

/// The ciphers that a volume may be opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES in XTS mode, the IV being the little-endian 64-bit number of the 512-byte sector.
    AesXtsPlain64,
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AesXtsPlain64 => "aes-xts-plain64",
        })
    }
}

/// What an engine needs to show a decrypted block device. The key never leaves locked memory.
///
/// `Debug` shows no key: [`VolumeKey`] prints as its length.
#[derive(Debug)]
pub struct Mapping<'a> {
    /// The mapping's name, which is the volume's: `/dev/mapper/NAME` with dm-crypt. Already checked to be a plain
    /// name (`[A-Za-z0-9._-]`, at most [`crate::config::NAME_MAX`] bytes).
    pub name: &'a str,
    /// The header's UUID.
    pub uuid: Uuid,
    /// Which LUKS.
    pub luks: LuksKind,
    /// The block device (or, for an engine whose [`Engine::needs_block_device`] is false, possibly the file) that holds the ciphertext.
    pub backing: &'a Path,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Whether discards are passed on to the backing. An engine that cannot passes none.
    pub discards: bool,
    /// The bytes of the backing that are the encrypted payload; a multiple of `sector_size` long and never empty.
    pub payload: Range<u64>,
    /// The encryption sector size: 512 or 4096 bytes.
    pub sector_size: u32,
    /// The IV of the first sector, in 512-byte sectors.
    pub iv_start: u64,
    /// The cipher.
    pub cipher: Cipher,
    /// The volume key: 32 or 64 bytes for [`Cipher::AesXtsPlain64`].
    pub key: &'a VolumeKey,
}

/// Whether a call changed anything. Running a verb twice is safe by this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was made so.
    Yes,
    /// It was so already.
    No,
}

/// How an active mapping is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Serving.
    Serving,
    /// Its server has died or its backing is gone; I/O fails. Closing and opening again mends it. The text says how it shows.
    Dead(String),
    /// It serves, and what this machine had written down of it is lost: it must not be detached. What it shows is told by what serves it, if at
    /// all. The text says how it shows.
    Stray(String),
}

/// A mapping that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// Which engine serves it.
    pub engine: EngineKind,
    /// The decrypted block device: `/dev/mapper/NAME`, or `/dev/loopN`.
    pub device: PathBuf,
    /// What holds the ciphertext.
    pub backing: PathBuf,
    /// The header's UUID, where the engine can tell.
    pub uuid: Option<Uuid>,
    /// Which LUKS, where the engine can tell.
    pub luks: Option<LuksKind>,
    /// The cipher as dm-crypt spells it (`aes-xts-plain64`); a text because a mapping that someone else made may have any.
    pub cipher: String,
    /// The key's size in bits.
    pub key_bits: u32,
    /// The bytes of the backing that are the payload.
    pub payload: Range<u64>,
    /// The encryption sector size in bytes.
    pub sector_size: u32,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Whether discards are passed on to the backing.
    pub discards: bool,
    /// Whether it works.
    pub health: Health,
}

/// Shows decrypted block devices.
pub trait Engine: Send + Sync {
    /// Which one this is.
    fn kind(&self) -> EngineKind;

    /// Whether this machine has what the engine needs.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`], naming what is missing.
    fn available(&self) -> Result<(), EngineError>;

    /// Whether [`Mapping::backing`] must be a block device. If so the caller puts a loop device over a file first.
    fn needs_block_device(&self) -> bool;

    /// Makes the mapping and returns the decrypted block device. Returns only when the device can be used.
    /// A kill in the middle leaves either nothing, or something that [`Engine::find`] reports and [`Engine::close`] removes.
    ///
    /// # Errors
    /// [`EngineError::Busy`] when there is a mapping of that name already, or the backing is claimed; the rest as they say.
    fn open(&self, mapping: &Mapping<'_>) -> Result<PathBuf, EngineError>;

    /// Removes the mapping and forgets its key; also one whose health is [`Health::Dead`].
    ///
    /// # Errors
    /// [`EngineError::Busy`] while it is mounted or otherwise held.
    fn close(&self, name: &str) -> Result<Changed, EngineError>;

    /// Has a mapping whose health is [`Health::Stray`] written down anew by what serves it.
    ///
    /// # Errors
    /// [`EngineError::Failed`] where it does not answer.
    fn adopt(&self, name: &str) -> Result<Changed, EngineError> {
        let _ = name;
        Ok(Changed::No)
    }

    /// Finds the mapping of that name, if this engine serves one.
    ///
    /// # Errors
    /// [`EngineError::Failed`] when the machine cannot be asked. An engine that is not available finds nothing.
    fn find(&self, name: &str) -> Result<Option<Active>, EngineError>;
}

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The machine lacks what the engine needs.
    #[error("the {engine} engine cannot run here: {missing}")]
    Unavailable {
        /// Which engine.
        engine: EngineKind,
        /// What is missing, and how to get it.
        missing: String,
    },
    /// Something holds the mapping or its backing.
    #[error("{what} is in use by {by}")]
    Busy {
        /// What is in use.
        what: String,
        /// By whom: a mount point, a holder, a process; or "another program" when the kernel does not say.
        by: String,
    },
    /// Not permitted: root is needed.
    #[error("{what}: permission denied; {}", crate::error::denied_advice())]
    Denied {
        /// What was tried.
        what: String,
    },
    /// The kernel or the cipher refused the mapping's parameters.
    #[error("{what} is not supported: {why}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// Why it cannot be.
        why: String,
    },
    /// No memory that can be locked.
    #[error(
        "no memory for {what}; raise RLIMIT_MEMLOCK (LimitMEMLOCK= in the unit) or free memory"
    )]
    Memory {
        /// What it was for.
        what: String,
    },
    /// The system call failed.
    #[error("{what}: {source}")]
    Failed {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}
