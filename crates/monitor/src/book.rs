//! What the room holds in memory beside points: alarms, their history, quotas that were asked for.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;
use crate::applied::Applied;
use crate::history::Item;
use crate::limits;
use crate::place::Place;
use crate::quota;

/// A request for a higher quota, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Increase {
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) desired: f64,
    pub(crate) is_granted: bool,
    pub(crate) created: Timestamp,
    /// The ARN of whoever asked.
    pub(crate) requester: String,
}

/// One thing that is to be made durable and taken over into memory.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    PutAlarm(Place, Box<Alarm>),
    DeleteAlarm(Place, String),
    AddHistory(Place, Item),
    AddIncrease(Place, Increase),
}

/// What one account has in one region.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) alarms: BTreeMap<String, Alarm>,
    /// Oldest first.
    pub(crate) history: VecDeque<Item>,
    /// Oldest first.
    pub(crate) increases: Vec<Increase>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) shelves: BTreeMap<Place, Shelf>,
    pub(crate) applied: Applied,
}

impl Book {
    pub(crate) fn new(applied: Applied) -> Self {
        Self {
            shelves: BTreeMap::new(),
            applied,
        }
    }

    pub(crate) fn shelf(&self, place: &Place) -> Option<&Shelf> {
        self.shelves.get(place)
    }

    pub(crate) fn alarm(&self, place: &Place, name: &str) -> Option<&Alarm> {
        self.shelf(place)?.alarms.get(name)
    }

    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::PutAlarm(place, alarm) => {
                let alarms = &mut self.shelves.entry(place).or_default().alarms;
                alarms.insert(alarm.name().to_owned(), *alarm);
            }
            Change::DeleteAlarm(place, name) => {
                if let Some(shelf) = self.shelves.get_mut(&place) {
                    shelf.alarms.remove(&name);
                }
            }
            Change::AddHistory(place, item) => {
                let history = &mut self.shelves.entry(place).or_default().history;
                history.push_back(item);
                let beyond = history.len().saturating_sub(limits::HISTORY_PER_REGION);
                history.drain(..beyond);
            }
            Change::AddIncrease(place, increase) => {
                if let (true, Some(quota)) = (increase.is_granted, quota::by_code(&increase.code)) {
                    self.applied.grant(&place, quota, increase.desired);
                }
                self.shelves
                    .entry(place)
                    .or_default()
                    .increases
                    .push(increase);
            }
        }
    }

    /// Lets go of history before an instant.
    pub(crate) fn forget_before(&mut self, at: Timestamp) {
        for shelf in self.shelves.values_mut() {
            let old = shelf.history.partition_point(|item| item.at < at);
            shelf.history.drain(..old);
        }
    }
}
