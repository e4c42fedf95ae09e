//! [`LinuxHost`]: the core's port to the machine. It only hands on; each noun has its own file.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crypto::SecretBytes;
use uuid::Uuid;

use crate::engine::{Changed, Engine};
use crate::host::{
    Access, Device, FileSystem, FoundFileSystem, Hold, Host, HostError, Identity, Lock, Mount,
    MountOptions, MountPoint, Room, RootFolder, RootWanted, SignatureReport, Unmount,
};
use crate::linux::crypt::DmCrypt;
use crate::linux::device::{self, OpenDevice};
use crate::linux::failure::about;
use crate::linux::files::{self, State};
use crate::linux::loopdev::{self, LoopDevice, LoopOptions};
use crate::linux::{
    accounts, identity, keyring, lock, machine_id, mkfs, mount_point, mounts, node, room, root,
    stripe, swap, users, uses,
};
use crate::raid0::{self, Stripe};
use crate::signatures;

/// Where the machine's own id is.
const MACHINE_ID: &str = "/etc/machine-id";

/// This machine.
pub struct LinuxHost {
    state: State,
    run: PathBuf,
    started: Instant,
    engines: Vec<Box<dyn Engine>>,
    /// The loop devices that this run has put over files. They clear themselves when nobody has them open: so they
    /// live as long as this, and then as long as the mapping on them. Nothing of a killed run stays.
    loops: Mutex<BTreeMap<PathBuf, LoopDevice>>,
}

impl LinuxHost {
    /// Where state lies that lasts.
    pub const STATE_FOLDER: &str = "/var/lib/kluis";
    /// Where locks lie.
    pub const RUN_FOLDER: &str = "/run/kluis";

    /// The machine with dm-crypt and the engines given, in order of preference.
    pub fn new(
        state: impl Into<PathBuf>,
        run: impl Into<PathBuf>,
        other_engines: Vec<Box<dyn Engine>>,
    ) -> Self {
        let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(DmCrypt::new())];
        engines.extend(other_engines);
        Self {
            state: State::new(state.into()),
            run: run.into(),
            started: Instant::now(),
            engines,
            loops: Mutex::default(),
        }
    }

    fn loops(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, LoopDevice>> {
        // The map is whole between any two of its calls.
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`Device`] as the signatures' reader wants it.
struct Reading<'a>(&'a dyn Device);

impl signatures::Source for Reading<'_> {
    type Error = HostError;

    fn len(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), HostError> {
        self.0.read_at(offset, buf)
    }

    fn next_data(&mut self, from: u64) -> Option<u64> {
        self.0.next_data(from)
    }
}

impl Host for LinuxHost {
    fn machine_id(&self) -> Result<String, HostError> {
        machine_id::read(Path::new(MACHINE_ID))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn jitter(&self, max: Duration) -> Duration {
        // Without random bytes the longest wait is the kindest.
        let Ok(bytes) = crypto::random::bytes::<8>() else {
            return max;
        };
        let range = max.as_nanos().saturating_add(1);
        let nanos = u128::from(u64::from_ne_bytes(bytes)).saturating_mul(range) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(max)
    }

    fn identify(&self, path: &Path) -> Result<Option<Identity>, HostError> {
        identity::identify(path)
    }

    fn instance_stores(&self) -> Result<Vec<Identity>, HostError> {
        identity::instance_stores()
    }

    fn uses(&self, backing: &Identity) -> Result<Vec<crate::host::Use>, HostError> {
        uses::of(backing)
    }

    fn open(&self, backing: &Identity, access: Access) -> Result<Box<dyn Device>, HostError> {
        if backing.members.is_empty() {
            Ok(Box::new(OpenDevice::open(backing, access)?))
        } else {
            raid0::open(self, backing, access)
        }
    }

    fn stripe(&self, path: &Path) -> Result<Option<Stripe>, HostError> {
        stripe::find(path)
    }

    fn assemble(&self, backing: &Identity) -> Result<Changed, HostError> {
        stripe::assemble(backing)
    }

    fn take_apart(&self, path: &Path) -> Result<Changed, HostError> {
        stripe::take_apart(path)
    }

    fn signatures(&self, device: &dyn Device) -> Result<SignatureReport, HostError> {
        signatures::inspect(&mut Reading(device))
    }

    fn create_file(&self, path: &Path, size: u64) -> Result<Changed, HostError> {
        files::create_sparse(path, size)
    }

    fn attach_loop(
        &self,
        file: &Path,
        block_size: u32,
        read_only: bool,
    ) -> Result<PathBuf, HostError> {
        let device = match LoopDevice::find(file)? {
            Some(there) => there,
            None => LoopDevice::attach(
                file,
                LoopOptions {
                    block_size,
                    read_only,
                    autoclear: true,
                    direct_io: true,
                },
            )?,
        };
        let path = device.path().to_owned();
        self.loops().insert(path.clone(), device);
        Ok(path)
    }

    fn detach_loop(&self, file: &Path) -> Result<Changed, HostError> {
        let mut changed = Changed::No;
        while let Some(path) = self.find_loop(file)? {
            // A claim that is refused leaves everything as it was; this run's own hold goes with the device.
            let claim = LoopDevice::claim(&path)?;
            drop(self.loops().remove(&path));
            claim.detach()?;
            if !loopdev::is_gone_soon(file, &path)? {
                return Err(HostError::Busy {
                    what: path.display().to_string(),
                    by: "another program".into(),
                });
            }
            changed = Changed::Yes;
        }
        Ok(changed)
    }

    fn find_loop(&self, file: &Path) -> Result<Option<PathBuf>, HostError> {
        Ok(LoopDevice::find(file)?.map(|device| device.path().to_owned()))
    }

    fn make_file_system(
        &self,
        device: &Path,
        kind: FileSystem,
        label: &str,
        uuid: Uuid,
    ) -> Result<Box<dyn Hold>, HostError> {
        Ok(Box::new(mkfs::make(device, kind, label, uuid)?))
    }

    fn make_swap(&self, device: &Path, label: &str) -> Result<(), HostError> {
        swap::make(device, label)
    }

    fn swap_on(&self, device: &Path) -> Result<Changed, HostError> {
        swap::on(device)
    }

    fn swap_off(&self, device: &Path) -> Result<Changed, HostError> {
        swap::off(device)
    }

    fn is_swap(&self, device: &Path) -> Result<bool, HostError> {
        swap::is(device)
    }

    fn file_system_on(&self, device: &Path) -> Result<Option<FoundFileSystem>, HostError> {
        let file = File::open(device).map_err(about(device))?;
        let len = match node::number_of(device).map_err(about(device))? {
            Some(_) => device::device_size(&file).map_err(about(device))?,
            None => file.metadata().map_err(about(device))?.len(),
        };
        signatures::file_system(&mut signatures::FileSource::new(&file, len)).map_err(about(device))
    }

    fn mount(
        &self,
        device: &Path,
        target: &Path,
        file_system: &str,
        options: &MountOptions,
        root: RootWanted,
    ) -> Result<(), HostError> {
        mounts::mount(device, target, file_system, options, root)
    }

    fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        accounts::user(name)
    }

    fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        accounts::group(name)
    }

    fn root(&self, at: &Path) -> Result<RootFolder, HostError> {
        root::look(at)
    }

    fn set_root(&self, at: &Path, wanted: RootWanted) -> Result<Changed, HostError> {
        root::set(at, wanted)
    }

    fn unmount(&self, target: &Path, how: Unmount) -> Result<Changed, HostError> {
        mounts::unmount(target, how)
    }

    fn room(&self, file: &Path, size: u64) -> Result<Room, HostError> {
        room::of(file, size)
    }

    fn users(&self, device: &Path) -> Option<String> {
        users::of_file_system(device)
    }

    fn mounts(&self) -> Result<Vec<Mount>, HostError> {
        mounts::table()
    }

    fn mount_point(&self, at: &Path) -> Result<MountPoint, HostError> {
        mount_point::look(at)
    }

    fn make_mount_point(&self, at: &Path) -> Result<Changed, HostError> {
        mount_point::make(at)
    }

    fn set_immutable(&self, at: &Path, immutable: bool) -> Result<Changed, HostError> {
        mount_point::set_immutable(at, immutable)
    }

    fn set_mode(&self, at: &Path, mode: u32) -> Result<Changed, HostError> {
        mount_point::set_mode(at, mode)
    }

    fn remove_mount_point(&self, at: &Path) -> Result<Changed, HostError> {
        mount_point::remove(at)
    }

    fn state_names(&self, folder: &str) -> Result<Vec<String>, HostError> {
        self.state.names(folder)
    }

    fn read_state(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        self.state.read(name)
    }

    fn write_state(&self, name: &str, bytes: &[u8]) -> Result<(), HostError> {
        self.state.write(name, bytes)
    }

    fn remove_state(&self, name: &str) -> Result<Changed, HostError> {
        self.state.remove(name)
    }

    fn read_file(&self, path: &Path, max: u64) -> Result<Vec<u8>, HostError> {
        files::read(path, max)
    }

    fn write_new_file(&self, path: &Path, bytes: &[u8]) -> Result<(), HostError> {
        files::write_new(path, bytes)
    }

    fn remove_file(&self, path: &Path) -> Result<Changed, HostError> {
        files::remove(path)
    }

    fn lock(&self, volume: &str, wait: Duration) -> Result<Box<dyn Lock>, HostError> {
        lock::take(&self.run, volume, wait)
    }

    fn lock_state(&self, name: &str, wait: Duration) -> Result<Box<dyn Lock>, HostError> {
        lock::take(self.state.folder(), name, wait)
    }

    fn keep_secret(&self, name: &str, secret: &SecretBytes, time: Duration) -> Changed {
        match keyring::keep(name, secret, time) {
            Ok(()) => Changed::Yes,
            Err(_) => Changed::No,
        }
    }

    fn kept_secret(&self, name: &str) -> Option<SecretBytes> {
        keyring::kept(name).ok().flatten()
    }

    fn engines(&self) -> Vec<&dyn Engine> {
        self.engines.iter().map(Box::as_ref).collect()
    }
}
