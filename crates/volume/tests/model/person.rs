//! A person with two volumes: what he has, what he owns, what he was told.

use std::collections::BTreeMap;

use volume::Silent;
use volume::engine::EngineKind;
use volume::host::Host;
use volume::sim::{Disk, Fault};
use volume::verbs::{Mode, Outcome, Proof, UpOptions};

use crate::advice::{Command, commands};
use crate::schedule::{Act, Cut, Event, LASTING, Volume};
use crate::stage::Stage;

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
[volume.e]
device = "/dev/disk/by-id/e"
mount = "/mnt/e"
key = "ephemeral"
"#;
const LEN: u64 = 64 << 20;
const HEADER: usize = 16 << 20;
/// More than any way back takes.
const PATIENCE: usize = 8;

pub(crate) struct Person {
    pub(crate) stage: Stage,
    /// What he has written and not confirmed away.
    pub(crate) owns: BTreeMap<Volume, String>,
    backups: Vec<(Volume, String)>,
    copies: Vec<(Volume, Vec<u8>)>,
    away: Option<Disk>,
    /// What was made in the file's place meanwhile, and now lies beneath what is mounted.
    beneath: Option<Disk>,
    exchanged: bool,
    /// How often he has written or backed up.
    number: usize,
    /// What the records said that are spoiled.
    spoiled: BTreeMap<String, Vec<u8>>,
    /// Every message, the newest last.
    said: Vec<String>,
    /// What led back to his bytes.
    pub(crate) led: Vec<&'static str>,
}

type Failed = Result<(), String>;

fn uuid(bytes: &[u8]) -> Option<&[u8]> {
    bytes
        .starts_with(b"LUKS")
        .then(|| bytes.get(168..204))
        .flatten()
}

fn ended(done: Result<Outcome, volume::Error>) -> Failed {
    done.and_then(|outcome| outcome.result)
        .map(drop)
        .map_err(|error| error.to_string())
}

impl Person {
    pub(crate) fn new() -> Self {
        let stage = Stage::new(CONFIG);
        for volume in [Volume::W, Volume::E] {
            stage.machine.add_device(volume.path(), Disk::blank(LEN));
        }
        Self {
            stage,
            owns: BTreeMap::new(),
            backups: Vec::new(),
            copies: Vec::new(),
            away: None,
            beneath: None,
            exchanged: false,
            number: 0,
            spoiled: BTreeMap::new(),
            said: Vec::new(),
            led: Vec::new(),
        }
    }

    /// Lives through a schedule.
    ///
    /// # Errors
    /// What he was told that would lose what he owns, or that nobody can do.
    pub(crate) fn lives(&mut self, events: &[Event]) -> Failed {
        for event in events {
            let machine = self.stage.machine.clone();
            match event.cut() {
                Some(Cut::Killed { at, how, .. }) => machine.kill_at(at, how.into()),
                Some(Cut::NoRoom { at }) => machine.no_room_at(at),
                None => {}
            }
            self.acts(event.act())?;
            match event.cut() {
                Some(Cut::Killed {
                    at, power: true, ..
                }) if machine.is_killed() => self.power_cut(at),
                _ => machine.restart(),
            }
        }
        Ok(())
    }

    fn power_cut(&mut self, seed: u64) {
        self.stage.machine.power_cut(seed);
        self.owns.remove(&Volume::E);
    }

    /// What befell him is over: the service answers, the disks are where they were.
    pub(crate) fn ends(&mut self) {
        self.stage.keys.set_fault(Fault::None);
        self.power_cut(1);
        if let Some(disk) = self.away.take() {
            self.comes_back(disk);
        }
        if self.exchanged {
            self.exchange();
        }
    }

    /// What is open is there, without anything having to be done but `up`.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn keeps(&mut self, volume: Volume) -> Failed {
        if !self.owns.contains_key(&volume) {
            return Ok(());
        }
        self.stage.keys.set_fault(Fault::None);
        self.recovers(volume)
    }

    /// Does what the program says until the volume is there again.
    ///
    /// # Errors
    /// What was said, when it led nowhere, or to something else than he owns.
    pub(crate) fn recovers(&mut self, volume: Volume) -> Failed {
        let mut said = Vec::new();
        for _ in 0..PATIENCE {
            let Err(message) = self.up(volume, |_| {}) else {
                let text = self.stage.machine.read_file_text(volume.mount());
                if text.as_ref() == self.owns.get(&volume) {
                    self.led.push("up");
                    return Ok(());
                }
                return Err(format!("{volume:?} holds {text:?}; {said:#?}"));
            };
            said.push(message.clone());
            if !self.follows(volume, &message)? {
                return Err(format!("no way on for {volume:?}: {said:#?}"));
            }
        }
        Err(format!("{volume:?}: no end of it: {said:#?}"))
    }

    /// Does what a message recommends, the first of it that can be done. False when that is nothing.
    fn follows(&mut self, volume: Volume, message: &str) -> Result<bool, String> {
        if message.contains("bring it back")
            && let Some(disk) = self.beneath.take()
        {
            self.comes_back(disk);
            self.led.push("bringing it back");
            return Ok(true);
        }
        if message.contains("Bring it back from a backup of this machine") {
            for (name, bytes) in std::mem::take(&mut self.spoiled) {
                self.stage.machine.set_state(&name, &bytes);
            }
            self.led.push("bringing a record back");
            return Ok(true);
        }
        for command in self.hears(message)? {
            self.led.push(match &command {
                Command::Up { repair: true, .. } => "up --repair",
                Command::Up { .. } => "up",
                Command::Down(_) => "down",
                Command::Restore(..) => "header restore",
                Command::Rebind(_) => "rekey --rebind",
                Command::Erase(_) => "erase",
                Command::Unmount(_) => "umount",
            });
            let repaired = matches!(command, Command::Up { repair: true, .. });
            match self.obeys(&command) {
                // To be found up again by what comes next.
                Ok(()) if repaired => return self.down(volume).map(|()| true),
                Ok(()) => return Ok(true),
                Err(next) if next.contains("--repair") && !message.contains("--repair") => {
                    return self.follows(volume, &next);
                }
                Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Reads what he is told.
    fn hears(&mut self, message: &str) -> Result<Vec<Command>, String> {
        self.said.push(message.to_owned());
        let commands = commands(message)?;
        for command in &commands {
            let loses = match command {
                Command::Erase(volume) => Some(volume),
                Command::Up { volume, wipe, .. } => wipe.then_some(volume),
                Command::Down(volume) => (*volume == Volume::E).then_some(volume),
                _ => None,
            };
            if loses.is_some_and(|volume| self.owns.contains_key(volume)) {
                return Err(format!("it would lose what is owned: {message}"));
            }
        }
        for words in ["luksHeaderRestore", "wipefs", "luksFormat", "mkfs"] {
            if message.contains(words) {
                return Err(format!("it would lose what is there: {message}"));
            }
        }
        Ok(commands)
    }

    fn hears_of(&mut self, done: Failed) -> Failed {
        match done {
            Ok(()) => Ok(()),
            Err(message) => self.hears(&message).map(drop),
        }
    }

    fn obeys(&mut self, command: &Command) -> Failed {
        match command {
            Command::Up {
                volume,
                wipe,
                repair,
            } => {
                if *wipe {
                    self.gives_up(*volume);
                }
                self.up(*volume, |options| {
                    let name = || volume.name().to_owned();
                    options.wipe.extend(wipe.then(name));
                    options.repair.extend(repair.then(name));
                })
            }
            Command::Down(volume) => {
                if *volume == Volume::E {
                    self.owns.remove(volume);
                }
                self.down(*volume)
            }
            Command::Restore(volume, Some(file)) => self.restore(*volume, file),
            Command::Restore(volume, None) => {
                let mine = self.backups.iter().rev().filter(|(of, _)| of == volume);
                mine.map(|(_, file)| self.restore(*volume, file))
                    .find(Result::is_ok)
                    .unwrap_or_else(|| Err("no backup of it fits".to_owned()))
            }
            Command::Rebind(volume) => self.rebind(*volume),
            Command::Erase(volume) => {
                self.owns.remove(volume);
                self.erase(*volume)
            }
            Command::Unmount(at) => {
                self.stage.machine.umount(at);
                Ok(())
            }
        }
    }

    /// He says that he does: what is away will not be brought back over what he makes then.
    fn gives_up(&mut self, volume: Volume) {
        self.owns.remove(&volume);
        if volume == Volume::V {
            self.away = None;
        }
    }

    /// Whether both copies of the header are of one write that has ended: the same UUID, sequence id and metadata, and a checksum.
    fn has_both_copies(&self, volume: Volume) -> bool {
        let machine = &self.stage.machine;
        let [first, second] = [0, 16 << 10].map(|at| machine.peek(volume.path(), at, 16 << 10));
        uuid(&first).is_some()
            && first[4096..] == second[4096..]
            && first[168..204] == second[168..204]
            && first[16..24] == second[16..24]
            && second[448..512].iter().any(|&byte| byte != 0)
    }

    pub(crate) fn up(&self, volume: Volume, how: impl FnOnce(&mut UpOptions)) -> Failed {
        let mut options = UpOptions::default();
        how(&mut options);
        let names = [volume.name().to_owned()];
        let outcomes = self
            .stage
            .kluis(|kluis| kluis.up(&names, &options, &mut Silent));
        ended(outcomes.map(|mut all| all.remove(0)))
    }

    pub(crate) fn down(&self, volume: Volume) -> Failed {
        let names = [volume.name().to_owned()];
        let outcomes = self
            .stage
            .kluis(|kluis| kluis.down(&names, Mode::Apply, &mut Silent));
        ended(outcomes.map(|mut all| all.remove(0)))
    }

    fn restore(&self, volume: Volume, file: &str) -> Failed {
        let done = self
            .stage
            .kluis(|kluis| kluis.header_restore(volume.name(), file.as_ref(), Proof::Needed));
        done.map(drop).map_err(|error| error.to_string())
    }

    fn rebind(&self, volume: Volume) -> Failed {
        ended(
            self.stage
                .kluis(|kluis| kluis.rebind(volume.name(), None, Mode::Apply, &mut Silent)),
        )
    }

    pub(crate) fn erase(&self, volume: Volume) -> Failed {
        ended(
            self.stage
                .kluis(|kluis| kluis.erase(volume.name(), Mode::Apply, &mut Silent)),
        )
    }

    fn is_open(&self) -> bool {
        let open = self.stage.machine.mapped_names();
        open.iter().any(|name| name != Volume::E.name())
    }

    fn head(&self, volume: Volume) -> Vec<u8> {
        self.stage.machine.peek(volume.path(), 0, 4096)
    }

    #[expect(clippy::too_many_lines, reason = "a few lines for each act")]
    pub(crate) fn acts(&mut self, act: Act) -> Failed {
        let machine = self.stage.machine.clone();
        self.number += 1;
        let number = self.number;
        match act {
            Act::Up(volume) => self.asks(&Command::Up {
                volume,
                wipe: false,
                repair: false,
            })?,
            // Of a disk that nothing tells from the other any more it would be he himself who gives up the wrong one.
            Act::Wipe(volume) if !self.exchanged || uuid(&self.head(volume)).is_some() => self
                .asks(&Command::Up {
                    volume,
                    wipe: true,
                    repair: false,
                })?,
            Act::Repair(volume) => self.asks(&Command::Up {
                volume,
                wipe: false,
                repair: true,
            })?,
            Act::Down(volume) => self.asks(&Command::Down(volume))?,
            Act::Rebind(volume) => self.asks(&Command::Rebind(volume))?,
            Act::Erase(volume) => self.asks(&Command::Erase(volume))?,
            Act::Write(volume) => {
                let text = format!("{}-{number}", volume.name());
                if machine.write_file(volume.mount(), &text) {
                    self.owns.insert(volume, text);
                }
            }
            Act::Status => {
                let shown = self.stage.kluis(|kluis| kluis.status(&[]));
                let problems: Vec<_> = match shown {
                    Ok(all) => all.into_iter().filter_map(|one| one.note).collect(),
                    Err(error) => vec![error.to_string()],
                };
                for problem in problems {
                    self.hears(&problem)?;
                }
            }
            Act::Check => {
                for finding in self.stage.check() {
                    self.hears(&finding.message)?;
                }
            }
            Act::Rekey => {
                let done = self.stage.rekey(None);
                for message in match done {
                    Ok(all) => all.into_iter().filter_map(|one| one.result.err()).collect(),
                    Err(error) => vec![error],
                } {
                    self.hears(&message.to_string())?;
                }
            }
            Act::Backup(volume) => {
                let file = format!("/root/{}.{number}", volume.name());
                let made = self
                    .stage
                    .kluis(|kluis| kluis.header_backup(volume.name(), file.as_ref()));
                match made {
                    Ok(_) => self.backups.push((volume, file)),
                    Err(error) => self.hears_of(Err(error.to_string()))?,
                }
            }
            // With the disks exchanged and no header there to compare with, he would be asking for the wrong one's.
            Act::Restore(volume, nth)
                if !self.backups.is_empty()
                    && (!self.exchanged || uuid(&self.head(volume)).is_some()) =>
            {
                let (_, file) = self.backups[nth % self.backups.len()].clone();
                self.asks(&Command::Restore(volume, Some(file)))?;
            }
            Act::Obey(nth) if !self.said.is_empty() => {
                let message = self.said[nth % self.said.len()].clone();
                if let Some(command) = commands(&message)?.first() {
                    self.asks(command)?;
                }
            }
            Act::Copy(volume) if !self.exchanged && volume != Volume::E => {
                let bytes = machine.peek(volume.path(), 0, HEADER);
                if uuid(&bytes).is_some() {
                    self.copies.push((volume, bytes));
                }
            }
            // Over a header of another making it would be he himself who destroys the key.
            Act::PutBack(volume) if !self.exchanged && !self.is_open() => {
                let now = self.head(volume);
                let same = |(of, bytes): &&(Volume, Vec<u8>)| {
                    *of == volume && uuid(bytes).is_some_and(|id| Some(id) == uuid(&now))
                };
                if let Some((_, bytes)) = self.copies.iter().find(same) {
                    machine.poke(volume.path(), 0, bytes);
                }
            }
            // Where no other copy is whole, what he makes there is the truth from then on.
            Act::Label(volume, nth)
                if !self.is_open() && volume != Volume::E && self.has_both_copies(volume) =>
            {
                let labels: [(usize, &[u8]); 3] = [
                    (512, b"LABELONE"),
                    (0, b"XFSB"),
                    (512, b"EFI PART\0\0\x01\0"),
                ];
                let (at, label) = labels[nth % labels.len()];
                let mut bytes = vec![0; 4096];
                bytes[at..at + label.len()].copy_from_slice(label);
                machine.poke(volume.path(), 0, &bytes);
            }
            Act::Wreck(volume) if !self.is_open() && !self.exchanged => {
                let now = self.head(volume);
                let is_backed_up = self.backups.iter().any(|(_, file)| {
                    let bytes = machine.file_head(file, now.len());
                    uuid(&bytes).is_some_and(|id| Some(id) == uuid(&now))
                });
                if is_backed_up {
                    machine.poke(volume.path(), 0, &vec![0; 1 << 20]);
                }
            }
            Act::Away if !self.is_open() && !self.exchanged => match self.away.take() {
                Some(disk) => self.comes_back(disk),
                // Where the record is lost too, nobody knows that there is a file to be waited for.
                None if machine.disk(Volume::V.path()).is_some()
                    && machine.state_names().contains(&"volumes/v.made".to_owned()) =>
                {
                    self.away = Some(machine.take_disk(Volume::V.path()));
                }
                None => {}
            },
            Act::Exchange
                if !self.is_open()
                    && self.away.is_none()
                    && LASTING.iter().all(|volume| self.owns.contains_key(volume)) =>
            {
                self.exchange();
            }
            // Of what was made beneath a mount nobody would know then.
            Act::LoseState if self.away.is_none() && self.beneath.is_none() => {
                machine.lose_state();
            }
            Act::Spoil(volume) => {
                let name = format!("volumes/{}.made", volume.name());
                if let Ok(Some(bytes)) = machine.read_state(&name)
                    && !self.spoiled.contains_key(&name)
                {
                    machine.set_state(&name, b"{\"of\":\"a later version\"}");
                    self.spoiled.insert(name, bytes);
                }
            }
            Act::LoseRun => machine.lose_run(),
            Act::NoDeviceMapper => {
                machine.without_engine(EngineKind::DmCrypt, "there is no device-mapper");
            }
            Act::Service(service) => self.stage.keys.set_fault(service.fault()),
            Act::Unmount(volume) => machine.umount(volume.mount()),
            Act::ServerDies(volume) => {
                machine.kill_mapping(volume.name());
                if volume == Volume::E {
                    self.owns.remove(&volume);
                }
            }
            Act::PowerCut => self.power_cut(number as u64),
            Act::Wipe(_)
            | Act::Restore(..)
            | Act::Obey(_)
            | Act::Copy(_)
            | Act::PutBack(_)
            | Act::Label(..)
            | Act::Wreck(_)
            | Act::Away
            | Act::LoseState
            | Act::Exchange => {}
        }
        Ok(())
    }

    fn asks(&mut self, command: &Command) -> Failed {
        let done = self.obeys(command);
        self.hears_of(done)
    }

    fn comes_back(&mut self, disk: Disk) {
        let machine = &self.stage.machine;
        if machine.disk(Volume::V.path()).is_some() {
            self.beneath = Some(machine.take_disk(Volume::V.path()));
        }
        machine.add_file(Volume::V.path(), disk);
    }

    fn exchange(&mut self) {
        let machine = &self.stage.machine;
        let [one, other] = LASTING.map(|volume| machine.disk(volume.path()).unwrap_or_default());
        machine.set_disk(Volume::V.path(), other);
        machine.set_disk(Volume::W.path(), one);
        self.exchanged = !self.exchanged;
    }
}
