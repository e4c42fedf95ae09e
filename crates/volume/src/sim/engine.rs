//! Engines in memory: the decrypted view is computed, so that what tests write through one reads back only under its key.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crypto::XtsKey;
use uuid::Uuid;

use crate::engine::{
    Active, Changed, Cipher, Engine, EngineError, EngineKind, Health, LuksKind, Mapping,
};
use crate::host::HostError;

use super::world::{World, engine_name};

/// A simulated engine.
#[derive(Clone, Debug)]
pub struct SimEngine {
    kind: EngineKind,
    world: Arc<Mutex<World>>,
}

/// A mapping that is there.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) kind: EngineKind,
    pub(super) device: PathBuf,
    pub(super) backing: PathBuf,
    pub(super) health: Health,
    payload: Range<u64>,
    uuid: Uuid,
    luks: LuksKind,
    sector_size: u32,
    iv_start: u64,
    key: XtsKey,
    key_bits: u32,
    read_only: bool,
    discards: bool,
}

impl Mapped {
    /// Its size in bytes.
    pub(super) fn len(&self) -> u64 {
        self.payload.end - self.payload.start
    }

    fn place(&self, offset: u64, len: usize) -> Result<(u64, u64), HostError> {
        let sector = u64::from(self.sector_size);
        let fits = offset
            .checked_add(len as u64)
            .is_some_and(|end| end <= self.len());
        if matches!(self.health, Health::Dead(_))
            || !fits
            || !offset.is_multiple_of(sector)
            || !(len as u64).is_multiple_of(sector)
        {
            return Err(failed("I/O on the simulated mapping"));
        }
        Ok((self.payload.start + offset, self.iv_start + offset / 512))
    }
}

fn failed(what: &str) -> HostError {
    HostError::Io {
        what: what.to_owned(),
        source: std::io::Error::from_raw_os_error(5),
    }
}

impl World {
    /// Reads whole sectors of a decrypted view.
    pub(super) fn read_view(
        &mut self,
        device: &Path,
        offset: u64,
        out: &mut [u8],
    ) -> Result<(), HostError> {
        let view = self
            .mapped
            .values()
            .find(|mapped| mapped.device == device)
            .ok_or_else(|| failed("no such mapping"))?;
        let (at, iv) = view.place(offset, out.len())?;
        if !self.read_backing(&view.backing, at, out) {
            return Err(failed("the backing is gone, or past its end"));
        }
        let mut cipher = view.key.decryptor().map_err(|_| failed("cipher"))?;
        cipher
            .sectors(out, view.sector_size as usize, iv)
            .map_err(|_| failed("cipher"))
    }

    /// Writes whole sectors of a decrypted view.
    pub(super) fn write_view(
        &mut self,
        device: &Path,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        let view = self
            .mapped
            .values()
            .find(|mapped| mapped.device == device)
            .ok_or_else(|| failed("no such mapping"))?;
        let (at, iv) = view.place(offset, bytes.len())?;
        let mut sealed = bytes.to_vec();
        let mut cipher = view.key.encryptor().map_err(|_| failed("cipher"))?;
        cipher
            .sectors(&mut sealed, view.sector_size as usize, iv)
            .map_err(|_| failed("cipher"))?;
        let backing = view.backing.clone();
        if self.write_backing(&backing, at, &sealed) {
            Ok(())
        } else {
            Err(failed("the backing is gone, or past its end"))
        }
    }

    /// Makes what was written through a view durable.
    pub(super) fn flush_view(&mut self, device: &Path) {
        let view = self.mapped.values().find(|mapped| mapped.device == device);
        if let Some((path, start)) =
            view.map(|mapped| (mapped.backing.clone(), mapped.payload.start))
        {
            self.flush_backing_from(&path, start);
        }
    }
}

impl SimEngine {
    pub(super) fn new(kind: EngineKind, world: Arc<Mutex<World>>) -> Self {
        Self { kind, world }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn map(&self, world: &mut World, mapping: &Mapping<'_>) -> Result<PathBuf, EngineError> {
        let busy = |what: &str| EngineError::Busy {
            what: what.to_owned(),
            by: "another mapping".to_owned(),
        };
        if world.mapped.contains_key(mapping.name) {
            return Err(busy(mapping.name));
        }
        if world
            .mapped
            .values()
            .any(|other| other.backing == mapping.backing)
            || world.claimed.contains(mapping.backing)
        {
            return Err(busy(&mapping.backing.display().to_string()));
        }
        let unsupported = |why: &str| EngineError::Unsupported {
            what: mapping.name.to_owned(),
            why: why.to_owned(),
        };
        let size = world
            .backing_size(mapping.backing)
            .map_err(|error| unsupported(&error.to_string()))?;
        if mapping.payload.end > size
            || mapping.payload.is_empty()
            || !(mapping.payload.end - mapping.payload.start)
                .is_multiple_of(u64::from(mapping.sector_size))
        {
            return Err(unsupported("the payload does not fit"));
        }
        if self.needs_block_device() && !mapping.backing.starts_with("/dev") {
            return Err(unsupported("not a block device"));
        }
        let key = XtsKey::new(mapping.key.danger_expose())
            .map_err(|error| unsupported(&error.to_string()))?;
        let device = match self.kind {
            EngineKind::DmCrypt => PathBuf::from(format!("/dev/mapper/{}", mapping.name)),
            EngineKind::Fuse => PathBuf::from(format!("/dev/loop-{}", mapping.name)),
        };
        let mapped = Mapped {
            kind: self.kind,
            device: device.clone(),
            backing: mapping.backing.to_path_buf(),
            health: Health::Serving,
            payload: mapping.payload.clone(),
            uuid: mapping.uuid,
            luks: mapping.luks,
            sector_size: mapping.sector_size,
            iv_start: mapping.iv_start,
            key,
            key_bits: u32::try_from(mapping.key.len() * 8).unwrap_or(u32::MAX),
            read_only: mapping.read_only,
            discards: mapping.discards && self.kind == EngineKind::DmCrypt,
        };
        world.mapped.insert(mapping.name.to_owned(), mapped);
        Ok(device)
    }
}

impl From<HostError> for EngineError {
    fn from(error: HostError) -> Self {
        Self::Failed {
            what: "simulated engine".to_owned(),
            source: std::io::Error::other(error),
        }
    }
}

impl Engine for SimEngine {
    fn kind(&self) -> EngineKind {
        self.kind
    }

    fn available(&self) -> Result<(), EngineError> {
        match self.lock().unavailable.get(engine_name(self.kind)) {
            Some(missing) => Err(EngineError::Unavailable {
                engine: self.kind,
                missing: missing.clone(),
            }),
            None => Ok(()),
        }
    }

    fn needs_block_device(&self) -> bool {
        self.kind == EngineKind::DmCrypt
    }

    fn open(&self, mapping: &Mapping<'_>) -> Result<PathBuf, EngineError> {
        self.available()?;
        let mut world = self.lock();
        let mut outcome = None;
        world.change("open mapping", |world| {
            outcome = Some(self.map(world, mapping));
            Ok(())
        })?;
        outcome.unwrap_or_else(|| {
            Err(EngineError::Unsupported {
                what: mapping.name.to_owned(),
                why: "nothing happened".to_owned(),
            })
        })
    }

    fn close(&self, name: &str) -> Result<Changed, EngineError> {
        let mut world = self.lock();
        let Some(mapped) = world
            .mapped
            .get(name)
            .filter(|mapped| mapped.kind == self.kind)
        else {
            return Ok(Changed::No);
        };
        if let Some(mount) = world
            .mounts
            .iter()
            .find(|mount| mount.source == mapped.device)
        {
            return Err(EngineError::Busy {
                what: name.to_owned(),
                by: mount.target.display().to_string(),
            });
        }
        if world.swaps.contains(&mapped.device) {
            return Err(EngineError::Busy {
                what: name.to_owned(),
                by: "swap".to_owned(),
            });
        }
        world.change("close mapping", |world| {
            world.mapped.remove(name);
            Ok(())
        })?;
        Ok(Changed::Yes)
    }

    fn adopt(&self, name: &str) -> Result<Changed, EngineError> {
        let mut world = self.lock();
        world.change("adopt mapping", |world| {
            if let Some(mapped) = world.mapped.get_mut(name) {
                mapped.health = Health::Serving;
            }
            Ok(())
        })?;
        Ok(Changed::Yes)
    }

    fn find(&self, name: &str) -> Result<Option<Active>, EngineError> {
        let world = self.lock();
        world.alive()?;
        Ok(world
            .mapped
            .get(name)
            .filter(|mapped| mapped.kind == self.kind)
            .map(|mapped| Active {
                engine: mapped.kind,
                device: mapped.device.clone(),
                backing: mapped.backing.clone(),
                uuid: Some(mapped.uuid),
                luks: Some(mapped.luks),
                cipher: Cipher::AesXtsPlain64.to_string(),
                key_bits: mapped.key_bits,
                payload: mapped.payload.clone(),
                sector_size: mapped.sector_size,
                read_only: mapped.read_only,
                discards: mapped.discards,
                health: mapped.health.clone(),
            }))
    }
}
