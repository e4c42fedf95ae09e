//! `kluis up`: everything needed to have the volumes mounted, at boot and ever after.

use std::collections::BTreeSet;

use super::{Kluis, Mode, Outcome};
use crate::apply::Progress;
use crate::error::Error;
use crate::plan::{self, Wanted};

/// What `up` may do.
#[derive(Clone, Debug, Default)]
pub struct UpOptions {
    /// Volumes whose devices may be formatted whatever is on them: per device and per run.
    pub wipe: BTreeSet<String>,
    /// Whether to do it.
    pub mode: Mode,
}

impl Kluis<'_> {
    /// Brings volumes up, all of them if none is named. Idempotent, and safe to kill at any instant and run again.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]; what fails for one volume is in its [`Outcome`].
    pub fn up(
        &self,
        names: &[String],
        options: &UpOptions,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Outcome>, Error> {
        let mut secrets = self.secrets();
        self.each(names, |target| {
            let wanted = Wanted {
                target,
                wipe: options.wipe.contains(&target.name),
            };
            self.run(
                target,
                options.mode,
                &mut secrets,
                progress,
                |observed| Ok(plan::up(observed, wanted)?),
                |_| {},
            )
        })
    }
}
