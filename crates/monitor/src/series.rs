//! One metric over time: a point for each minute that had values.

use std::collections::VecDeque;

use crate::metric::Datum;
use crate::place::Minute;

/// Points in the order of their minutes.
#[derive(Debug, Default)]
pub(crate) struct Series(VecDeque<(Minute, Datum)>);

impl Series {
    /// Adds to a minute's point; whether the point is new.
    pub(crate) fn add(&mut self, minute: Minute, datum: Datum) -> bool {
        // Nearly always the last minute, or one after it.
        let place = match self.0.back() {
            Some((last, _)) if *last < minute => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&minute, |(each, _)| *each),
        };
        match place {
            Ok(at) => {
                if let Some((_, there)) = self.0.get_mut(at) {
                    *there = there.with(datum);
                }
                false
            }
            Err(at) => {
                self.0.insert(at, (minute, datum));
                true
            }
        }
    }

    /// The points from one minute up to, and without, another.
    pub(crate) fn between(
        &self,
        from: Minute,
        to: Minute,
    ) -> impl Iterator<Item = (Minute, Datum)> + '_ {
        let start = self.0.partition_point(|(minute, _)| *minute < from);
        let points = self.0.range(start..).copied();
        points.take_while(move |(minute, _)| *minute < to)
    }

    /// Lets go of the points before a minute; how many there were.
    pub(crate) fn forget_before(&mut self, minute: Minute) -> usize {
        let old = self.0.partition_point(|(each, _)| *each < minute);
        self.0.drain(..old);
        old
    }

    /// The last minute that had values.
    pub(crate) fn last(&self) -> Option<Minute> {
        self.0.back().map(|(minute, _)| *minute)
    }
}
