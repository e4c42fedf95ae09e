//! Stripes in memory: several simulated disks as one device.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Changed;
use crate::host::{Access, BackingKind, Device, HostError, Identity};
use crate::raid0::{CHUNK, Layout, Stripe, View};

use super::host::{SimDevice, identity_of, not_found};
use super::world::{Machine, World};

/// A stripe that is there.
#[derive(Clone, Debug)]
pub(super) struct SimStripe {
    members: Vec<PathBuf>,
    /// Whether a table was loaded.
    is_whole: bool,
    is_ours: bool,
    token: u64,
}

impl World {
    fn member_identities(&self, members: &[PathBuf]) -> Vec<Identity> {
        let there = members
            .iter()
            .filter_map(|path| Some((path, self.disks.get(path)?)));
        there.map(|(path, disk)| identity_of(path, disk)).collect()
    }

    /// Who has a disk as a member.
    pub(super) fn stripe_over(&self, member: &Path) -> Option<&Path> {
        let mut stripes = self.stripes.iter();
        stripes
            .find(|(_, stripe)| stripe.members.iter().any(|known| known == member))
            .map(|(path, _)| path.as_path())
    }

    pub(super) fn stripe_identity(&self, path: &Path) -> Option<Identity> {
        let stripe = self.stripes.get(path).filter(|stripe| stripe.is_whole)?;
        let size = Layout::of(&self.member_identities(&stripe.members)).size();
        Some(Identity {
            path: path.to_path_buf(),
            kind: BackingKind::Device,
            stable_name: path.display().to_string(),
            size,
            logical_block_size: 512,
            physical_block_size: 4096,
            read_only: false,
            token: format!("stripe {}", stripe.token),
            members: Vec::new(),
        })
    }

    /// The pieces that a range of a backing consists of: on which disk, where there, and where in the range.
    fn pieces(
        &self,
        path: &Path,
        offset: u64,
        len: usize,
    ) -> Vec<(PathBuf, u64, std::ops::Range<usize>)> {
        let path = self.loops.get(path).map_or(path, PathBuf::as_path);
        let Some(stripe) = self.stripes.get(path) else {
            return vec![(path.to_path_buf(), offset, 0..len)];
        };
        let layout = Layout::of(&self.member_identities(&stripe.members));
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < len {
            let (member, place, rest) = layout.place(offset + at as u64);
            let piece = usize::try_from(rest).unwrap_or(len).min(len - at);
            pieces.push((stripe.members[member].clone(), place, at..at + piece));
            at += piece;
        }
        pieces
    }

    pub(super) fn read_backing(&self, path: &Path, offset: u64, out: &mut [u8]) -> bool {
        self.pieces(path, offset, out.len())
            .into_iter()
            .all(|(disk, place, range)| {
                let disk = self.disks.get(&disk);
                disk.is_some_and(|disk| disk.disk.read(place, &mut out[range]))
            })
    }

    pub(super) fn write_backing(&mut self, path: &Path, offset: u64, bytes: &[u8]) -> bool {
        self.pieces(path, offset, bytes.len())
            .into_iter()
            .all(|(disk, place, range)| {
                let disk = self.disks.get_mut(&disk);
                disk.is_some_and(|disk| disk.disk.write(place, &bytes[range]))
            })
    }

    /// Makes everything from an offset on durable.
    pub(super) fn flush_backing_from(&mut self, path: &Path, offset: u64) {
        let Some(stripe) = self.stripes.get(path).cloned() else {
            if let Ok(backing) = self.backing(path) {
                backing.disk.flush_from(offset);
            }
            return;
        };
        let layout = Layout::of(&self.member_identities(&stripe.members));
        for (index, member) in stripe.members.iter().enumerate() {
            if let Some(disk) = self.disks.get_mut(member) {
                disk.disk.flush_from(layout.floor(index, offset));
            }
        }
    }

    pub(super) fn backing_size(&mut self, path: &Path) -> Result<u64, HostError> {
        match self.stripe_identity(path) {
            Some(stripe) => Ok(stripe.size),
            None => Ok(self.backing(path)?.disk.size()),
        }
    }
}

/// A stripe that is open. Who has claimed it gives it up with this.
struct OpenStripe {
    view: View,
    claim: Option<(Arc<Mutex<World>>, PathBuf)>,
}

impl Drop for OpenStripe {
    fn drop(&mut self) {
        if let Some((world, path)) = &self.claim {
            let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
            world.claimed.remove(path);
        }
    }
}

impl Device for OpenStripe {
    fn size(&self) -> u64 {
        self.view.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), HostError> {
        self.view.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), HostError> {
        self.view.write_at(offset, bytes)
    }

    fn flush(&self) -> Result<(), HostError> {
        self.view.flush()
    }

    fn discard(&self, offset: u64, len: u64) -> Result<Changed, HostError> {
        self.view.discard(offset, len)
    }

    fn drop_caches(&self) -> Result<(), HostError> {
        self.view.drop_caches()
    }

    fn next_data(&self, from: u64) -> Option<u64> {
        self.view.next_data(from)
    }
}

impl Machine {
    /// Puts something else under the name of a volume's stripe.
    pub fn add_foreign_stripe(&self, path: &str) {
        let stripe = SimStripe {
            members: Vec::new(),
            is_whole: false,
            is_ours: false,
            token: 0,
        };
        self.lock_world().stripes.insert(path.into(), stripe);
    }

    /// The stripes that are there.
    pub fn stripes(&self) -> Vec<PathBuf> {
        self.lock_world().stripes.keys().cloned().collect()
    }

    pub(super) fn open_stripe(
        &self,
        path: &Path,
        access: Access,
    ) -> Result<Box<dyn Device>, HostError> {
        let mut world = self.lock_world();
        world.alive()?;
        let stripe = world.stripes.get(path).cloned();
        let stripe = stripe.ok_or_else(|| not_found(path))?;
        let mut claim = None;
        if access == Access::Exclusive {
            let mut mapped = world.mapped.values();
            if mapped.any(|mapped| mapped.backing == path)
                || !world.claimed.insert(path.to_path_buf())
            {
                return Err(HostError::Busy {
                    what: path.display().to_string(),
                    by: "another program".to_owned(),
                });
            }
            claim = Some((Arc::clone(&self.world), path.to_path_buf()));
        }
        let layout = Layout::of(&world.member_identities(&stripe.members));
        // The members are the stripe's: who has that for himself has not claimed them besides.
        let access = match access {
            Access::Exclusive => Access::Shared,
            other => other,
        };
        let members = stripe.members.iter();
        let devices = members
            .map(|member| SimDevice::over(&self.world, member, access))
            .collect();
        Ok(Box::new(OpenStripe {
            view: View::over(layout, devices),
            claim,
        }))
    }

    pub(super) fn find_stripe(&self, path: &Path) -> Result<Option<Stripe>, HostError> {
        let world = self.lock_world();
        world.alive()?;
        Ok(world
            .stripes
            .get(path)
            .map(|stripe| match world.stripe_identity(path) {
                _ if !stripe.is_ours => Stripe::Foreign,
                Some(device) => Stripe::Serving {
                    device,
                    members: world.member_identities(&stripe.members),
                    chunk: CHUNK,
                },
                None => Stripe::Unfinished {
                    holder: holder(path),
                },
            }))
    }

    pub(super) fn assemble_stripe(&self, backing: &Identity) -> Result<Changed, HostError> {
        match self.find_stripe(&backing.path)? {
            Some(stripe) if stripe.is_of(backing) => return Ok(Changed::No),
            Some(Stripe::Unfinished { .. }) | None => {}
            Some(_) => {
                return Err(HostError::Busy {
                    what: backing.path.display().to_string(),
                    by: "a mapping of that name that is there already".to_owned(),
                });
            }
        }
        let mut world = self.lock_world();
        let turn = world.turn("assemble stripe")?;
        for member in &backing.members {
            let other = world.stripe_over(&member.path);
            if world.claimed.contains(&member.path)
                || other.is_some_and(|other| other != backing.path)
            {
                return Err(HostError::Busy {
                    what: member.stable_name.clone(),
                    by: "another program".to_owned(),
                });
            }
        }
        let token = world.next_token;
        world.next_token += 1;
        let stripe = SimStripe {
            members: backing
                .members
                .iter()
                .map(|member| member.path.clone())
                .collect(),
            is_whole: !turn.is_half(),
            is_ours: true,
            token,
        };
        world.stripes.insert(backing.path.clone(), stripe);
        turn.ends(Changed::Yes)
    }

    pub(super) fn take_stripe_apart(&self, path: &Path) -> Result<Changed, HostError> {
        let mut world = self.lock_world();
        world.alive()?;
        let stripe = world.stripes.get(path);
        if stripe.is_none_or(|stripe| !stripe.is_ours) {
            return Ok(Changed::No);
        }
        if let Some((name, _)) = world
            .mapped
            .iter()
            .find(|(_, mapped)| mapped.backing == path)
        {
            return Err(HostError::Busy {
                what: path.display().to_string(),
                by: format!("the mapping {name}"),
            });
        }
        world.change("take stripe apart", |world| {
            world.stripes.remove(path);
            Ok(Changed::Yes)
        })
    }
}

/// What a member calls its stripe.
pub(super) fn holder(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
