//! The service's own metrics, in OpenMetrics: for the operator's monitoring, on a listener of its own.
//!
//! No label names an account, a key, a user or an alarm, and every label has few values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use kms::Kms;
use monitor::Monitor;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use wire::ApiError;

use crate::gate::accept::Arrived;

/// What every metric's name begins with.
const PREFIX: &str = "kluisd";
/// The upper end of the first bucket, in seconds.
const SHORTEST: f64 = 0.000_1;
/// Buckets, each twice as long as the one before: up to 3.3 s.
const BUCKETS: u16 = 16;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Success,
    Denied,
    Throttled,
    ClientError,
    ServerError,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    service: &'static str,
    operation: &'static str,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Resource {
    resource: &'static str,
}

type Ratio = Gauge<f64, AtomicU64>;

/// The metrics, and what they are read from when they are asked for.
pub(crate) struct Gauges {
    registry: Registry,
    operations: Family<Call, Histogram, fn() -> Histogram>,
    appends: Histogram,
    lag: Ratio,
    free_bytes: Ratio,
    keys: Family<State, Gauge>,
    alarms: Family<State, Gauge>,
    quotas: Family<Resource, Ratio>,
    /// The records that are on their way to the log, by the order in which they came.
    waiting: Mutex<BTreeMap<u64, Instant>>,
    folder: PathBuf,
}

/// A record on its way to the log.
pub(crate) struct Waiting<'g> {
    gauges: &'g Gauges,
    since: Instant,
    number: u64,
}

fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(SHORTEST, 2.0, BUCKETS))
}

impl Gauges {
    /// Metrics of a service whose data are in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let operations = Family::new_with_constructor(buckets as fn() -> Histogram);
        let (appends, lag, free_bytes) = (buckets(), Ratio::default(), Ratio::default());
        let (keys, alarms, quotas) = (Family::default(), Family::default(), Family::default());
        registry.register_with_unit(
            "operation_duration",
            "How long requests took, from their arrival to their answer",
            Unit::Seconds,
            operations.clone(),
        );
        registry.register_with_unit(
            "audit_append_duration",
            "How long records took to be durable in the audit trail",
            Unit::Seconds,
            appends.clone(),
        );
        registry.register_with_unit(
            "audit_lag",
            "How long the oldest record that is not yet durable has waited",
            Unit::Seconds,
            lag.clone(),
        );
        registry.register_with_unit(
            "free",
            "Space that is left for the service's data and trail",
            Unit::Bytes,
            free_bytes.clone(),
        );
        registry.register("keys", "Keys by state", keys.clone());
        registry.register("alarms", "Alarms by state", alarms.clone());
        registry.register_with_unit(
            "quota_utilization",
            "Requests of the last whole minute over what the quota allows in one, where that was greatest",
            Unit::Ratios,
            quotas.clone(),
        );
        Self {
            registry,
            operations,
            appends,
            lag,
            free_bytes,
            keys,
            alarms,
            quotas,
            waiting: Mutex::default(),
            folder: folder.to_owned(),
        }
    }

    /// Notes how a request ended, and hands its outcome on.
    pub(crate) fn answered<T>(
        &self,
        (service, operation): (&'static str, &'static str),
        arrived: &Arrived,
        outcome: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let call = Call {
            service,
            operation,
            outcome: outcome.as_ref().map_or_else(of_error, |_| Outcome::Success),
        };
        let seconds = arrived.started.elapsed().as_secs_f64();
        self.operations.get_or_create(&call).observe(seconds);
        outcome
    }

    /// Notes that a record is on its way to the log, until what this returns is dropped.
    pub(crate) fn appending(&self) -> Waiting<'_> {
        let since = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let number = waiting.last_key_value().map_or(0, |(last, _)| last + 1);
        waiting.insert(number, since);
        Waiting {
            gauges: self,
            since,
            number,
        }
    }

    /// The text of an answer, as of now.
    pub(crate) fn text(&self, kms: &Kms, monitor: &Monitor) -> String {
        self.look(kms, monitor);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }

    fn look(&self, kms: &Kms, monitor: &Monitor) {
        let oldest = {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.first_key_value().map(|(_, since)| *since)
        };
        self.lag
            .set(oldest.map_or(0.0, |since| since.elapsed().as_secs_f64()));
        if let Ok(free) = rustix::fs::statvfs(&self.folder) {
            #[expect(clippy::cast_precision_loss, reason = "a gauge of bytes")]
            self.free_bytes.set((free.f_bavail * free.f_frsize) as f64);
        }
        set(&self.keys, kms.keys_by_state());
        set(&self.alarms, monitor.alarms_by_state());
        self.quotas.clear();
        for (resource, ratio) in monitor.utilisation(Timestamp::now()) {
            self.quotas.get_or_create(&Resource { resource }).set(ratio);
        }
    }
}

fn set(family: &Family<State, Gauge>, counts: BTreeMap<&'static str, usize>) {
    family.clear();
    for (state, count) in counts {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        family.get_or_create(&State { state }).set(count);
    }
}

fn of_error(error: &ApiError) -> Outcome {
    match error.code {
        "ThrottlingException" => Outcome::Throttled,
        "AccessDenied" | "AccessDeniedException" => Outcome::Denied,
        _ if error.status >= 500 => Outcome::ServerError,
        _ => Outcome::ClientError,
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gauges
            .appends
            .observe(self.since.elapsed().as_secs_f64());
        let waiting = self.gauges.waiting.lock();
        waiting
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.number);
    }
}
