//! What a volume holds once it is open: made while it is being made, and never over what is there.

use uuid::Uuid;

use crate::binding::State;
use crate::engine::Changed;
use crate::error::Error;
use crate::header::Snapshot;
use crate::host::{FileSystem, FoundFileSystem};

use super::Applier;

impl Applier<'_, '_> {
    /// Only while the header in hand says provisioning: written by this run, or verified by it.
    fn refuse_ready(&self) -> Result<(), Error> {
        let state = self
            .header
            .as_ref()
            .and_then(Snapshot::token)
            .map(|(_, token)| token.state);
        if state == Some(State::Provisioning) {
            return Ok(());
        }
        Err(Error::Misuse(format!(
            "volume {} is not being provisioned; nothing was made in it",
            self.target.name
        )))
    }

    /// What is in the mapping already, unless it is what this very header's making has begun.
    fn found_in_it(&self) -> Result<Option<FoundFileSystem>, Error> {
        let begun = self.header.as_ref().map(Snapshot::file_system_uuid);
        let found = self.host.file_system_on(self.mapped()?)?;
        // One that was ever mounted is the volume's own from a time when it was finished, whatever header and records say of themselves.
        Ok(found.filter(|found| found.uuid.is_none() || found.uuid != begun || found.was_mounted))
    }

    /// Whether something is in it that is to be kept, as is said.
    fn is_kept(&mut self) -> Result<bool, Error> {
        let found = self.found_in_it()?;
        if let Some(found) = &found {
            self.note_kept(found);
        }
        Ok(found.is_some())
    }

    pub(super) fn expect_content(&mut self) -> Result<Changed, Error> {
        let Some(found) = self.host.file_system_on(self.mapped()?)? else {
            return Err(Error::Unfinished {
                volume: self.target.name.clone(),
                place: self.place(),
            });
        };
        self.note_kept(&found);
        Ok(Changed::No)
    }

    fn note_kept(&mut self, found: &FoundFileSystem) {
        self.notes.push(format!(
            "the header of volume {} said that it was never finished, and {} was found in it: that is kept, and the volume marked ready",
            self.target.name, found.kind
        ));
    }

    pub(super) fn make_swap(&mut self) -> Result<Changed, Error> {
        self.refuse_ready()?;
        if self.is_kept()? {
            return Ok(Changed::No);
        }
        self.host.make_swap(self.mapped()?, &self.target.name)?;
        Ok(Changed::Yes)
    }

    pub(super) fn make_file_system(&mut self, kind: FileSystem) -> Result<Changed, Error> {
        self.refuse_ready()?;
        if self.is_kept()? {
            return Ok(Changed::No);
        }
        let uuid = self
            .header
            .as_ref()
            .map_or_else(Uuid::nil, Snapshot::file_system_uuid);
        let device = self.mapped()?;
        let held = self
            .host
            .make_file_system(device, kind, &self.target.name, uuid)?;
        self.held = Some(held);
        Ok(Changed::Yes)
    }
}
