//! Why the trail did not do what was asked, sorted by whose fault it is.

use std::path::{Path, PathBuf};

use crate::Place;

/// A failure of the log. Whatever it is: no record, no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrailError {
    /// No room for the record. Nothing of it was written; appending works again once there is room.
    #[error("the trail's disk is full; free space there, and requests are answered again")]
    Full,
    /// A write or a sync failed, so that nobody can say what the disk holds; the log takes nothing until it is opened
    /// again, which checks it.
    #[error("the trail stopped after a failed write and must be opened again: {reason}")]
    Poisoned {
        /// What failed.
        reason: String,
    },
    /// The log's bytes are not what was written.
    #[error(
        "the trail is damaged at {place}: {what}; keep the folder for examination and restore it or begin a new one"
    )]
    Corrupt {
        /// Where.
        place: Place,
        /// What is wrong there.
        what: &'static str,
    },
    /// A checkpoint vouches for records that the log does not have: it was cut or exchanged.
    #[error(
        "the trail ends before record {sequence}, which a checkpoint vouches for, or differs there; keep the folder for \
         examination and restore it or begin a new one"
    )]
    Rewound {
        /// The record that the checkpoint vouches for.
        sequence: u64,
    },
    /// Another process holds the folder.
    #[error("the trail {} is in use by another process; stop it first", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The file system does not let the trail be opened or read.
    #[error("the trail cannot be opened: {reason}")]
    Environment {
        /// What failed, and on which file.
        reason: String,
    },
    /// A name for the node that cannot stand in the log.
    #[error("a node's name has 1 to 64 letters, digits, dots, hyphens and underscores")]
    NodeName,
    /// The record is longer than [`Record::MAX_LEN`](crate::Record::MAX_LEN).
    #[error("the record is too long for the trail ({len} bytes)")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl TrailError {
    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        if is_full(error) {
            return Self::Full;
        }
        Self::Environment {
            reason: format!("{}: {error}", path.display()),
        }
    }
}

/// Whether an error means "no room", which passes, and not "broken", which does not.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
