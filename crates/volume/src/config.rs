//! `volumes.toml`: bytes to types, and nothing else. Every mistake is found here, with the place it was made at.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::host::FileSystem;
use crate::ports::ObjectUri;

mod units;

/// The longest name of a volume. A LUKS2 label holds 47 bytes, and `-99` may have to follow the name.
pub const NAME_MAX: usize = 40;
/// The smallest volume: the header's 16 MiB and room for any file system that is offered.
pub const SIZE_MIN: u64 = 32 << 20;
/// The smallest volume with XFS, which `mkfs.xfs` itself sets at 300 MB of payload.
pub const SIZE_MIN_XFS: u64 = 320 << 20;
/// How long temporary failures of the key service and the object store are retried, unless `[agent] deadline` says otherwise.
pub const DEADLINE_DEFAULT: Duration = Duration::from_mins(2);
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
}

/// The table `[agent]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The machine's name in encryption contexts; by default the application-specific machine id.
    pub machine: Option<String>,
    /// The folder of pinned ARNs, header backups' names and intents.
    pub state: PathBuf,
    /// How long temporary failures are retried.
    pub deadline: Duration,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            machine: None,
            state: PathBuf::from(STATE_DEFAULT),
            deadline: DEADLINE_DEFAULT,
        }
    }
}

/// A table `[volume.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeConfig {
    /// The name: of the volume, of its mapping, and bound into its header.
    pub name: String,
    /// What holds the ciphertext.
    pub backing: Backing,
    /// Where it is mounted; holds `{n}` if it may stand for several disks.
    pub mount: PathBuf,
    /// What is made on a blank volume.
    pub file_system: FileSystem,
    /// Where its key comes from.
    pub key: KeySource,
    /// Which engine.
    pub engine: EngineChoice,
}

/// What holds a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing {
    /// A sparse file, made if it is not there.
    File {
        /// Its path.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// A block device by a name that survives reboots.
    Device(PathBuf),
    /// The machine's instance-store disk, or each of them.
    InstanceStore,
}

/// Where a volume's key comes from (design: Constructions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Token mode: a machine's own secret, wrapped by this key, in the header.
    Token {
        /// The key as the operator names it.
        key: String,
    },
    /// Seed mode: a shared secret, wrapped by this key, in an object.
    Seed {
        /// The key as the operator names it.
        key: String,
        /// The object.
        secret: ObjectUri,
    },
    /// Random and never stored.
    Ephemeral,
}

impl KeySource {
    /// The key's name, if a key service is asked at all.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Token { key } | Self::Seed { key, .. } => Some(key),
            Self::Ephemeral => None,
        }
    }
}

/// Which engine the operator wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// dm-crypt where the kernel has it, else fuse.
    #[default]
    Auto,
    /// dm-crypt or nothing.
    DmCrypt,
    /// fuse or nothing.
    Fuse,
}

/// What is wrong with the file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong, and what would be right.
    pub message: String,
    /// The bytes of the file that it is about, for a caret.
    pub span: Option<Range<usize>>,
}

impl ConfigError {
    /// The line of [`ConfigError::span`] within `text`, counted from 1.
    #[expect(clippy::naive_bytecount, reason = "once, over a configuration")]
    pub fn line(&self, text: &str) -> Option<usize> {
        let start = self.span.as_ref()?.start.min(text.len());
        Some(
            text.as_bytes()[..start]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
                + 1,
        )
    }

    fn at<T>(place: &Spanned<T>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span: Some(place.span()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    agent: RawAgent,
    #[serde(default)]
    volume: BTreeMap<String, Spanned<RawVolume>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAgent {
    machine: Option<Spanned<String>>,
    state: Option<Spanned<PathBuf>>,
    deadline: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVolume {
    file: Option<Spanned<PathBuf>>,
    device: Option<Spanned<PathBuf>>,
    size: Option<Spanned<String>>,
    mount: Spanned<PathBuf>,
    #[serde(default = "ext4")]
    filesystem: RawFileSystem,
    key: Spanned<String>,
    secret: Option<Spanned<String>>,
    #[serde(default)]
    engine: EngineChoice,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawFileSystem {
    Ext4,
    Xfs,
}

fn ext4() -> RawFileSystem {
    RawFileSystem::Ext4
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
            let backing_place = raw.file.clone().or_else(|| raw.device.clone());
            let volume = raw.check(&name, &span)?;
            if let Some(other) = mounts.insert(volume.mount.clone(), name.clone()) {
                return Err(ConfigError::at(
                    &mount_place,
                    format!(
                        "volume {other} is mounted at {} already; give {name} a place of its own",
                        volume.mount.display()
                    ),
                ));
            }
            if let Some(place) = backing_place
                && let Some(other) = backings.insert(place.get_ref().clone(), name.clone())
            {
                return Err(ConfigError::at(
                    &place,
                    format!(
                        "volume {other} lies on {} already; two volumes cannot share it",
                        place.get_ref().display()
                    ),
                ));
            }
            volumes.insert(name, volume);
        }
        Ok(Self { agent, volumes })
    }
}

impl RawAgent {
    fn check(self) -> Result<Agent, ConfigError> {
        let defaults = Agent::default();
        if let Some(machine) = &self.machine {
            // KMS bounds a context value to 2048 characters; a name that could be mistaken is not worth having.
            let plain = machine.get_ref();
            if plain.is_empty()
                || plain.len() > 256
                || !plain.bytes().all(|byte| byte.is_ascii_graphic())
            {
                return Err(ConfigError::at(
                    machine,
                    "machine is 1 to 256 printable ASCII characters without spaces",
                ));
            }
        }
        let state = match self.state {
            Some(state) if !is_plain_absolute(state.get_ref()) => {
                return Err(ConfigError::at(
                    &state,
                    "state is an absolute path without \"..\"",
                ));
            }
            Some(state) => state.into_inner(),
            None => defaults.state,
        };
        let deadline = match self.deadline {
            Some(text) => units::duration(text.get_ref())
                .filter(|time| *time <= DEADLINE_MAX)
                .ok_or_else(|| {
                    ConfigError::at(
                        &text,
                        "deadline is a time of at most 24h, such as \"90s\" or \"5min\"",
                    )
                })?,
            None => defaults.deadline,
        };
        Ok(Agent {
            machine: self.machine.map(Spanned::into_inner),
            state,
            deadline,
        })
    }
}

impl RawVolume {
    fn check(self, name: &str, span: &Range<usize>) -> Result<VolumeConfig, ConfigError> {
        let file_system = match self.filesystem {
            RawFileSystem::Ext4 => FileSystem::Ext4,
            RawFileSystem::Xfs => FileSystem::Xfs,
        };
        if !is_plain_absolute(self.mount.get_ref()) || self.mount.get_ref() == Path::new("/") {
            return Err(ConfigError::at(
                &self.mount,
                "mount is an absolute path below / without \"..\"",
            ));
        }
        let backing = check_backing(self.file, self.device, self.size, file_system, span)?;
        let key = check_key(self.key, self.secret)?;
        if file_name_holds_n(self.mount.get_ref()) && backing != Backing::InstanceStore {
            return Err(ConfigError::at(
                &self.mount,
                "{n} stands for one of several disks; it goes with device = \"instance-store\"",
            ));
        }
        Ok(VolumeConfig {
            name: name.to_owned(),
            backing,
            mount: self.mount.into_inner(),
            file_system,
            key,
            engine: self.engine,
        })
    }
}

fn file_name_holds_n(path: &Path) -> bool {
    path.to_string_lossy().contains("{n}")
}

fn check_backing(
    file: Option<Spanned<PathBuf>>,
    device: Option<Spanned<PathBuf>>,
    size: Option<Spanned<String>>,
    file_system: FileSystem,
    span: &Range<usize>,
) -> Result<Backing, ConfigError> {
    match (file, device, size) {
        (Some(_), Some(device), _) => Err(ConfigError::at(
            &device,
            "a volume has a file or a device, not both",
        )),
        (None, None, _) => Err(ConfigError {
            message: "a volume needs file = \"/path\" with size, or device = \"/dev/disk/by-id/…\""
                .to_owned(),
            span: Some(span.clone()),
        }),
        (None, Some(_), Some(size)) => Err(ConfigError::at(
            &size,
            "size is that of a file; a device has its own",
        )),
        (Some(file), None, None) => Err(ConfigError::at(
            &file,
            "a file needs a size, such as size = \"2GiB\"",
        )),
        (Some(file), None, Some(size)) => {
            if !is_plain_absolute(file.get_ref()) {
                return Err(ConfigError::at(
                    &file,
                    "file is an absolute path without \"..\"",
                ));
            }
            let bytes = units::size(size.get_ref()).ok_or_else(|| {
                ConfigError::at(
                    &size,
                    "size is a number and a unit, such as \"2GiB\" or \"500MB\"",
                )
            })?;
            let least = if file_system == FileSystem::Xfs {
                SIZE_MIN_XFS
            } else {
                SIZE_MIN
            };
            if bytes < least {
                return Err(ConfigError::at(
                    &size,
                    format!(
                        "a volume with {file_system} has at least {}MiB",
                        least >> 20
                    ),
                ));
            }
            if bytes % 4096 != 0 {
                return Err(ConfigError::at(&size, "size is a multiple of 4096 bytes"));
            }
            Ok(Backing::File {
                path: file.into_inner(),
                size: bytes,
            })
        }
        (None, Some(device), None) if device.get_ref() == Path::new("instance-store") => {
            Ok(Backing::InstanceStore)
        }
        (None, Some(device), None) => {
            if !is_plain_absolute(device.get_ref()) || !device.get_ref().starts_with("/dev") {
                return Err(ConfigError::at(
                    &device,
                    "device is a path in /dev, or \"instance-store\"",
                ));
            }
            if is_enumerated(device.get_ref()) {
                return Err(ConfigError::at(
                    &device,
                    format!(
                        "{} is named by the order in which disks were found, which changes; use its name in /dev/disk/by-id (ls -l /dev/disk/by-id)",
                        device.get_ref().display()
                    ),
                ));
            }
            Ok(Backing::Device(device.into_inner()))
        }
    }
}

fn check_key(
    key: Spanned<String>,
    secret: Option<Spanned<String>>,
) -> Result<KeySource, ConfigError> {
    let plain = key.get_ref();
    if plain == "ephemeral" {
        return match secret {
            Some(secret) => Err(ConfigError::at(
                &secret,
                "an ephemeral volume has no secret; its key is never stored",
            )),
            None => Ok(KeySource::Ephemeral),
        };
    }
    // KMS: KeyId is 1 to 2048 characters.
    if plain.is_empty() || plain.len() > 2048 || !plain.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(ConfigError::at(
            &key,
            "key is a KMS key's ARN, id or alias, or \"ephemeral\"",
        ));
    }
    match secret {
        None => Ok(KeySource::Token {
            key: key.into_inner(),
        }),
        Some(secret) => {
            let uri = secret
                .get_ref()
                .parse()
                .map_err(|error: crate::ports::ObjectUriError| {
                    ConfigError::at(&secret, error.to_string())
                })?;
            Ok(KeySource::Seed {
                key: key.into_inner(),
                secret: uri,
            })
        }
    }
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

/// Whether a name in `/dev` depends on the order of discovery.
fn is_enumerated(device: &Path) -> bool {
    let Some(name) = device.strip_prefix("/dev").ok().and_then(Path::to_str) else {
        return false;
    };
    let after = |prefix: &str| {
        name.strip_prefix(prefix)
            .and_then(|rest| rest.bytes().next())
    };
    ["sd", "vd", "xvd", "hd"]
        .iter()
        .any(|prefix| after(prefix).is_some_and(|b| b.is_ascii_lowercase()))
        || ["nvme", "mmcblk", "md", "dm-"]
            .iter()
            .any(|prefix| after(prefix).is_some_and(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
