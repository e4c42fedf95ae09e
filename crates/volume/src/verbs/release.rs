//! `kluis release`: mount points that Kluis guards become ordinary folders again, for who takes Kluis away.

use std::path::PathBuf;
use std::time::Duration;

use super::{Kluis, LOCK_WAIT, Mode};
use crate::engine::Changed;
use crate::error::Error;
use crate::mount_point::{self, Guard};
use crate::plan::Refusal;

/// What became of one guarded mount point.
#[derive(Debug)]
pub struct Released {
    /// The volume that it was guarded for.
    pub volume: String,
    /// Where.
    pub mount_point: PathBuf,
    /// What was done; with a dry run, what would be.
    pub result: Result<Changed, Error>,
}

impl Kluis<'_> {
    /// Gives back the mount points of a volume, also of one that the configuration no longer has; without a name, all that there are.
    /// The next `up` of a volume guards its mount point again.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`], or the machine's; what fails for one mount point, because its volume is mounted or else, is in its
    /// [`Released`].
    pub fn release(&self, name: Option<&str>, mode: Mode) -> Result<Vec<Released>, Error> {
        let guards: Vec<Guard> = mount_point::all(self.host)?
            .into_iter()
            .filter(|guard| name.is_none_or(|name| is_of(guard, name)))
            .collect();
        if let (Some(name), true) = (name, guards.is_empty()) {
            let _ = self.chosen(&[name.to_owned()])?;
        }
        Ok(guards
            .into_iter()
            .map(|guard| Released {
                result: self.release_one(&guard, mode, LOCK_WAIT),
                volume: guard.volume,
                mount_point: guard.path,
            })
            .collect())
    }

    /// Gives back the mount points whose volumes have left this configuration. Those of other configurations are not its business, and
    /// what is in use is left to another time.
    pub(super) fn release_forgotten(&self, mode: Mode) -> Result<Vec<String>, Error> {
        let mut notes = Vec::new();
        for guard in self.forgotten()? {
            if let Ok(Changed::Yes) = self.release_one(&guard, mode, Duration::ZERO) {
                notes.push(format!(
                    "{} {} given back: volume {} is no longer mounted there",
                    guard.path.display(),
                    if mode == Mode::Apply {
                        "was"
                    } else {
                        "would be"
                    },
                    guard.volume
                ));
            }
        }
        Ok(notes)
    }

    /// The guards whose volumes have left this configuration.
    pub(super) fn forgotten(&self) -> Result<Vec<Guard>, Error> {
        let has = |guard: &Guard| {
            let mut volumes = self.config.volumes.values();
            volumes.any(|volume| volume.mounts_at(&guard.mount))
        };
        Ok(mount_point::all(self.host)?
            .into_iter()
            .filter(|guard| guard.configuration == self.config.source && !has(guard))
            .collect())
    }

    fn release_one(&self, guard: &Guard, mode: Mode, wait: Duration) -> Result<Changed, Error> {
        let _lock = match mode {
            Mode::Apply => Some(self.host.lock(&guard.volume, wait)?),
            Mode::DryRun => None,
        };
        self.refuse_mounted(guard)?;
        match mode {
            Mode::Apply => mount_point::release(self.host, guard),
            Mode::DryRun => Ok(Changed::Yes),
        }
    }

    fn refuse_mounted(&self, guard: &Guard) -> Result<(), Error> {
        let mounts = self.host.mounts()?;
        for engine in self.host.engines() {
            let active = engine.find(&guard.volume)?;
            if active.is_some_and(|active| {
                mounts
                    .iter()
                    .any(|mount| mount.target == guard.path && mount.source == active.device)
            }) {
                return Err(Refusal::MountedNotReleased {
                    volume: guard.volume.clone(),
                    at: guard.path.clone(),
                }
                .into());
            }
        }
        Ok(())
    }
}

/// Whether a guard is for a volume of that name, or for one of the disks that it stands for.
fn is_of(guard: &Guard, name: &str) -> bool {
    guard.volume.strip_prefix(name).is_some_and(|rest| {
        let number = rest.strip_prefix('-');
        rest.is_empty()
            || number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })
}
