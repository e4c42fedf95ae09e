//! The simulated machine as the core sees it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crypto::SecretBytes;
use uuid::Uuid;

use crate::engine::{Changed, Engine};
use crate::host::{
    Access, BackingKind, Device, FileSystem, FoundFileSystem, Hold, Host, HostError, Identity,
    Lock, Mount, MountOptions, MountPoint, Room, RootFolder, RootWanted, SignatureReport, Unmount,
    Use,
};
use crate::raid0::{self, Stripe};
use crate::signatures;

use super::disk::Disk;
use super::files;
use super::stripe::holder;
use super::world::{Backing, Machine, World, WriteFault};

pub(super) fn not_found(path: &Path) -> HostError {
    HostError::NotFound {
        what: path.display().to_string(),
    }
}

fn io_error(what: &str) -> HostError {
    HostError::Io {
        what: what.to_owned(),
        source: std::io::Error::from_raw_os_error(5),
    }
}

pub(super) fn identity_of(path: &Path, backing: &Backing) -> Identity {
    Identity {
        path: path.to_path_buf(),
        kind: backing.kind,
        stable_name: backing.stable_name.clone(),
        size: backing.disk.size(),
        logical_block_size: 512,
        physical_block_size: 4096,
        read_only: backing.read_only,
        token: backing.token.to_string(),
        members: Vec::new(),
    }
}

pub(super) struct SimDevice {
    world: Arc<Mutex<World>>,
    path: PathBuf,
    access: Access,
}

impl SimDevice {
    /// A disk, open without a claim.
    pub(super) fn over(world: &Arc<Mutex<World>>, path: &Path, access: Access) -> Box<dyn Device> {
        Box::new(Self {
            world: Arc::clone(world),
            path: path.to_path_buf(),
            access,
        })
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SimDevice {
    fn drop(&mut self) {
        if self.access == Access::Exclusive {
            self.lock().claimed.remove(&self.path);
        }
    }
}

impl Device for SimDevice {
    fn size(&self) -> u64 {
        self.lock()
            .disks
            .get(&self.path)
            .map_or(0, |backing| backing.disk.size())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), HostError> {
        let mut world = self.lock();
        world.alive()?;
        world.count_read();
        if world.backing(&self.path)?.disk.read(offset, buf) {
            Ok(())
        } else {
            Err(io_error("read past the end"))
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), HostError> {
        let mut world = self.lock();
        if self.access == Access::Read {
            return Err(HostError::ReadOnly {
                what: self.path.display().to_string(),
            });
        }
        let turn = world.turn("write")?;
        world.disk_writes += 1;
        if let Some((at, fault)) = world.fail_write
            && at == world.disk_writes
        {
            return Err(match fault {
                WriteFault::Full => HostError::Full {
                    what: self.path.display().to_string(),
                },
                WriteFault::Io => io_error("write"),
            });
        }
        let backing = world.backing(&self.path)?;
        let written = if turn.is_half() {
            &bytes[..bytes.len() / 2 / 512 * 512]
        } else {
            bytes
        };
        if backing.keeps_old_blocks {
            return Ok(());
        }
        if !backing.disk.write(offset, written) {
            return Err(io_error("write past the end"));
        }
        turn.ends(())
    }

    fn flush(&self) -> Result<(), HostError> {
        self.lock().change("flush", |world| {
            world.backing(&self.path)?.disk.flush();
            Ok(())
        })
    }

    fn discard(&self, offset: u64, len: u64) -> Result<Changed, HostError> {
        self.lock().change("discard", |world| {
            let backing = world.backing(&self.path)?;
            if !backing.discards || backing.keeps_old_blocks {
                return Ok(Changed::No);
            }
            backing.disk.discard(offset, len);
            Ok(Changed::Yes)
        })
    }

    fn drop_caches(&self) -> Result<(), HostError> {
        self.lock().alive()
    }

    fn next_data(&self, from: u64) -> Option<u64> {
        self.lock()
            .disks
            .get(&self.path)
            .and_then(|backing| backing.disk.next_data(from))
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

struct SimLock {
    world: Arc<Mutex<World>>,
    name: String,
}

impl Lock for SimLock {}

/// Nothing is cached here, and nobody who unmaps asks who has a device open.
#[derive(Debug)]
struct HeldOpen;

impl Hold for HeldOpen {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.world
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .locked
            .remove(&self.name);
    }
}

impl Host for Machine {
    fn machine_id(&self) -> Result<String, HostError> {
        Ok("8e4f6b0a6d1c4f0b9a3d2c1b0f9e8d7c".to_owned())
    }

    fn monotonic(&self) -> Duration {
        self.lock_world().clock
    }

    fn sleep(&self, time: Duration) {
        self.lock_world().clock += time;
    }

    fn jitter(&self, max: Duration) -> Duration {
        let thousandths = u32::try_from(self.lock_world().next_random() % 1001).unwrap_or(0);
        max * thousandths / 1000
    }

    fn identify(&self, path: &Path) -> Result<Option<Identity>, HostError> {
        let world = self.lock_world();
        world.alive()?;
        let path = world.loops.get(path).map_or(path, PathBuf::as_path);
        if let Some(stripe) = world.stripe_identity(path) {
            return Ok(Some(stripe));
        }
        Ok(world
            .disks
            .get(path)
            .map(|backing| identity_of(path, backing)))
    }

    fn instance_stores(&self) -> Result<Vec<Identity>, HostError> {
        let world = self.lock_world();
        Ok(world
            .instance_stores
            .iter()
            .filter_map(|path| Some(identity_of(path, world.disks.get(path)?)))
            .collect())
    }

    fn uses(&self, backing: &Identity) -> Result<Vec<Use>, HostError> {
        let world = self.lock_world();
        let mut uses = world.uses.get(&backing.path).cloned().unwrap_or_default();
        for (device, file) in &world.loops {
            if *file == backing.path {
                uses.push(Use::Loop(device.clone()));
            }
        }
        uses.extend(
            world
                .stripe_over(&backing.path)
                .map(|path| Use::Holder(holder(path))),
        );
        for (name, mapped) in &world.mapped {
            let over_loop = world.loops.get(&mapped.backing) == Some(&backing.path);
            if mapped.backing == backing.path || over_loop {
                uses.push(Use::Holder(name.clone()));
            }
        }
        Ok(uses)
    }

    fn open(&self, backing: &Identity, access: Access) -> Result<Box<dyn Device>, HostError> {
        if !backing.members.is_empty() {
            return raid0::open(self, backing, access);
        }
        if self.identify(&backing.path)?.as_ref() == Some(backing)
            && backing.token.starts_with("stripe")
        {
            return self.open_stripe(&backing.path, access);
        }
        let mut world = self.lock_world();
        world.alive()?;
        let what = || backing.path.display().to_string();
        let found = world
            .disks
            .get(&backing.path)
            .ok_or_else(|| not_found(&backing.path))?;
        if found.token.to_string() != backing.token {
            return Err(HostError::Replaced { what: what() });
        }
        if found.read_only && access != Access::Read {
            return Err(HostError::ReadOnly { what: what() });
        }
        if access == Access::Exclusive {
            let is_mapped = world
                .mapped
                .values()
                .any(|mapped| mapped.backing == backing.path);
            let is_member = world.stripe_over(&backing.path).is_some();
            if is_mapped || is_member || !world.claimed.insert(backing.path.clone()) {
                return Err(HostError::Busy {
                    what: what(),
                    by: "another program".to_owned(),
                });
            }
        }
        Ok(Box::new(SimDevice {
            world: Arc::clone(&self.world),
            path: backing.path.clone(),
            access,
        }))
    }

    fn stripe(&self, path: &Path) -> Result<Option<Stripe>, HostError> {
        self.find_stripe(path)
    }

    fn assemble(&self, backing: &Identity) -> Result<Changed, HostError> {
        self.assemble_stripe(backing)
    }

    fn take_apart(&self, path: &Path) -> Result<Changed, HostError> {
        self.take_stripe_apart(path)
    }

    fn signatures(&self, device: &dyn Device) -> Result<SignatureReport, HostError> {
        let mut report = signatures::inspect(&mut Reading(device))?;
        report.found.extend(files::signature(device)?);
        Ok(report)
    }

    fn create_file(&self, path: &Path, size: u64) -> Result<Changed, HostError> {
        let mut world = self.lock_world();
        let turn = world.turn("create file")?;
        let half = if turn.is_half() { size / 2 } else { size };
        let token = world.next_token;
        world.next_token += 1;
        let changed = match world.disks.get_mut(path) {
            Some(found) if found.disk.size() == size => Changed::No,
            Some(found) if found.disk.size() < size && found.disk.written() == 0 => {
                found.disk.grow(half);
                Changed::Yes
            }
            Some(_) => {
                return Err(HostError::WrongKind {
                    what: path.display().to_string(),
                    wanted: "a file of the configured size",
                });
            }
            None => {
                let stable_name = path.display().to_string();
                world.disks.insert(
                    path.to_path_buf(),
                    Backing {
                        disk: Disk::blank(half),
                        kind: BackingKind::File,
                        stable_name,
                        read_only: false,
                        discards: true,
                        keeps_old_blocks: false,
                        token,
                    },
                );
                Changed::Yes
            }
        };
        turn.ends(changed)
    }

    fn attach_loop(
        &self,
        file: &Path,
        _block_size: u32,
        _read_only: bool,
    ) -> Result<PathBuf, HostError> {
        self.lock_world().change("attach loop", |world| {
            if let Some((device, _)) = world.loops.iter().find(|(_, known)| *known == file) {
                return Ok(device.clone());
            }
            let device = (0..256)
                .map(|n: u32| PathBuf::from(format!("/dev/loop{n}")))
                .find(|device| !world.loops.contains_key(device));
            let device = device.ok_or_else(|| io_error("no free loop device"))?;
            world.loops.insert(device.clone(), file.to_path_buf());
            Ok(device)
        })
    }

    fn detach_loop(&self, file: &Path) -> Result<Changed, HostError> {
        self.lock_world().change("detach loop", |world| {
            let devices: Vec<PathBuf> = world
                .loops
                .iter()
                .filter(|(_, known)| *known == file)
                .map(|(device, _)| device.clone())
                .collect();
            if world
                .mapped
                .values()
                .any(|mapped| devices.contains(&mapped.backing))
            {
                return Err(HostError::Busy {
                    what: file.display().to_string(),
                    by: "a mapping".to_owned(),
                });
            }
            let changed = if devices.is_empty() {
                Changed::No
            } else {
                Changed::Yes
            };
            for device in &devices {
                world.loops.remove(device);
            }
            Ok(changed)
        })
    }

    fn find_loop(&self, file: &Path) -> Result<Option<PathBuf>, HostError> {
        let world = self.lock_world();
        world.alive()?;
        Ok(world
            .loops
            .iter()
            .find(|(_, known)| *known == file)
            .map(|(device, _)| device.clone()))
    }

    fn make_file_system(
        &self,
        device: &Path,
        kind: FileSystem,
        _label: &str,
        uuid: Uuid,
    ) -> Result<Box<dyn Hold>, HostError> {
        let mut world = self.lock_world();
        let turn = world.turn("mkfs")?;
        files::clear(&mut world, device)?;
        if !turn.is_half() {
            world.write_view(device, 0, &files::superblock(kind.name(), uuid))?;
            world.flush_view(device);
        }
        turn.ends(Box::new(HeldOpen))
    }

    fn make_swap(&self, device: &Path, _label: &str) -> Result<(), HostError> {
        self.lock_world().change("mkswap", |world| {
            world.write_view(device, 0, &files::superblock("swap", Uuid::nil()))?;
            world.flush_view(device);
            Ok(())
        })
    }

    fn swap_on(&self, device: &Path) -> Result<Changed, HostError> {
        if self
            .file_system_on(device)?
            .is_none_or(|found| found.kind != "swap")
        {
            return Err(HostError::Program {
                program: "swapon",
                words: "read swap header failed".to_owned(),
            });
        }
        self.lock_world().change("swap on", |world| {
            let is_new = world.swaps.insert(device.to_path_buf());
            Ok(if is_new { Changed::Yes } else { Changed::No })
        })
    }

    fn swap_off(&self, device: &Path) -> Result<Changed, HostError> {
        self.lock_world().change("swap off", |world| {
            let was = world.swaps.remove(device);
            Ok(if was { Changed::Yes } else { Changed::No })
        })
    }

    fn is_swap(&self, device: &Path) -> Result<bool, HostError> {
        let world = self.lock_world();
        world.alive()?;
        Ok(world.swaps.contains(device))
    }

    fn file_system_on(&self, device: &Path) -> Result<Option<FoundFileSystem>, HostError> {
        let mut world = self.lock_world();
        world.alive()?;
        files::found(&mut world, device)
    }

    fn mount(
        &self,
        device: &Path,
        target: &Path,
        file_system: &str,
        options: &MountOptions,
        root: RootWanted,
    ) -> Result<(), HostError> {
        self.lock_world().change("mount", |world| {
            let target = world.without_link(target).to_path_buf();
            let target = target.as_path();
            if world.mounts.iter().any(|mount| mount.target == target) {
                return Err(HostError::Busy {
                    what: target.display().to_string(),
                    by: "another mount".to_owned(),
                });
            }
            let _ = world.make_folder(target);
            files::mark_mounted(world, device)?;
            let mount = Mount {
                source: device.to_path_buf(),
                target: target.to_path_buf(),
                file_system: file_system.to_owned(),
                read_only: options.is_read_only(),
                options: options.data.join(","),
            };
            world.mounts.push(mount);
            files::set_root_at(world, target, root).map(drop)
        })
    }

    fn room(&self, file: &Path, size: u64) -> Result<Room, HostError> {
        let world = self.lock_world();
        world.alive()?;
        let there = world.disks.get(file);
        let taken = there.map_or(0, |backing| backing.disk.written() as u64 * 512);
        Ok(Room {
            free: world.room.unwrap_or(u64::MAX),
            untaken: size.saturating_sub(taken),
        })
    }

    fn user(&self, name: &str) -> Result<Option<u32>, HostError> {
        Ok(name.parse().ok().or((name == "kafka").then_some(994)))
    }

    fn group(&self, name: &str) -> Result<Option<u32>, HostError> {
        self.user(name)
    }

    fn root(&self, at: &Path) -> Result<RootFolder, HostError> {
        let mut world = self.lock_world();
        world.alive()?;
        files::root_at(&mut world, at)
    }

    fn set_root(&self, at: &Path, wanted: RootWanted) -> Result<Changed, HostError> {
        self.lock_world()
            .change("set root", |world| files::set_root_at(world, at, wanted))
    }

    fn unmount(&self, target: &Path, how: Unmount) -> Result<Changed, HostError> {
        self.lock_world().change("unmount", |world| {
            if how == Unmount::IfIdle && world.busy_mounts.contains(target) {
                return Err(HostError::Busy {
                    what: target.display().to_string(),
                    by: "open files".to_owned(),
                });
            }
            let before = world.mounts.len();
            world.mounts.retain(|mount| mount.target != target);
            Ok(if world.mounts.len() < before {
                Changed::Yes
            } else {
                Changed::No
            })
        })
    }

    fn users(&self, device: &Path) -> Option<String> {
        let world = self.lock_world();
        let mounts = world.mounts.iter();
        let mut busy = mounts.filter(|mount| world.busy_mounts.contains(&mount.target));
        busy.any(|mount| mount.source == device)
            .then(|| "open files".to_owned())
    }

    fn mounts(&self) -> Result<Vec<Mount>, HostError> {
        let world = self.lock_world();
        world.alive()?;
        Ok(world.mounts.clone())
    }

    fn mount_point(&self, at: &Path) -> Result<MountPoint, HostError> {
        self.lock_world().look_beneath(at)
    }

    fn make_mount_point(&self, at: &Path) -> Result<Changed, HostError> {
        self.lock_world()
            .change("make mount point", |world| Ok(world.make_folder(at)))
    }

    fn set_immutable(&self, at: &Path, immutable: bool) -> Result<Changed, HostError> {
        self.lock_world().change("set immutable", |world| {
            world.set_folder_immutable(at, immutable)
        })
    }

    fn set_mode(&self, at: &Path, mode: u32) -> Result<Changed, HostError> {
        self.lock_world()
            .change("set mode", |world| world.set_folder_mode(at, mode))
    }

    fn remove_mount_point(&self, at: &Path) -> Result<Changed, HostError> {
        self.lock_world()
            .change("remove mount point", |world| world.remove_folder(at))
    }

    fn state_names(&self, folder: &str) -> Result<Vec<String>, HostError> {
        let world = self.lock_world();
        world.alive()?;
        let within = format!("{folder}/");
        Ok(world
            .state
            .keys()
            .filter(|name| name.starts_with(&within))
            .cloned()
            .collect())
    }

    fn read_state(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        let world = self.lock_world();
        world.alive()?;
        Ok(world.state.get(name).cloned())
    }

    fn write_state(&self, name: &str, bytes: &[u8]) -> Result<(), HostError> {
        self.lock_world().change("write state", |world| {
            world.state.insert(name.to_owned(), bytes.to_vec());
            Ok(())
        })
    }

    fn remove_state(&self, name: &str) -> Result<Changed, HostError> {
        self.lock_world().change("remove state", |world| {
            Ok(if world.state.remove(name).is_some() {
                Changed::Yes
            } else {
                Changed::No
            })
        })
    }

    fn read_file(&self, path: &Path, max: u64) -> Result<Vec<u8>, HostError> {
        let world = self.lock_world();
        let bytes = world
            .files
            .get(path)
            .cloned()
            .ok_or_else(|| not_found(path))?;
        if bytes.len() as u64 > max {
            return Err(HostError::TooLarge {
                what: path.display().to_string(),
                max,
            });
        }
        Ok(bytes)
    }

    fn write_new_file(&self, path: &Path, bytes: &[u8]) -> Result<(), HostError> {
        self.lock_world().change("write file", |world| {
            if world.files.contains_key(path) {
                return Err(HostError::Exists {
                    what: path.display().to_string(),
                });
            }
            world.files.insert(path.to_path_buf(), bytes.to_vec());
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> Result<Changed, HostError> {
        self.lock_world().change("remove file", |world| {
            if world.undeletable.contains(path) {
                return Err(HostError::Denied {
                    what: path.display().to_string(),
                });
            }
            Ok(if world.files.remove(path).is_some() {
                Changed::Yes
            } else {
                Changed::No
            })
        })
    }

    fn keep_secret(&self, name: &str, secret: &SecretBytes, time: Duration) -> Changed {
        let mut world = self.lock_world();
        if world.has_no_keyring {
            return Changed::No;
        }
        let until = world.clock + time;
        let bytes = secret.danger_expose().to_vec();
        world.kept.insert(name.to_owned(), (until, bytes));
        Changed::Yes
    }

    fn kept_secret(&self, name: &str) -> Option<SecretBytes> {
        let world = self.lock_world();
        let (until, bytes) = world.kept.get(name)?;
        (world.clock < *until).then(|| SecretBytes::copy_of(bytes).ok())?
    }

    fn lock_state(&self, name: &str, wait: Duration) -> Result<Box<dyn Lock>, HostError> {
        self.lock(&format!("state/{name}"), wait)
    }

    fn lock(&self, volume: &str, _wait: Duration) -> Result<Box<dyn Lock>, HostError> {
        let mut world = self.lock_world();
        world.alive()?;
        if !world.locked.insert(volume.to_owned()) {
            return Err(HostError::Busy {
                what: format!("volume {volume}"),
                by: "another kluis".to_owned(),
            });
        }
        Ok(Box::new(SimLock {
            world: Arc::clone(&self.world),
            name: volume.to_owned(),
        }))
    }

    fn engines(&self) -> Vec<&dyn Engine> {
        vec![&self.dm, &self.fuse]
    }
}
