//! Request rates, as they happen: a token bucket and a minute's count for each quota of each account and region.
//!
//! Weighing a request takes no lock but a shared one that is written when an account first calls in a region, and nothing but a few atomic
//! operations: 10,000 requests a second do not feel it, nor do they wait for each other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use crate::limits;
use crate::place::{Minute, Place};
use crate::quota::QUOTAS;

/// The span in which a quota's requests may come all at once.
const WINDOW: Duration = Duration::from_secs(1);
/// Minutes that are counted apart until they are collected.
const SLOTS: usize = 4;

/// The meters of one account and region.
type Bank = Box<[Meter]>;

/// All meters.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    banks: RwLock<HashMap<String, HashMap<String, Arc<Bank>>>>,
    /// For whoever comes when there are too many banks; it is not published.
    shared: RwLock<Option<Arc<Bank>>>,
}

/// What a quota counted in a minute that is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) place: Place,
    /// The quota's place in the table.
    pub(crate) quota: usize,
    pub(crate) minute: Minute,
    pub(crate) calls: u32,
    pub(crate) is_throttled: bool,
}

impl Meters {
    /// Whether the quota of the table's place `quota` admits one more request. `now` is the time since some fixed instant;
    /// `rate` tells the quota's value per second where meters are new.
    pub(crate) fn admits(
        &self,
        (account, region): (&str, &str),
        quota: usize,
        now: Duration,
        minute: Minute,
        rate: impl Fn(usize) -> f64,
    ) -> bool {
        let known = {
            let banks = self.banks.read().unwrap_or_else(PoisonError::into_inner);
            banks.get(account).and_then(|all| all.get(region)).cloned()
        };
        let bank = known.unwrap_or_else(|| self.open(account, region, rate));
        bank.get(quota)
            .is_none_or(|meter| meter.admits(now, minute))
    }

    fn open(&self, account: &str, region: &str, rate: impl Fn(usize) -> f64) -> Arc<Bank> {
        let bank = || Arc::new((0..QUOTAS.len()).map(|at| Meter::of(rate(at))).collect());
        let mut banks = self.banks.write().unwrap_or_else(PoisonError::into_inner);
        if banks.values().map(HashMap::len).sum::<usize>() >= limits::METERED_MAX {
            let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
            return Arc::clone(shared.get_or_insert_with(bank));
        }
        let all = banks.entry(account.to_owned()).or_default();
        Arc::clone(all.entry(region.to_owned()).or_insert_with(bank))
    }

    /// A quota's value per second is now this.
    pub(crate) fn set_rate(&self, place: &Place, quota: usize, rate: f64) {
        let banks = self.banks.read().unwrap_or_else(PoisonError::into_inner);
        let bank = banks
            .get(&place.account)
            .and_then(|all| all.get(&place.region));
        if let Some(meter) = bank.and_then(|bank| bank.get(quota)) {
            meter.set_rate(rate);
        }
    }

    /// The counts of the minutes before `minute`, each once.
    pub(crate) fn collect(&self, minute: Minute) -> Vec<Count> {
        let banks = self.banks.read().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Vec::new();
        for (account, all) in banks.iter() {
            for (region, bank) in all {
                for (quota, meter) in bank.iter().enumerate() {
                    for (tally, is_throttled) in [(&meter.admitted, false), (&meter.refused, true)]
                    {
                        counts.extend(tally.take_before(minute).map(|(minute, calls)| Count {
                            place: Place::new(account, region),
                            quota,
                            minute,
                            calls,
                            is_throttled,
                        }));
                    }
                }
            }
        }
        counts
    }
}

/// One quota's bucket (the generic cell rate algorithm: one number, the instant at which the bucket would be full again) and counts.
#[derive(Debug)]
struct Meter {
    /// Nanoseconds that one request takes of the bucket.
    interval: AtomicU64,
    /// When all requests so far would be paid for, in nanoseconds.
    paid: AtomicU64,
    admitted: Tally,
    refused: Tally,
}

impl Meter {
    fn of(rate: f64) -> Self {
        Self {
            interval: AtomicU64::new(interval(rate)),
            paid: AtomicU64::new(0),
            admitted: Tally::default(),
            refused: Tally::default(),
        }
    }

    fn set_rate(&self, rate: f64) {
        self.interval.store(interval(rate), Ordering::Relaxed);
        // What was owed at the old rate would take as long to pay as before.
        self.paid.store(0, Ordering::Relaxed);
    }

    fn admits(&self, now: Duration, minute: Minute) -> bool {
        let admitted = self.takes(nanos(now));
        if admitted {
            self.admitted.count(minute);
        } else {
            self.refused.count(minute);
        }
        admitted
    }

    fn takes(&self, now: u64) -> bool {
        let interval = self.interval.load(Ordering::Relaxed);
        // Even the slowest quota admits one request at a time.
        let window = nanos(WINDOW).max(interval);
        let taken = self
            .paid
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |paid| {
                let next = paid.max(now).saturating_add(interval);
                (next - now <= window).then_some(next)
            });
        taken.is_ok()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds between requests at so many a second; a quota of 0 admits one in a century.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and bounded by the century"
)]
fn interval(rate: f64) -> u64 {
    const CENTURY: f64 = 3.15e18;
    (1e9 / rate.max(f64::MIN_POSITIVE)).clamp(0.0, CENTURY) as u64
}

/// Counts of the last minutes, a minute and its count in each slot.
#[derive(Debug, Default)]
struct Tally([AtomicU64; SLOTS]);

impl Tally {
    fn count(&self, minute: Minute) {
        let Some(slot) = self.0.get(minute.0 as usize % SLOTS) else {
            return;
        };
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |packed| {
            let (there, count) = unpacked(packed);
            Some(packed_of(
                minute,
                if there == minute {
                    count.saturating_add(1)
                } else {
                    1
                },
            ))
        });
    }

    /// What was counted before `minute`; it is not handed out again.
    fn take_before(&self, minute: Minute) -> impl Iterator<Item = (Minute, u32)> + '_ {
        self.0.iter().filter_map(move |slot| {
            let taken = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |packed| {
                let (there, count) = unpacked(packed);
                (count > 0 && there < minute).then_some(0)
            });
            taken.ok().map(unpacked)
        })
    }
}

fn packed_of(minute: Minute, count: u32) -> u64 {
    u64::from(minute.0) << 32 | u64::from(count)
}

fn unpacked(packed: u64) -> (Minute, u32) {
    let [a, b, c, d, rest @ ..] = packed.to_be_bytes();
    (
        Minute(u32::from_be_bytes([a, b, c, d])),
        u32::from_be_bytes(rest),
    )
}

/// The place in the table of the quota that AWS/Usage calls `resource`.
pub(crate) fn place_of(resource: &str) -> Option<usize> {
    static PLACES: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
        let places = QUOTAS.iter().enumerate();
        places
            .filter_map(|(at, quota)| Some((quota.resource()?, at)))
            .collect()
    });
    PLACES.get(resource).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: (&str, &str) = ("111122223333", "us-east-1");

    /// How many of `asked` requests, spread evenly over `span`, are admitted at `rate`.
    fn admitted(meters: &Meters, rate: f64, asked: u32, start: Duration, span: Duration) -> u32 {
        let admits = |at: u32| {
            let now = start + span * at / asked;
            meters.admits(HERE, 0, now, Minute(0), |_| rate)
        };
        (0..asked).map(|at| u32::from(admits(at))).sum()
    }

    #[test]
    fn a_seconds_quota_may_come_at_once_and_then_comes_back_steadily() {
        let meters = Meters::default();
        let (second, none) = (Duration::from_secs(1), Duration::ZERO);
        assert_eq!(admitted(&meters, 5.0, 9, second, none), 5);
        // Two fifths of a second pay for two.
        assert_eq!(admitted(&meters, 5.0, 9, second * 7 / 5, none), 2);
        // However long nobody came, a second's worth is the most.
        assert_eq!(admitted(&meters, 5.0, 99, second * 1000, none), 5);
        // And what comes back while they come, to within one.
        assert_eq!(
            admitted(&meters, 5.0, 1000, second * 1001, second * 10),
            5 + 49
        );
    }

    #[test]
    fn ten_thousand_a_second_are_ten_thousand() {
        let meters = Meters::default();
        let (start, span) = (Duration::from_secs(5), Duration::from_secs(3));
        let found = admitted(&meters, 10_000.0, 60_000, start, span);
        assert!((39_990..=40_010).contains(&found), "{found}");
    }

    #[test]
    fn less_than_one_a_second_is_one_in_its_interval() {
        let meters = Meters::default();
        let second = Duration::from_secs(1);
        assert_eq!(admitted(&meters, 0.25, 3, second, Duration::ZERO), 1);
        assert_eq!(admitted(&meters, 0.25, 3, second * 4, Duration::ZERO), 0);
        assert_eq!(admitted(&meters, 0.25, 3, second * 5, Duration::ZERO), 1);
        assert_eq!(
            admitted(&Meters::default(), 0.0, 3, second, Duration::ZERO),
            1
        );
    }

    #[test]
    fn accounts_regions_and_quotas_do_not_feel_each_other() {
        let meters = Meters::default();
        let ask =
            |place, quota| meters.admits(place, quota, Duration::from_secs(1), Minute(0), |_| 1.0);
        assert!(ask(HERE, 0));
        assert!(!ask(HERE, 0));
        assert!(ask(("444455556666", HERE.1), 0));
        assert!(ask((HERE.0, "eu-west-1"), 0));
        assert!(ask(HERE, 1));
    }

    #[test]
    fn a_quota_that_is_raised_holds_at_once() {
        let meters = Meters::default();
        let now = Duration::from_secs(1);
        assert_eq!(admitted(&meters, 1.0, 9, now, Duration::ZERO), 1);
        meters.set_rate(&Place::new(HERE.0, HERE.1), 0, 1000.0);
        assert_eq!(admitted(&meters, 1.0, 2000, now, Duration::ZERO), 1000);
    }

    #[test]
    fn a_minute_is_handed_out_once_when_it_is_over() {
        let meters = Meters::default();
        for (minute, calls) in [(1, 3), (2, 2)] {
            for at in 0..calls {
                let now = Duration::from_secs(60 * minute + at);
                let minute = Minute(u32::try_from(minute).unwrap());
                meters.admits(HERE, 0, now, minute, |_| 0.9);
            }
        }
        let count = |minute, calls, is_throttled| Count {
            place: Place::new(HERE.0, HERE.1),
            quota: 0,
            minute: Minute(minute),
            calls,
            is_throttled,
        };
        assert_eq!(meters.collect(Minute(1)), []);
        assert_eq!(
            meters.collect(Minute(2)),
            [count(1, 2, false), count(1, 1, true)]
        );
        assert_eq!(meters.collect(Minute(2)), []);
        assert_eq!(
            meters.collect(Minute(9)),
            [count(2, 1, false), count(2, 1, true)]
        );
    }

    #[test]
    fn there_is_an_end_to_meters() {
        let meters = Meters::default();
        let ask = |region: &str| {
            meters.admits(
                (HERE.0, region),
                0,
                Duration::from_secs(1),
                Minute(0),
                |_| 1.0,
            )
        };
        assert!((0..limits::METERED_MAX).all(|at| ask(&format!("r-{at}"))));
        assert!(ask("one-more"));
        assert!(!ask("yet-another"), "who is beyond has its own meters");
        assert_eq!(meters.collect(Minute(1)).len(), limits::METERED_MAX);
    }
}
