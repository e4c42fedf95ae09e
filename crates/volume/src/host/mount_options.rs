//! How a file system is mounted: what the kernel itself understands, and what is the file system's own.

use std::collections::BTreeSet;

/// The options of one mount. Without any: writable, `nodev`, `nosuid`, `relatime`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// What the kernel understands for every file system.
    pub flags: BTreeSet<MountFlag>,
    /// What the file system understands, as `data=ordered`.
    pub data: Vec<String>,
}

impl MountOptions {
    /// Writes refused.
    pub fn read_only() -> Self {
        Self {
            flags: BTreeSet::from([MountFlag::ReadOnly]),
            data: Vec::new(),
        }
    }

    /// Whether writes are refused.
    pub fn is_read_only(&self) -> bool {
        self.flags.contains(&MountFlag::ReadOnly)
    }
}

/// An option that the kernel understands for every file system, where it differs from what is so without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MountFlag {
    /// `ro`.
    ReadOnly,
    /// `suid`: set-user-id bits count.
    Suid,
    /// `dev`: device nodes are devices.
    Dev,
    /// `noexec`.
    NoExec,
    /// `sync`.
    Synchronous,
    /// `dirsync`.
    DirSync,
    /// `noatime`.
    NoAtime,
    /// `nodiratime`.
    NoDirAtime,
    /// `strictatime`.
    StrictAtime,
    /// `lazytime`.
    LazyTime,
}
