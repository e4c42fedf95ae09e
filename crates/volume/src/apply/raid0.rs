//! The steps of a striped volume: its stripe, and what is done to each of its disks.

use crate::engine::Changed;
use crate::error::Error;
use crate::header::Made;
use crate::host::{Access, Device, Identity};
use crate::observe::{Content, observe};
use crate::raid0::{self, Fillings, Known, Layout, View};

use super::Applier;
use super::wipe::wipe_ends;

impl Applier<'_, '_> {
    pub(super) fn assemble(&mut self) -> Result<Changed, Error> {
        // The kernel claims the disks for the stripe.
        self.claim = None;
        let changed = self.host.assemble(self.identity()?)?;
        self.has_assembled |= changed == Changed::Yes;
        Ok(changed)
    }

    pub(super) fn take_apart(&mut self) -> Result<Changed, Error> {
        self.claim = None;
        self.has_assembled = false;
        Ok(self.host.take_apart(self.target.backing.path())?)
    }

    /// Takes away what this run has assembled.
    pub(super) fn abandon_stripe(&mut self) {
        if std::mem::take(&mut self.has_assembled) {
            let _ = self.host.take_apart(self.target.backing.path());
        }
    }

    /// Wipes each disk by itself: what another program had at its end lies beyond the stripe.
    pub(super) fn wipe_members(&mut self, members: &[Identity]) -> Result<Changed, Error> {
        let host = self.host;
        // All are claimed before any is written on, and what is there is looked at again.
        let _ = self.claim()?;
        self.claim = None;
        let devices: Result<Vec<Box<dyn Device>>, _> = members
            .iter()
            .map(|member| host.open(member, Access::Exclusive))
            .collect();
        let devices = devices?;
        for device in &devices {
            wipe_ends(host, &**device)?;
        }
        // What was in the middle of a disk may lie where the stripe would have a signature.
        let view = View::over(Layout::of(members), devices);
        wipe_ends(host, &view)?;
        // They are claimed anew as the stripe: by then they must be what they are now.
        self.observed.content = observe(host, self.target)?.content;
        Ok(Changed::Yes)
    }

    /// Has something of the unused header filled on each disk. A header that is made anew in its old place leaves that as it is.
    pub(super) fn fill_members(&self, made: &mut Made) -> Result<Fillings, Error> {
        let identity = self.identity()?;
        if identity.members.is_empty() {
            return Ok(Fillings::new());
        }
        let known = self.observed.striped.as_ref().map(|striped| &striped.known);
        if known == Some(&Known::Same) && matches!(self.observed.content, Content::Luks(_)) {
            return Ok(Fillings::new());
        }
        let fillings = raid0::fillings(identity.members.len())?;
        let fill = fillings.iter().map(|(offset, bytes)| luks::Step::Write {
            offset: *offset,
            bytes: bytes.clone(),
        });
        // No header is there before them: it would be one of other disks.
        made.steps.splice(0..0, fill.chain([luks::Step::Flush]));
        Ok(fillings)
    }

    /// Writes down what lies on each disk by now where the header was filled: whoever had the header changed has written there.
    pub(super) fn record_refilled(&self) -> Result<Changed, Error> {
        let striped = self.observed.striped.as_ref();
        if !striped.is_some_and(|striped| matches!(striped.known, Known::Refilled(_))) {
            return Ok(Changed::No);
        }
        let identity = self.identity()?;
        let device = self.host.open(identity, Access::Read)?;
        let mut fillings = raid0::fillings(identity.members.len())?;
        for (offset, bytes) in &mut fillings {
            device.read_at(*offset, bytes)?;
        }
        raid0::write_record(self.host, &self.target.name, identity, &fillings)?;
        Ok(Changed::Yes)
    }

    /// Writes down which disks a volume lies on, before the first byte of it is there: there is no volume without a record.
    pub(super) fn record_members(&self, fillings: &Fillings) -> Result<(), Error> {
        if fillings.is_empty() {
            return Ok(());
        }
        raid0::write_record(self.host, &self.target.name, self.identity()?, fillings)
    }
}
