//! What happens by itself, every few seconds: minutes that are over become points, alarms are looked at, points are written, what is old is
//! let go.

use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};
use store::{Key as Name, StoreError, Transaction};
use wire::cloudwatch::{StandardUnit, StateValue};

use crate::alarm::{Alarm, State};
use crate::book::Change;
use crate::history::Item;
use crate::limits;
use crate::metric::{CALL_COUNT, Datum, Metric, THROTTLE_COUNT};
use crate::notice::{self, Notice};
use crate::place::{Minute, Place};
use crate::query::{Queries, Source};
use crate::quota::QUOTAS;
use crate::reason;
use crate::record;
use crate::service::{Monitor, Shared};

/// Records of old points or history that one transaction deletes. Nearly always there are one or none.
const FORGOTTEN_AT_ONCE: usize = 64;

/// New states that one transaction makes durable.
const TRANSITIONS_AT_ONCE: usize = 500;

/// A change of an alarm's state that is to be.
struct Transition {
    place: Place,
    before: State,
    alarm: Alarm,
}

impl Transition {
    /// Whether the state is another: only then it is told of.
    fn is_change(&self) -> bool {
        self.before.value != self.alarm.state.value
    }

    fn changes(&self) -> Vec<Change> {
        let mut changes = vec![Change::PutAlarm(
            self.place.clone(),
            Box::new(self.alarm.clone()),
        )];
        if self.is_change() {
            let item = Item::state(self.alarm.name(), &self.before, &self.alarm.state);
            changes.push(Change::AddHistory(self.place.clone(), item));
        }
        changes
    }
}

impl Monitor {
    /// Does what is due at `now`. Call it every few seconds, never twice at once.
    ///
    /// # Errors
    /// The store's. What was not written is kept for the next call; alarms whose new state was not written keep the old one.
    pub async fn tick(&self, now: Timestamp) -> Result<(), StoreError> {
        let is_new_minute = self.0.begins(Minute::of(now));
        self.0.collect(now);
        let looked_at = self.look_at_alarms(now, is_new_minute).await;
        let written = self.0.write().await;
        if is_new_minute {
            self.0.forget(now).await?;
        }
        looked_at.and(written)
    }

    /// Looks at every alarm in a new minute, and at a new alarm at once; makes the new states durable, and then carries their
    /// actions out.
    async fn look_at_alarms(&self, now: Timestamp, is_new_minute: bool) -> Result<(), StoreError> {
        let _turn = self.0.turn.lock().await;
        let due = |alarm: &Alarm| is_new_minute || is_unchecked(alarm);
        let mut transitions = self.0.transitions(now, due).into_iter();
        loop {
            let some: Vec<Transition> = transitions.by_ref().take(TRANSITIONS_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            let changes = some.iter().flat_map(Transition::changes).collect();
            self.0.commit(changes, None).await?;
            some.into_iter()
                .filter(Transition::is_change)
                .for_each(|transition| self.act(transition));
        }
    }

    /// Writes what is not yet written: for a service that stops.
    ///
    /// # Errors
    /// The store's.
    pub async fn flush(&self, now: Timestamp) -> Result<(), StoreError> {
        // The minute that is under way is collected too; the next start adds to it.
        self.0.collect(now + SignedDuration::from_mins(1));
        self.0.write().await
    }

    /// Carries an alarm's actions out, each in its own time.
    fn act(&self, transition: Transition) {
        let Transition {
            place,
            before,
            alarm,
        } = transition;
        if !alarm.actions_enabled {
            return;
        }
        for action in alarm.actions(alarm.state.value) {
            let notice = Notice::of(&place, &alarm, &before, action);
            let (shared, place) = (Arc::clone(&self.0), place.clone());
            let name = alarm.name().to_owned();
            tokio::spawn(async move { shared.deliver(place, name, notice).await });
        }
    }
}

impl Shared {
    /// Counts of minutes that are over become points.
    fn collect(&self, now: Timestamp) {
        let counts = self.meters.collect(Minute::of(now));
        self.change_metrics(|metrics| {
            for count in counts {
                let quota = QUOTAS.get(count.quota);
                let Some(resource) = quota.and_then(crate::quota::Quota::resource) else {
                    continue;
                };
                let what = if count.is_throttled {
                    THROTTLE_COUNT
                } else {
                    CALL_COUNT
                };
                let name = (Metric::of_usage(what, resource), StandardUnit::Count);
                let datum = Datum::of(f64::from(count.calls));
                // A full room keeps its own counts out as well; the quota holds all the same.
                let _ = metrics.put(&count.place, &name, count.minute, datum);
            }
        });
    }

    /// Whether this is the first tick of a minute.
    fn begins(&self, minute: Minute) -> bool {
        let mut last = self.ticked.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *last, minute) != minute
    }

    fn transitions(&self, now: Timestamp, due: impl Fn(&Alarm) -> bool) -> Vec<Transition> {
        self.with_book(|book| {
            let shelves = book.shelves.iter();
            let alarms = shelves
                .flat_map(|(place, shelf)| shelf.alarms.values().map(move |alarm| (place, alarm)));
            let alarms = alarms.filter(|(_, alarm)| due(alarm));
            let found = alarms.filter_map(|(place, alarm)| {
                let state = self.with_metrics(|metrics| {
                    let (from, to) = range(alarm, now);
                    let applied = &book.applied;
                    look(
                        alarm,
                        &Source {
                            metrics,
                            applied,
                            place,
                            from,
                            to,
                        },
                        now,
                    )
                })?;
                Some(Transition {
                    place: place.clone(),
                    before: alarm.state.clone(),
                    alarm: Alarm {
                        state,
                        ..alarm.clone()
                    },
                })
            });
            found.collect()
        })
    }

    async fn deliver(&self, place: Place, alarm: String, notice: Notice) {
        let outcome = match notice::sink_of(&notice.topic, &place) {
            Some(sink) => self.sinks.deliver(sink, &notice).await,
            None => Err("the action names no sink".to_owned()),
        };
        let item = Item::action(&alarm, Timestamp::now(), &notice.topic, &outcome);
        let _turn = self.turn.lock().await;
        // History is told when it can be; a full disk does not keep an alarm from being heard.
        let _ = self
            .commit(vec![Change::AddHistory(place, item)], None)
            .await;
    }

    /// Writes the points that the store does not have.
    async fn write(&self) -> Result<(), StoreError> {
        let unwritten = self.change_metrics(crate::metrics::Metrics::take_unwritten);
        let mut left = unwritten.into_iter();
        while let Some(((place, minute), points)) = left.next() {
            let some: Vec<(crate::metrics::Name, Datum)> = points
                .iter()
                .map(|(name, datum)| (name.clone(), *datum))
                .collect();
            let written = self.write_minute(&place, minute, &some).await;
            if let Err(error) = written {
                let rest = std::iter::once(((place, minute), points)).chain(left);
                self.change_metrics(|metrics| metrics.put_back(rest.collect()));
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write_minute(
        &self,
        place: &Place,
        minute: Minute,
        points: &[(crate::metrics::Name, Datum)],
    ) -> Result<(), StoreError> {
        let mut transaction = Transaction::new();
        for some in points.chunks(limits::POINTS_PER_RECORD) {
            let id = uuid::Uuid::new_v4().simple().to_string();
            let (name, value) = record::of_points(place, minute, some, &id)?;
            transaction = transaction.put(Name::new(name)?, value);
        }
        self.store.commit(transaction).await.map(drop)
    }

    /// Lets go of what is older than is kept, in memory and in the store.
    async fn forget(&self, now: Timestamp) -> Result<(), StoreError> {
        let minute = Minute::of(now).before(limits::RETENTION_MINUTES);
        let day = now - SignedDuration::from_hours(24 * limits::HISTORY_DAYS);
        let places = self.metered_places();
        self.change_metrics(|metrics| metrics.forget_before(minute));
        {
            let book = self.book.write();
            book.unwrap_or_else(PoisonError::into_inner)
                .forget_before(day);
        }
        for place in places {
            let old_points = record::points_before(&place, minute);
            let old_history = record::history_before(&place, day);
            for (folder, until) in [old_points, old_history] {
                self.delete_before(&folder, &until).await?;
            }
        }
        Ok(())
    }

    fn metered_places(&self) -> Vec<Place> {
        let mut places = self.with_metrics(crate::metrics::Metrics::places);
        places.extend(self.with_book(|book| book.shelves.keys().cloned().collect::<Vec<_>>()));
        places.sort_unstable();
        places.dedup();
        places
    }

    async fn delete_before(&self, folder: &str, until: &str) -> Result<(), StoreError> {
        loop {
            let found = self.store.scan(folder, None, FORGOTTEN_AT_ONCE).await?;
            let count = found.len();
            let names = found.into_iter().map(|(name, _)| name);
            let old: Vec<Name> = names.take_while(|name| name.as_str() < until).collect();
            let is_last = old.len() < count || count < FORGOTTEN_AT_ONCE;
            if !old.is_empty() {
                let transaction = old
                    .into_iter()
                    .fold(Transaction::new(), Transaction::delete);
                self.store.commit(transaction).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// Whether nobody has looked at an alarm since it was made.
fn is_unchecked(alarm: &Alarm) -> bool {
    alarm.state.reason == crate::alarm::UNCHECKED
}

/// The minutes that an alarm looks at: its periods that are over, and a few before them.
fn range(alarm: &Alarm, now: Timestamp) -> (Minute, Minute) {
    let period = u32::try_from(alarm.period() / 60)
        .unwrap_or_default()
        .max(1);
    let now = Minute::of(now).0;
    let end = now - now % period;
    let periods = alarm.rule().map_or(1, |rule| rule.periods) + limits::PERIODS_BEYOND;
    let length = u32::try_from(periods)
        .unwrap_or(u32::MAX)
        .saturating_mul(period);
    (Minute(end.saturating_sub(length)), Minute(end))
}

/// The state that an alarm is to have, if it is another or has another reason than before.
fn look(alarm: &Alarm, source: &Source<'_>, now: Timestamp) -> Option<State> {
    let rule = alarm.rule()?;
    let asked = alarm.queries();
    let queries = Queries::parse(&asked).ok()?;
    let mut results = queries.answer(source).ok()?;
    let line = (!results.is_empty()).then(|| results.swap_remove(0).line)?;
    let period = u32::try_from(alarm.period() / 60)
        .unwrap_or_default()
        .max(1);
    let spans = (source.from.0..source.to.0).step_by(period as usize).rev();
    let points: Vec<(Minute, Option<f64>)> = spans
        .map(|at| (Minute(at), line.points.get(&Minute(at)).copied()))
        .collect();
    let range: Vec<Option<f64>> = points.iter().map(|(_, point)| *point).collect();
    let before = alarm.state.value;
    let value = match rule.state(&range) {
        Some(value) => value,
        None if is_unchecked(alarm) => StateValue::InsufficientData,
        None => return None,
    };
    if value == before && !is_unchecked(alarm) {
        return None;
    }
    let statistic = alarm
        .asked
        .statistic
        .map(wire::cloudwatch::Statistic::as_str);
    Some(State {
        value,
        reason: reason::sentence(&rule, &points, before, value),
        data: Some(reason::data(
            &rule,
            &points,
            now,
            (statistic, alarm.period()),
        )),
        updated: now,
        transitioned: if value == before {
            alarm.state.transitioned
        } else {
            now
        },
    })
}
