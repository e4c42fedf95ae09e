//! Root-owned state: what must not come from a disk that others may have had in their hands.
//!
//! | name | what |
//! |---|---|
//! | `keys/HASH` | per configured key: its ARN pinned at first use, and the wrapped secret that this machine's volumes share |
//! | `volumes/NAME.intent` | what is being written on a blank device, so that a kill in the middle can be told from foreign data |
//! | `volumes/NAME.made` | which header this machine wrote or opened last, and whether the volume was finished |
//! | `volumes/NAME.erasing` | that an erase has begun, so that it can be finished |
//! | `volumes/NAME.raid0` | which disks a striped volume lies on, in which order |
//! | `volumes/NAME.restoring` | from which file a header is being written back, so that a half of it is not taken for the whole |
//! | `volumes/NAME.backups` | where header backups were written, so that an erase can delete them |
//! | `kept/NAME.N` | what was about to be written over: headers, as they lay on the device |
//! | `mount-points/HASH` | per guarded mount point: whose it is, and what it was before |

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;
use crate::host::{Host, Identity};

/// What is known of a configured key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRecord {
    /// The key as the configuration names it.
    pub(crate) key: String,
    /// The wrapping in use.
    pub(crate) current: Wrapping,
    /// The wrapping that a rekey is moving the volumes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Wrapping>,
}

/// A wrapped secret and who can unwrap it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wrapping {
    /// The pinned ARN.
    pub(crate) arn: String,
    /// The machine's secret, wrapped; `None` while only shared secrets were used with this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<MachineBlob>,
}

/// A machine's wrapped secret, and for which machine name it was wrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MachineBlob {
    /// The machine in its encryption context.
    pub(crate) machine: String,
    /// The blob.
    #[serde(with = "base64_bytes")]
    pub(crate) blob: Vec<u8>,
}

/// What is about to be written on a device that was blank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intent {
    /// The device.
    pub(crate) device: String,
    /// Its size.
    pub(crate) size: u64,
    /// The runs of 512-byte sectors.
    pub(crate) runs: Vec<Run>,
}

/// A run of sectors of an [`Intent`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// Bytes from the start of the device.
    pub(crate) offset: u64,
    /// For each sector the first [`TAG_LEN`] bytes of its SHA-256.
    #[serde(with = "base64_bytes")]
    pub(crate) tags: Vec<u8>,
}

/// How much of a sector's digest is kept. It tells what a killed run wrote from what anything else would have.
pub(crate) const TAG_LEN: usize = 8;

/// The header that this machine wrote for a volume, or opened last. Its UUID is random, so it names the run that wrote it: a file system is made
/// only while the header on the disk and this agree that it is still to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    /// The header's.
    pub(crate) uuid: Uuid,
    /// The file or device.
    pub(crate) backing: PathBuf,
    /// Whether it was ready for use. Never false again for the same header.
    pub(crate) ready: bool,
    /// Where and how its data lies, as [`crate::header::Snapshot::segment`] says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) segment: Option<String>,
    /// How long what it lies on was, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
}

impl Made {
    /// Whether this machine began to make that header's volume, and has not finished.
    pub(crate) fn is_making(&self, header: Uuid) -> bool {
        self.uuid == header && !self.ready
    }
}

/// An erase that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Erasing {
    /// The device.
    pub(crate) device: String,
    /// Its size.
    pub(crate) size: u64,
    /// How many bytes from the start hold header and keyslots.
    pub(crate) header_len: u64,
    /// Of each mebibyte that was to be written over them, the first [`TAG_LEN`] bytes of its first sector's SHA-256.
    #[serde(default, with = "base64_bytes")]
    pub(crate) tags: Vec<u8>,
}

impl Erasing {
    /// Whether a sector, the first of the `n`-th mebibyte, is one that this erase wrote.
    pub(crate) fn wrote(&self, n: usize, sector: &[u8]) -> bool {
        self.tags.chunks_exact(TAG_LEN).nth(n) == Some(&tag(sector))
    }
}

/// Where header backups lie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backups {
    /// Absolute paths, in the order in which they were made.
    pub(crate) files: Vec<PathBuf>,
    /// Whether an erase has begun to delete them, so that one which is not there may have been.
    #[serde(default)]
    pub(crate) deleting: bool,
}

/// The folder of the guards on mount points.
const GUARDS: &str = "mount-points";

/// A plain name for anything.
fn hash(bytes: &[u8]) -> String {
    let digest = crypto::sha256(&[bytes]);
    let (name, _) = digest.split_at(16);
    let number = name
        .iter()
        .fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{number:032x}")
}

/// A place in the state.
#[derive(Clone, Debug)]
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn key(key: &str) -> Self {
        Self(format!("keys/{}", hash(key.as_bytes())))
    }

    pub(crate) fn guard(mount_point: &Path) -> Self {
        let path = mount_point.as_os_str().as_bytes();
        Self(format!("{GUARDS}/{}", hash(path)))
    }

    /// The places of all guards.
    pub(crate) fn guards(host: &dyn Host) -> Result<Vec<Self>, Error> {
        Ok(host.state_names(GUARDS)?.into_iter().map(Self).collect())
    }

    /// The lock of whoever reads, asks for and writes what lies here.
    pub(crate) fn lock_name(&self) -> String {
        self.0.replace('/', "-")
    }

    /// Its name in the folder of state.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    pub(crate) fn intent(volume: &str) -> Self {
        Self(format!("volumes/{volume}.intent"))
    }

    pub(crate) fn made(volume: &str) -> Self {
        Self(format!("volumes/{volume}.made"))
    }

    /// The volumes of which there is such a record.
    pub(crate) fn made_volumes(host: &dyn Host) -> Result<Vec<String>, Error> {
        let names = host.state_names("volumes")?;
        let volume = |name: String| {
            let file = name.rsplit('/').next()?;
            Some(file.strip_suffix(".made")?.to_owned())
        };
        Ok(names.into_iter().filter_map(volume).collect())
    }

    pub(crate) fn restoring(volume: &str) -> Self {
        Self(format!("volumes/{volume}.restoring"))
    }

    pub(crate) fn erasing(volume: &str) -> Self {
        Self(format!("volumes/{volume}.erasing"))
    }

    pub(crate) fn backups(volume: &str) -> Self {
        Self(format!("volumes/{volume}.backups"))
    }

    pub(crate) fn raid0(volume: &str) -> Self {
        Self(format!("volumes/{volume}.raid0"))
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, host: &dyn Host) -> Result<Option<T>, Error> {
        let Some(bytes) = host.read_state(&self.0)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| Error::State(self.0.clone()))
    }

    pub(crate) fn write<T: Serialize>(&self, host: &dyn Host, value: &T) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|_| Error::State(self.0.clone()))?;
        Ok(host.write_state(&self.0, &bytes)?)
    }

    pub(crate) fn remove(&self, host: &dyn Host) -> Result<(), Error> {
        let _ = host.remove_state(&self.0)?;
        Ok(())
    }
}

impl Intent {
    /// Describes `writes`, whose offsets and lengths are multiples of 512.
    pub(crate) fn of<'a>(device: &Identity, writes: impl Iterator<Item = (u64, &'a [u8])>) -> Self {
        let runs = writes
            .map(|(offset, bytes)| Run {
                offset,
                tags: bytes.chunks(512).flat_map(tag).collect(),
            })
            .collect();
        Self {
            device: device.stable_name.clone(),
            size: device.size,
            runs,
        }
    }

    /// Whether it is about this device.
    pub(crate) fn is_about(&self, device: &Identity) -> bool {
        self.device == device.stable_name && self.size == device.size
    }

    /// Whether a non-zero sector at `offset` is one that was to be written there.
    pub(crate) fn explains(&self, offset: u64, sector: &[u8]) -> bool {
        let wanted = tag(sector);
        self.runs.iter().any(|run| {
            offset.checked_sub(run.offset).is_some_and(|into| {
                let index = usize::try_from(into / 512).unwrap_or(usize::MAX);
                into % 512 == 0
                    && run
                        .tags
                        .chunks_exact(TAG_LEN)
                        .nth(index)
                        .is_some_and(|known| known == wanted)
            })
        })
    }

    /// The ranges that it covers.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = std::ops::Range<u64>> + '_ {
        self.runs.iter().map(|run| {
            run.offset
                ..run
                    .offset
                    .saturating_add((run.tags.len() / TAG_LEN) as u64 * 512)
        })
    }
}

/// By what a sector is known again.
pub(crate) fn tag(sector: &[u8]) -> [u8; TAG_LEN] {
    let digest = crypto::sha256(&[sector]);
    let mut tag = [0; TAG_LEN];
    tag.copy_from_slice(&digest[..TAG_LEN]);
    tag
}

mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        STANDARD
            .decode(String::deserialize(deserializer)?)
            .map_err(serde::de::Error::custom)
    }
}
