//! The state of the simulated machine, and the switches that tests turn.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::{EngineKind, Health};
use crate::host::{BackingKind, HostError, Mount, Use};

use super::disk::Disk;
use super::engine::{Mapped, SimEngine};
use super::exchange::Exchange;
use super::mount_point::SimFolder;
use super::stripe::SimStripe;

/// How a killed call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// Before it did anything.
    Before,
    /// Halfway, where it can be halved: a write stops at a sector in its middle.
    Torn,
    /// After it was done, before its caller knew.
    After,
}

/// A simulated machine. Clones are the same machine.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) dm: SimEngine,
    pub(super) fuse: SimEngine,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) disks: BTreeMap<PathBuf, Backing>,
    pub(super) instance_stores: Vec<PathBuf>,
    pub(super) uses: BTreeMap<PathBuf, Vec<Use>>,
    pub(super) loops: BTreeMap<PathBuf, PathBuf>,
    pub(super) mapped: BTreeMap<String, Mapped>,
    pub(super) stripes: BTreeMap<PathBuf, SimStripe>,
    pub(super) mounts: Vec<Mount>,
    pub(super) state: BTreeMap<String, Vec<u8>>,
    pub(super) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(super) folders: BTreeMap<PathBuf, SimFolder>,
    pub(super) room: Option<u64>,
    pub(super) without_flags: bool,
    pub(super) unmounted_parent: Option<PathBuf>,
    /// Mount points that are links, and where those lead.
    pub(super) links: BTreeMap<PathBuf, PathBuf>,
    pub(super) swaps: BTreeSet<PathBuf>,
    pub(super) undeletable: BTreeSet<PathBuf>,
    pub(super) locked: BTreeSet<String>,
    pub(super) kept: BTreeMap<String, (Duration, Vec<u8>)>,
    pub(super) has_no_keyring: bool,
    pub(super) claimed: BTreeSet<PathBuf>,
    pub(super) unavailable: BTreeMap<&'static str, String>,
    pub(super) busy_mounts: BTreeSet<PathBuf>,
    pub(super) clock: Duration,
    pub(super) random: u64,
    pub(super) changes: u64,
    pub(super) kill: Option<(u64, Kill)>,
    pub(super) no_room: Option<u64>,
    pub(super) killed: bool,
    pub(super) next_token: u64,
    pub(super) disk_writes: u64,
    pub(super) fail_write: Option<(u64, WriteFault)>,
    pub(super) reads: u64,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) log: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum WriteFault {
    Full,
    Io,
}

#[derive(Clone, Debug)]
pub(super) struct Backing {
    pub(super) disk: Disk,
    pub(super) kind: BackingKind,
    pub(super) stable_name: String,
    pub(super) read_only: bool,
    pub(super) discards: bool,
    pub(super) keeps_old_blocks: bool,
    pub(super) token: u64,
}

/// What a call that changes something is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Whole,
    Half,
    WholeThenDie,
    /// As much as there is room for.
    HalfForNoRoom,
}

impl Turn {
    pub(super) fn is_half(self) -> bool {
        matches!(self, Self::Half | Self::HalfForNoRoom)
    }

    /// How the call ends once what it had to do is done.
    pub(super) fn ends<T>(self, done: T) -> Result<T, HostError> {
        match self {
            Self::Whole => Ok(done),
            Self::Half | Self::WholeThenDie => Err(killed()),
            Self::HalfForNoRoom => Err(no_room()),
        }
    }
}

/// The changes that take room on a disk.
const TAKE_ROOM: [&str; 6] = [
    "write",
    "create file",
    "mkfs",
    "write state",
    "write file",
    "make mount point",
];

impl World {
    /// Counts a change, and dies at the one it is told to.
    pub(super) fn turn(&mut self, what: &str) -> Result<Turn, HostError> {
        if self.killed {
            return Err(killed());
        }
        self.log.push(what.to_owned());
        self.changes += 1;
        if self.no_room.is_some_and(|from| from <= self.changes) && TAKE_ROOM.contains(&what) {
            return Ok(Turn::HalfForNoRoom);
        }
        match self.kill {
            Some((at, how)) if at == self.changes => {
                self.killed = true;
                match how {
                    Kill::Before => Err(killed()),
                    Kill::Torn => Ok(Turn::Half),
                    Kill::After => Ok(Turn::WholeThenDie),
                }
            }
            _ => Ok(Turn::Whole),
        }
    }

    /// A change that cannot be halved: half of it is none of it.
    pub(super) fn change<T>(
        &mut self,
        what: &str,
        work: impl FnOnce(&mut Self) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let turn = self.turn(what)?;
        if turn.is_half() {
            return turn.ends(()).and_then(|()| work(self));
        }
        let done = work(self)?;
        turn.ends(done)
    }

    pub(super) fn alive(&self) -> Result<(), HostError> {
        if self.killed { Err(killed()) } else { Ok(()) }
    }

    pub(super) fn next_random(&mut self) -> u64 {
        // xorshift64*: repeatable, which is all that a simulation asks of it.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(super) fn backing(&mut self, path: &Path) -> Result<&mut Backing, HostError> {
        let file = self.loops.get(path).cloned();
        let path = file.as_deref().unwrap_or(path);
        self.disks.get_mut(path).ok_or_else(|| HostError::NotFound {
            what: path.display().to_string(),
        })
    }
}

pub(super) fn killed() -> HostError {
    HostError::Io {
        what: "the simulated process was killed".to_owned(),
        source: io::Error::from(io::ErrorKind::Interrupted),
    }
}

fn no_room() -> HostError {
    HostError::Full {
        what: "the simulated disk".to_owned(),
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// A machine without disks, with both engines.
    pub fn new() -> Self {
        let world = Arc::new(Mutex::new(World {
            random: 0x9E37_79B9_7F4A_7C15,
            next_token: 1,
            ..World::default()
        }));
        Self {
            dm: SimEngine::new(EngineKind::DmCrypt, Arc::clone(&world)),
            fuse: SimEngine::new(EngineKind::Fuse, Arc::clone(&world)),
            world,
        }
    }

    pub(super) fn lock_world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a block device.
    pub fn add_device(&self, path: &str, disk: Disk) {
        self.add(path, disk, BackingKind::Device);
    }

    /// Adds an instance-store disk.
    pub fn add_instance_store(&self, path: &str, disk: Disk) {
        self.add(path, disk, BackingKind::Device);
        self.lock_world().instance_stores.push(path.into());
    }

    /// Takes an instance-store disk away.
    pub fn remove_instance_store(&self, path: &str) {
        let mut world = self.lock_world();
        world
            .instance_stores
            .retain(|known| known != Path::new(path));
        world.disks.remove(Path::new(path));
    }

    /// Adds a regular file.
    pub fn add_file(&self, path: &str, disk: Disk) {
        self.add(path, disk, BackingKind::File);
    }

    fn add(&self, path: &str, disk: Disk, kind: BackingKind) {
        let mut world = self.lock_world();
        let token = world.next_token;
        world.next_token += 1;
        let backing = Backing {
            disk,
            kind,
            stable_name: path.to_owned(),
            read_only: false,
            discards: true,
            keeps_old_blocks: false,
            token,
        };
        world.disks.insert(path.into(), backing);
    }

    /// What is on a disk or in a backing file; `None` when there is none.
    pub fn disk(&self, path: &str) -> Option<Disk> {
        self.lock_world()
            .disks
            .get(Path::new(path))
            .map(|backing| backing.disk.clone())
    }

    /// Takes a disk or a backing file away.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::expect_used, reason = "a test asked for what it has put there")]
    pub fn take_disk(&self, path: &str) -> Disk {
        let taken = self.lock_world().disks.remove(Path::new(path));
        taken.expect("there is such a disk").disk
    }

    /// Puts other content on a disk, as somebody with the disk in his hands would.
    pub fn set_disk(&self, path: &str, disk: Disk) {
        if let Some(backing) = self.lock_world().disks.get_mut(Path::new(path)) {
            backing.disk = disk;
        }
    }

    /// Gives a disk another name that survives reboots, perhaps that of another.
    pub fn set_stable_name(&self, path: &str, name: &str) {
        if let Some(backing) = self.lock_world().disks.get_mut(Path::new(path)) {
            name.clone_into(&mut backing.stable_name);
        }
    }

    /// Makes a disk larger, as a cloud's volumes can be.
    pub fn grow_disk(&self, path: &str, size: u64) {
        if let Some(backing) = self.lock_world().disks.get_mut(Path::new(path)) {
            backing.disk.grow(size);
        }
    }

    /// Changes bytes on a disk, durably.
    pub fn poke(&self, path: &str, offset: u64, bytes: &[u8]) {
        if let Some(backing) = self.lock_world().disks.get_mut(Path::new(path)) {
            backing.disk.write(offset, bytes);
            backing.disk.flush();
        }
    }

    /// Reads bytes of a disk.
    pub fn peek(&self, path: &str, offset: u64, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        if let Some(backing) = self.lock_world().disks.get(Path::new(path)) {
            backing.disk.read(offset, &mut out);
        }
        out
    }

    /// Makes a disk refuse writes, or not.
    pub fn set_read_only(&self, path: &str, read_only: bool) {
        if let Some(backing) = self.lock_world().disks.get_mut(Path::new(path)) {
            backing.read_only = read_only;
        }
    }

    /// Makes a disk ignore overwrites of what it holds, as a worn or lying one does.
    pub fn keep_old_blocks(&self, path: &str) {
        if let Some(backing) = self.lock_world().disks.get_mut(Path::new(path)) {
            backing.keeps_old_blocks = true;
        }
    }

    /// Says that somebody uses a disk.
    pub fn set_use(&self, path: &str, used: Use) {
        self.lock_world()
            .uses
            .entry(path.into())
            .or_default()
            .push(used);
    }

    /// Makes an engine unavailable.
    pub fn without_engine(&self, kind: EngineKind, missing: &str) {
        self.lock_world()
            .unavailable
            .insert(engine_name(kind), missing.to_owned());
    }

    /// Kills the mapping's server, as `kill -9` of the daemon would.
    pub fn kill_mapping(&self, name: &str) {
        if let Some(mapped) = self.lock_world().mapped.get_mut(name) {
            mapped.health = Health::Dead("its server was killed".to_owned());
        }
    }

    /// Loses what `/run` has of the mappings that a daemon serves.
    pub fn lose_run(&self) {
        for mapped in self.lock_world().mapped.values_mut() {
            if mapped.kind == EngineKind::Fuse && mapped.health == Health::Serving {
                mapped.health = Health::Stray("its records are lost".to_owned());
            }
        }
    }

    /// The names of what is mapped.
    pub fn mapped_names(&self) -> Vec<String> {
        self.lock_world().mapped.keys().cloned().collect()
    }

    /// Keeps files open below a mount point.
    pub fn keep_busy(&self, mount: &str) {
        self.lock_world().busy_mounts.insert(mount.into());
    }

    /// Makes a file refuse to be deleted.
    pub fn keep_file(&self, path: &str) {
        self.lock_world().undeletable.insert(path.into());
    }

    /// The file system that files lie on has so many bytes left, as [`Host::room`](crate::host::Host::room) tells; writes go on all the same.
    pub fn set_room(&self, free: u64) {
        self.lock_world().room = Some(free);
    }

    /// The n-th disk write from now fails: there is no room.
    pub fn fill_up_at(&self, n: u64) {
        let mut world = self.lock_world();
        world.fail_write = Some((world.disk_writes + n, WriteFault::Full));
    }

    /// The n-th disk write from now fails.
    pub fn fail_write_at(&self, n: u64) {
        let mut world = self.lock_world();
        world.fail_write = Some((world.disk_writes + n, WriteFault::Io));
    }

    /// Kills the process at its n-th change from now (the first is 1).
    pub fn kill_at(&self, n: u64, how: Kill) {
        let mut world = self.lock_world();
        world.kill = Some((world.changes + n, how));
    }

    /// From its n-th change from now on (the first is 1) there is no room, until it is started anew.
    pub fn no_room_at(&self, n: u64) {
        let mut world = self.lock_world();
        world.no_room = Some(world.changes + n);
    }

    /// Whether the kill has happened.
    pub fn is_killed(&self) -> bool {
        self.lock_world().killed
    }

    /// How many changes were made since the machine was made.
    pub fn changes(&self) -> u64 {
        self.lock_world().changes
    }

    /// How many disk writes were made since the machine was made.
    pub fn disk_writes(&self) -> u64 {
        self.lock_world().disk_writes
    }

    /// Takes the kernel's keyring away, as containers have it.
    pub fn forbid_keyring(&self) {
        self.lock_world().has_no_keyring = true;
    }

    /// Spoils what is kept in the keyring.
    pub fn spoil_kept_secrets(&self) {
        for (_, bytes) in self.lock_world().kept.values_mut() {
            for byte in bytes {
                *byte ^= 0x55;
            }
        }
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.lock_world().clock += time;
    }

    /// The process is started anew: locks and claims are gone, caches, mappings and mounts are as they were.
    pub fn restart(&self) {
        let mut world = self.lock_world();
        world.killed = false;
        world.kill = None;
        world.no_room = None;
        world.fail_write = None;
        world.exchanges.clear();
        world.locked.clear();
        world.claimed.clear();
    }

    /// The power goes and comes back: unflushed sectors are there or not, mappings, loops and mounts are gone.
    pub fn power_cut(&self, seed: u64) {
        self.restart();
        let mut world = self.lock_world();
        world.mapped.clear();
        world.stripes.clear();
        world.loops.clear();
        world.mounts.clear();
        world.swaps.clear();
        world.kept.clear();
        world.random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut disks = std::mem::take(&mut world.disks);
        for backing in disks.values_mut() {
            backing.disk.cut(|| world.next_random() & (1 << 40) == 0);
        }
        world.disks = disks;
    }

    /// What the program asked the machine to change, in order.
    pub fn log(&self) -> Vec<String> {
        self.lock_world().log.clone()
    }

    /// The simulated time.
    pub fn now(&self) -> Duration {
        self.lock_world().clock
    }

    /// The pieces of root-owned state.
    pub fn state_names(&self) -> Vec<String> {
        self.lock_world().state.keys().cloned().collect()
    }

    /// Loses all root-owned state, as a new root disk would.
    pub fn lose_state(&self) {
        self.lock_world().state.clear();
    }

    /// Replaces a piece of root-owned state.
    pub fn set_state(&self, name: &str, bytes: &[u8]) {
        self.lock_world()
            .state
            .insert(name.to_owned(), bytes.to_vec());
    }

    /// A file that a person named (a header backup).
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.lock_world().files.get(Path::new(path)).cloned()
    }

    /// Its first `len` bytes, or as many as there are.
    pub fn file_head(&self, path: &str, len: usize) -> Vec<u8> {
        let world = self.lock_world();
        let file = world.files.get(Path::new(path));
        file.map_or_else(Vec::new, |bytes| bytes[..len.min(bytes.len())].to_vec())
    }

    /// Puts a file there.
    pub fn set_file(&self, path: &str, bytes: Vec<u8>) {
        self.lock_world().files.insert(path.into(), bytes);
    }

    /// What is mounted, as (target, file system).
    pub fn mounted(&self) -> Vec<(PathBuf, String)> {
        self.lock_world()
            .mounts
            .iter()
            .map(|mount| (mount.target.clone(), mount.file_system.clone()))
            .collect()
    }
}

pub(super) fn engine_name(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::DmCrypt => "dm-crypt",
        EngineKind::Fuse => "fuse",
    }
}
