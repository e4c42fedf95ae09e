//! `kluis header restore`: a backup written back, where the header is this volume's and the data is under its key.

use std::path::{Path, PathBuf};

use luks::VolumeKey;

use super::there;
use crate::apply::kept::keep;
use crate::binding::State;
use crate::config::KeySource;
use crate::decrypted::Decrypted;
use crate::engine::LuksKind;
use crate::error::Error;
use crate::header::{self, BACKUP_MAX, Snapshot};
use crate::host::{Access, HostError, Identity, Purpose};
use crate::observe::{Content, Observed, observe};
use crate::plan::{self, Refusal, refuse_uses};
use crate::state::Place;
use crate::target::Target;
use crate::verbs::{Kluis, LOCK_WAIT};

/// Whether a header is restored only where the data shows that it is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Only there.
    Needed,
    /// A person says that it is.
    Waived,
}

impl Kluis<'_> {
    /// Writes a header backup back. It must be this volume's: bound to its name by the mac, or, when it is not bound, of the UUID that is on the
    /// device; and of the volume key that the data is under. Where the header that is there says otherwise, or none is left to compare with, the data
    /// has to show it: a file system under the backup's key ([`Proof`]). Returns where what was there is kept.
    ///
    /// # Errors
    /// [`Error::ForeignBackup`] for another volume's, or an earlier key's; [`Error::Refused`] while the volume is open or its device in use,
    /// where that holds something else, and where a re-encryption is pending; the services' errors.
    pub fn header_restore(&self, name: &str, file: &Path, proof: Proof) -> Result<PathBuf, Error> {
        let target = self.one(name)?;
        if target.key == KeySource::Ephemeral {
            return Err(Refusal::EphemeralHasNoKey {
                volume: target.name,
            }
            .into());
        }
        let _lock = self.host.lock(&target.name, LOCK_WAIT)?;
        let observed = observe(self.host, &target)?;
        let identity = there(self, &target)?;
        if observed.active.is_some() {
            return Err(Refusal::OpenNotWiped {
                volume: target.name,
            }
            .into());
        }
        refuse_uses(&observed, &identity)?;
        refuse_another(&target, &observed, &identity, proof)?;
        let bytes = self.host.read_file(file, BACKUP_MAX)?;
        let foreign = |why: String| Error::ForeignBackup {
            volume: target.name.clone(),
            file: file.to_path_buf(),
            why,
        };
        let backup = header::read_backup(&bytes, identity.size)
            .map_err(|problem| foreign(problem.to_string()))?;
        if backup.header_len() != bytes.len() as u64 {
            return Err(foreign(format!(
                "it has {} bytes, and its header {}",
                bytes.len(),
                backup.header_len()
            )));
        }
        if backup.token().map(|(_, token)| token.state) == Some(State::Provisioning) {
            return Err(foreign(
                "it was taken while the volume was being made, and says that it is not finished"
                    .to_owned(),
            ));
        }
        let device = self.host.open(&identity, Access::Read)?;
        let current = header::read_to_show(&*device)?.ok();
        if current.as_ref().is_some_and(Snapshot::has_requirements) {
            return Err(Refusal::Reencrypting {
                volume: target.name,
                device: identity.stable_name,
            }
            .into());
        }
        let key = self
            .belongs(&target, &backup, current.as_ref(), &bytes)
            .map_err(|why| match why {
                Why::Foreign(why) => foreign(why),
                Why::Failed(error) => *error,
            })?;
        if let Some(why) = doubt(&target, &identity, &backup, current.as_ref(), proof) {
            let payload = backup.payload(identity.size, &identity.stable_name)?;
            let data = Decrypted::new(device, payload, &key)?;
            if self.host.signatures(&data)?.found.is_empty() {
                return Err(foreign(why));
            }
        }
        let device = self.host.open(&identity, Access::Exclusive)?;
        let kept = keep(self.host, &target.name, &*device, backup.header_len())?;
        let restoring = Place::restoring(&target.name);
        restoring.write(self.host, &file)?;
        restore(&*device, &backup, &bytes)?;
        drop(device);
        restoring.remove(self.host)?;
        Place::erasing(&target.name).remove(self.host)?;
        Place::intent(&target.name).remove(self.host)?;
        Ok(self.config.agent.state.join(kept))
    }

    fn belongs(
        &self,
        target: &Target,
        backup: &Snapshot,
        current: Option<&Snapshot>,
        bytes: &[u8],
    ) -> Result<VolumeKey, Why> {
        let mut secrets = self.secrets();
        let token = backup.token().map(|(_, token)| token);
        let secret = match (
            &target.key,
            token.as_ref().and_then(|token| token.blob.as_ref()),
        ) {
            (KeySource::Ephemeral, _) => {
                return Err(Why::Foreign("the volume is ephemeral".to_owned()));
            }
            (KeySource::Token { key }, Some(blob)) => {
                secrets.machine_secret(&target.name, key, blob)?.secret
            }
            (KeySource::Token { .. }, None) => {
                return Err(Why::Foreign(
                    "it is not bound to a machine's key".to_owned(),
                ));
            }
            (KeySource::Seed { key, secret }, None) => secrets.shared_secret(key, secret)?,
            (KeySource::Seed { .. }, Some(_)) => {
                return Err(Why::Foreign(
                    "it is bound to a machine's key, and the volume has a shared secret".to_owned(),
                ));
            }
        };
        match token {
            Some(token) if backup.verify(&target.name, &secret, &token)? => backup
                .unlock(&Memory(bytes), &secret, token.keyslot)
                .map(|unlocked| unlocked.key)
                .map_err(|_| Why::Foreign("its keyslot does not open: it is damaged".to_owned())),
            Some(_) => Err(Why::Foreign("its mac is not the one of this volume's name and secret".to_owned())),
            None if current.is_none_or(|current| current.uuid() != backup.uuid()) => {
                Err(Why::Foreign("it is not bound to this volume, and on the device there is no header of its UUID to compare it with".to_owned()))
            }
            None => {
                let memory = Memory(bytes);
                backup.unlock(&memory, &secret, None).map(|unlocked| unlocked.key).map_err(|_| Why::Foreign("the secret opens none of its keyslots".to_owned()))
            }
        }
    }
}

/// Why a header may not be the one of the data on the device: what only that data can disprove.
fn doubt(
    target: &Target,
    identity: &Identity,
    backup: &Snapshot,
    current: Option<&Snapshot>,
    proof: Proof,
) -> Option<String> {
    match current {
        Some(current) if current.uuid() != backup.uuid() => Some(format!(
            "its UUID is {}, and the one on the device is {}",
            backup.uuid(),
            current.uuid()
        )),
        Some(current) if current.key_digest() != backup.key_digest() => Some(format!(
            "it is of another volume key than the header that is on the device, which is the only copy of the newer one if the volume was re-encrypted since. If you ran cryptsetup reencrypt: kluis rekey --rebind {}",
            target.name
        )),
        None if proof == Proof::Needed && target.purpose != Purpose::Raw => Some(format!(
            "under its key there is no file system on {}: that is another volume's disk, or the beginning of the data is damaged too. If disks were exchanged, set `device` right; how a header is restored without that proof: kluis help header restore",
            identity.stable_name
        )),
        Some(_) | None => None,
    }
}

/// Key material first, then the rest, the start of the device last: a kill in between leaves what a second run mends.
fn restore(device: &dyn crate::host::Device, backup: &Snapshot, bytes: &[u8]) -> Result<(), Error> {
    // Both binary headers and JSON areas end before the first keyslot area.
    let first_area = backup
        .areas()
        .into_iter()
        .map(|area| area.start)
        .min()
        .unwrap_or(0);
    let split = usize::try_from(first_area)
        .unwrap_or_default()
        .min(bytes.len());
    let (headers, areas) = bytes.split_at(split);
    device.write_at(split as u64, areas)?;
    device.flush()?;
    if backup.kind() == LuksKind::V2 {
        let half = split / 2 / 4096 * 4096;
        device.write_at(half as u64, &headers[half..])?;
        device.flush()?;
        device.write_at(0, &headers[..half])?;
    } else {
        device.write_at(0, headers)?;
    }
    device.flush()?;
    Ok(())
}

/// Rubbish where the header was may be overwritten; a file system that somebody has made there since may not.
fn refuse_another(
    target: &Target,
    observed: &Observed,
    identity: &Identity,
    proof: Proof,
) -> Result<(), Refusal> {
    match &observed.content {
        Content::Ambiguous(..) => Err(plan::header::ambiguous(observed, target, identity)),
        Content::Foreign(report)
            if proof == Proof::Needed && report.found.iter().any(|known| !known.is_luks()) =>
        {
            Err(Refusal::HoldsAnother {
                volume: target.name.clone(),
                device: identity.stable_name.clone(),
                found: report.to_string(),
            })
        }
        _ => Ok(()),
    }
}

enum Why {
    Foreign(String),
    Failed(Box<Error>),
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// A backup's bytes as a device that is only read.
struct Memory<'a>(&'a [u8]);

impl crate::host::Device for Memory<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), HostError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start
            .checked_add(buf.len())
            .and_then(|end| self.0.get(start..end));
        let bytes = bytes.ok_or_else(|| HostError::NotFound {
            what: "a part of the header backup".to_owned(),
        })?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> Result<(), HostError> {
        Err(HostError::ReadOnly {
            what: "a header backup".to_owned(),
        })
    }

    fn flush(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn discard(&self, _offset: u64, _len: u64) -> Result<crate::engine::Changed, HostError> {
        Ok(crate::engine::Changed::No)
    }

    fn drop_caches(&self) -> Result<(), HostError> {
        Ok(())
    }
}
