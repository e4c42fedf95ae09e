//! A model of what a person may rely on: which bytes he still owns, and which command he has confirmed. Random schedules of his acts, and of what
//! befalls him. In the end every byte that he did not confirm away is readable again by the commands that the program itself recommends, taken from its
//! messages word for word. Nothing of the plan is imported.
//!
//! `KLUIS_MODEL_SCHEDULES` says how many (2,000 without), `KLUIS_MODEL_SEED` which one alone. What once failed is in `tests/model/seeds`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use std::collections::BTreeMap;

use stage::{Dice, Stage};
use volume::Silent;
use volume::sim::{Disk, Fault, Kill};
use volume::verbs::{Mode, UpOptions};

const CONFIG: &str = r#"
[volume.v]
file = "/img"
size = "64MiB"
mount = "/mnt/v"
key = "alias/k"
[volume.w]
device = "/dev/disk/by-id/w"
mount = "/mnt/w"
key = "alias/k"
"#;
const NAMES: [&str; 2] = ["v", "w"];
const LEN: u64 = 64 << 20;
const HEADER: usize = 16 << 20;
const ACTS: usize = 14;
/// What once failed.
const SEEDS: &str = include_str!("model/seeds");

#[derive(Clone, Copy, Debug)]
enum Act {
    Up(&'static str),
    Down(&'static str),
    Write(&'static str),
    Rekey,
    Erase(&'static str),
    Backup(&'static str),
    Restore(&'static str),
    /// Another program's copy of a header is made, and written back at any later time.
    Copy(&'static str),
    PutBack(&'static str),
    /// Another program writes its label over the first header.
    Label(&'static str),
    /// Somebody zeroes the header, of which there is a backup.
    Wreck(&'static str),
    /// What holds the file is unmounted, or mounted again.
    Away,
    /// The disks change places.
    Exchange,
    LoseState,
    Service(bool),
    Unmount(&'static str),
    ServerDies(&'static str),
    PowerCut,
}

fn act(dice: &mut Dice) -> Act {
    let name = dice.pick(&NAMES);
    match dice.roll(33) {
        0..=6 => Act::Up(name),
        7..=10 => Act::Down(name),
        11..=13 => Act::Write(name),
        14 => Act::Rekey,
        15 => Act::Erase(name),
        16..=17 => Act::Backup(name),
        18..=19 => Act::Restore(name),
        20 => Act::Copy(name),
        21 => Act::PutBack(name),
        22 => Act::Label(name),
        23 => Act::Away,
        24 => Act::Exchange,
        25 => Act::LoseState,
        26 => Act::Service(dice.roll(3) > 0),
        27 => Act::Unmount(name),
        28 => Act::ServerDies(name),
        29..=31 => Act::Wreck(name),
        _ => Act::PowerCut,
    }
}

fn path(name: &str) -> &'static str {
    if name == "v" {
        "/img"
    } else {
        "/dev/disk/by-id/w"
    }
}

fn mount(name: &str) -> String {
    format!("/mnt/{name}")
}

/// A person, and what he has.
struct Person {
    stage: Stage,
    dice: Dice,
    /// What he has written and not confirmed away.
    owns: BTreeMap<&'static str, String>,
    backups: Vec<(&'static str, String)>,
    copies: Vec<(&'static str, Vec<u8>)>,
    away: Option<Disk>,
    /// What was made in the file's place meanwhile, and now lies beneath what is mounted.
    beneath: Option<Disk>,
    exchanged: bool,
    log: Vec<String>,
    /// What led back to his bytes.
    led: Vec<&'static str>,
}

type Failed = Result<(), String>;

impl Person {
    fn new(seed: u64) -> Self {
        let stage = Stage::new(CONFIG);
        stage.machine.add_device(path("w"), Disk::blank(LEN));
        Self {
            stage,
            dice: Dice::new(seed),
            owns: BTreeMap::new(),
            backups: Vec::new(),
            copies: Vec::new(),
            away: None,
            beneath: None,
            exchanged: false,
            log: Vec::new(),
            led: Vec::new(),
        }
    }

    fn is_open(&self) -> bool {
        !self.stage.machine.mapped_names().is_empty()
    }

    fn up(&self, name: &str, repair: bool) -> Failed {
        let mut options = UpOptions::default();
        if repair {
            options.repair.insert(name.to_owned());
        }
        let names = [name.to_owned()];
        let outcomes = self
            .stage
            .kluis(|kluis| kluis.up(&names, &options, &mut Silent));
        outcome(outcomes.map(|mut all| all.remove(0)))
    }

    fn down(&self, name: &str) -> Failed {
        let names = [name.to_owned()];
        let outcomes = self
            .stage
            .kluis(|kluis| kluis.down(&names, Mode::Apply, &mut Silent));
        outcome(outcomes.map(|mut all| all.remove(0)))
    }

    fn restore(&self, name: &str, file: &str) -> Failed {
        let done = self
            .stage
            .kluis(|kluis| kluis.header_restore(name, file.as_ref()));
        done.map(drop).map_err(|error| error.to_string())
    }

    fn erase(&self, name: &str) -> Failed {
        let done = self
            .stage
            .kluis(|kluis| kluis.erase(name, Mode::Apply, &mut Silent));
        outcome(done)
    }

    fn uuid(bytes: &[u8]) -> Option<&[u8]> {
        bytes
            .starts_with(b"LUKS")
            .then(|| bytes.get(168..204))
            .flatten()
    }

    #[expect(clippy::too_many_lines, reason = "a few lines for each act")]
    fn act(&mut self, number: usize, act: Act) {
        let machine = self.stage.machine.clone();
        match act {
            Act::Up(name) => {
                let _ = self.up(name, false);
            }
            Act::Down(name) => {
                let _ = self.down(name);
            }
            Act::Write(name) => {
                let text = format!("{name}-{number}");
                if machine.write_file(&mount(name), &text) {
                    self.owns.insert(name, text);
                }
            }
            Act::Rekey => {
                let _ = self.stage.rekey(None);
            }
            Act::Erase(name) => {
                // He has said yes; of the other one he has not.
                self.owns.remove(name);
                let _ = self.erase(name);
            }
            Act::Backup(name) => {
                let file = format!("/root/{name}.{number}");
                let made = self
                    .stage
                    .kluis(|kluis| kluis.header_backup(name, file.as_ref()));
                if made.is_ok() {
                    self.backups.push((name, file));
                }
            }
            // With the disks exchanged and no header there to compare with, he would be asking for the wrong one's.
            Act::Restore(name)
                if !self.backups.is_empty()
                    && (!self.exchanged
                        || Self::uuid(&machine.peek(path(name), 0, 4096)).is_some()) =>
            {
                let (_, file) = self.dice.pick(&self.backups);
                let _ = self.restore(name, &file);
            }
            Act::Copy(name) if !self.exchanged => {
                let bytes = machine.peek(path(name), 0, HEADER);
                if Self::uuid(&bytes).is_some() {
                    self.copies.push((name, bytes));
                }
            }
            // Over a header of another making it would be he himself who destroys the key.
            Act::PutBack(name) if !self.exchanged && !self.is_open() => {
                let now = machine.peek(path(name), 0, 4096);
                let same = |(of, bytes): &&(&str, Vec<u8>)| {
                    *of == name && Self::uuid(bytes).is_some_and(|id| Some(id) == Self::uuid(&now))
                };
                if let Some((_, bytes)) = self.copies.iter().find(same) {
                    machine.poke(path(name), 0, bytes);
                }
            }
            // Where both copies are gone, what he makes there is the truth from then on.
            Act::Label(name)
                if !self.is_open() && Self::uuid(&machine.peek(path(name), 0, 4096)).is_some() =>
            {
                let labels: [(usize, &[u8]); 3] = [
                    (512, b"LABELONE"),
                    (0, b"XFSB"),
                    (512, b"EFI PART\0\0\x01\0"),
                ];
                let (at, label) = self.dice.pick(&labels);
                let mut bytes = vec![0; 4096];
                bytes[at..at + label.len()].copy_from_slice(label);
                machine.poke(path(name), 0, &bytes);
            }
            Act::Wreck(name) if !self.is_open() && !self.exchanged => {
                let now = machine.peek(path(name), 0, 4096);
                let is_backed_up = self.backups.iter().any(|(_, file)| {
                    let bytes = machine.file(file).unwrap_or_default();
                    Self::uuid(&bytes).is_some_and(|id| Some(id) == Self::uuid(&now))
                });
                if is_backed_up {
                    machine.poke(path(name), 0, &vec![0; 1 << 20]);
                }
            }
            Act::Away if !self.is_open() && !self.exchanged => match self.away.take() {
                Some(disk) => self.comes_back(disk),
                // Where the record is lost too, nobody knows that there is a file to be waited for.
                None if machine.disk(path("v")).is_some()
                    && machine.state_names().contains(&"volumes/v.made".to_owned()) =>
                {
                    self.away = Some(machine.take_disk(path("v")));
                }
                None => {}
            },
            Act::Exchange if !self.is_open() && self.away.is_none() && self.owns.len() == 2 => {
                self.exchange();
            }
            // Of what was made beneath a mount nobody would know then.
            Act::LoseState if self.away.is_none() && self.beneath.is_none() => {
                machine.lose_state();
            }
            Act::Service(answers) => {
                self.stage
                    .keys
                    .set_fault(if answers { Fault::None } else { Fault::Denied });
            }
            Act::Unmount(name) => machine.umount(&mount(name)),
            Act::ServerDies(name) => machine.kill_mapping(name),
            Act::PowerCut => machine.power_cut(number as u64),
            Act::Restore(_)
            | Act::Copy(_)
            | Act::PutBack(_)
            | Act::Label(_)
            | Act::Wreck(_)
            | Act::Away
            | Act::LoseState
            | Act::Exchange => {}
        }
    }

    fn comes_back(&mut self, disk: Disk) {
        let machine = &self.stage.machine;
        if machine.disk(path("v")).is_some() {
            self.beneath = Some(machine.take_disk(path("v")));
        }
        machine.add_file(path("v"), disk);
    }

    fn exchange(&mut self) {
        let machine = &self.stage.machine;
        let disks = NAMES.map(|name| machine.disk(path(name)).unwrap());
        let [one, other] = disks;
        machine.set_disk(path("v"), other);
        machine.set_disk(path("w"), one);
        self.exchanged = !self.exchanged;
    }

    fn lives(&mut self) {
        if self.dice.roll(4) > 0 {
            let begin = NAMES.into_iter().flat_map(|name| {
                [
                    Act::Up(name),
                    Act::Write(name),
                    Act::Backup(name),
                    Act::Down(name),
                ]
            });
            for (number, act) in begin.enumerate() {
                self.log.push(format!("{act:?}"));
                self.act(100 + number, act);
            }
        }
        for number in 0..ACTS {
            let act = act(&mut self.dice);
            let killed = self.dice.roll(3) == 0;
            if killed {
                let how = self.dice.pick(&[Kill::Before, Kill::Torn, Kill::After]);
                let at = 1 + self.dice.roll(24);
                self.stage.machine.kill_at(at, how);
            }
            self.log.push(format!(
                "{act:?}{}",
                if killed { ", perhaps killed" } else { "" }
            ));
            self.act(number, act);
            if self.stage.machine.is_killed() && self.dice.roll(2) == 0 {
                self.stage.machine.power_cut(number as u64);
            } else {
                self.stage.machine.restart();
            }
        }
    }

    /// What befell him is over: the service answers, the disks are where they were.
    fn ends(&mut self) {
        self.stage.keys.set_fault(Fault::None);
        self.stage.machine.power_cut(1);
        if let Some(disk) = self.away.take() {
            self.comes_back(disk);
        }
        if self.exchanged {
            self.exchange();
        }
    }

    /// Does what the program says until the volume is there again.
    fn recovers(&mut self, name: &'static str) -> Result<(), String> {
        let mut said = Vec::new();
        for _ in 0..8 {
            let error = match self.up(name, false) {
                Ok(()) => {
                    let text = self.stage.machine.read_file_text(&mount(name));
                    if text.as_ref() == self.owns.get(name) {
                        self.led.push("up");
                        return Ok(());
                    }
                    return Err(format!("{name} holds {text:?}; {said:#?}"));
                }
                Err(error) => error,
            };
            said.push(error.clone());
            if !self.follows(name, &error) {
                return Err(format!("no way on for {name}: {said:#?}"));
            }
        }
        Err(format!("{name}: no end of it: {said:#?}"))
    }

    /// Runs what a message recommends. False when that is nothing.
    fn follows(&mut self, name: &str, message: &str) -> bool {
        if message.contains("bring it back")
            && let Some(disk) = self.beneath.take()
        {
            self.comes_back(disk);
            self.led.push("bringing it back");
            return true;
        }
        for words in [
            "kluis up --wipe",
            "kluis erase",
            "luksHeaderRestore",
            "wipefs",
        ] {
            assert!(
                !message.contains(words),
                "it would lose what is owned: {message}"
            );
        }
        if let Some(at) = message.find("kluis header restore ") {
            let mut words = message[at..].split_whitespace().skip(3);
            let (of, file) = (words.next().unwrap(), words.next().unwrap());
            assert_eq!(of, name);
            self.led.push("header restore");
            if file != "FILE" {
                let (of, file) = (name.to_owned(), file.to_owned());
                return match self.restore(&of, &file) {
                    Ok(()) => true,
                    Err(next) => next.contains("--repair") && self.follows(name, &next),
                };
            }
            let mine = self.backups.iter().rev().filter(|(of, _)| *of == name);
            return mine
                .map(|(_, file)| self.restore(name, file))
                .any(|done| done.is_ok());
        }
        if message.contains(&format!("kluis up --repair {name}")) {
            let done = self.up(name, true);
            self.led.push("up --repair");
            return done.is_ok() && self.down(name).is_ok();
        }
        if message.contains(&format!("kluis down {name}")) {
            self.led.push("down");
            return self.down(name).is_ok();
        }
        false
    }
}

fn outcome(done: Result<volume::verbs::Outcome, volume::Error>) -> Failed {
    done.and_then(|outcome| outcome.result)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Runs one schedule. Returns what led back to what was owned.
fn runs(seed: u64) -> Vec<&'static str> {
    let mut person = Person::new(seed);
    person.lives();
    person.ends();
    for name in NAMES {
        if person.owns.contains_key(name)
            && let Err(lost) = person.recovers(name)
        {
            panic!("seed {seed}: {lost}\n{:#?}", person.log);
        }
    }
    person.led
}

#[test]
fn what_was_not_confirmed_away_is_readable_again_by_the_programs_own_advice() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("KLUIS_MODEL_SEED") {
        runs(seed);
        return;
    }
    for seed in SEEDS
        .lines()
        .filter_map(|line| line.split_whitespace().next())
    {
        runs(seed.parse().unwrap());
    }
    let schedules = number("KLUIS_MODEL_SCHEDULES").unwrap_or(2000);
    let mut led: BTreeMap<&str, usize> = BTreeMap::new();
    for way in (1..=schedules).flat_map(runs) {
        *led.entry(way).or_default() += 1;
    }
    println!("{schedules} schedules, nothing lost; what led back: {led:?}");
    for way in ["up", "up --repair", "header restore"] {
        assert!(
            led.contains_key(way),
            "no schedule needed {way}: the model is too tame"
        );
    }
}

#[test]
fn the_model_notices_a_loss() {
    let mut person = Person::new(1);
    person.up("v", false).unwrap();
    person.act(1, Act::Write("v"));
    person.down("v").unwrap();
    assert!(person.recovers("v").is_ok());
    person.down("v").unwrap();
    // Behind the model's back, so that it goes on owning what is gone.
    person.erase("v").unwrap();
    let lost = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| person.recovers("v")));
    assert!(!matches!(lost, Ok(Ok(()))));
}
