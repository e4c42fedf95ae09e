//! `kluis down`: unmount, close, forget the key.

use super::{Kluis, Mode, Outcome};
use crate::apply::Progress;
use crate::error::Error;
use crate::plan;

impl Kluis<'_> {
    /// Closes volumes, all of them if none is named.
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
        Ok(self.each_of(volumes, |target| {
            self.run(
                target,
                mode,
                &mut secrets,
                progress,
                |observed| Ok(plan::down(observed, target)?),
                |_| {},
            )
        }))
    }
}
