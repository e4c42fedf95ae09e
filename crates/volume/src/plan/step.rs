//! One step of a plan, and how a person is told of it.

use std::fmt;
use std::path::PathBuf;

use crate::engine::EngineKind;
use crate::host::{FileSystem, RootWanted};

/// One thing to do. Each is idempotent: done again after a kill, it finds or makes the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// See that nothing can be put into the bare mount point. Before all else, so that no failure leaves it open.
    GuardMountPoint {
        /// Where.
        at: PathBuf,
        /// Whether the folder has to be made.
        make: bool,
    },
    /// Make a mount point an ordinary folder again.
    ReleaseMountPoint {
        /// Where.
        at: PathBuf,
    },
    /// Have the key service unwrap (or make) the secret. First, so that a service that fails never leads to a write.
    FetchSecret,
    /// Make the sparse file.
    CreateFile {
        /// Where.
        path: PathBuf,
        /// Bytes.
        size: u64,
    },
    /// Zero what the operator said may go.
    Wipe {
        /// What is there.
        found: String,
        /// Whether it has a header, which is kept in the state folder first.
        keep: bool,
    },
    /// Zero what a killed run had begun to write.
    ClearUnfinished,
    /// Write a header in state provisioning.
    Format,
    /// Verify the header and open a keyslot.
    Unlock,
    /// Write the header's other copy anew from the good one.
    RepairHeader {
        /// Whether what lies there now is kept in the state folder first.
        keep: bool,
    },
    /// Put a loop device over the file.
    AttachLoop,
    /// Make the stripe of the disks; nothing is written on them.
    Assemble {
        /// Them by their stable names, in order.
        members: Vec<String>,
    },
    /// Take the stripe away; the disks stay as they are.
    TakeApart,
    /// Make the decrypted view.
    Map {
        /// By which engine.
        engine: EngineKind,
    },
    /// Make the file system and sync it.
    MakeFileSystem {
        /// Which.
        kind: FileSystem,
    },
    /// See that the volume, which its header calls unfinished and this machine has not begun, has something in it already. Nothing is made.
    ExpectContent,
    /// Make swap space.
    MakeSwap,
    /// Let the kernel swap to it.
    SwapOn,
    /// Take back what was swapped to it.
    SwapOff,
    /// Write into the header that the file system is whole.
    MarkReady,
    /// Mount it.
    Mount {
        /// Where.
        at: PathBuf,
        /// What its root should be, from the first instant on.
        root: RootWanted,
    },
    /// Make the root of what is mounted already what it should be.
    SetRoot {
        /// Where.
        at: PathBuf,
        /// What it should be.
        wanted: RootWanted,
    },
    /// Unmount it.
    Unmount {
        /// Where.
        at: PathBuf,
        /// Whether the device below has died.
        dead: bool,
    },
    /// Have what serves it write its records anew.
    Adopt {
        /// By which engine.
        engine: EngineKind,
    },
    /// Remove the decrypted view and forget the key.
    Unmap {
        /// By which engine.
        engine: EngineKind,
    },
    /// Take the loop device away.
    DetachLoop,
    /// Overwrite every keyslot and the header.
    DestroyHeader,
    /// Discard the whole device.
    Discard,
    /// Read the header's place back.
    ReadBack,
    /// Delete the header backups that are known.
    DeleteBackups {
        /// Them.
        files: Vec<PathBuf>,
    },
    /// Strike the volume from the record.
    Forget,
    /// New keyslot and token, reopened through them, old keyslots destroyed.
    Rewrap,
    /// The token's mac made anew over a volume key that another program replaced.
    Rebind,
    /// New keyslot and token beside those that are there, reopened through them.
    Enroll,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GuardMountPoint { at, make } => write!(
                f,
                "{} the mount point {} and make it immutable",
                if *make { "make" } else { "keep" },
                at.display()
            ),
            Self::ReleaseMountPoint { at } => {
                write!(f, "give the mount point {} back", at.display())
            }
            Self::FetchSecret => f.write_str("fetch the secret"),
            Self::CreateFile { path, size } => {
                write!(f, "make the file {} of {size} bytes", path.display())
            }
            Self::Wipe { found, keep: false } => write!(f, "wipe what is there: {found}"),
            Self::Wipe { found, keep: true } => {
                write!(f, "keep the header of what is there, and wipe it: {found}")
            }
            Self::ClearUnfinished => f.write_str("clear what an interrupted run had begun"),
            Self::Format => f.write_str("write a LUKS2 header"),
            Self::Unlock => f.write_str("verify the header and unlock it"),
            Self::RepairHeader { keep: false } => f.write_str("repair the header's torn copy"),
            Self::RepairHeader { keep: true } => {
                f.write_str("keep what lies in the place of the header's other copy, and write that anew")
            }
            Self::AttachLoop => f.write_str("attach a loop device"),
            Self::Assemble { members } => write!(
                f,
                "assemble the stripe of {} disks, in this order: {}",
                members.len(),
                members.join(", ")
            ),
            Self::TakeApart => f.write_str("take the stripe apart"),
            Self::Map { engine } => write!(f, "open with {engine}"),
            Self::MakeFileSystem { kind } => write!(f, "make {kind}"),
            Self::ExpectContent => f.write_str(
                "see what is in it: its header says unfinished, and nothing here says who was making it",
            ),
            Self::MakeSwap => f.write_str("make swap"),
            Self::SwapOn => f.write_str("swap to it"),
            Self::SwapOff => f.write_str("take back what was swapped to it"),
            Self::MarkReady => f.write_str("mark the volume ready"),
            Self::Mount { at, root } if root.is_any() => {
                write!(f, "mount at {} with {root}", at.display())
            }
            Self::Mount { at, .. } => write!(f, "mount at {}", at.display()),
            Self::SetRoot { at, wanted } => write!(f, "set {wanted} of {}", at.display()),
            Self::Unmount { at, dead: false } => write!(f, "unmount {}", at.display()),
            Self::Unmount { at, dead: true } => {
                write!(f, "detach {}, whose device has died", at.display())
            }
            Self::Adopt { .. } => {
                f.write_str("write down anew what is open: its records were lost")
            }
            Self::Unmap { engine } => write!(f, "close with {engine}, forget the key"),
            Self::DetachLoop => f.write_str("detach the loop device"),
            Self::DestroyHeader => f.write_str("overwrite all keyslots and the header"),
            Self::Discard => f.write_str("discard the whole device"),
            Self::ReadBack => f.write_str("read back that the header is gone"),
            Self::DeleteBackups { files } => {
                write!(f, "delete {} known header backup(s)", files.len())
            }
            Self::Forget => f.write_str("strike the volume from the record"),
            Self::Enroll => f.write_str("add a keyslot and a token; those that are there stay"),
            Self::Rebind => f.write_str("see that the secret opens the header, and bind it anew"),
            Self::Rewrap => f.write_str("new keyslot and token, then destroy the old keyslots"),
        }
    }
}
