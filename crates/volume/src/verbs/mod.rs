//! The verbs, one file each. All of them observe, plan and apply; none of them touches the machine any other way.

mod check;
mod down;
mod erase;
mod header;
mod rekey;
mod root;
mod root_config;
mod seal;
mod status;
mod token;
mod up;

use std::collections::BTreeSet;
use std::time::Duration;

pub use check::{Finding, Level};
pub use header::Shown;
pub use root_config::RootConfig;
pub use seal::Sealed;
pub use status::{Binding, Stage, Status};
pub use token::Asked;
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

    /// The configured volumes of these names, or all of them.
    fn chosen(&self, names: &[String]) -> Result<Vec<&'a VolumeConfig>, Error> {
        let config = self.config;
        if names.is_empty() {
            return Ok(config.volumes.values().collect());
        }
        let wanted: BTreeSet<&String> = names.iter().collect();
        wanted
            .into_iter()
            .map(|name| {
                config
                    .volumes
                    .get(name)
                    .ok_or_else(|| Error::UnknownVolume {
                        name: name.clone(),
                        known: match config.volumes.keys().cloned().collect::<Vec<_>>() {
                            known if known.is_empty() => "none".to_owned(),
                            known => known.join(", "),
                        },
                    })
            })
            .collect()
    }

    /// The one configured volume of that name, with one backing.
    fn one(&self, name: &str) -> Result<Target, Error> {
        // `NAME-n` of several instance-store disks is found by its own name.
        for volume in self.config.volumes.values() {
            let base = name.strip_prefix(volume.name.as_str());
            if base.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
                && let Ok(targets) = target::settle(self.host, volume)
                && let Some(found) = targets.into_iter().find(|target| target.name == name)
            {
                return Ok(found);
            }
        }
        let volume = self.chosen(&[name.to_owned()])?.into_iter().next();
        let volume = volume.ok_or_else(|| Error::Misuse(format!("there is no volume {name}")))?;
        let count = target::settle(self.host, volume)?.len();
        Err(Refusal::SeveralDisks {
            volume: name.to_owned(),
            count,
        }
        .into())
    }

    /// Does the same for each target of each chosen volume; what fails for one does not keep the others.
    fn each(
        &self,
        names: &[String],
        mut work: impl FnMut(&Target) -> Outcome,
    ) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::new();
        for volume in self.chosen(names)? {
            match target::settle(self.host, volume) {
                Ok(targets) => outcomes.extend(targets.iter().map(&mut work)),
                Err(error) => outcomes.push(Outcome {
                    volume: volume.name.clone(),
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
