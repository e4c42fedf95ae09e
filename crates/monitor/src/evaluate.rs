//! Whether an alarm goes off: M out of N points, and what is made of missing ones, by the tables of the CloudWatch user guide
//! ("Configuring how CloudWatch alarms treat missing data").

use wire::cloudwatch::{ComparisonOperator, StateValue};

/// What is made of a point that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// The state is told from what there is.
    Missing,
    /// The state stays as it is.
    Ignore,
    /// It is as bad as one beyond the threshold.
    Breaching,
    /// It is as good as one within.
    NotBreaching,
}

impl Treatment {
    /// By AWS's word; nothing said means `missing`.
    pub(crate) fn of(word: Option<&str>) -> Option<Self> {
        match word {
            None | Some("missing") => Some(Self::Missing),
            Some("ignore") => Some(Self::Ignore),
            Some("breaching") => Some(Self::Breaching),
            Some("notBreaching") => Some(Self::NotBreaching),
            Some(_) => None,
        }
    }
}

/// When an alarm goes off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) comparison: ComparisonOperator,
    pub(crate) threshold: f64,
    /// N: how many periods are looked at.
    pub(crate) periods: usize,
    /// M: how many of them have to be beyond the threshold.
    pub(crate) to_alarm: usize,
    pub(crate) missing: Treatment,
}

impl Rule {
    /// Whether a value is beyond the threshold. `None` for a comparison with a band, which no rule is made of.
    pub(crate) fn breaches(&self, value: f64) -> bool {
        match self.comparison {
            ComparisonOperator::GreaterThanOrEqualToThreshold => value >= self.threshold,
            ComparisonOperator::GreaterThanThreshold => value > self.threshold,
            ComparisonOperator::LessThanThreshold => value < self.threshold,
            ComparisonOperator::LessThanOrEqualToThreshold => value <= self.threshold,
            ComparisonOperator::LessThanLowerOrGreaterThanUpperThreshold
            | ComparisonOperator::LessThanLowerThreshold
            | ComparisonOperator::GreaterThanUpperThreshold => false,
        }
    }

    /// The state that `range` calls for: the points of the last periods, newest first. `None` where the state is to stay.
    pub(crate) fn state(&self, range: &[Option<f64>]) -> Option<StateValue> {
        // The newest that there are: a missing one is made up for by an older one before it is made anything of.
        let real = range.iter().enumerate();
        let real = real.filter_map(|(age, point)| Some((age, self.breaches((*point)?))));
        let looked_at: Vec<(usize, bool)> = real.take(self.periods).collect();
        let filled = self.periods - looked_at.len();
        let breaching = looked_at.iter().filter(|(_, breaches)| *breaches).count();
        let alarm = |is_on| {
            Some(if is_on {
                StateValue::Alarm
            } else {
                StateValue::Ok
            })
        };
        match self.missing {
            _ if breaching >= self.to_alarm => alarm(true),
            _ if filled == 0 => alarm(false),
            Treatment::Breaching => alarm(breaching + filled >= self.to_alarm),
            Treatment::Missing if looked_at.is_empty() => Some(StateValue::InsufficientData),
            Treatment::Missing => alarm(self.is_premature(&looked_at)),
            Treatment::Ignore if breaching == looked_at.len() => None,
            Treatment::Ignore | Treatment::NotBreaching => alarm(false),
        }
    }

    /// Nothing but breaches, the oldest of them so old that M periods have passed with it.
    fn is_premature(&self, looked_at: &[(usize, bool)]) -> bool {
        let oldest = looked_at.last().map_or(0, |(age, _)| age + 1);
        looked_at.iter().all(|(_, breaches)| *breaches) && oldest >= self.to_alarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The points of a row of the user guide, newest first: `0` is within the threshold, `X` beyond it, `-` missing.
    fn range(row: &str) -> Vec<Option<f64>> {
        let points = row.split(' ').rev().map(|point| match point {
            "0" => Some(1.0),
            "X" => Some(99.0),
            _ => None,
        });
        points.collect()
    }

    fn state(row: &str, to_alarm: usize, missing: Treatment) -> &'static str {
        let rule = Rule {
            comparison: ComparisonOperator::GreaterThanThreshold,
            threshold: 80.0,
            periods: 3,
            to_alarm,
            missing,
        };
        rule.state(&range(row)).map_or("retain", StateValue::as_str)
    }

    fn is_as_documented(to_alarm: usize, table: &[(&str, [&str; 4])]) {
        let columns = [
            Treatment::Missing,
            Treatment::Ignore,
            Treatment::Breaching,
            Treatment::NotBreaching,
        ];
        for (row, expected) in table {
            assert_eq!(
                columns.map(|column| state(row, to_alarm, column)),
                *expected,
                "{row}"
            );
        }
    }

    #[test]
    fn three_out_of_three_is_as_documented() {
        is_as_documented(
            3,
            &[
                ("0 - X - X", ["OK"; 4]),
                ("0 - - - -", ["OK"; 4]),
                ("- - - - -", ["INSUFFICIENT_DATA", "retain", "ALARM", "OK"]),
                ("0 X X - X", ["ALARM"; 4]),
                ("- - X - -", ["ALARM", "retain", "ALARM", "OK"]),
            ],
        );
    }

    #[test]
    fn two_out_of_three_is_as_documented() {
        is_as_documented(
            2,
            &[
                ("0 - X - X", ["ALARM"; 4]),
                ("0 0 X 0 X", ["ALARM"; 4]),
                ("0 - X - -", ["OK", "OK", "ALARM", "OK"]),
                ("- - - - 0", ["OK", "OK", "ALARM", "OK"]),
                ("- - - X -", ["ALARM", "retain", "ALARM", "OK"]),
            ],
        );
    }

    #[test]
    fn an_alarm_does_not_go_off_before_its_time() {
        assert_eq!(state("- - - - X", 3, Treatment::Missing), "OK");
        assert_eq!(state("- - - X -", 3, Treatment::Missing), "OK");
        assert_eq!(state("- - - X 0", 3, Treatment::Missing), "OK");
    }

    #[test]
    fn each_comparison_is_its_own() {
        use ComparisonOperator as C;
        for (comparison, expected) in [
            (C::GreaterThanOrEqualToThreshold, [false, true, true]),
            (C::GreaterThanThreshold, [false, false, true]),
            (C::LessThanThreshold, [true, false, false]),
            (C::LessThanOrEqualToThreshold, [true, true, false]),
        ] {
            let rule = Rule {
                comparison,
                threshold: 2.0,
                periods: 1,
                to_alarm: 1,
                missing: Treatment::Missing,
            };
            assert_eq!([1.0, 2.0, 3.0].map(|value| rule.breaches(value)), expected);
        }
    }
}
