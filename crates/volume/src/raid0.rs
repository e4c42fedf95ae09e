//! `raid0`: several block devices that hold one volume, striped. Where a byte of the volume lies is arithmetic, so the disks are looked at as
//! one without the machine being changed; device-mapper's `striped` target has the same arithmetic, and serves the volume while it is open.
//!
//! | file | noun |
//! |---|---|
//! | `layout` | where a byte of the stripe lies |
//! | `view` | the stripe as one device, read and written through its members |
//! | `record` | which disks, in which order: kept in root-owned state |
//! | `look` | what is there now |

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::host::{Access, BackingKind, Device, Host, HostError, Identity};

mod layout;
mod look;
mod record;
mod view;

pub(crate) use layout::Layout;
pub(crate) use look::{Known, Member, Striped, are_explained, blank_report, is_open, look};
pub(crate) use record::{Fillings, fillings, write_record};
pub(crate) use view::View;

/// How many disks one volume may be striped over. Every one of them has a chunk within the LUKS header's 16 MiB up to 32.
pub const MEMBERS: RangeInclusive<usize> = 2..=32;
/// How much lies on one disk before the next has its turn, in bytes.
pub const CHUNK: u64 = 512 << 10;

/// What device-mapper has under the name of a volume's stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stripe {
    /// Its table is loaded, and it serves.
    Serving {
        /// It as a block device.
        device: Identity,
        /// The disks in its table, in order; one that is gone is left out.
        members: Vec<Identity>,
        /// Bytes.
        chunk: u64,
    },
    /// Begun by a run that was killed: it serves nobody.
    Unfinished {
        /// What the disks that it may have claimed call it: `dm-0`.
        holder: String,
    },
    /// Something else that has taken the name.
    Foreign,
}

impl Stripe {
    /// What the disks that it has claimed call it.
    pub(crate) fn holder(&self) -> Option<&str> {
        match self {
            Self::Serving { device, .. } => device.path.file_name()?.to_str(),
            Self::Unfinished { holder } => Some(holder),
            Self::Foreign => None,
        }
    }

    /// Whether it serves what this backing stands for: the very disks, in their order.
    pub(crate) fn is_of(&self, backing: &Identity) -> bool {
        match self {
            Self::Serving { members, chunk, .. } => {
                *chunk == CHUNK
                    && members.len() == backing.members.len()
                    && members
                        .iter()
                        .zip(&backing.members)
                        .all(|(one, other)| one.token == other.token)
            }
            Self::Unfinished { .. } | Self::Foreign => false,
        }
    }
}

/// The device of a volume's stripe. No volume has a colon in its name.
pub(crate) fn path_of(volume: &str) -> PathBuf {
    PathBuf::from(format!("/dev/mapper/{volume}:raid0"))
}

/// The disks as one backing; `None` when one of them is not there.
pub(crate) fn identify(
    host: &dyn Host,
    path: &Path,
    members: &[PathBuf],
) -> Result<Option<Identity>, HostError> {
    let mut found = Vec::new();
    for member in members {
        let Some(identity) = identify_member(host, member)? else {
            return Ok(None);
        };
        found.push(identity);
    }
    let greatest = |of: fn(&Identity) -> u32| found.iter().map(of).max().unwrap_or(512);
    Ok(Some(Identity {
        path: path.to_owned(),
        kind: BackingKind::Device,
        stable_name: joined(found.iter().map(|member| &member.stable_name)),
        size: Layout::of(&found).size(),
        logical_block_size: greatest(|member| member.logical_block_size),
        physical_block_size: greatest(|member| member.physical_block_size),
        read_only: found.iter().any(|member| member.read_only),
        token: joined(found.iter().map(|member| &member.token)),
        members: found,
    }))
}

fn joined<'a>(words: impl Iterator<Item = &'a String>) -> String {
    words.map(String::as_str).collect::<Vec<_>>().join(" + ")
}

pub(crate) fn identify_member(
    host: &dyn Host,
    member: &Path,
) -> Result<Option<Identity>, HostError> {
    let found = host.identify(member)?;
    if found
        .as_ref()
        .is_some_and(|identity| identity.kind != BackingKind::Device)
    {
        return Err(HostError::WrongKind {
            what: member.display().to_string(),
            wanted: "a block device",
        });
    }
    Ok(found)
}

/// Opens the disks of a volume as one device: through the kernel's stripe where there is one, since the kernel caches that apart from its
/// members; else through the members.
pub(crate) fn open(
    host: &dyn Host,
    backing: &Identity,
    access: Access,
) -> Result<Box<dyn Device>, HostError> {
    match host.stripe(&backing.path)? {
        Some(stripe) if stripe.is_of(backing) => match stripe {
            Stripe::Serving { device, .. } => host.open(&device, access),
            Stripe::Unfinished { .. } | Stripe::Foreign => View::boxed(host, backing, access),
        },
        // What another table would make of the disks is nobody's to read; and nobody's to write, since that table has claimed them.
        Some(_) | None => View::boxed(host, backing, access),
    }
}
