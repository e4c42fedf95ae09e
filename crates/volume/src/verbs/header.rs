//! `kluis header show|backup`, and `restore`.
//!
//! A backup is the bytes from the start of the device to its data, as `cryptsetup luksHeaderBackup` writes them. It opens
//! the volume for whoever can have the key unwrapped, so where it lies is remembered for an erase.

mod restore;

pub use restore::Proof;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Kluis, LOCK_WAIT};
use crate::binding::State;
use crate::config::KeySource;
use crate::error::Error;
use crate::header::{self, BACKUP_MAX};
use crate::host::{Access, HostError, Identity};
use crate::observe::observe;
use crate::plan::{self, Refusal};
use crate::state::{Backups, Place};
use crate::target::{BackingPath, Target};

/// A header, shown. Salts, digests and key material are not secret, but of no use to a reader; the JSON is whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The volume.
    pub volume: String,
    /// The device.
    pub device: String,
    /// Everything in it.
    pub json: Value,
    /// Why it would not be opened, if it would not.
    pub refused: Option<String>,
}

impl Kluis<'_> {
    /// Shows the header of a volume, also one that would not be opened.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]; [`Error::Refused`] when the device is missing; [`Error::Header`] when there is no header at all.
    pub fn header_show(&self, name: &str) -> Result<Shown, Error> {
        let target = self.one(name)?;
        let identity = there(self, &target)?;
        let device = self.host.open(&identity, Access::Read)?;
        let refused = header::read(&*device)?
            .err()
            .map(|problem| problem.to_string());
        let snapshot = header::read_to_show(&*device)?
            .map_err(|problem| problem.into_error(identity.stable_name.clone()))?;
        let json = match snapshot.header() {
            luks::Header::V2(header) => json!({
                "type": "LUKS2",
                "uuid": header.uuid().to_string(),
                "label": header.label(),
                "subsystem": header.subsystem(),
                "sequence_id": header.sequence_id(),
                "metadata": header.json(),
            }),
            luks::Header::V1(header) => json!({
                "type": "LUKS1",
                "uuid": header.uuid().to_string(),
                "cipher": header.cipher(),
                "key_bytes": header.volume_key_len(),
                "keyslots": header.keyslot_ids(),
            }),
        };
        Ok(Shown {
            volume: target.name,
            device: identity.stable_name,
            json,
            refused,
        })
    }

    /// Writes the header and all keyslots of a volume to a new file. Returns its length.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]; [`Error::Misuse`] for a relative path; [`Error::Header`] for a header that would not be opened;
    /// [`HostError::Exists`].
    pub fn header_backup(&self, name: &str, file: &Path) -> Result<u64, Error> {
        if !file.is_absolute() {
            return Err(Error::Misuse(format!(
                "{} is not an absolute path; an erase must find the backup again",
                file.display()
            )));
        }
        let target = self.one(name)?;
        let _lock = self.host.lock(&target.name, LOCK_WAIT)?;
        let identity = there(self, &target)?;
        let device = self.host.open(&identity, Access::Read)?;
        let snapshot = header::read(&*device)?
            .map_err(|problem| problem.into_error(identity.stable_name.clone()))?;
        let state = snapshot.token().map(|(_, token)| token.state);
        let facts = snapshot.facts();
        if facts.token.is_some() && facts.label != target.name {
            return Err(Refusal::OtherVolume {
                volume: target.name,
                device: identity.stable_name,
                label: facts.label,
            }
            .into());
        }
        let restoring: Option<PathBuf> = Place::restoring(&target.name).read(self.host)?;
        if let Some(file) = restoring {
            return Err(Refusal::Restoring {
                volume: target.name,
                file,
            }
            .into());
        }
        if target.key == KeySource::Ephemeral {
            return Err(Refusal::EphemeralHasNoKey {
                volume: target.name,
            }
            .into());
        }
        if state == Some(State::Provisioning) {
            return Err(Refusal::NotFinished {
                volume: target.name,
                device: identity.stable_name,
            }
            .into());
        }
        let len = snapshot.header_len();
        if len > BACKUP_MAX {
            return Err(HostError::TooLarge {
                what: format!("the header of {}", identity.stable_name),
                max: BACKUP_MAX,
            }
            .into());
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        device.read_at(0, &mut bytes)?;
        // Remembered before it is there: a kill in between leaves a name without a file, never a file without its name.
        let place = Place::backups(&target.name);
        let mut backups: Backups = place.read(self.host)?.unwrap_or_default();
        let was_known = backups.files.iter().any(|known| known == file);
        if !was_known {
            backups.files.push(file.to_path_buf());
            place.write(self.host, &backups)?;
        }
        if let Err(error) = self.host.write_new_file(file, &bytes) {
            // What lies there is somebody else's: an erase must not find it on record.
            if matches!(error, HostError::Exists { .. }) && !was_known {
                backups.files.retain(|known| known != file);
                place.write(self.host, &backups)?;
            }
            return Err(error.into());
        }
        Ok(len)
    }
}

fn there(kluis: &Kluis<'_>, target: &Target) -> Result<Identity, Error> {
    if let BackingPath::Striped { .. } = target.backing {
        // A header lies on several of the disks.
        plan::raid0::check_header(&observe(kluis.host, target)?, target)?;
    }
    let missing = || Refusal::Missing {
        volume: target.name.clone(),
        device: target.backing.missing(kluis.host),
    };
    target
        .backing
        .identify(kluis.host)?
        .ok_or_else(|| missing().into())
}
