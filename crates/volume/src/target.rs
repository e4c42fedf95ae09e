//! A volume of the configuration with its backing settled: `instance-store` stands for one disk or several.

use std::path::{Path, PathBuf};

use crate::config::{Backing, DISKS_MAX, EngineChoice, KeySource, MountRoot, VolumeConfig};
use crate::error::Error;
use crate::header;
use crate::host::{BackingKind, Host, HostError, Identity, Purpose};
use crate::plan::Refusal;
use crate::raid0;

/// One volume with one backing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its name: that of the configuration, or `NAME-n` for one of several disks.
    pub(crate) name: String,
    /// What holds it.
    pub(crate) backing: BackingPath,
    /// Where it is mounted, if it holds files.
    pub(crate) mount: Option<PathBuf>,
    /// How it is mounted, and whose its root is.
    pub(crate) root: MountRoot,
    /// Whether the disk below learns which blocks are free.
    pub(crate) discard: bool,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Where its key comes from.
    pub(crate) key: KeySource,
    /// Which engine.
    pub(crate) engine: EngineChoice,
}

/// What holds a volume, by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BackingPath {
    /// A file, made if need be.
    File {
        /// Its path.
        path: PathBuf,
        /// The size it is made with.
        size: u64,
    },
    /// A block device.
    Device(PathBuf),
    /// Several block devices, striped.
    Striped {
        /// The device of the stripe, where there is one.
        path: PathBuf,
        /// The disks, in order.
        members: Vec<PathBuf>,
    },
}

impl BackingPath {
    /// The path.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } | Self::Device(path) | Self::Striped { path, .. } => path,
        }
    }

    /// File or device.
    pub(crate) fn kind(&self) -> BackingKind {
        match self {
            Self::File { .. } => BackingKind::File,
            Self::Device(_) | Self::Striped { .. } => BackingKind::Device,
        }
    }

    /// What of it is not there: a disk of several, or all of it.
    pub(crate) fn missing(&self, host: &dyn Host) -> PathBuf {
        let gone = |path: &&PathBuf| matches!(host.identify(path), Ok(None));
        match self {
            Self::Striped { path, members } => members.iter().find(gone).unwrap_or(path).clone(),
            Self::File { path, .. } | Self::Device(path) => path.clone(),
        }
    }

    /// What is there now.
    pub(crate) fn identify(&self, host: &dyn Host) -> Result<Option<Identity>, HostError> {
        if let Self::Striped { path, members } = self {
            return raid0::identify(host, path, members);
        }
        let found = host.identify(self.path())?;
        if let Some(identity) = &found
            && identity.kind != self.kind()
        {
            let wanted = if self.kind() == BackingKind::File {
                "a regular file"
            } else {
                "a block device"
            };
            return Err(HostError::WrongKind {
                what: self.path().display().to_string(),
                wanted,
            });
        }
        Ok(found)
    }
}

/// Settles the backings of one configured volume.
///
/// # Errors
/// [`Refusal::NoInstanceStore`], [`Refusal::SeveralDisks`], or the machine's.
pub(crate) fn settle(host: &dyn Host, volume: &VolumeConfig) -> Result<Vec<Target>, Error> {
    let one = |name, backing, mount| of(volume, name, backing, mount);
    let backing = match &volume.backing {
        Backing::File { path, size } => BackingPath::File {
            path: path.clone(),
            size: *size,
        },
        Backing::Device(path) => BackingPath::Device(path.clone()),
        Backing::Raid0(members) => BackingPath::Striped {
            path: raid0::path_of(&volume.name),
            members: members.clone(),
        },
        Backing::InstanceStore => {
            let disks = host.instance_stores()?;
            if disks.is_empty() {
                return Err(Refusal::NoInstanceStore {
                    volume: volume.name.clone(),
                }
                .into());
            }
            if volume.is_numbered() {
                let numbers = number(host, &volume.name, &disks);
                return Ok(numbers
                    .into_iter()
                    .zip(disks)
                    .map(|(n, disk)| {
                        one(
                            volume.name_of_disk(n),
                            BackingPath::Device(disk.path),
                            volume.mount_of_disk(n),
                        )
                    })
                    .collect());
            }
            let count = disks.len();
            let mut disks = disks.into_iter();
            match (disks.next(), count) {
                (Some(disk), 1) => BackingPath::Device(disk.path),
                _ => {
                    return Err(Refusal::SeveralDisks {
                        volume: volume.name.clone(),
                        count,
                    }
                    .into());
                }
            }
        }
    };
    Ok(vec![one(
        volume.name.clone(),
        backing,
        volume.mount.clone(),
    )])
}

/// One of a volume's disks that is there no more, as it was.
pub(crate) fn gone(volume: &VolumeConfig, n: usize, device: PathBuf) -> Target {
    let name = volume.name_of_disk(n);
    of(
        volume,
        name,
        BackingPath::Device(device),
        volume.mount_of_disk(n),
    )
}

fn of(volume: &VolumeConfig, name: String, backing: BackingPath, mount: Option<PathBuf>) -> Target {
    Target {
        name,
        backing,
        mount,
        root: volume.root.clone(),
        discard: volume.discard,
        purpose: volume.purpose,
        key: volume.key.clone(),
        engine: volume.engine,
    }
}

/// A number for each disk: the one that its header's label bears, else the lowest that is free, in order of stable
/// name. The label is only a hint for finding the right name; the mac binds the name.
fn number(host: &dyn Host, name: &str, disks: &[Identity]) -> Vec<usize> {
    let mut taken: Vec<Option<usize>> = Vec::with_capacity(disks.len());
    for disk in disks {
        let labelled = header::label_of(host, disk)
            .and_then(|label| label.strip_prefix(name)?.strip_prefix('-')?.parse().ok())
            .filter(|n| *n < DISKS_MAX && !taken.contains(&Some(*n)));
        taken.push(labelled);
    }
    let mut free = (0..DISKS_MAX).filter(|n| !taken.contains(&Some(*n)));
    taken
        .iter()
        .map(|known| known.or_else(|| free.next()).unwrap_or(DISKS_MAX))
        .collect()
}
