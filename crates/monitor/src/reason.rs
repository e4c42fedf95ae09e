//! What an alarm says of its state: CloudWatch's sentences, and the same as data.

use jiff::Timestamp;
use serde_json::json;
use wire::cloudwatch::{ComparisonOperator, StateValue};

use crate::evaluate::{Rule, Treatment};
use crate::place::Minute;

/// How many points a sentence and its data name.
const SHOWN: usize = 10;

/// The points that were looked at, newest first.
pub(crate) type Points = [(Minute, Option<f64>)];

/// Why the state is to be `value` after `before`.
pub(crate) fn sentence(
    rule: &Rule,
    points: &Points,
    before: StateValue,
    value: StateValue,
) -> String {
    let real: Vec<(Minute, f64)> = real(points).take(rule.periods).collect();
    if value == StateValue::InsufficientData {
        let plural = if rule.periods == 1 { " was" } else { "s were" };
        return format!(
            "Insufficient Data: {} datapoint{plural} unknown.",
            rule.periods
        );
    }
    if real.is_empty() {
        let periods = if rule.periods == 1 {
            "period"
        } else {
            "periods"
        };
        let datapoints = if rule.periods == 1 {
            "datapoint was"
        } else {
            "datapoints were"
        };
        let treated = match rule.missing {
            Treatment::Breaching => "Breaching",
            Treatment::NotBreaching => "NonBreaching",
            Treatment::Missing => "Missing",
            Treatment::Ignore => "Ignored",
        };
        return format!(
            "Threshold Crossed: no datapoints were received for {n} {periods} and {n} missing {datapoints} treated as [{treated}].",
            n = rule.periods
        );
    }
    let is_alarm = value == StateValue::Alarm;
    let named: Vec<(Minute, f64)> = real
        .iter()
        .copied()
        .filter(|(_, value)| rule.breaches(*value) == is_alarm)
        .take(SHOWN)
        .collect();
    let shown: Vec<String> = named.iter().map(|(at, value)| point(*at, *value)).collect();
    let were = match (shown.len(), is_alarm) {
        (1, true) => "was",
        (1, false) => "was not",
        (_, true) => "were",
        (_, false) => "were not",
    };
    // From OK to ALARM it takes M; back, enough that M cannot be reached.
    let least = if is_alarm {
        rule.to_alarm
    } else {
        rule.periods - rule.to_alarm + 1
    };
    let (from, plural) = (before.as_str(), if least == 1 { "" } else { "s" });
    let from = if before == StateValue::InsufficientData {
        "OK"
    } else {
        from
    };
    let from = if from == value.as_str() {
        "ALARM"
    } else {
        from
    };
    format!(
        "Threshold Crossed: {} out of the last {} datapoints [{}] {were} {} the threshold ({:?}) (minimum {least} datapoint{plural} for {from} -> {} transition).",
        named.len(),
        real.len(),
        shown.join(", "),
        words(rule.comparison),
        rule.threshold,
        value.as_str(),
    )
}

/// The same, for machines: `StateReasonData`.
pub(crate) fn data(
    rule: &Rule,
    points: &Points,
    now: Timestamp,
    (statistic, period): (Option<&str>, i32),
) -> String {
    let looked_at: Vec<(Minute, f64)> = real(points).take(rule.periods.min(SHOWN)).collect();
    let mut data = json!({
        "version": "1.0",
        "queryDate": instant(now),
        "period": period,
        "recentDatapoints": looked_at.iter().rev().map(|(_, value)| *value).collect::<Vec<_>>(),
        "threshold": rule.threshold,
    });
    if let Some((oldest, _)) = looked_at.last() {
        data["startDate"] = instant(oldest.start()).into();
    }
    if let Some(statistic) = statistic {
        data["statistic"] = statistic.into();
    }
    data.to_string()
}

fn real(points: &Points) -> impl Iterator<Item = (Minute, f64)> {
    points
        .iter()
        .filter_map(|(at, value)| Some((*at, (*value)?)))
}

fn point(at: Minute, value: f64) -> String {
    format!("{value:?} ({})", at.start().strftime("%d/%m/%y %H:%M:%S"))
}

/// An instant as CloudWatch's data and notices have it.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

fn words(comparison: ComparisonOperator) -> &'static str {
    match comparison {
        ComparisonOperator::GreaterThanOrEqualToThreshold => "greater than or equal to",
        ComparisonOperator::GreaterThanThreshold => "greater than",
        ComparisonOperator::LessThanOrEqualToThreshold => "less than or equal to",
        ComparisonOperator::LessThanThreshold => "less than",
        ComparisonOperator::LessThanLowerOrGreaterThanUpperThreshold
        | ComparisonOperator::LessThanLowerThreshold
        | ComparisonOperator::GreaterThanUpperThreshold => "outside",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(periods: usize, to_alarm: usize) -> Rule {
        Rule {
            comparison: ComparisonOperator::GreaterThanOrEqualToThreshold,
            threshold: 80.0,
            periods,
            to_alarm,
            missing: Treatment::Missing,
        }
    }

    fn at(minute: &str) -> Minute {
        Minute::of(minute.parse().unwrap())
    }

    #[test]
    fn the_sentences_are_cloudwatchs() {
        // As CloudWatch sent them.
        let points = [(at("2018-11-02T14:39:00Z"), Some(99.702_732_240_437_8))];
        assert_eq!(
            sentence(&rule(1, 1), &points, StateValue::Ok, StateValue::Alarm),
            "Threshold Crossed: 1 out of the last 1 datapoints [99.7027322404378 (02/11/18 14:39:00)] was greater than or equal to the threshold (80.0) (minimum 1 datapoint for OK -> ALARM transition)."
        );
        let points = [(at("2019-11-18T06:56:00Z"), Some(0.0))];
        assert_eq!(
            sentence(&rule(1, 1), &points, StateValue::Alarm, StateValue::Ok),
            "Threshold Crossed: 1 out of the last 1 datapoints [0.0 (18/11/19 06:56:00)] was not greater than or equal to the threshold (80.0) (minimum 1 datapoint for ALARM -> OK transition)."
        );
        assert_eq!(
            sentence(
                &rule(1, 1),
                &[],
                StateValue::Ok,
                StateValue::InsufficientData
            ),
            "Insufficient Data: 1 datapoint was unknown."
        );
    }

    #[test]
    fn the_data_name_the_points_oldest_first() {
        let points = [
            (at("2019-11-18T07:03:00Z"), Some(2.0)),
            (at("2019-11-18T07:02:00Z"), Some(1.0)),
        ];
        let now = "2019-11-18T07:03:51.7Z".parse().unwrap();
        let data: serde_json::Value =
            serde_json::from_str(&data(&rule(2, 2), &points, now, (Some("Sum"), 60))).unwrap();
        assert_eq!(
            data,
            json!({"version": "1.0", "queryDate": "2019-11-18T07:03:51.700+0000", "startDate": "2019-11-18T07:02:00.000+0000", "statistic": "Sum", "period": 60, "recentDatapoints": [1.0, 2.0], "threshold": 80.0})
        );
    }
}
