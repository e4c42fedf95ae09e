//! The verbs, one file each. All of them observe, plan and apply; none of them touches the machine any other way.

mod check;
mod down;
mod erase;
mod header;
mod rekey;
mod seal;
mod status;
mod up;

use std::collections::BTreeSet;
use std::time::Duration;

pub use check::{Finding, Level};
pub use header::Shown;
pub use seal::Sealed;
pub use status::{Binding, Stage, Status};
pub use up::UpOptions;

use crate::apply::{Applier, Progress};
use crate::config::{Config, VolumeConfig};
use crate::engine::Changed;
use crate::error::Error;
use crate::host::{Host, Lock};
use crate::observe::{Observed, observe};
use crate::plan::{Plan, Refusal};
use crate::ports::{KeyService, ObjectSource};
use crate::retry::Deadline;
use crate::secrets::Secrets;
use crate::target::{self, Target};

/// How long a volume that another run is working on is waited for.
const LOCK_WAIT: Duration = Duration::from_mins(1);

/// What a plan was made from, and the lock that keeps it true; none for a dry run.
type Planned = (Option<Box<dyn Lock>>, Observed, Plan);

/// Everything that the verbs work with.
#[derive(Clone, Copy)]
pub struct Kluis<'a> {
    /// The machine.
    pub host: &'a dyn Host,
    /// The key service.
    pub keys: &'a dyn KeyService,
    /// The object store.
    pub objects: &'a dyn ObjectSource,
    /// The configuration.
    pub config: &'a Config,
}

/// What became of one volume.
#[derive(Debug)]
pub struct Outcome {
    /// The volume.
    pub volume: String,
    /// The plan; `None` when it was refused or could not be made.
    pub plan: Option<Plan>,
    /// Whether anything was changed. With a dry run, [`Changed::Yes`] says that something would be.
    pub result: Result<Changed, Error>,
}

/// Whether to do it or only to say what would be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Do it.
    #[default]
    Apply,
    /// Plan only (`--dry-run`): nothing is asked of the services and nothing is changed.
    DryRun,
}

impl<'a> Kluis<'a> {
    fn secrets(&self) -> Secrets<'a> {
        let deadline = Deadline::after(self.host, self.config.agent.deadline);
        Secrets::new(
            self.host,
            self.keys,
            self.objects,
            self.config.agent.machine.clone(),
            deadline,
        )
    }

    /// The configured volumes of these names, or all of them; of one of several disks (`NAME-n`), which.
    fn chosen(&self, names: &[String]) -> Result<Vec<(&'a VolumeConfig, Option<usize>)>, Error> {
        let config = self.config;
        if names.is_empty() {
            return Ok(config
                .volumes
                .values()
                .map(|volume| (volume, None))
                .collect());
        }
        let wanted: BTreeSet<&String> = names.iter().collect();
        wanted
            .into_iter()
            .map(|name| {
                config.named(name).ok_or_else(|| Error::UnknownVolume {
                    name: name.clone(),
                    known: match config.volumes.keys().cloned().collect::<Vec<_>>() {
                        known if known.is_empty() => "none".to_owned(),
                        known => known.join(", "),
                    },
                })
            })
            .collect()
    }

    /// The targets of a chosen volume: each of its disks, or the one that was named.
    fn targets(&self, volume: &VolumeConfig, disk: Option<usize>) -> Result<Vec<Target>, Error> {
        let mut targets = target::settle(self.host, volume)?;
        let Some(disk) = disk else {
            return Ok(targets);
        };
        let count = targets.len();
        let name = volume.name_of_disk(disk);
        targets.retain(|target| target.name == name);
        if targets.is_empty() {
            return Err(Refusal::NoSuchDisk {
                volume: name,
                count,
            }
            .into());
        }
        Ok(targets)
    }

    /// The one configured volume of that name, with one backing.
    fn one(&self, name: &str) -> Result<Target, Error> {
        let chosen = self.chosen(&[name.to_owned()])?.into_iter().next();
        let (volume, disk) =
            chosen.ok_or_else(|| Error::Misuse(format!("there is no volume {name}")))?;
        let mut targets = self.targets(volume, disk)?;
        match (targets.pop(), targets.len()) {
            (Some(target), 0) if disk.is_some() || !volume.is_numbered() => Ok(target),
            (_, others) => Err(Refusal::SeveralDisks {
                volume: name.to_owned(),
                count: others + 1,
            }
            .into()),
        }
    }

    /// Does the same for each target of each chosen volume; what fails for one does not keep the others.
    fn each(
        &self,
        names: &[String],
        mut work: impl FnMut(&Target) -> Outcome,
    ) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::new();
        for (volume, disk) in self.chosen(names)? {
            match self.targets(volume, disk) {
                Ok(targets) => outcomes.extend(targets.iter().map(&mut work)),
                Err(error) => outcomes.push(Outcome {
                    volume: disk
                        .map_or_else(|| volume.name.clone(), |disk| volume.name_of_disk(disk)),
                    plan: None,
                    result: Err(error),
                }),
            }
        }
        Ok(outcomes)
    }

    /// Observes, plans, and unless it is a dry run applies, under the volume's lock.
    fn run(
        &self,
        target: &Target,
        mode: Mode,
        secrets: &mut Secrets<'a>,
        progress: &mut dyn Progress,
        plan: impl FnOnce(&Observed) -> Result<Plan, Error>,
        prepare: impl FnOnce(&mut Applier<'_, 'a>),
    ) -> Outcome {
        let volume = target.name.clone();
        let planned = self.planned(target, mode, plan);
        let (_lock, observed, plan) = match planned {
            Ok(planned) => planned,
            Err(error) => {
                return Outcome {
                    volume,
                    plan: None,
                    result: Err(error),
                };
            }
        };
        if mode == Mode::DryRun {
            let result = Ok(if plan.steps.is_empty() {
                Changed::No
            } else {
                Changed::Yes
            });
            return Outcome {
                volume,
                plan: Some(plan),
                result,
            };
        }
        let mut applier = Applier::new(self.host, secrets, target, observed);
        prepare(&mut applier);
        let result = applier.run(&plan, progress);
        Outcome {
            volume,
            plan: Some(plan),
            result,
        }
    }

    fn planned(
        &self,
        target: &Target,
        mode: Mode,
        plan: impl FnOnce(&Observed) -> Result<Plan, Error>,
    ) -> Result<Planned, Error> {
        let lock = match mode {
            Mode::Apply => Some(self.host.lock(&target.name, LOCK_WAIT)?),
            Mode::DryRun => None,
        };
        let observed = observe(self.host, target)?;
        let plan = plan(&observed)?;
        Ok((lock, observed, plan))
    }
}
