//! The folder that a volume is mounted on, as it is beneath the volume: what is written there lies in clear on another disk.

use std::path::PathBuf;

/// A mount point, whatever is mounted on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    /// Its path, links resolved.
    pub path: PathBuf,
    /// What is there when nothing is mounted.
    pub beneath: Beneath,
    /// A mount point of `/etc/fstab` that it lies below and that nothing is mounted on: what is seen now is then not the folder that
    /// will be there later.
    pub unmounted_parent: Option<PathBuf>,
}

/// What is at a mount point when nothing is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beneath {
    /// Nothing.
    Missing,
    /// A folder.
    Folder(Folder),
    /// Something is mounted there and the kernel does not show what is beneath; why.
    Hidden(String),
}

impl Beneath {
    /// The folder, if there is one and it can be seen.
    pub fn folder(&self) -> Option<&Folder> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Missing | Self::Hidden(_) => None,
        }
    }
}

/// The bare folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its permission bits.
    pub mode: u32,
    /// Whether it is immutable; `None` where the file system has no such flag.
    pub immutable: Option<bool>,
    /// Whether its file system is mounted read-only.
    pub read_only: bool,
    /// How many names are in it, counted to [`ENTRIES_MAX`].
    pub entries: usize,
    /// The first of them.
    pub first: Option<String>,
}

/// How many names are counted in a bare folder.
pub const ENTRIES_MAX: usize = 1000;

impl Folder {
    /// Whether nothing can be put into it: by nobody if it is immutable, by nobody but root if its mode is 0.
    pub fn is_protected(&self) -> bool {
        self.immutable == Some(true) || self.mode == 0 || self.read_only
    }

    /// What lies in it, for a person; `None` when nothing does.
    pub fn contents(&self) -> Option<String> {
        let first = self.first.as_ref()?;
        Some(match self.entries {
            0 | 1 => first.clone(),
            ENTRIES_MAX.. => format!("{first} and at least {} more", ENTRIES_MAX - 1),
            more => format!("{first} and {} more", more - 1),
        })
    }
}
