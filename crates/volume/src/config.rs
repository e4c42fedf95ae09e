//! `volumes.toml`: bytes to types, and nothing else. Every mistake is found here, with the place it was made at.
//!
//! The types that the file is read into carry the reference's text: their doc comments, defaults and examples are what
//! `man 5 kluis-volumes` and `docs/configuration.md` print.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

mod agent;
mod backing;
mod error;
mod key;
mod options;
mod raid0;
mod root;
mod units;
mod volume;

pub use agent::{Agent, Credentials};
pub use backing::Backing;
pub use error::ConfigError;
pub use key::KeySource;
pub use volume::{EngineChoice, MountRoot, VolumeConfig};

use agent::RawAgent;
use root::RawRoot;
use volume::RawVolume;

/// The longest name of a volume. A LUKS2 label holds 47 bytes, and `-99` may have to follow the name.
pub const NAME_MAX: usize = 40;
/// The most instance-store disks that one volume may stand for: a label has room for two digits.
pub const DISKS_MAX: usize = 100;
/// The smallest volume: the header's 16 MiB and room for any file system that is offered.
pub const SIZE_MIN: u64 = 32 << 20;
/// The smallest volume with XFS, which `mkfs.xfs` itself sets at 300 MB of payload.
pub const SIZE_MIN_XFS: u64 = 320 << 20;
/// The smallest volume with btrfs, which wants 109 MiB of payload.
pub const SIZE_MIN_BTRFS: u64 = 144 << 20;
/// How long temporary failures of the key service and the object store are retried, unless `[agent] deadline` says otherwise.
pub const DEADLINE_DEFAULT: Duration = Duration::from_mins(2);
/// The same at boot, where there is nobody who would try again: `[agent] boot_deadline`.
pub const BOOT_DEADLINE_DEFAULT: Duration = Duration::from_hours(24);
/// The longest deadline that may be set.
pub const DEADLINE_MAX: Duration = Duration::from_hours(24);
/// Where root-owned state lies, unless `[agent] state` says otherwise.
pub const STATE_DEFAULT: &str = "/var/lib/kluis";

/// Everything that the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What concerns the machine.
    pub agent: Agent,
    /// The volumes, by name.
    pub volumes: BTreeMap<String, VolumeConfig>,
    /// The file that it was read from, if it was one: what Kluis guards on behalf of one configuration, another does not give up.
    pub source: Option<PathBuf>,
    /// What the root file system stands on, where that is a volume of Kluis: `[root]`.
    pub root: Option<VolumeConfig>,
}

/// The volumes of one machine, and where their keys come from. It is read by every verb of `kluis`, and at boot by the
/// generator, which makes a service and a mount unit of each volume; after a change of it, run: `systemctl daemon-reload`.
///
/// The file is TOML. It holds no secret; whoever may write it decides what is formatted, so it belongs to root alone.
/// What is unknown or contradicts itself is an error that shows the line, and then nothing is done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    agent: RawAgent,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, RawVolume>")]
    volume: BTreeMap<String, Spanned<RawVolume>>,
    #[serde(default)]
    #[schemars(with = "Option<RawRoot>")]
    root: Option<Spanned<RawRoot>>,
}

impl Config {
    /// Reads the text of `volumes.toml`.
    ///
    /// # Errors
    /// [`ConfigError`] with the place: not TOML, an unknown key or value, a contradiction, or two volumes that would share a
    /// backing or a mount point.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let raw: RawConfig = toml::from_str(text).map_err(|error| ConfigError {
            message: error.message().to_owned(),
            span: error.span(),
        })?;
        let agent = raw.agent.check()?;
        let mut volumes = BTreeMap::new();
        let mut mounts = BTreeMap::new();
        let mut backings = BTreeMap::new();
        for (name, raw) in raw.volume {
            let span = raw.span();
            let raw = raw.into_inner();
            check_name(&name).map_err(|message| ConfigError {
                message,
                span: Some(span.clone()),
            })?;
            let mount_place = raw.mount.clone();
            let members = raw
                .raid0
                .iter()
                .flat_map(|members| members.get_ref().clone());
            let one = raw.file.clone().or_else(|| raw.device.clone());
            let backing_places: Vec<Spanned<PathBuf>> = one.into_iter().chain(members).collect();
            let volume = raw.check(&name, &span)?;
            if let (Some(mount), Some(place)) = (&volume.mount, &mount_place)
                && let Some(other) = mounts.insert(mount.clone(), name.clone())
            {
                return Err(ConfigError::at(
                    place,
                    format!(
                        "volume {other} is mounted at {} already; give {name} a place of its own",
                        mount.display()
                    ),
                ));
            }
            for place in &backing_places {
                if let Some(other) = backings.insert(place.get_ref().clone(), name.clone()) {
                    return Err(ConfigError::at(
                        place,
                        format!(
                            "volume {other} lies on {} already; two volumes cannot share it",
                            place.get_ref().display()
                        ),
                    ));
                }
            }
            volumes.insert(name, volume);
        }
        let root = match raw.root {
            Some(raw) => {
                let span = raw.span();
                let root = raw.into_inner().check(&span)?;
                check_root(&root, &volumes).map_err(|message| ConfigError {
                    message,
                    span: Some(span),
                })?;
                Some(root)
            }
            None => None,
        };
        Ok(Self {
            agent,
            volumes,
            root,
            source: None,
        })
    }

    /// The volume of that name; of one of several disks (`NAME-n`), which.
    pub fn named(&self, name: &str) -> Option<(&VolumeConfig, Option<usize>)> {
        if let Some(volume) = self.volumes.get(name) {
            return Some((volume, None));
        }
        let (volume, digits) = name.rsplit_once('-')?;
        let volume = self
            .volumes
            .get(volume)
            .filter(|volume| volume.is_numbered())?;
        let disk: usize = digits.parse().ok().filter(|disk| *disk < DISKS_MAX)?;
        // One name for one disk: `-01` and `-+1` are none.
        (digits == disk.to_string()).then_some((volume, Some(disk)))
    }

    /// Where the volume of that name is mounted; none if that is several places, or there is no such volume.
    pub fn mount_of(&self, name: &str) -> Option<PathBuf> {
        match self.named(name)? {
            (volume, Some(disk)) => volume.mount_of_disk(disk),
            (volume, None) if volume.is_numbered() => None,
            (volume, None) => volume.mount.clone(),
        }
    }

    /// The JSON schema of the file, with every key's description, default and example.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(RawConfig)
    }
}

/// A root that is not one of the other volumes.
fn check_root(root: &VolumeConfig, volumes: &BTreeMap<String, VolumeConfig>) -> Result<(), String> {
    for volume in volumes.values() {
        if volume.name == root.name {
            return Err(format!(
                "volume {} has the name of the root's mapping; give one of them another",
                volume.name
            ));
        }
        let is_member = matches!((&volume.backing, &root.backing), (Backing::Raid0(members), Backing::Device(root)) if members.contains(root));
        if volume.backing == root.backing || is_member {
            return Err(format!(
                "volume {} lies on the root's device; two volumes cannot share it",
                volume.name
            ));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let first = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    if plain && first && name.len() <= NAME_MAX {
        Ok(())
    } else {
        Err(format!(
            "{name:?} cannot name a volume; use 1 to {NAME_MAX} of A-Z, a-z, 0-9, \".\", \"_\", \"-\", beginning with a letter or digit"
        ))
    }
}

fn is_plain_absolute(path: &Path) -> bool {
    path.is_absolute()
        && path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
        && !path.to_string_lossy().chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
