//! A machine, its services and a configuration, for tests that read as sentences.
#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod forge;

use std::collections::BTreeSet;

use volume::config::Config;
use volume::engine::Changed;
use volume::host::Host;
use volume::sim::{Keys, Kill, Machine, Objects};
use volume::verbs::{Finding, Kluis, Mode, Outcome, Status, UpOptions};
use volume::{Error, Silent};

pub(crate) const FILE: &str = "/img";
pub(crate) const TOKEN: &str =
    "[volume.v]\nfile = \"/img\"\nsize = \"64MiB\"\nmount = \"/mnt/v\"\nkey = \"alias/k\"\n";
pub(crate) const SEED: &str = "[volume.v]\nfile = \"/img\"\nsize = \"64MiB\"\nmount = \"/mnt/v\"\nkey = \"alias/k\"\nsecret = \"s3://bucket/secret\"\n";

/// Two volumes of one key, `v` and `w`.
pub(crate) fn two() -> String {
    let other = TOKEN
        .replace("volume.v", "volume.w")
        .replace("/img", "/img2")
        .replace("/mnt/v", "/mnt/w");
    format!("{TOKEN}{other}")
}

pub(crate) struct Stage {
    pub(crate) machine: Machine,
    pub(crate) keys: Keys,
    pub(crate) objects: Objects,
    pub(crate) config: Config,
}

impl Stage {
    pub(crate) fn new(config: &str) -> Self {
        let keys = Keys::new();
        keys.set_alias("alias/k", 1);
        Self {
            machine: Machine::new(),
            keys,
            objects: Objects::new(),
            config: Config::parse(config).unwrap(),
        }
    }

    pub(crate) fn with_config(self, config: &str) -> Self {
        Self {
            config: Config::parse(config).unwrap(),
            ..self
        }
    }

    pub(crate) fn with_services_of(self, other: Self) -> Self {
        for name in other.machine.state_names() {
            let bytes = other.machine.read_state(&name).unwrap().unwrap();
            self.machine.set_state(&name, &bytes);
        }
        Self {
            keys: other.keys,
            objects: other.objects,
            ..self
        }
    }

    pub(crate) fn kluis<T>(&self, work: impl FnOnce(&Kluis<'_>) -> T) -> T {
        work(&Kluis {
            host: &self.machine,
            keys: &self.keys,
            objects: &self.objects,
            config: &self.config,
            occasion: volume::Occasion::ByHand,
            waiting: &Silent,
        })
    }

    pub(crate) fn seal_if_shared(&self) {
        if self
            .config
            .volumes
            .values()
            .any(|volume| matches!(volume.key, volume::config::KeySource::Seed { .. }))
        {
            self.kluis(|kluis| kluis.seal("v")).unwrap();
        }
    }

    fn only(outcomes: Result<Vec<Outcome>, Error>) -> Result<Changed, Error> {
        let mut outcomes = outcomes?;
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0).result
    }

    pub(crate) fn up(&self) -> Result<Changed, Error> {
        Self::only(self.kluis(|kluis| kluis.up(&[], &UpOptions::default(), &mut Silent)))
    }

    pub(crate) fn up_wiping(&self) -> Result<Changed, Error> {
        let options = UpOptions {
            wipe: BTreeSet::from(["v".to_owned()]),
            ..UpOptions::default()
        };
        Self::only(self.kluis(|kluis| kluis.up(&[], &options, &mut Silent)))
    }

    pub(crate) fn up_repairing(&self) -> Result<Changed, Error> {
        let options = UpOptions {
            repair: BTreeSet::from(["v".to_owned()]),
            ..UpOptions::default()
        };
        Self::only(self.kluis(|kluis| kluis.up(&[], &options, &mut Silent)))
    }

    /// Whether it is not to be had any other way, and would be that way.
    pub(crate) fn up_wiping_is_needed(&self) -> bool {
        let options = UpOptions {
            wipe: BTreeSet::from(["v".to_owned()]),
            mode: Mode::DryRun,
            ..UpOptions::default()
        };
        self.up().is_err()
            && Self::only(self.kluis(|kluis| kluis.up(&[], &options, &mut Silent))).is_ok()
    }

    pub(crate) fn up_all(&self) {
        for outcome in self
            .kluis(|kluis| kluis.up(&[], &UpOptions::default(), &mut Silent))
            .unwrap()
        {
            outcome
                .result
                .unwrap_or_else(|error| panic!("{}: {error}", outcome.volume));
        }
    }

    pub(crate) fn dry_run(&self) -> Outcome {
        let options = UpOptions {
            mode: Mode::DryRun,
            ..UpOptions::default()
        };
        self.kluis(|kluis| kluis.up(&[], &options, &mut Silent))
            .unwrap()
            .remove(0)
    }

    pub(crate) fn down(&self) -> Result<Changed, Error> {
        Self::only(self.kluis(|kluis| kluis.down(&[], Mode::Apply, &mut Silent)))
    }

    pub(crate) fn erase(&self) -> Result<Changed, Error> {
        self.kluis(|kluis| kluis.erase("v", Mode::Apply, &mut Silent))
            .and_then(|outcome| outcome.result)
    }

    pub(crate) fn rekey(&self, from: Option<&str>) -> Result<Vec<Outcome>, Error> {
        let from = from.map(|uri| uri.parse().unwrap());
        self.kluis(|kluis| kluis.rekey(&[], from.as_ref(), Mode::Apply, &mut Silent))
    }

    pub(crate) fn rekey_one(&self, from: Option<&str>) -> Result<Changed, Error> {
        Self::only(self.rekey(from))
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is of one lifetime"
    )]
    pub(crate) fn check(&self) -> Vec<Finding> {
        self.kluis(|kluis| kluis.check())
    }

    pub(crate) fn status_or_error(&self) -> Result<Status, Error> {
        self.kluis(|kluis| kluis.status(&[]))
            .map(|mut all| all.remove(0))
    }

    pub(crate) fn status(&self) -> Status {
        self.status_or_error().unwrap()
    }

    pub(crate) fn text(&self) -> Option<String> {
        self.machine.read_file_text("/mnt/v")
    }
}

/// Repeatable, which is all that is asked of it.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let index = self.roll(of.len() as u64);
        of[usize::try_from(index).unwrap()].clone()
    }
}

/// What happens between a kill and the run that comes after it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    Restart,
    PowerCut(u64),
}

impl Then {
    pub(crate) fn happens(self, stage: &Stage) {
        match self {
            Self::Restart => stage.machine.restart(),
            Self::PowerCut(seed) => stage.machine.power_cut(seed),
        }
    }
}

/// No verb makes this many changes: a bound on the loop below.
const CHANGES_MAX: u64 = 400;

/// Kills `work` at its n-th change for every n, on a stage that `prepare` makes, in each of the `ways` that there are for n, and hands the stage
/// to `check`. Returns the n at which the work was done before it could be killed.
pub(crate) fn at_every_change(
    ways: impl Fn(u64) -> Vec<(Kill, Then)>,
    prepare: impl Fn() -> Stage,
    work: impl Fn(&Stage) -> bool,
    check: impl Fn(&Stage, &str),
) -> u64 {
    let mut kills = 0;
    for n in 1..CHANGES_MAX {
        for (how, then) in ways(n) {
            kills += 1;
            let stage = prepare();
            stage.machine.kill_at(n, how);
            work(&stage);
            if !stage.machine.is_killed() {
                println!(
                    "{} kills at changes of the machine, nothing lost",
                    kills - 1
                );
                return n;
            }
            then.happens(&stage);
            let last = stage.machine.log().pop();
            check(
                &stage,
                &format!("killed {how:?} change {n} ({last:?}), then {then:?}"),
            );
        }
    }
    panic!("the work never ends");
}
