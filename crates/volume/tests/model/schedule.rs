//! What a person does, and what befalls him, one after the other: drawn at random, or read from a file, where each line is one of them as JSON.

use serde::{Deserialize, Serialize};
use volume::sim::{Fault, Kill};

use crate::stage::Dice;

/// A volume of the person's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Volume {
    /// In a file.
    V,
    /// On a disk.
    W,
    /// On another, ephemeral: what is in it is owned as long as it is open.
    E,
}

/// All of them.
pub(crate) const VOLUMES: [Volume; 3] = [Volume::V, Volume::W, Volume::E];
/// Those that outlast a reboot.
pub(crate) const LASTING: [Volume; 2] = [Volume::V, Volume::W];

impl Volume {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V => "v",
            Self::W => "w",
            Self::E => "e",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        VOLUMES.into_iter().find(|volume| volume.name() == name)
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::V => "/img",
            Self::W => "/dev/disk/by-id/w",
            Self::E => "/dev/disk/by-id/e",
        }
    }

    pub(crate) fn mount(self) -> &'static str {
        match self {
            Self::V => "/mnt/v",
            Self::W => "/mnt/w",
            Self::E => "/mnt/e",
        }
    }
}

/// What becomes of the service.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Service {
    Answers,
    Denies,
    IsAway,
    HasAnotherTime,
}

impl Service {
    pub(crate) fn fault(self) -> Fault {
        match self {
            Self::Answers => Fault::None,
            Self::Denies => Fault::Denied,
            Self::IsAway => Fault::Unreachable,
            Self::HasAnotherTime => Fault::ClockOff,
        }
    }
}

/// Numbers stand for one of what there is by then, counted round.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Act {
    Up(Volume),
    /// `up --wipe`, which he confirms.
    Wipe(Volume),
    /// `up --repair`, whether or not anything recommends it.
    Repair(Volume),
    Down(Volume),
    /// He writes something into it.
    Write(Volume),
    Status,
    Check,
    Rekey,
    /// `rekey --rebind`, whether or not anything recommends it.
    Rebind(Volume),
    /// He confirms.
    Erase(Volume),
    Backup(Volume),
    /// Any of his backups, of whichever volume.
    Restore(Volume, usize),
    /// He does what the program told him, then or long ago.
    Obey(usize),
    /// Another program's copy of a header is made, and written back at any later time.
    Copy(Volume),
    PutBack(Volume),
    /// Another program writes its label over the first header.
    Label(Volume, usize),
    /// Somebody zeroes the header, of which there is a backup.
    Wreck(Volume),
    /// What holds the file is unmounted, or mounted again.
    Away,
    /// The disks change places.
    Exchange,
    LoseState,
    /// The machine's record of a volume is spoiled; there is a backup of it.
    Spoil(Volume),
    /// What `/run` has is lost.
    LoseRun,
    /// The machine has no device-mapper: what is opened from now on is served by daemons.
    NoDeviceMapper,
    Service(Service),
    Unmount(Volume),
    ServerDies(Volume),
    PowerCut,
}

/// How what he does is cut off.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cut {
    Killed { at: u64, how: How, power: bool },
    NoRoom { at: u64 },
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    Before,
    Torn,
    After,
}

impl From<How> for Kill {
    fn from(how: How) -> Self {
        match how {
            How::Before => Self::Before,
            How::Torn => Self::Torn,
            How::After => Self::After,
        }
    }
}

/// A line of a schedule.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    act: Act,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cut: Option<Cut>,
}

impl Event {
    pub(crate) fn act(self) -> Act {
        self.act
    }

    pub(crate) fn cut(self) -> Option<Cut> {
        self.cut
    }
}

/// How many acts are drawn.
const ACTS: usize = 16;
/// No verb makes more changes than a few times this.
const CHANGES: u64 = 24;

fn draw(dice: &mut Dice) -> Act {
    let volume = dice.pick(&VOLUMES);
    let nth = usize::try_from(dice.roll(16)).unwrap_or_default();
    match dice.roll(45) {
        0..=6 => Act::Up(volume),
        7..=10 => Act::Down(volume),
        11..=13 => Act::Write(volume),
        14 => Act::Rekey,
        15 => Act::Erase(volume),
        16..=17 => Act::Backup(volume),
        18..=19 => Act::Restore(volume, nth),
        20 => Act::Copy(volume),
        21 => Act::PutBack(volume),
        22 => Act::Label(volume, nth),
        23 => Act::Away,
        24 => Act::Exchange,
        25 => Act::LoseState,
        26 => Act::Service(dice.pick(&[
            Service::Answers,
            Service::Answers,
            Service::Denies,
            Service::IsAway,
            Service::HasAnotherTime,
        ])),
        27 => Act::Unmount(volume),
        28 => Act::ServerDies(volume),
        29..=31 => Act::Wreck(volume),
        32 => Act::PowerCut,
        33 => Act::Wipe(volume),
        34 => Act::Repair(volume),
        35 => Act::Rebind(volume),
        36 => Act::Status,
        37 => Act::Check,
        38..=39 => Act::LoseRun,
        40 => Act::Spoil(volume),
        _ => Act::Obey(nth),
    }
}

fn draw_cut(dice: &mut Dice) -> Option<Cut> {
    let at = 1 + dice.roll(CHANGES);
    match dice.roll(5) {
        0 => Some(Cut::Killed {
            at,
            how: dice.pick(&[How::Before, How::Torn, How::After]),
            power: dice.roll(2) == 0,
        }),
        1 => Some(Cut::NoRoom { at }),
        _ => None,
    }
}

/// The schedule of a seed. Three in four begin with what lasts made, written to and backed up, and with what does not open and written to.
pub(crate) fn drawn(seed: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed);
    let mut events = Vec::new();
    if dice.roll(2) == 0 {
        let act = Act::NoDeviceMapper;
        events.push(Event { act, cut: None });
    }
    if dice.roll(4) > 0 {
        let begin = LASTING.into_iter().flat_map(|volume| {
            [
                Act::Up(volume),
                Act::Write(volume),
                Act::Backup(volume),
                Act::Down(volume),
            ]
        });
        let begin = begin.chain([Act::Up(Volume::E), Act::Write(Volume::E)]);
        events.extend(begin.map(|act| Event { act, cut: None }));
    }
    for _ in 0..ACTS {
        let act = draw(&mut dice);
        let cut = draw_cut(&mut dice);
        events.push(Event { act, cut });
    }
    events
}

/// Reads a schedule; lines that begin with `#` say what it shows.
pub(crate) fn parse(text: &str) -> Result<Vec<Event>, serde_json::Error> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(serde_json::from_str)
        .collect()
}

/// As it is read.
pub(crate) fn print(events: &[Event]) -> String {
    let lines = events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap_or_default() + "\n");
    lines.collect()
}
