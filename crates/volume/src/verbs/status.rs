//! `kluis status`: what `cryptsetup status` shows, and what it cannot know.

use std::path::PathBuf;

use serde::Serialize;

use super::Kluis;
use crate::binding::State;
use crate::config::KeySource;
use crate::engine::{Active, Health, LuksKind};
use crate::error::Error;
use crate::header::{Copies, Snapshot};
use crate::host::{BackingKind, Folder};
use crate::observe::{Content, HeaderFacts, Observed, observe};
use crate::plan;
use crate::raid0::Striped;
use crate::state::{KeyRecord, Place};
use crate::target::{BackingPath, Target};

/// Where a volume is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The device is not there.
    Missing,
    /// Nothing on it: `up` will make it.
    Blank,
    /// Being made: an interrupted `up` goes on from here.
    Provisioning,
    /// Made, and locked.
    Closed,
    /// Open and not mounted.
    Open,
    /// Open and mounted, or swapped to.
    Mounted,
    /// Open, and its engine or backing has died; `up` mends it.
    Dead,
    /// Erased.
    Erased,
    /// Something on it that is not this volume.
    Foreign,
    /// It cannot be told: the machine does not let itself be asked about it.
    Unknown,
}

/// What ties a header to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binding {
    /// A mac under the machine's own secret.
    Machine,
    /// A mac under the shared secret.
    Shared,
    /// Nothing: the header was not made by Kluis, and whoever has the disk may have changed it.
    NotBound,
    /// The key is in memory only.
    Ephemeral,
    /// There is no header to tell.
    Unknown,
}

/// One volume's status. The first block is what `cryptsetup status` prints, under its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The volume.
    pub volume: String,
    /// Where it is in its life.
    pub stage: Stage,
    /// The decrypted device: `/dev/mapper/NAME`.
    pub mapping: Option<PathBuf>,
    /// `LUKS1` or `LUKS2`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The cipher.
    pub cipher: Option<String>,
    /// The key's size in bits.
    pub keysize: Option<u32>,
    /// The block device or file below.
    pub device: PathBuf,
    /// The file under the loop device, if there is one.
    #[serde(rename = "loop")]
    pub loop_file: Option<PathBuf>,
    /// Where the data begins, in 512-byte sectors.
    pub offset: Option<u64>,
    /// How long it is, in 512-byte sectors.
    pub size: Option<u64>,
    /// Encryption sector size in bytes.
    pub sector_size: Option<u32>,
    /// `read/write` or `readonly`.
    pub mode: Option<&'static str>,
    /// Which engine serves it.
    pub engine: Option<String>,
    /// Where it is mounted, or would be; none for swap and raw devices, unless somebody has mounted them.
    pub mount: Option<PathBuf>,
    /// The file system that is mounted.
    pub file_system: Option<String>,
    /// The options that it is mounted with, the file system's included.
    pub mount_options: Option<String>,
    /// Whether nothing can be written into the bare mount point; none where it is not there, or cannot be seen.
    pub mount_point_protected: Option<bool>,
    /// Whether the disk below learns which blocks are free.
    pub discards: Option<bool>,
    /// The backing's name that survives reboots.
    pub backing: String,
    /// The disks of a striped volume, in order, by their names that survive reboots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub raid0: Vec<String>,
    /// The backing's size in bytes.
    pub backing_bytes: Option<u64>,
    /// The key as configured.
    pub key: Option<String>,
    /// The ARN pinned for it.
    pub key_arn: Option<String>,
    /// The object of the shared secret.
    pub secret: Option<String>,
    /// What ties the header to its key.
    pub binding: Binding,
    /// How often the wrapping was replaced.
    pub generation: Option<u64>,
    /// What is worth knowing besides: why it is dead, what is there instead.
    pub note: Option<String>,
}

impl Status {
    /// Of a volume that cannot be looked at.
    fn unknown(volume: &str, mount: Option<&PathBuf>, error: &Error) -> Self {
        Self {
            volume: volume.to_owned(),
            stage: Stage::Unknown,
            mapping: None,
            kind: None,
            cipher: None,
            keysize: None,
            device: PathBuf::new(),
            loop_file: None,
            offset: None,
            size: None,
            sector_size: None,
            mode: None,
            engine: None,
            mount: mount.cloned(),
            file_system: None,
            mount_options: None,
            mount_point_protected: None,
            discards: None,
            backing: String::new(),
            raid0: Vec::new(),
            backing_bytes: None,
            key: None,
            key_arn: None,
            secret: None,
            binding: Binding::Unknown,
            generation: None,
            note: Some(error.to_string()),
        }
    }
}

impl Kluis<'_> {
    /// Looks at volumes, all of them if none is named. Nothing is asked of the services. What cannot be told of one is in its note, and silences
    /// none of the others; where it was named it is the error.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`], or of a volume that was named the machine's.
    pub fn status(&self, names: &[String]) -> Result<Vec<Status>, Error> {
        let mut found = Vec::new();
        for (volume, disk) in self.chosen(names)? {
            let untold = |name: &str, mount: Option<&PathBuf>, error: Error| {
                if names.is_empty() {
                    Ok(Status::unknown(name, mount, &error))
                } else {
                    Err(error)
                }
            };
            match self.targets(volume, disk) {
                Ok(targets) => {
                    for target in targets {
                        let status = self.status_of(&target);
                        found.push(
                            status.or_else(|error| {
                                untold(&target.name, target.mount.as_ref(), error)
                            })?,
                        );
                    }
                }
                Err(error) => found.push(untold(&volume.name, volume.mount.as_ref(), error)?),
            }
        }
        Ok(found)
    }

    /// What writes to the volume come to, where its file cannot grow any more.
    fn note_of_room(&self, target: &Target) -> Option<String> {
        let BackingPath::File { path, size } = &target.backing else {
            return None;
        };
        // What cannot be told is no reason to tell nothing of the volume.
        let room = self.host.room(path, *size).ok()?;
        room.is_none().then(|| {
            format!(
                "no room: {} may still take {} bytes, and the file system that it lies on has {} left; writes to the volume fail. Free some there",
                path.display(), room.untaken, room.free
            )
        })
    }

    fn key_record(&self, target: &Target) -> Result<Option<KeyRecord>, Error> {
        match target.key.key() {
            Some(key) => Place::key(key).read(self.host),
            None => Ok(None),
        }
    }

    fn status_of(&self, target: &Target) -> Result<Status, Error> {
        let observed = observe(self.host, target)?;
        let record = self.key_record(target)?;
        let active = observed
            .active
            .as_ref()
            .filter(|_| observed.active_is_known());
        let mounted = active.and_then(|active| {
            let mount = observed.mount.as_ref();
            mount.filter(|mount| mount.source == active.device)
        });
        let facts = match &observed.content {
            Content::Luks(facts) => Some(&**facts),
            _ => None,
        };
        let payload = active.map(|active| active.payload.clone()).or_else(|| {
            let header = observed.header.as_ref()?;
            header
                .header()
                .payload(observed.identity.as_ref()?.size)
                .ok()
                .map(|payload| payload.bytes)
        });
        let path = || {
            observed.identity.as_ref().map_or_else(
                || target.backing.path().to_path_buf(),
                |identity| identity.path.clone(),
            )
        };
        let device = active.map_or_else(path, |active| active.backing.clone());
        let loop_file = (target.backing.kind() == BackingKind::File && device != path()).then(path);
        Ok(Status {
            volume: target.name.clone(),
            stage: stage(&observed),
            mapping: active.map(|active| active.device.clone()),
            kind: active
                .and_then(|active| active.luks)
                .or_else(|| observed.header.as_ref().map(Snapshot::kind))
                .map(|kind: LuksKind| kind.to_string()),
            cipher: active.map(|active| active.cipher.clone()).or_else(|| {
                observed
                    .header
                    .as_ref()
                    .map(|header| header.header().cipher())
            }),
            keysize: active
                .map(|active| active.key_bits)
                .or_else(|| observed.header.as_ref().and_then(key_bits)),
            device,
            loop_file,
            offset: payload.as_ref().map(|payload| payload.start / 512),
            size: payload
                .as_ref()
                .map(|payload| (payload.end - payload.start) / 512),
            sector_size: active
                .map(|active| active.sector_size)
                .or_else(|| observed.header.as_ref().map(Snapshot::sector_size)),
            mode: active.map(|active| {
                if active.read_only {
                    "readonly"
                } else {
                    "read/write"
                }
            }),
            engine: active.map(|active| active.engine.to_string()),
            mount: mounted_at(&observed, target),
            file_system: mounted
                .map(|mount| mount.file_system.clone())
                .or_else(|| observed.is_swap.then(|| "swap".to_owned())),
            mount_options: mounted.map(|mount| mount.options.clone()),
            mount_point_protected: observed.bare.as_ref().and_then(|bare| {
                let folder = bare.place.beneath.folder();
                folder.map(Folder::is_protected)
            }),
            discards: active.map(|active| active.discards),
            backing: observed.identity.as_ref().map_or_else(
                || target.backing.path().display().to_string(),
                |identity| identity.stable_name.clone(),
            ),
            raid0: observed
                .striped
                .as_ref()
                .map_or_else(Vec::new, Striped::names),
            backing_bytes: observed.identity.as_ref().map(|identity| identity.size),
            key: target.key.key().map(str::to_owned),
            key_arn: record.map(|record| record.current.arn),
            secret: match &target.key {
                KeySource::Seed { secret, .. } => Some(secret.to_string()),
                _ => None,
            },
            binding: binding(target, facts),
            generation: facts
                .and_then(|facts| facts.token.as_ref())
                .map(|token| token.generation),
            note: note(&observed, target, active)
                .or_else(|| note_of_disks(&observed, target))
                .or_else(|| self.note_of_room(target)),
        })
    }
}

/// Where it is mounted, or is to be.
fn mounted_at(observed: &Observed, target: &Target) -> Option<PathBuf> {
    let elsewhere = observed.mounted_elsewhere.first();
    elsewhere
        .filter(|_| observed.mount.is_none())
        .or(target.mount.as_ref())
        .cloned()
}

fn binding(target: &Target, facts: Option<&HeaderFacts>) -> Binding {
    match (&target.key, facts) {
        (KeySource::Ephemeral, _) => Binding::Ephemeral,
        (_, None) => Binding::Unknown,
        (_, Some(facts)) => match &facts.token {
            Some(token) if token.mac.is_none() => Binding::NotBound,
            Some(token) if token.blob.is_some() => Binding::Machine,
            Some(_) => Binding::Shared,
            None => Binding::NotBound,
        },
    }
}

fn key_bits(header: &Snapshot) -> Option<u32> {
    header
        .header()
        .volume_key_len()
        .and_then(|len| u32::try_from(len * 8).ok())
}

fn stage(observed: &Observed) -> Stage {
    match (
        &observed.active,
        observed.active_is_known(),
        &observed.content,
    ) {
        (Some(active), true, _) => match (&active.health, &observed.mount) {
            (Health::Dead(_), _) => Stage::Dead,
            (_, Some(mount)) if mount.source == active.device => Stage::Mounted,
            _ if !observed.mounted_elsewhere.is_empty() || observed.is_swap => Stage::Mounted,
            _ => Stage::Open,
        },
        (_, _, Content::Missing) => Stage::Missing,
        (_, _, Content::Blank) => Stage::Blank,
        (_, _, Content::Unfinished) => Stage::Provisioning,
        (_, _, Content::Luks(facts)) if facts.state() == Some(State::Provisioning) => {
            Stage::Provisioning
        }
        (_, _, Content::Luks(_)) => Stage::Closed,
        (_, _, Content::Erasing) => Stage::Erased,
        (_, _, Content::Ambiguous(..) | Content::BadHeader(..) | Content::Foreign(_)) => {
            Stage::Foreign
        }
    }
}

/// What is wrong with the disks of a striped volume.
fn note_of_disks(observed: &Observed, target: &Target) -> Option<String> {
    let refused = plan::raid0::check(observed, target, false).err();
    refused.map(|refused| refused.to_string())
}

fn note(observed: &Observed, target: &Target, active: Option<&Active>) -> Option<String> {
    match (active.map(|active| &active.health), &observed.content) {
        (Some(Health::Dead(why) | Health::Stray(why)), _) => Some(why.clone()),
        (Some(Health::Serving), _) if !observed.active_is_ours() => Some(format!(
            "open over a disk that is gone, or that the configuration names no more; close it: kluis down {}",
            target.name
        )),
        (Some(Health::Serving), _) => None,
        (
            None,
            Content::Ambiguous(..)
            | Content::BadHeader(..)
            | Content::Foreign(_)
            | Content::Unfinished,
        ) => Some(observed.content.to_string()),
        (None, Content::Luks(facts))
            if matches!(facts.copies, Copies::Torn { .. })
                && target.key != KeySource::Ephemeral =>
        {
            Some("one of the header's two copies is torn; kluis up repairs it".to_owned())
        }
        // With an ephemeral one there is nothing left to open.
        (None, Content::Luks(facts))
            if facts.copies != Copies::Whole && target.key != KeySource::Ephemeral =>
        {
            Some(format!(
                "one of the header's two copies is damaged; it is written anew, and what lies there kept, with: kluis up --repair {}",
                target.name
            ))
        }
        (None, _) => observed
            .active
            .as_ref()
            .map(|other| format!("a mapping of this name is over {}", other.backing.display())),
    }
}
