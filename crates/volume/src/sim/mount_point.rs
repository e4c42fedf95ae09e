//! Mount points in memory: the folders beneath, with flags or without, and a program that writes there whatever is mounted.

use std::path::{Path, PathBuf};

use crate::engine::Changed;
use crate::host::{Beneath, Folder, HostError, MountPoint};

use super::world::{Machine, World};

/// A folder of the simulated root disk.
#[derive(Clone, Debug)]
pub(super) struct SimFolder {
    mode: u32,
    immutable: bool,
    entries: Vec<String>,
}

impl Default for SimFolder {
    fn default() -> Self {
        Self {
            mode: 0o755,
            immutable: false,
            entries: Vec::new(),
        }
    }
}

fn changed(is: bool) -> Changed {
    if is { Changed::Yes } else { Changed::No }
}

impl World {
    fn folder(&mut self, at: &Path) -> Result<&mut SimFolder, HostError> {
        self.folders.get_mut(at).ok_or_else(|| HostError::NotFound {
            what: at.display().to_string(),
        })
    }

    pub(super) fn look_beneath(&self, at: &Path) -> Result<MountPoint, HostError> {
        self.alive()?;
        let at = self.without_link(at);
        let beneath = match self.folders.get(at) {
            None => Beneath::Missing,
            Some(folder) => Beneath::Folder(Folder {
                mode: folder.mode,
                immutable: (!self.without_flags).then_some(folder.immutable),
                read_only: false,
                entries: folder.entries.len(),
                first: folder.entries.iter().min().cloned(),
            }),
        };
        Ok(MountPoint {
            path: at.to_path_buf(),
            beneath,
            unmounted_parent: self.unmounted_parent.clone(),
        })
    }

    /// Where a mount point is.
    pub(super) fn without_link<'a>(&'a self, at: &'a Path) -> &'a Path {
        self.links.get(at).map_or(at, PathBuf::as_path)
    }

    pub(super) fn make_folder(&mut self, at: &Path) -> Changed {
        let is_new = !self.folders.contains_key(at);
        self.folders.entry(at.to_path_buf()).or_default();
        changed(is_new)
    }

    pub(super) fn set_folder_immutable(
        &mut self,
        at: &Path,
        immutable: bool,
    ) -> Result<Changed, HostError> {
        if self.without_flags {
            return Err(HostError::Unsupported {
                what: at.display().to_string(),
                why: "no flags".to_owned(),
            });
        }
        let folder = self.folder(at)?;
        let is_new = folder.immutable != immutable;
        folder.immutable = immutable;
        Ok(changed(is_new))
    }

    pub(super) fn set_folder_mode(&mut self, at: &Path, mode: u32) -> Result<Changed, HostError> {
        let folder = self.folder(at)?;
        if folder.immutable {
            return Err(HostError::Denied {
                what: at.display().to_string(),
            });
        }
        let is_new = folder.mode != mode;
        folder.mode = mode;
        Ok(changed(is_new))
    }

    pub(super) fn remove_folder(&mut self, at: &Path) -> Result<Changed, HostError> {
        let is_mounted = self.mounts.iter().any(|mount| mount.target == at);
        match self.folders.get(at) {
            Some(folder) if folder.immutable => Err(HostError::Denied {
                what: at.display().to_string(),
            }),
            Some(folder) if folder.entries.is_empty() && !is_mounted => {
                self.folders.remove(at);
                Ok(Changed::Yes)
            }
            _ => Ok(Changed::No),
        }
    }
}

impl Machine {
    /// A program that is not root writes a file at a place. True when it lies there in clear, on the root disk.
    pub fn writes_in_clear(&self, at: &str, name: &str) -> bool {
        let mut world = self.lock_world();
        let at = Path::new(at);
        if world.mounts.iter().any(|mount| mount.target == at) {
            return false;
        }
        let folder = world.folders.entry(at.to_path_buf()).or_default();
        let is_open = !folder.immutable && folder.mode != 0;
        if is_open {
            folder.entries.push(name.to_owned());
        }
        is_open
    }

    /// Puts a folder with files there, as somebody else's.
    pub fn set_folder(&self, at: &str, mode: u32, entries: &[&str]) {
        let folder = SimFolder {
            mode,
            immutable: false,
            entries: entries.iter().map(|name| (*name).to_owned()).collect(),
        };
        self.lock_world().folders.insert(at.into(), folder);
    }

    /// A bare folder's mode and whether it is immutable; `None` when it is not there.
    pub fn folder(&self, at: &str) -> Option<(u32, bool)> {
        let world = self.lock_world();
        let folder = world.folders.get(Path::new(at))?;
        Some((folder.mode, folder.immutable))
    }

    /// Every immutable folder.
    pub fn immutable_folders(&self) -> Vec<std::path::PathBuf> {
        let world = self.lock_world();
        let immutable = world.folders.iter().filter(|(_, folder)| folder.immutable);
        immutable.map(|(at, _)| at.clone()).collect()
    }

    /// Makes the root disk one without flags.
    pub fn without_flags(&self) {
        self.lock_world().without_flags = true;
    }

    /// Makes a mount point a link to another folder.
    pub fn link_mount_point(&self, at: &str, to: &str) {
        self.lock_world().links.insert(at.into(), to.into());
    }

    /// Says that a folder above the mount points is to be mounted and is not; or is.
    pub fn set_unmounted_parent(&self, parent: Option<&str>) {
        self.lock_world().unmounted_parent = parent.map(Into::into);
    }
}
