//! Every metric of every account and region: in memory, bounded, and written behind.

use std::collections::BTreeMap;

use wire::cloudwatch::StandardUnit;

use crate::limits;
use crate::metric::{Datum, Metric, USAGE};
use crate::place::{Minute, Place};
use crate::series::Series;

/// A metric in one unit: what AWS keeps apart.
pub(crate) type Name = (Metric, StandardUnit);

/// Points that memory has and the store does not.
pub(crate) type Unwritten = BTreeMap<(Place, Minute), BTreeMap<Name, Datum>>;

/// There is no room for another series or point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// How much there is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Held {
    series: usize,
    points: usize,
}

/// All series.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    places: BTreeMap<Place, BTreeMap<Name, Series>>,
    /// What callers put.
    custom: Held,
    /// What the service counts itself: apart, so that nobody can put so much that quotas are no longer seen.
    own: Held,
    unwritten: Unwritten,
}

impl Metrics {
    /// Adds a point, and remembers that it is to be written.
    ///
    /// # Errors
    /// [`Full`]: nothing was added.
    pub(crate) fn put(
        &mut self,
        place: &Place,
        name: &Name,
        minute: Minute,
        datum: Datum,
    ) -> Result<(), Full> {
        self.take_in(place, name, minute, datum)?;
        let waiting = self.unwritten.entry((place.clone(), minute)).or_default();
        let there = waiting.entry(name.clone());
        there
            .and_modify(|there| *there = there.with(datum))
            .or_insert(datum);
        Ok(())
    }

    /// Adds a point that the store has.
    ///
    /// # Errors
    /// [`Full`]: nothing was added.
    pub(crate) fn take_in(
        &mut self,
        place: &Place,
        name: &Name,
        minute: Minute,
        datum: Datum,
    ) -> Result<(), Full> {
        let known = self.places.get(place).and_then(|all| all.get(name));
        let is_new = known.is_none();
        let held = self.held(name);
        if held.points >= limits::POINTS_MAX || (is_new && held.series >= limits::SERIES_MAX) {
            return Err(Full);
        }
        held.series += usize::from(is_new);
        let all = self.places.entry(place.clone()).or_default();
        let is_new = all.entry(name.clone()).or_default().add(minute, datum);
        self.held(name).points += usize::from(is_new);
        Ok(())
    }

    fn held(&mut self, (metric, _): &Name) -> &mut Held {
        if metric.namespace == USAGE {
            &mut self.own
        } else {
            &mut self.custom
        }
    }

    /// Hands out what is to be written; it counts as written from now on.
    pub(crate) fn take_unwritten(&mut self) -> Unwritten {
        std::mem::take(&mut self.unwritten)
    }

    /// Takes back what could not be written, for another time.
    pub(crate) fn put_back(&mut self, unwritten: Unwritten) {
        for (when, points) in unwritten {
            let waiting = self.unwritten.entry(when).or_default();
            for (name, datum) in points {
                let there = waiting.entry(name);
                there
                    .and_modify(|there| *there = there.with(datum))
                    .or_insert(datum);
            }
        }
    }

    /// The points of a metric, of every unit or of one, each `period` minutes merged into one. Spans begin at multiples of the
    /// period; `from` and `to` are rounded down to such.
    pub(crate) fn spans(
        &self,
        place: &Place,
        metric: &Metric,
        unit: Option<StandardUnit>,
        (from, to): (Minute, Minute),
        period: u32,
    ) -> BTreeMap<Minute, (Datum, StandardUnit)> {
        let mut spans: BTreeMap<Minute, (Datum, StandardUnit)> = BTreeMap::new();
        let floor = |minute: Minute| Minute(minute.0 - minute.0 % period.max(1));
        let all = self.places.get(place).into_iter().flatten();
        let wanted =
            all.filter(|((each, of), _)| each == metric && unit.is_none_or(|unit| unit == *of));
        for ((_, of), series) in wanted {
            for (minute, datum) in series.between(floor(from), to) {
                let span = spans.entry(floor(minute));
                span.and_modify(|(there, _)| *there = there.with(datum))
                    .or_insert((datum, *of));
            }
        }
        spans
    }

    /// Every account's region that has a metric.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.places.keys().cloned().collect()
    }

    /// The metrics of a place with their last minutes, in the order of their names, each once.
    pub(crate) fn list(&self, place: &Place) -> BTreeMap<&Metric, Minute> {
        let mut found: BTreeMap<&Metric, Minute> = BTreeMap::new();
        for ((metric, _), series) in self.places.get(place).into_iter().flatten() {
            let last = series.last().unwrap_or_default();
            let there = found.entry(metric).or_insert(last);
            *there = last.max(*there);
        }
        found
    }

    /// The greatest count of a usage metric in one minute, over all places.
    pub(crate) fn busiest(&self, metric: &Metric, minute: Minute) -> Vec<(&Place, f64)> {
        let name = (metric.clone(), StandardUnit::Count);
        let found = self.places.iter().filter_map(|(place, all)| {
            let series = all.get(&name)?;
            let (_, datum) = series.between(minute, minute.after(1)).next()?;
            Some((place, datum.sum))
        });
        found.collect()
    }

    /// Lets go of what is older than is kept.
    pub(crate) fn forget_before(&mut self, minute: Minute) {
        for all in self.places.values_mut() {
            all.retain(|(metric, _), series| {
                let is_own = metric.namespace == USAGE;
                let held = if is_own {
                    &mut self.own
                } else {
                    &mut self.custom
                };
                held.points -= series.forget_before(minute);
                let is_left = series.last().is_some();
                held.series -= usize::from(!is_left);
                is_left
            });
        }
        self.places.retain(|_, all| !all.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::new("111122223333", "us-east-1")
    }

    fn held(metrics: &Metrics) -> (usize, usize) {
        (metrics.custom.series, metrics.custom.points)
    }

    fn name(metric: &str) -> Name {
        (Metric::new("N", metric, None), StandardUnit::Count)
    }

    #[test]
    fn points_merge_by_minute_and_by_period_whatever_order_they_come_in() {
        let mut metrics = Metrics::default();
        for (minute, value) in [(12, 3.0), (10, 1.0), (10, 5.0), (11, 2.0), (20, 9.0)] {
            let put = metrics.put(&place(), &name("m"), Minute(minute), Datum::of(value));
            assert_eq!(put, Ok(()));
        }
        let spans = |range, period| {
            let found = metrics.spans(&place(), &name("m").0, None, range, period);
            let sums = found
                .into_iter()
                .map(|(at, (datum, _))| (at.0, datum.sum, datum.max));
            sums.collect::<Vec<_>>()
        };
        assert_eq!(
            spans((Minute(10), Minute(13)), 1),
            [(10, 6.0, 5.0), (11, 2.0, 2.0), (12, 3.0, 3.0)]
        );
        assert_eq!(
            spans((Minute(12), Minute(25)), 5),
            [(10, 11.0, 5.0), (20, 9.0, 9.0)]
        );
        assert_eq!(spans((Minute(13), Minute(20)), 1), []);
    }

    #[test]
    fn what_was_put_is_to_be_written_once_and_again_if_that_failed() {
        let mut metrics = Metrics::default();
        metrics
            .put(&place(), &name("m"), Minute(1), Datum::of(1.0))
            .unwrap();
        metrics
            .put(&place(), &name("m"), Minute(1), Datum::of(2.0))
            .unwrap();
        let unwritten = metrics.take_unwritten();
        let points = unwritten.values().flatten().collect::<Vec<_>>();
        let both = Datum::of(1.0).with(Datum::of(2.0));
        assert_eq!(points, [(&name("m"), &both)]);
        assert!(metrics.take_unwritten().is_empty());
        metrics.put_back(unwritten);
        assert_eq!(metrics.take_unwritten().len(), 1);
    }

    #[test]
    fn what_is_old_is_let_go_and_its_room_is_free_again() {
        let mut metrics = Metrics::default();
        for at in 0..100 {
            metrics
                .put(&place(), &name("m"), Minute(at), Datum::of(1.0))
                .unwrap();
        }
        metrics
            .put(&place(), &name("old"), Minute(0), Datum::of(1.0))
            .unwrap();
        assert_eq!(held(&metrics), (2, 101));
        metrics.forget_before(Minute(60));
        assert_eq!(held(&metrics), (1, 40));
        metrics.forget_before(Minute(200));
        assert_eq!(held(&metrics), (0, 0));
    }

    #[test]
    fn there_is_an_end_to_series() {
        let mut metrics = Metrics::default();
        for at in 0..limits::SERIES_MAX {
            metrics
                .take_in(&place(), &name(&at.to_string()), Minute(1), Datum::of(1.0))
                .unwrap();
        }
        let more = metrics.put(&place(), &name("more"), Minute(1), Datum::of(1.0));
        assert_eq!(more, Err(Full));
        // What the service counts itself has room of its own.
        let own = (
            Metric::of_usage("CallCount", "CreateKey"),
            StandardUnit::Count,
        );
        assert_eq!(
            metrics.take_in(&place(), &own, Minute(1), Datum::of(1.0)),
            Ok(())
        );
        assert!(metrics.take_unwritten().is_empty());
        assert_eq!(
            metrics.put(&place(), &name("7"), Minute(2), Datum::of(1.0)),
            Ok(())
        );
    }
}
