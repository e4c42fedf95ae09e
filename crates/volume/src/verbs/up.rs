//! `kluis up`: everything needed to have the volumes mounted, at boot and ever after.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Kluis, LOCK_WAIT, Mode, Outcome};
use crate::apply::Progress;
use crate::config::Backing;
use crate::error::Error;
use crate::mount_point;
use crate::observe::Observed;
use crate::plan::{self, Plan, Step, Wanted};
use crate::state::{Made, Place};
use crate::target::Target;

/// What `up` may do.
#[derive(Clone, Debug, Default)]
pub struct UpOptions {
    /// Volumes whose devices may be formatted whatever is on them: per device and per run.
    pub wipe: BTreeSet<String>,
    /// Volumes of whose headers the damaged copy is written anew, whatever lies there: per device and per run. It is kept first.
    pub repair: BTreeSet<String>,
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
        let mut outcomes = self.each(names, |target| {
            let mut outcome = self.run(
                target,
                options.mode,
                &mut secrets,
                progress,
                |observed| {
                    let another = self.another(target, observed)?;
                    let wanted = Wanted {
                        target,
                        wipe: options.wipe.contains(&target.name),
                        another: another.as_deref(),
                        repair: options.repair.contains(&target.name),
                        root: self.root_of(target)?,
                    };
                    Ok(plan::up(observed, wanted)?)
                },
                |_| {},
            );
            let is_made = |plan: &Plan| plan.steps.contains(&Step::MarkReady);
            if options.mode == Mode::Apply
                && outcome.result.is_ok()
                && outcome.plan.as_ref().is_some_and(is_made)
                && let Err(error) = self.forget_within(target)
            {
                outcome.result = Err(error);
            }
            if outcome.plan.is_none() && options.mode == Mode::Apply {
                let mount = target.mount.as_ref();
                let note = mount.and_then(|mount| self.guard_at_least(&target.name, mount));
                outcome.notes.extend(note);
            }
            outcome
        })?;
        let mut notes = Vec::new();
        if options.mode == Mode::Apply {
            // Those of disks that are not there.
            for (name, mount) in self
                .chosen(names)?
                .into_iter()
                .flat_map(|(volume, disk)| volume.mounts(disk))
            {
                notes.extend(self.guard_at_least(&name, &mount));
            }
        }
        notes.extend(self.release_forgotten(options.mode)?);
        if let Some(last) = outcomes.last_mut() {
            last.notes.extend(notes);
        }
        Ok(outcomes)
    }

    /// The other volume of the configuration whose header lies on this one's device: by this machine's record of it, else by its label.
    fn another(&self, target: &Target, observed: &Observed) -> Result<Option<String>, Error> {
        let (Some(header), Some(label)) = (&observed.header, observed.label()) else {
            return Ok(None);
        };
        if label == target.name || self.config.named(label).is_none() {
            return Ok(None);
        }
        let made: Option<Made> = Place::made(label).read(self.host)?;
        let is_it = made.is_none_or(|made| made.uuid == header.uuid());
        Ok(is_it.then(|| label.to_owned()))
    }

    /// What lay in files on a volume that is made anew is gone with what it lay on: those files are not waited for.
    fn forget_within(&self, target: &Target) -> Result<(), Error> {
        let Some(mount) = &target.mount else {
            return Ok(());
        };
        for volume in self.config.volumes.values() {
            if let Backing::File { path, .. } = &volume.backing
                && path.starts_with(mount)
                && volume.name != target.name
            {
                Place::made(&volume.name).remove(self.host)?;
            }
        }
        Ok(())
    }

    /// A volume that cannot come up is one whose mount point programs will find bare.
    fn guard_at_least(&self, volume: &str, mount: &Path) -> Option<String> {
        let is_guarded = mount_point::look(self.host, volume, mount)
            .is_ok_and(|bare| bare.guard_step().is_none());
        if is_guarded {
            return None;
        }
        let _lock = self.host.lock(volume, LOCK_WAIT).ok()?;
        mount_point::guard(self.host, volume, mount, self.config.source.as_deref()).1
    }
}
