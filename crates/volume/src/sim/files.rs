//! The simulated file system: one file, and its root, in the decrypted view.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::engine::Changed;
use crate::host::{Device, FoundFileSystem, HostError, RootFolder, RootWanted, Signature};

use super::host::not_found;
use super::world::{Machine, World};

/// The size of the simulated file system's superblock, and of each of its files.
const BLOCK: usize = 4096;
/// Where tests' files lie in the decrypted view.
const FILE_AT: u64 = 1 << 20;
/// Where the root's owner, group and mode lie there.
const ROOT_AT: u64 = 2 << 20;
const MAGIC: &str = "SIMFS:";
/// What follows the type of a file system that was ever mounted.
const MOUNTED: &str = " mounted";

impl Machine {
    /// Writes a "file" of at most 4096 bytes on a mounted volume and syncs it. False when nothing is mounted there, or it died.
    pub fn write_file(&self, mount: &str, text: &str) -> bool {
        let mut block = text.as_bytes().to_vec();
        block.resize(BLOCK, 0);
        let mut world = self.lock_world();
        let Some(device) = device_at(&world, mount) else {
            return false;
        };
        let done = world.write_view(&device, FILE_AT, &block).is_ok();
        world.flush_view(&device);
        done
    }

    /// Reads that file; `None` when nothing is mounted there, or what is there was not written through this key.
    pub fn read_file_text(&self, mount: &str) -> Option<String> {
        let mut block = vec![0; BLOCK];
        let mut world = self.lock_world();
        let device = device_at(&world, mount)?;
        world.read_view(&device, FILE_AT, &mut block).ok()?;
        let len = block.iter().position(|&byte| byte == 0)?;
        String::from_utf8(block[..len].to_vec()).ok()
    }

    /// Unmounts without closing, as a person would.
    pub fn umount(&self, mount: &str) {
        self.lock_world()
            .mounts
            .retain(|known| known.target != Path::new(mount));
    }

    /// Makes a file system of any type on an open mapping, as another program would.
    pub fn mkfs_as(&self, device: &str, file_system: &str) {
        let mut world = self.lock_world();
        if world
            .write_view(Path::new(device), 0, &superblock(file_system, Uuid::max()))
            .is_ok()
        {
            world.flush_view(Path::new(device));
        }
    }
}

fn device_at(world: &World, mount: &str) -> Option<PathBuf> {
    world
        .mounts
        .iter()
        .find(|known| known.target == Path::new(mount))
        .map(|known| known.source.clone())
}

fn mounted_at(world: &World, at: &Path) -> Result<PathBuf, HostError> {
    device_at(world, &at.to_string_lossy()).ok_or_else(|| not_found(at))
}

/// Makes the root of what is mounted there as wanted, where it is not.
pub(super) fn set_root_at(
    world: &mut World,
    at: &Path,
    wanted: RootWanted,
) -> Result<Changed, HostError> {
    let now = root_at(world, at)?;
    if wanted.is_met_by(now) {
        return Ok(Changed::No);
    }
    let (uid, gid) = (wanted.uid.unwrap_or(now.uid), wanted.gid.unwrap_or(now.gid));
    let mode = wanted.mode.unwrap_or(now.mode);
    let mut block = vec![0; BLOCK];
    for (place, number) in block.chunks_mut(4).zip([1, uid, gid, mode]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let device = mounted_at(world, at)?;
    world.write_view(&device, ROOT_AT, &block)?;
    world.flush_view(&device);
    Ok(Changed::Yes)
}

/// A fresh file system has zeros there: its root is root's.
pub(super) fn root_at(world: &mut World, at: &Path) -> Result<RootFolder, HostError> {
    let device = mounted_at(world, at)?;
    let mut block = vec![0; BLOCK];
    world.read_view(&device, ROOT_AT, &mut block)?;
    let number = |n: usize| {
        block[n * 4..]
            .first_chunk()
            .map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    Ok(if number(0) == 1 {
        RootFolder {
            uid: number(1),
            gid: number(2),
            mode: number(3),
        }
    } else {
        RootFolder {
            uid: 0,
            gid: 0,
            mode: 0o755,
        }
    })
}

pub(super) fn superblock(file_system: &str, uuid: Uuid) -> Vec<u8> {
    let mut block = format!("{MAGIC}{uuid} {file_system}").into_bytes();
    block.resize(BLOCK, 0);
    block
}

/// The simulated file system's mark on what is not open: in a decrypted payload.
pub(super) fn signature(device: &dyn Device) -> Result<Option<Signature>, HostError> {
    let mut start = vec![0; MAGIC.len()];
    if device.size() < BLOCK as u64 {
        return Ok(None);
    }
    device.read_at(0, &mut start)?;
    Ok((start == MAGIC.as_bytes()).then(|| Signature {
        name: "simfs".to_owned(),
        offset: 0,
    }))
}

/// Writes into the superblock what a first mount does.
pub(super) fn mark_mounted(world: &mut World, device: &Path) -> Result<(), HostError> {
    let found = found(world, device)?;
    if let Some(FoundFileSystem {
        kind,
        uuid,
        was_mounted: false,
    }) = found
    {
        let block = superblock(&format!("{kind}{MOUNTED}"), uuid.unwrap_or_default());
        world.write_view(device, 0, &block)?;
        world.flush_view(device);
    }
    Ok(())
}

/// Clears what was there, file by file: a real mkfs does, and writes the superblock last.
pub(super) fn clear(world: &mut World, device: &Path) -> Result<(), HostError> {
    world.write_view(device, FILE_AT, &[0; BLOCK])?;
    world.write_view(device, ROOT_AT, &[0; BLOCK])
}

/// The file system that a view holds.
pub(super) fn found(
    world: &mut World,
    device: &Path,
) -> Result<Option<FoundFileSystem>, HostError> {
    let mut block = vec![0; BLOCK];
    world.read_view(device, 0, &mut block)?;
    let text = String::from_utf8_lossy(&block);
    let said = text
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.trim_end_matches('\0').split_once(' '));
    Ok(said.map(|(uuid, kind)| FoundFileSystem {
        was_mounted: kind.ends_with(MOUNTED),
        kind: kind.trim_end_matches(MOUNTED).to_owned(),
        uuid: uuid.parse().ok(),
    }))
}
