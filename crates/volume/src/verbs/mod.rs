//! The verbs, one file each. What changes a volume observes, plans and applies; `release` and `root-config` have nothing to plan. None of
//! them touches the machine any other way than through its port.

mod check;
mod down;
mod erase;
mod header;
mod rekey;
mod release;
mod root;
mod root_config;
mod seal;
mod status;
mod token;
mod up;

use std::collections::BTreeSet;
use std::time::Duration;

pub use check::{Finding, Level};
pub use header::{Proof, Shown};
pub use release::Released;
pub use root_config::RootConfig;
pub use seal::Sealed;
pub use status::{Binding, Stage, Status};
pub use token::Asked;
pub use up::UpOptions;

use crate::apply::{Applier, Progress};
use crate::config::{Backing, Config, VolumeConfig};
use crate::engine::Changed;
use crate::error::Error;
use crate::host::{Host, Lock, RootWanted};
use crate::observe::{Observed, observe};
use crate::plan::{Plan, Refusal};
use crate::ports::{KeyService, ObjectSource};
use crate::retry::{Deadline, Waiting};
use crate::secrets::{Secrets, Services};
use crate::target::{self, Target};

/// How long a volume that another run is working on is waited for.
const LOCK_WAIT: Duration = Duration::from_mins(1);
/// How long `check` waits for services: it is there to tell, not to wait.
pub const CHECK_PATIENCE: Duration = Duration::from_secs(2);

/// A volume of the configuration; of one that stands for several disks, perhaps which.
type Chosen<'a> = (&'a VolumeConfig, Option<usize>);

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
    /// On which occasion.
    pub occasion: Occasion,
    /// Who is told that a service is waited for.
    pub waiting: &'a dyn Waiting,
}

/// On which occasion a verb runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody typed it, and would rather be told than wait: `[agent] deadline`.
    #[default]
    ByHand,
    /// The machine boots, and whatever needs the volume waits with it: `[agent] boot_deadline`.
    Boot,
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
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl Outcome {
    fn failed(volume: &str, error: Error) -> Self {
        Self {
            volume: volume.to_owned(),
            plan: None,
            result: Err(error),
            notes: Vec::new(),
        }
    }
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
        self.secrets_within(match self.occasion {
            Occasion::ByHand => self.config.agent.deadline,
            Occasion::Boot => self.config.agent.boot_deadline,
        })
    }

    /// The same, waiting no longer than that for services.
    fn secrets_within(&self, patience: Duration) -> Secrets<'a> {
        Secrets::new(
            Services {
                host: self.host,
                keys: self.keys,
                objects: self.objects,
                waiting: self.waiting,
                deadline: Deadline::after(self.host, patience),
                is_shared: self.occasion == Occasion::Boot,
            },
            self.config.agent.machine.clone(),
        )
    }

    /// The configured volumes of these names, or all of them: first those on whose mount points others lie.
    fn chosen(&self, names: &[String]) -> Result<Vec<Chosen<'a>>, Error> {
        let config = self.config;
        if names.is_empty() {
            let all = config.volumes.values().map(|volume| (volume, None));
            return Ok(self.outer_first(all.collect()));
        }
        let wanted: BTreeSet<&String> = names.iter().collect();
        let chosen: Result<Vec<Chosen<'a>>, Error> = wanted
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
            .collect();
        Ok(self.outer_first(chosen?))
    }

    /// What lies within another volume is there only once that is mounted.
    fn outer_first(&self, mut volumes: Vec<Chosen<'a>>) -> Vec<Chosen<'a>> {
        volumes.sort_by_cached_key(|(volume, _)| depth(self.config, volume));
        volumes
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
    /// That there is such a volume, before anybody is asked whether it may be destroyed.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]
    pub fn expect_known(&self, name: &str) -> Result<(), Error> {
        self.chosen(&[name.to_owned()]).map(drop)
    }

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
        work: impl FnMut(&Target) -> Outcome,
    ) -> Result<Vec<Outcome>, Error> {
        Ok(self.each_of(self.chosen(names)?, work))
    }

    /// The same in an order of the caller's.
    fn each_of(
        &self,
        volumes: Vec<Chosen<'_>>,
        mut work: impl FnMut(&Target) -> Outcome,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (volume, disk) in volumes {
            match self.targets(volume, disk) {
                Ok(targets) => outcomes.extend(targets.iter().map(&mut work)),
                Err(error) => {
                    let name =
                        disk.map_or_else(|| volume.name.clone(), |disk| volume.name_of_disk(disk));
                    outcomes.push(Outcome::failed(&name, error));
                }
            }
        }
        outcomes
    }

    /// Whose the root of a volume is to be, by number.
    fn root_of(&self, target: &Target) -> Result<RootWanted, Error> {
        let root = &target.root;
        let unknown = |key: &'static str, name: &String| Error::UnknownAccount {
            volume: target.name.clone(),
            key,
            name: name.clone(),
        };
        let number = |key, name: &Option<String>, found: Option<u32>| match (name, found) {
            (Some(name), None) => Err(unknown(key, name)),
            (_, found) => Ok(found),
        };
        let user = root.owner.as_ref().map(|name| self.host.user(name));
        let group = root.group.as_ref().map(|name| self.host.group(name));
        Ok(RootWanted {
            uid: number("owner", &root.owner, user.transpose()?.flatten())?,
            gid: number("group", &root.group, group.transpose()?.flatten())?,
            mode: root.mode,
        })
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
                return Outcome::failed(&volume, error);
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
                notes: plan.notes.clone(),
                plan: Some(plan),
                result,
            };
        }
        let mut applier = Applier::new(self.host, secrets, target, observed);
        applier.configuration.clone_from(&self.config.source);
        applier.state_folder.clone_from(&self.config.agent.state);
        prepare(&mut applier);
        let result = applier.run(&plan, progress);
        let notes = plan.notes.iter().chain(&applier.notes).cloned().collect();
        Outcome {
            volume,
            notes,
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

/// How many volumes, one within the other, a volume lies in: by its mount point, or by the file that holds it.
fn depth(config: &Config, volume: &VolumeConfig) -> usize {
    // More steps than there are volumes would be a circle, which no order can help.
    depth_within(config, volume, config.volumes.len())
}

fn depth_within(config: &Config, volume: &VolumeConfig, steps: usize) -> usize {
    let Some(left) = steps.checked_sub(1) else {
        return 0;
    };
    let around = config
        .volumes
        .values()
        .filter(|other| lies_in(volume, other));
    let depths = around.map(|other| 1 + depth_within(config, other, left));
    depths.max().unwrap_or(0)
}

fn lies_in(volume: &VolumeConfig, other: &VolumeConfig) -> bool {
    let file = match &volume.backing {
        Backing::File { path, .. } => Some(path),
        Backing::Device(_) | Backing::InstanceStore | Backing::Raid0(_) => None,
    };
    volume.name != other.name
        && [volume.mount.as_ref(), file]
            .into_iter()
            .flatten()
            .any(|path| other.holds(path))
}
