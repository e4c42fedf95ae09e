//! `kluis down`: unmount, close, forget the key.

use super::{Chosen, Kluis, Mode, Outcome};
use crate::apply::Progress;
use crate::error::Error;
use crate::plan;
use crate::state::{Made, Place};
use crate::target::{self, Target};

impl Kluis<'_> {
    /// Closes volumes, all of them if none is named; also those whose disks are gone.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]; what fails for one volume is in its [`Outcome`].
    pub fn down(
        &self,
        names: &[String],
        mode: Mode,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Outcome>, Error> {
        let mut secrets = self.secrets();
        let mut volumes = self.chosen(names)?;
        // What lies within another volume keeps that busy.
        volumes.reverse();
        let mut close = |target: &Target| {
            self.run(
                target,
                mode,
                &mut secrets,
                progress,
                |observed| Ok(plan::down(observed, target)?),
                |_| {},
            )
        };
        let mut outcomes = Vec::new();
        for chosen in volumes {
            let gone = self.gone(chosen)?;
            // That its disk is not there is then no reason to leave it open.
            if gone.is_empty() || self.targets(chosen.0, chosen.1).is_ok() {
                outcomes.extend(self.each_of(vec![chosen], &mut close));
            }
            outcomes.extend(gone.iter().map(&mut close));
        }
        Ok(outcomes)
    }

    /// The disks of a numbered volume that are open by this machine's record, and not there any more.
    fn gone(&self, (volume, disk): Chosen<'_>) -> Result<Vec<Target>, Error> {
        if !volume.is_numbered() {
            return Ok(Vec::new());
        }
        let there = target::settle(self.host, volume).unwrap_or_default();
        let mut gone = Vec::new();
        for (n, known) in Made::of_disks(self.host, volume)? {
            let name = volume.name_of_disk(n);
            if disk.is_some_and(|disk| disk != n) || there.iter().any(|target| target.name == name)
            {
                continue;
            }
            for engine in self.host.engines() {
                let active = engine.find(&name)?;
                if active.is_some_and(|active| active.uuid == Some(known.uuid)) {
                    gone.push(target::gone(volume, n, known.backing.clone()));
                }
            }
        }
        Ok(gone)
    }
}

impl Made {
    /// What is on record of a numbered volume's disks.
    fn of_disks(
        host: &dyn crate::host::Host,
        volume: &crate::config::VolumeConfig,
    ) -> Result<Vec<(usize, Self)>, Error> {
        let mut found = Vec::new();
        for name in Place::made_volumes(host)? {
            let number = name
                .strip_prefix(&volume.name)
                .and_then(|rest| rest.strip_prefix('-'))
                .and_then(|number| number.parse().ok());
            if let Some(n) = number
                && let Some(made) = Place::made(&name).read(host)?
            {
                found.push((n, made));
            }
        }
        Ok(found)
    }
}
