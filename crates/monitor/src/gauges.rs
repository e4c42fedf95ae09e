//! What the operator's own monitoring is told: numbers without names of accounts, keys or alarms.

use std::collections::BTreeMap;

use jiff::Timestamp;
use wire::cloudwatch::StateValue;

use crate::metric::{CALL_COUNT, Metric};
use crate::quota::QUOTAS;
use crate::service::{Monitor, Shared};

impl Monitor {
    /// The utilisation of each quota in the last whole minute, as a ratio: of the account and region where it was greatest.
    /// Quotas that nobody used are left out.
    pub fn utilisation(&self, now: Timestamp) -> BTreeMap<&'static str, f64> {
        let minute = Shared::minute_before(now);
        let mut found = BTreeMap::new();
        for quota in QUOTAS {
            let Some(resource) = quota.resource() else {
                continue;
            };
            let metric = Metric::of_usage(CALL_COUNT, resource);
            let ratios = self.0.with_book(|book| {
                self.0.with_metrics(|metrics| {
                    let busiest = metrics.busiest(&metric, minute).into_iter();
                    let ratio = |(place, count)| count / (60.0 * book.applied.value(place, quota));
                    busiest.map(ratio).collect::<Vec<f64>>()
                })
            });
            if let Some(ratio) = ratios.into_iter().reduce(f64::max) {
                found.insert(resource, ratio);
            }
        }
        found
    }

    /// How many alarms are in each state.
    pub fn alarms_by_state(&self) -> BTreeMap<&'static str, usize> {
        let mut found: BTreeMap<&'static str, usize> = StateValue::ALL
            .iter()
            .map(|state| (state.as_str(), 0))
            .collect();
        self.0.with_book(|book| {
            let alarms = book
                .shelves
                .values()
                .flat_map(|shelf| shelf.alarms.values());
            for alarm in alarms {
                *found.entry(alarm.state.value.as_str()).or_default() += 1;
            }
        });
        found
    }
}
