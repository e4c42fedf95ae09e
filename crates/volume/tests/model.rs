//! A model of what a person may rely on: which bytes he still owns, and which command he has confirmed. Schedules of his acts, and of what
//! befalls him. In the end every byte that he did not confirm away is readable again by the commands that the program itself recommends, read
//! from its messages, and no message ever recommends what would lose one. Nothing of the plan is imported.
//!
//! What once failed is in `tests/model/schedules`, one file each. Besides, `KLUIS_MODEL_SCHEDULES` says how many are drawn (2,000 without),
//! `KLUIS_MODEL_FIRST` from which seed on, `KLUIS_MODEL_SEED` which one alone. One that fails is printed as short as it still fails, as such a file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "model/advice.rs"]
mod advice;
#[path = "model/person.rs"]
mod person;
#[path = "model/schedule.rs"]
mod schedule;
mod stage;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use person::Person;
use schedule::{Act, Event, LASTING, Volume};

/// So many failures are told before the rest is left.
const TOLD: usize = 5;

/// How often each way led back to what was owned.
type Ways = BTreeMap<&'static str, u64>;

/// Runs one schedule.
fn runs(events: &[Event]) -> Result<Ways, String> {
    let mut person = Person::new();
    person.lives(events)?;
    person.keeps(Volume::E)?;
    person.ends();
    for volume in LASTING {
        if person.owns.contains_key(&volume) {
            person.recovers(volume)?;
        }
    }
    let mut ways = Ways::new();
    for way in person.led {
        *ways.entry(way).or_default() += 1;
    }
    Ok(ways)
}

/// The same; a panic of the program is a failure like others.
fn runs_quietly(events: &[Event]) -> Result<Ways, String> {
    catch_unwind(AssertUnwindSafe(|| runs(events)))
        .unwrap_or_else(|_| Err("it panicked".to_owned()))
}

/// Leaves out what is not needed for it to fail.
fn shortened(mut events: Vec<Event>) -> Vec<Event> {
    let mut at = events.len();
    while at > 0 {
        at -= 1;
        let mut without = events.clone();
        without.remove(at);
        if runs_quietly(&without).is_err() {
            events = without;
        }
    }
    events
}

/// Runs one schedule; one that fails is told as short as it still fails.
fn run_or_tell(name: &str, events: Vec<Event>) -> Result<Ways, String> {
    runs_quietly(&events).map_err(|_| {
        let short = shortened(events);
        let why = runs_quietly(&short).err().unwrap_or_default();
        format!("{name}: {why}\n{}", schedule::print(&short))
    })
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn what_once_was_lost_is_lost_no_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/schedules");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let events = schedule::parse(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if let Err(lost) = run_or_tell(&file.display().to_string(), events) {
            panic!("{lost}");
        }
    }
}

#[test]
fn what_was_not_confirmed_away_is_readable_again_by_the_programs_own_advice() {
    if let Some(seed) = number("KLUIS_MODEL_SEED") {
        run_or_tell(&format!("seed {seed}"), schedule::drawn(seed))
            .unwrap_or_else(|lost| panic!("{lost}"));
        return;
    }
    let count = number("KLUIS_MODEL_SCHEDULES").unwrap_or(2000);
    let first = number("KLUIS_MODEL_FIRST").unwrap_or(1);
    let next = AtomicU64::new(first);
    let lost = Mutex::new(Vec::new());
    let led = Mutex::new(Ways::new());
    let work = || {
        while lost.lock().unwrap().len() < TOLD {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return;
            }
            match run_or_tell(&format!("seed {seed}"), schedule::drawn(seed)) {
                Ok(ways) => {
                    for (way, times) in ways {
                        *led.lock().unwrap().entry(way).or_default() += times;
                    }
                }
                Err(how) => lost.lock().unwrap().push(how),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let (lost, led) = (lost.into_inner().unwrap(), led.into_inner().unwrap());
    assert!(lost.is_empty(), "{}", lost.join("\n"));
    println!("{count} schedules from seed {first} on, nothing lost; what led back: {led:?}");
    // Of a few, some ways may not be needed.
    let ways = ["up", "up --repair", "header restore"];
    for way in ways.into_iter().filter(|_| count >= 2000) {
        assert!(
            led.contains_key(way),
            "no schedule needed {way}: the model is too tame"
        );
    }
}

#[test]
fn the_model_notices_a_loss() {
    let mut person = Person::new();
    person.up(Volume::V, |_| {}).unwrap();
    person.acts(Act::Write(Volume::V)).unwrap();
    person.down(Volume::V).unwrap();
    assert_eq!(person.recovers(Volume::V), Ok(()));
    person.down(Volume::V).unwrap();
    // Behind the model's back, so that it goes on owning what is gone.
    person.erase(Volume::V).unwrap();
    assert!(person.recovers(Volume::V).is_err());
}
