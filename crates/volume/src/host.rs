//! Port 3: everything that the core wants of the machine. `linux` is the machine; [`crate::sim`] is one in memory
//! that can be killed at any call, cut from power with writes unsynced or torn, or made to fail.
//!
//! Every method that changes something is idempotent where its doc says so, and reports whether it did anything.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crypto::SecretBytes;
use uuid::Uuid;

use crate::config::{SIZE_MIN, SIZE_MIN_BTRFS, SIZE_MIN_XFS};
use crate::engine::{Changed, Engine};
use crate::raid0::Stripe;

mod found;
mod mount_options;
mod mount_point;
mod purpose;
mod room;
mod root;

pub use found::{FoundFileSystem, SCAN_LEN, Signature, SignatureReport};
pub use mount_options::{MountFlag, MountOptions};
pub use mount_point::{Beneath, ENTRIES_MAX, Folder, MountPoint};
pub use purpose::Purpose;
pub use room::{ROOM_LEAST, Room};
pub use root::{RootFolder, RootWanted};

/// A file system that Kluis makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileSystem {
    /// ext4.
    Ext4,
    /// XFS.
    Xfs,
    /// btrfs.
    Btrfs,
}

impl FileSystem {
    /// The name that `mount` and `mkfs.*` know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    /// The smallest volume that it is made in, header included.
    pub fn least(self) -> u64 {
        match self {
            Self::Ext4 => SIZE_MIN,
            Self::Xfs => SIZE_MIN_XFS,
            Self::Btrfs => SIZE_MIN_BTRFS,
        }
    }
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a backing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackingKind {
    /// A regular file.
    File,
    /// A block device.
    Device,
}

/// A file or device, identified so that a person can tell which one it is and no other can be taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The path to open: the file, or the kernel's node of the device with links resolved (`/dev/nvme1n1`).
    pub path: PathBuf,
    /// File or device.
    pub kind: BackingKind,
    /// A name that survives reboots: the file's path; for a device its `/dev/disk/by-id/…` link, or
    /// "MODEL SERIAL SIZE" where there is none.
    pub stable_name: String,
    /// Size in bytes.
    pub size: u64,
    /// Logical block size in bytes; 512 for a file.
    pub logical_block_size: u32,
    /// Physical block size in bytes; 4096 for a file.
    pub physical_block_size: u32,
    /// Whether the medium refuses writes.
    pub read_only: bool,
    /// A number that tells this very device or inode from one that later takes its path (`dev:rdev:ino` or the like).
    pub token: String,
    /// The disks of a striped volume, in order; none for anything else. [`Host::identify`] never has any.
    pub members: Vec<Identity>,
}

/// Who uses a backing now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// Mounted there.
    Mount(PathBuf),
    /// Swap.
    Swap,
    /// Held by another block device (a mapping, a RAID, a volume group): its name, as `/sys/block/X/holders` has it.
    Holder(String),
    /// A partition of it exists.
    Partition(String),
    /// A loop device sits on this file.
    Loop(PathBuf),
    /// Open exclusively by an unknown program.
    Claimed,
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mount(at) => write!(f, "mounted at {}", at.display()),
            Self::Swap => f.write_str("in use as swap"),
            Self::Holder(name) => write!(f, "held by {name}"),
            Self::Partition(name) => write!(f, "partitioned ({name})"),
            Self::Loop(device) => write!(f, "attached to {}", device.display()),
            Self::Claimed => f.write_str("claimed by another program"),
        }
    }
}

/// How a backing is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For reading, beside others.
    Read,
    /// For writing, beside others: a header of a volume that is in use (rekey).
    Shared,
    /// For writing, alone: `O_EXCL` on a device, a lock on a file that has no loop device. [`HostError::Busy`] else.
    Exclusive,
}

/// An open backing. Dropping it closes it and gives up the claim.
pub trait Device: Send {
    /// Size in bytes, as of now.
    fn size(&self) -> u64;

    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// [`HostError::Io`]; also when `offset + buf.len()` is beyond the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), HostError>;

    /// Writes all of `bytes` at `offset`. Not durable before [`Device::flush`].
    ///
    /// # Errors
    /// [`HostError::Full`] when a sparse file cannot grow, [`HostError::ReadOnly`], [`HostError::Io`].
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), HostError>;

    /// Makes every write so far durable, through the device's own cache.
    ///
    /// # Errors
    /// [`HostError::Io`]: what was written since the last flush may or may not be there.
    fn flush(&self) -> Result<(), HostError>;

    /// Discards `len` bytes at `offset` (hole-punches a file). [`Changed::No`] where the device cannot.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn discard(&self, offset: u64, len: u64) -> Result<Changed, HostError>;

    /// Makes the next reads come from the medium and not from a cache, so that an erase can be read back.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn drop_caches(&self) -> Result<(), HostError>;

    /// The first offset at or after `from` that may hold anything but zeros; `None` when all the rest is hole. Lets a
    /// sparse backing be looked through without reading what was never written.
    fn next_data(&self, from: u64) -> Option<u64> {
        Some(from)
    }
}

/// A line of the mount table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The mounted device as [`crate::engine::Active::device`] names it: `/dev/mapper/NAME` for a mapping, else the
    /// kernel's node.
    pub source: PathBuf,
    /// Where.
    pub target: PathBuf,
    /// The file system's type.
    pub file_system: String,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Its options and the file system's, as the mount table has them.
    pub options: String,
}

/// How hard to unmount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmount {
    /// Only if nothing uses it.
    IfIdle,
    /// Detach now, finish when the last user goes: for a file system whose device has died.
    Detach,
}

/// A held lock; dropping it (or dying) releases it.
pub trait Lock: Send {}

/// A device that is held open; dropping it (or dying) lets go. Meanwhile the kernel keeps in memory what was last written there.
pub trait Hold: Send + fmt::Debug {}

/// The machine.
pub trait Host: Send + Sync {
    /// The systemd application-specific machine id of Kluis, as 32 hex digits: derived from, and not revealing, `/etc/machine-id`.
    ///
    /// # Errors
    /// [`HostError::NotFound`] when `/etc/machine-id` is missing, empty or "uninitialized".
    fn machine_id(&self) -> Result<String, HostError>;

    /// Time since some fixed instant; never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);

    /// A uniformly random time in `0..=max`.
    fn jitter(&self, max: Duration) -> Duration;

    /// Says which file or device a path is; `None` when nothing is there. A block device's own partition, link or
    /// node all resolve to the same [`Identity::token`].
    ///
    /// # Errors
    /// [`HostError::WrongKind`] for a directory, character device and so on; [`HostError::Io`].
    fn identify(&self, path: &Path) -> Result<Option<Identity>, HostError>;

    /// The machine's instance-store disks, by stable name, in order of stable name.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn instance_stores(&self) -> Result<Vec<Identity>, HostError>;

    /// Who uses a backing now. Empty when nobody does.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn uses(&self, backing: &Identity) -> Result<Vec<Use>, HostError>;

    /// Opens a backing, and makes sure that it is still the one identified. One with members is opened as the one device that they make up.
    ///
    /// # Errors
    /// [`HostError::Busy`], [`HostError::Replaced`], [`HostError::ReadOnly`], [`HostError::Denied`], [`HostError::Io`].
    fn open(&self, backing: &Identity, access: Access) -> Result<Box<dyn Device>, HostError>;

    /// What there is under the path of a volume's stripe.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn stripe(&self, path: &Path) -> Result<Option<Stripe>, HostError>;

    /// Makes the stripe of a backing's members, as its path; nothing is written on them. What a killed run had begun is made anew;
    /// [`Changed::No`] when the very stripe is there.
    ///
    /// # Errors
    /// [`HostError::Busy`] when something else has its name, or one of the members; [`HostError::Unsupported`] where the kernel has no
    /// such thing; [`HostError::Io`].
    fn assemble(&self, backing: &Identity) -> Result<Changed, HostError>;

    /// Takes the stripe of that path away; nothing else that has the name.
    ///
    /// # Errors
    /// [`HostError::Busy`] while it is in use, by whom; [`HostError::Io`].
    fn take_apart(&self, path: &Path) -> Result<Changed, HostError>;

    /// Reports what is on a raw device. Reads at most both [`SCAN_LEN`] ends and the known places, in pieces.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn signatures(&self, device: &dyn Device) -> Result<SignatureReport, HostError>;

    /// Makes a sparse file of `size` bytes, mode 0600, durably (folder synced). [`Changed::No`] when there is a file of
    /// that size already; a shorter one that is all hole (left by a kill) is completed.
    ///
    /// # Errors
    /// [`HostError::Full`], [`HostError::Denied`], [`HostError::NotFound`] (the folder), [`HostError::Io`];
    /// [`HostError::WrongKind`] when there is something else.
    fn create_file(&self, path: &Path, size: u64) -> Result<Changed, HostError>;

    /// How much of a file of `size` bytes lies nowhere yet, and how much room there is for it. The file need not be there.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn room(&self, file: &Path, size: u64) -> Result<Room, HostError>;

    /// Puts a loop device over a file, direct I/O where possible, with blocks of `block_size`; gives the one that is there if there is one.
    ///
    /// # Errors
    /// [`HostError::Unsupported`] without a loop driver or a free one; [`HostError::Io`].
    fn attach_loop(
        &self,
        file: &Path,
        block_size: u32,
        read_only: bool,
    ) -> Result<PathBuf, HostError>;

    /// Takes away the loop devices over a file.
    ///
    /// # Errors
    /// [`HostError::Busy`] while one is in use; [`HostError::Io`].
    fn detach_loop(&self, file: &Path) -> Result<Changed, HostError>;

    /// The loop device over a file.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn find_loop(&self, file: &Path) -> Result<Option<PathBuf>, HostError>;

    /// Makes a file system and makes it durable. Inode tables are lazy, nothing is zero-filled; discards where the device passes them on.
    /// Runs over whatever is there: the caller has made sure that nothing of value is.
    ///
    /// A mount while the device is held need not read back what was just written; it cannot be unmapped before it is let go.
    ///
    /// # Errors
    /// [`HostError::MissingProgram`], [`HostError::Program`] with its own words, [`HostError::Io`].
    fn make_file_system(
        &self,
        device: &Path,
        kind: FileSystem,
        label: &str,
        uuid: Uuid,
    ) -> Result<Box<dyn Hold>, HostError>;

    /// Makes swap space of an (open) mapping, over whatever is there: the caller has made sure that nothing of value is.
    ///
    /// # Errors
    /// [`HostError::MissingProgram`], [`HostError::Program`] with its own words, [`HostError::Io`].
    fn make_swap(&self, device: &Path, label: &str) -> Result<(), HostError>;

    /// Lets the kernel swap to a device.
    ///
    /// # Errors
    /// [`HostError::MissingProgram`], [`HostError::Program`] with its own words, [`HostError::Io`].
    fn swap_on(&self, device: &Path) -> Result<Changed, HostError>;

    /// Takes back what was swapped to a device.
    ///
    /// # Errors
    /// [`HostError::MissingProgram`], [`HostError::Program`] with its own words (there is no memory for it), [`HostError::Io`].
    fn swap_off(&self, device: &Path) -> Result<Changed, HostError>;

    /// Whether the kernel swaps to a device.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn is_swap(&self, device: &Path) -> Result<bool, HostError>;

    /// The file system on an (open) mapping; `None` when there is none known.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn file_system_on(&self, device: &Path) -> Result<Option<FoundFileSystem>, HostError>;

    /// Mounts, making the mount point if need be, with its root as wanted before anybody can see it. `nodev,nosuid` unless told otherwise.
    ///
    /// # Errors
    /// [`HostError::Busy`] when something else is mounted there; [`HostError::Unsupported`] for a file system that the kernel has not, or an
    /// option that the file system has not; [`HostError::Io`].
    fn mount(
        &self,
        device: &Path,
        target: &Path,
        file_system: &str,
        options: &MountOptions,
        root: RootWanted,
    ) -> Result<(), HostError>;

    /// The number of a user, by name or number. `None`: there is none of that name.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn user(&self, name: &str) -> Result<Option<u32>, HostError>;

    /// The number of a group, by name or number. `None`: there is none of that name.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn group(&self, name: &str) -> Result<Option<u32>, HostError>;

    /// Whose the root of a mounted file system is.
    ///
    /// # Errors
    /// [`HostError::NotFound`], [`HostError::Io`].
    fn root(&self, at: &Path) -> Result<RootFolder, HostError>;

    /// Makes the root of a mounted file system what is wanted, where it is not.
    ///
    /// # Errors
    /// [`HostError::ReadOnly`], [`HostError::Denied`], [`HostError::Io`].
    fn set_root(&self, at: &Path, wanted: RootWanted) -> Result<Changed, HostError>;

    /// Unmounts. [`Changed::No`] when nothing is mounted there.
    ///
    /// # Errors
    /// [`HostError::Busy`] while files are open there (and [`Unmount::IfIdle`]); [`HostError::Io`].
    fn unmount(&self, target: &Path, how: Unmount) -> Result<Changed, HostError>;

    /// Who has files open in the file system on a block device, or what lies on that; `None` where nobody is seen.
    fn users(&self, device: &Path) -> Option<String>;

    /// The mount table of this process.
    ///
    /// # Errors
    /// [`HostError::Io`].
    fn mounts(&self) -> Result<Vec<Mount>, HostError>;

    /// Looks at the bare folder of a mount point, whatever is mounted on it.
    ///
    /// # Errors
    /// [`HostError::WrongKind`] when it is no folder; [`HostError::Denied`], [`HostError::Io`].
    fn mount_point(&self, at: &Path) -> Result<MountPoint, HostError>;

    /// Makes a mount point and the folders above it, durably.
    ///
    /// # Errors
    /// [`HostError::ReadOnly`], [`HostError::Full`], [`HostError::Denied`] (in a folder that is guarded itself), [`HostError::Io`].
    fn make_mount_point(&self, at: &Path) -> Result<Changed, HostError>;

    /// Sets or clears the immutable flag of the bare folder, durably.
    ///
    /// # Errors
    /// [`HostError::Unsupported`] where the file system has no such flag; [`HostError::Denied`], [`HostError::ReadOnly`], [`HostError::Io`].
    fn set_immutable(&self, at: &Path, immutable: bool) -> Result<Changed, HostError>;

    /// Sets the permission bits of the bare folder, durably.
    ///
    /// # Errors
    /// [`HostError::Denied`], [`HostError::ReadOnly`], [`HostError::Io`].
    fn set_mode(&self, at: &Path, mode: u32) -> Result<Changed, HostError>;

    /// Removes a mount point. [`Changed::No`] when it is not there, not empty or in use.
    ///
    /// # Errors
    /// [`HostError::Denied`], [`HostError::ReadOnly`], [`HostError::Io`].
    fn remove_mount_point(&self, at: &Path) -> Result<Changed, HostError>;

    /// The names of the pieces of root-owned state in one of its folders, in order.
    ///
    /// # Errors
    /// As for [`Host::read_state`].
    fn state_names(&self, folder: &str) -> Result<Vec<String>, HostError>;

    /// Reads a piece of root-owned state (`/var/lib/kluis/NAME` or under the configured folder). `name` is a relative
    /// path of `[A-Za-z0-9._-]` parts. `None` when there is none.
    ///
    /// # Errors
    /// [`HostError::Insecure`] when the folder or the file belongs to another or others may write it; [`HostError::Io`].
    fn read_state(&self, name: &str) -> Result<Option<Vec<u8>>, HostError>;

    /// Replaces a piece of state, atomically and durably, mode 0600.
    ///
    /// # Errors
    /// [`HostError::Full`], [`HostError::Denied`], [`HostError::Insecure`], [`HostError::Io`].
    fn write_state(&self, name: &str, bytes: &[u8]) -> Result<(), HostError>;

    /// Removes a piece of state, durably.
    ///
    /// # Errors
    /// [`HostError::Denied`], [`HostError::Io`].
    fn remove_state(&self, name: &str) -> Result<Changed, HostError>;

    /// Reads a file that a person named, at most `max` bytes of it.
    ///
    /// # Errors
    /// [`HostError::NotFound`], [`HostError::TooLarge`], [`HostError::Denied`], [`HostError::Io`].
    fn read_file(&self, path: &Path, max: u64) -> Result<Vec<u8>, HostError>;

    /// Writes a file that a person named, durably, mode 0600; never over one that is there.
    ///
    /// # Errors
    /// [`HostError::Exists`], [`HostError::Full`], [`HostError::Denied`], [`HostError::Io`].
    fn write_new_file(&self, path: &Path, bytes: &[u8]) -> Result<(), HostError>;

    /// Removes a file, overwriting it first.
    ///
    /// # Errors
    /// [`HostError::Denied`], [`HostError::Io`].
    fn remove_file(&self, path: &Path) -> Result<Changed, HostError>;

    /// Keeps a secret where this user's other processes find it, in memory alone, for `time` at the most. [`Changed::No`] where the
    /// machine has no such place (containers): then everybody asks for themselves.
    fn keep_secret(&self, name: &str, secret: &SecretBytes, time: Duration) -> Changed;

    /// A secret that was kept under that name, and whose time is not over.
    fn kept_secret(&self, name: &str) -> Option<SecretBytes>;

    /// Takes the lock of a volume (`/run/kluis/NAME.lock`), waiting at most `wait`.
    ///
    /// # Errors
    /// [`HostError::Busy`] when another holds it; [`HostError::Io`].
    fn lock(&self, volume: &str, wait: Duration) -> Result<Box<dyn Lock>, HostError>;

    /// Takes the lock of a piece of root-owned state (`NAME.lock` in its folder), waiting at most `wait`.
    ///
    /// # Errors
    /// As [`Host::lock`].
    fn lock_state(&self, name: &str, wait: Duration) -> Result<Box<dyn Lock>, HostError>;

    /// The engines of this machine, the preferred first, available or not.
    fn engines(&self) -> Vec<&dyn Engine>;
}

/// What the machine did not do, by whose fault.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Nothing there.
    #[error("{what} does not exist")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// Something there that must not be.
    #[error("{what} exists already; it was not touched")]
    Exists {
        /// What is in the way.
        what: String,
    },
    /// There, but not of the kind wanted.
    #[error("{what} is not {wanted}")]
    WrongKind {
        /// What is there.
        what: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// Another device has taken the path since it was identified.
    #[error(
        "{what} is no longer the device it was a moment ago; nothing was written; check the hardware and run this again"
    )]
    Replaced {
        /// The path.
        what: String,
    },
    /// In use.
    #[error("{what} is in use: {by}")]
    Busy {
        /// What is in use.
        what: String,
        /// By whom.
        by: String,
    },
    /// A file system that the kernel takes for one that is mounted already.
    #[error(
        "the {file_system} on {what} has the UUID of the one on {other}, mounted at {at}, and the kernel mounts only one of them; it is whole, and nothing was changed. Unmount that one; or, where one is meant to be a copy of the other, let both be mounted: options = [\"nouuid\"] in the configuration"
    )]
    SameUuid {
        /// The device that was to be mounted.
        what: String,
        /// The type of both.
        file_system: &'static str,
        /// The device that is mounted.
        other: String,
        /// Where.
        at: String,
    },
    /// Not permitted.
    #[error("{what}: permission denied; {}", crate::error::denied_advice())]
    Denied {
        /// What was tried.
        what: String,
    },
    /// State that others may have written.
    #[error(
        "{what} may be written by others than root; it is not believed. Look who did that, then: chown root {what} && chmod go-w {what}"
    )]
    Insecure {
        /// The path.
        what: String,
    },
    /// A medium that refuses writes.
    #[error("{what} is read-only")]
    ReadOnly {
        /// The path.
        what: String,
    },
    /// No room.
    #[error("no space left for {what}; free some and run this again")]
    Full {
        /// What needed room.
        what: String,
    },
    /// Larger than the bound.
    #[error("{what} is larger than {max} bytes")]
    TooLarge {
        /// The file.
        what: String,
        /// The bound.
        max: u64,
    },
    /// No memory.
    #[error("no memory for {what}")]
    Memory {
        /// What it was for.
        what: String,
    },
    /// The kernel has not got it.
    #[error("{what} is not supported here: {why}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// Why it cannot be.
        why: String,
    },
    /// A program that Kluis runs is not installed.
    #[error("{program} is not installed; run: apt-get install {package}")]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// Debian's package of it.
        package: &'static str,
    },
    /// A program that Kluis ran failed.
    #[error("{program} failed: {words}")]
    Program {
        /// The program.
        program: &'static str,
        /// What it said on stderr.
        words: String,
    },
    /// A system call failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}
