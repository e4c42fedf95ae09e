//! A metric's name, and what one minute of it holds: a statistic set, from which every statistic but percentiles can be told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::cloudwatch::{self, Statistic};

/// What a metric is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Metric {
    /// The name space, such as `AWS/Usage`.
    pub(crate) namespace: String,
    /// The name within it.
    pub(crate) name: String,
    /// What it is of.
    pub(crate) dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// A metric by its parts.
    pub(crate) fn new(
        namespace: impl Into<String>,
        name: impl Into<String>,
        dimensions: Option<&[cloudwatch::Dimension]>,
    ) -> Self {
        let dimensions = dimensions.unwrap_or_default().iter();
        Self {
            namespace: namespace.into(),
            name: name.into(),
            dimensions: dimensions
                .map(|each| (each.name.clone(), each.value.clone()))
                .collect(),
        }
    }

    /// The usage of a quota that AWS/Usage calls `resource`: `name` is `CallCount` or `ThrottleCount`.
    pub(crate) fn of_usage(name: &str, resource: &str) -> Self {
        let dimensions = usage_dimensions(resource);
        Self {
            namespace: USAGE.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
        }
    }

    /// The quota's name in AWS/Usage, when this is the count of its calls.
    pub(crate) fn usage_resource(&self) -> Option<&str> {
        let resource = self.dimensions.get("Resource")?;
        (*self == Self::of_usage(CALL_COUNT, resource)).then_some(resource)
    }

    /// As answers show it.
    pub(crate) fn to_wire(&self) -> cloudwatch::Metric {
        let dimensions = self.dimensions.iter();
        cloudwatch::Metric {
            namespace: Some(self.namespace.clone()),
            metric_name: Some(self.name.clone()),
            dimensions: Some(
                dimensions
                    .map(|(name, value)| cloudwatch::Dimension {
                        name: name.clone(),
                        value: value.clone(),
                    })
                    .collect(),
            ),
        }
    }
}

/// The name space of what AWS's services count of their own use.
pub(crate) const USAGE: &str = "AWS/Usage";
/// Calls that a quota admitted.
pub(crate) const CALL_COUNT: &str = "CallCount";
/// Calls that a quota refused.
pub(crate) const THROTTLE_COUNT: &str = "ThrottleCount";

/// The dimensions of a usage metric of KMS.
pub(crate) fn usage_dimensions(resource: &str) -> [(&'static str, &str); 4] {
    [
        ("Class", "None"),
        ("Resource", resource),
        ("Service", "KMS"),
        ("Type", "API"),
    ]
}

/// What is known of the values of a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Datum {
    /// How many there were.
    pub(crate) samples: f64,
    /// All together.
    pub(crate) sum: f64,
    /// The least.
    pub(crate) min: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Datum {
    /// Of one value.
    pub(crate) fn of(value: f64) -> Self {
        Self::repeated(value, 1.0)
    }

    /// Of one value that occurred `count` times.
    pub(crate) fn repeated(value: f64, count: f64) -> Self {
        Self {
            samples: count,
            sum: value * count,
            min: value,
            max: value,
        }
    }

    /// Of two spans together.
    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            samples: self.samples + other.samples,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// A statistic of it.
    pub(crate) fn statistic(self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::SampleCount => self.samples,
            Statistic::Average => self.sum / self.samples,
            Statistic::Sum => self.sum,
            Statistic::Minimum => self.min,
            Statistic::Maximum => self.max,
        }
    }
}
