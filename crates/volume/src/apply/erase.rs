//! The steps of an erase: a crypto-erase that proves itself as far as the medium lets it.
//!
//! The header's place is overwritten with random bytes, not zeros: what was erased does not look blank, so `up` asks for `--wipe`.

use std::path::PathBuf;

use crate::engine::Changed;
use crate::error::Error;
use uuid::Uuid;

use crate::header::{self, DATA_OFFSET, Snapshot};
use crate::host::{Access, Device, HostError};
use crate::observe::PIECE;
use crate::state::{Backups, Erasing, Made, Place, tag};

use super::{Applier, kept};

impl Applier<'_, '_> {
    fn header_len(&self) -> Result<u64, Error> {
        let size = self.identity()?.size;
        // Where the header cannot be read, its place is taken to be as large as any that is made by default.
        Ok(self
            .header
            .as_ref()
            .map_or(DATA_OFFSET, Snapshot::header_len)
            .min(size))
    }

    pub(super) fn destroy_header(&mut self) -> Result<Changed, Error> {
        let identity = self.identity()?.clone();
        let header_len = self.header_len()?;
        let mut over = Vec::new();
        for (offset, len) in pieces(header_len) {
            let mut random = vec![0; len];
            crypto::random::fill(&mut random)?;
            over.push((offset, random));
        }
        let erasing = Erasing {
            device: identity.stable_name.clone(),
            size: identity.size,
            header_len,
            tags: over
                .iter()
                .flat_map(|(_, random)| tag(&random[..random.len().min(512)]))
                .collect(),
        };
        Place::erasing(&self.target.name).write(self.host, &erasing)?;
        let device = self.host.open(&identity, Access::Exclusive)?;
        let mut digests = Vec::new();
        for (offset, random) in over {
            device.write_at(offset, &random)?;
            digests.push(crypto::sha256(&[&random]));
        }
        device.flush()?;
        self.overwritten = digests;
        self.claim = Some(device);
        Ok(Changed::Yes)
    }

    /// Discards all data. Where the device cannot, the data stays as ciphertext whose key is gone.
    pub(super) fn discard(&mut self) -> Result<Changed, Error> {
        let header_len = self.header_len()?;
        let device = self.claimed()?;
        let size = device.size();
        let changed = device.discard(header_len, size.saturating_sub(header_len))?;
        device.flush()?;
        Ok(changed)
    }

    pub(super) fn read_back(&mut self) -> Result<Changed, Error> {
        let header_len = self.header_len()?;
        let device = self.claimed()?;
        device.drop_caches()?;
        let mut kept = None;
        for ((offset, len), written) in pieces(header_len).zip(&self.overwritten) {
            let mut found = vec![0; len];
            device.read_at(offset, &mut found)?;
            if crypto::sha256(&[&found]) != *written && kept.is_none() {
                kept = Some(offset);
            }
        }
        if let Some(offset) = kept {
            let place = self.place();
            self.remains.push(format!("{place} does not hold at byte {offset} what was written over its header; destroy the medium, or delete the KMS key"));
        }
        self.claim = None;
        Ok(Changed::No)
    }

    /// Deletes the backups of what was erased, and nothing else that may lie by those names by now.
    pub(super) fn delete_backups(&mut self, files: &[PathBuf]) -> Result<Changed, Error> {
        let place = Place::backups(&self.target.name);
        let known: Backups = place.read(self.host)?.unwrap_or_default();
        let was_deleting = known.deleting;
        place.write(
            self.host,
            &Backups {
                files: files.to_vec(),
                deleting: true,
            },
        )?;
        let uuid = self.erased_uuid()?;
        let mut left = Vec::new();
        for file in files {
            let found = header::backup_uuid(self.host, file);
            let kept = match found {
                Ok(Some(found)) if Some(found) == uuid => self
                    .host
                    .remove_file(file)
                    .err()
                    .map(|error| error.to_string()),
                Ok(Some(_)) | Err(Error::Host(HostError::NotFound { .. })) if was_deleting => None,
                Ok(Some(_)) => Some(
                    "it is not where it was written: the header of another volume is there now, and was left alone".to_owned(),
                ),
                // Overwritten by a run that was killed before it had removed it, or another file by now: that is for a person to see.
                Ok(None) => {
                    Some("it is no header that can be read any more; see what it is".to_owned())
                }
                Err(Error::Host(HostError::NotFound { .. })) => {
                    Some("it is not where it was written".to_owned())
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = kept {
                self.remains
                    .push(format!("the header backup {} ({why})", file.display()));
                left.push(file.clone());
            }
        }
        if left.is_empty() {
            place.remove(self.host)?;
        } else {
            place.write(
                self.host,
                &Backups {
                    files: left,
                    deleting: false,
                },
            )?;
        }
        Ok(Changed::Yes)
    }

    /// The UUID of the header that was destroyed, as read or as on record.
    fn erased_uuid(&self) -> Result<Option<Uuid>, Error> {
        if let Some(header) = &self.header {
            return Ok(Some(header.uuid()));
        }
        let made: Option<Made> = Place::made(&self.target.name).read(self.host)?;
        Ok(made.map(|made| made.uuid))
    }

    /// What it was is not waited for any more: its file may go, and another volume be made there.
    pub(super) fn forget(&mut self) -> Result<Changed, Error> {
        for name in kept::all(self.host, &self.target.name)? {
            let _ = self.host.remove_state(&name)?;
        }
        Place::made(&self.target.name).remove(self.host)?;
        Place::restoring(&self.target.name).remove(self.host)?;
        Ok(Changed::Yes)
    }

    fn claimed(&self) -> Result<&dyn Device, Error> {
        self.claim
            .as_deref()
            .ok_or_else(|| Error::Misuse("the header was not destroyed first".to_owned()))
    }
}

fn pieces(len: u64) -> impl Iterator<Item = (u64, usize)> {
    let piece = PIECE as u64;
    (0..len.div_ceil(piece)).map(move |n| {
        (
            n * piece,
            usize::try_from(len - n * piece).unwrap_or(PIECE).min(PIECE),
        )
    })
}
