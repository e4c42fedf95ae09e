//! `kluis erase`: a crypto-erase that proves itself. The caller has asked before.

use std::path::PathBuf;

use super::{Kluis, Mode, Outcome};
use crate::apply::Progress;
use crate::error::Error;
use crate::plan;
use crate::state::{Backups, Place};

impl Kluis<'_> {
    /// Erases one volume: keyslots and header overwritten, data discarded, read back, known header backups deleted.
    /// Afterwards `up` needs `--wipe`. Killed in between, it is finished by running it again.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]; the rest is in the [`Outcome`], where [`Error::Remains`] names what is not gone.
    pub fn erase(
        &self,
        name: &str,
        mode: Mode,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let target = self.one(name)?;
        let backups = self.backups(&target.name)?;
        let mut secrets = self.secrets();
        Ok(self.run(
            &target,
            mode,
            &mut secrets,
            progress,
            |observed| Ok(plan::erase(observed, &target, backups)?),
            |_| {},
        ))
    }

    /// The header backups of a volume that are known.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::Host`].
    pub fn backups(&self, name: &str) -> Result<Vec<PathBuf>, Error> {
        Ok(Place::backups(name)
            .read::<Backups>(self.host)?
            .unwrap_or_default()
            .files)
    }
}
