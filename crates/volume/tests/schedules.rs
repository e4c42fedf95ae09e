//! Random schedules of what people do and what befalls them, over a volume of files, swap and a raw device. Whatever happens: a
//! folder that is immutable is on record, what `up` has guarded takes nothing in clear, and what was written is there again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use stage::{Dice, Stage};
use volume::Silent;
use volume::engine::{Changed, EngineKind};
use volume::host::Host;
use volume::sim::{Disk, Fault, Kill};
use volume::verbs::{Mode, UpOptions};

const CONFIG: &str = r#"
[volume.v]
file = "/img"
size = "64MiB"
mount = "/mnt/v"
key = "alias/k"
owner = "kafka"
[volume.s]
device = "/dev/disk/by-id/s"
key = "ephemeral"
swap = true
[volume.r]
file = "/raw"
size = "64MiB"
filesystem = "none"
key = "alias/k"
"#;
const SCHEDULES: u64 = 60;
const ACTS: usize = 12;

#[derive(Clone, Copy, Debug)]
enum Act {
    Up(&'static str),
    Down(&'static str),
    Release,
    Move(bool),
    Service(bool),
    PowerCut(u64),
    Write,
}

fn act(dice: &mut Dice) -> Act {
    let name = dice.pick(&["v", "v", "s", "r"]);
    match dice.roll(11) {
        0..=3 => Act::Up(name),
        4..=5 => Act::Down(name),
        6 => Act::Release,
        7 => Act::Move(dice.roll(2) == 0),
        8 => Act::Service(dice.roll(3) > 0),
        9 => Act::PowerCut(dice.roll(1000)),
        _ => Act::Write,
    }
}

/// What a person may rely on.
#[derive(Default)]
struct Owed {
    guarded: Option<&'static str>,
    text: bool,
}

fn at(moved: bool) -> &'static str {
    if moved { "/mnt/w" } else { "/mnt/v" }
}

fn is_mounted(stage: &Stage, at: &str) -> bool {
    let mounted = stage.machine.mounted();
    mounted
        .iter()
        .any(|(target, _)| target.to_str() == Some(at))
}

fn up(stage: &Stage, name: &str) -> Result<Changed, volume::Error> {
    let names = [name.to_owned()];
    let mut outcomes = stage.kluis(|kluis| kluis.up(&names, &UpOptions::default(), &mut Silent))?;
    outcomes.remove(0).result
}

fn down(stage: &Stage, name: &str) -> Result<Changed, volume::Error> {
    let names = [name.to_owned()];
    let mut outcomes = stage.kluis(|kluis| kluis.down(&names, Mode::Apply, &mut Silent))?;
    outcomes.remove(0).result
}

/// No folder is immutable that `release` would not give back.
fn all_on_record(stage: &Stage, when: &str) {
    let known = stage.kluis(|kluis| kluis.release(None, Mode::DryRun));
    let known: Vec<_> = known
        .unwrap()
        .into_iter()
        .map(|released| released.mount_point)
        .collect();
    for folder in stage.machine.immutable_folders() {
        assert!(
            known.contains(&folder),
            "{when}: {} is not on record",
            folder.display()
        );
    }
}

#[test]
fn whatever_happens_nothing_lies_in_clear_and_nothing_is_lost() {
    for seed in 1..=SCHEDULES {
        let mut dice = Dice::new(seed);
        let mut stage = Stage::new(CONFIG);
        stage
            .machine
            .add_device("/dev/disk/by-id/s", Disk::blank(64 << 20));
        if dice.roll(4) == 0 {
            stage.machine.without_flags();
        }
        if dice.roll(3) == 0 {
            stage.machine.without_engine(EngineKind::Fuse, "none");
        }
        let (mut owed, mut moved) = (Owed::default(), false);
        for number in 0..ACTS {
            let act = act(&mut dice);
            let when = format!("seed {seed}, act {number}: {act:?}");
            let kill = dice.roll(3) == 0;
            if kill {
                let how = dice.pick(&[Kill::Before, Kill::Torn, Kill::After]);
                stage.machine.kill_at(1 + dice.roll(24), how);
            }
            match act {
                Act::Up(name) => {
                    let done = up(&stage, name);
                    if name == "v" && !stage.machine.is_killed() {
                        owed.guarded = Some(at(moved));
                    }
                    if name == "v" && done.is_ok() && owed.text {
                        let text = stage.machine.read_file_text(at(moved));
                        assert_eq!(text.as_deref(), Some("precious"), "{when}");
                    }
                }
                Act::Down(name) => {
                    let _ = down(&stage, name);
                }
                Act::Release => {
                    owed.guarded = None;
                    let _ = stage.kluis(|kluis| kluis.release(Some("v"), Mode::Apply));
                }
                Act::Move(to) if !is_mounted(&stage, at(moved)) => {
                    stage = stage.with_config(&CONFIG.replace("/mnt/v", at(to)));
                    // The old place is given back at the next `up`, whether or not that is killed.
                    if to != moved {
                        owed.guarded = None;
                    }
                    moved = to;
                }
                Act::Service(answers) => {
                    let fault = if answers { Fault::None } else { Fault::Denied };
                    stage.keys.set_fault(fault);
                }
                Act::PowerCut(seed) => stage.machine.power_cut(seed),
                Act::Write => {
                    owed.text |= stage.machine.write_file(at(moved), "precious");
                }
                Act::Move(_) => {}
            }
            if stage.machine.is_killed() {
                if dice.roll(2) == 0 {
                    stage.machine.restart();
                } else {
                    stage.machine.power_cut(seed);
                }
            } else if kill {
                stage.machine.restart();
            }
            all_on_record(&stage, &when);
            if let Some(place) = owed.guarded {
                assert!(!stage.machine.writes_in_clear(place, "log"), "{when}");
            }
        }
        comes_up_again(&stage, at(moved), &owed, seed);
    }
}

/// In the end everything comes up, with what was written, and goes down, and is given back.
fn comes_up_again(stage: &Stage, place: &str, owed: &Owed, seed: u64) {
    let failed = |error: volume::Error| -> Changed { panic!("seed {seed}: {error}") };
    stage.keys.set_fault(Fault::None);
    stage.machine.power_cut(seed);
    for name in ["v", "s", "r"] {
        up(stage, name).unwrap_or_else(failed);
    }
    assert!(
        stage.machine.is_swap("/dev/mapper/s".as_ref()).unwrap(),
        "seed {seed}"
    );
    assert_eq!(stage.machine.root(place.as_ref()).unwrap().uid, 994);
    if owed.text {
        let text = stage.machine.read_file_text(place);
        assert_eq!(text.as_deref(), Some("precious"), "seed {seed}");
    }
    for name in ["v", "s", "r"] {
        down(stage, name).unwrap_or_else(failed);
    }
    for released in stage
        .kluis(|kluis| kluis.release(None, Mode::Apply))
        .unwrap()
    {
        released.result.unwrap_or_else(failed);
    }
    assert!(stage.machine.immutable_folders().is_empty(), "seed {seed}");
}
