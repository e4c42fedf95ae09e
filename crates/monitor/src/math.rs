//! Metric math: arithmetic over metrics, as CloudWatch has it ("Using math expressions with CloudWatch metrics").
//!
//! Served are numbers, ids, lists, `+ - * / ^`, comparisons, `&& ||`, and the functions of [`Math::call`]. Where only one of two metrics
//! has a point, and where a division has no result, there is no point.

mod parse;

use std::collections::BTreeMap;

use crate::place::Minute;

pub(crate) use parse::{Expression, Operator, parse};

/// A metric over time, in spans of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    pub(crate) points: BTreeMap<Minute, f64>,
    /// The span's length, in seconds.
    pub(crate) period: i32,
    /// The quota that it is the usage of, in the measure of its points.
    pub(crate) quota: Option<f64>,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    Line(Line),
    Lines(Vec<Line>),
}

/// Where an expression finds what it names.
pub(crate) trait Names {
    /// The value of another query.
    fn named(&self, id: &str) -> Result<Value, String>;
    /// Every metric of the request: `METRICS()`.
    fn metrics(&self) -> Vec<Line>;
    /// The spans that the request asks for, each `period` seconds.
    fn spans(&self, period: i32) -> Vec<Minute>;
}

/// The arithmetic over a request's names.
pub(crate) struct Math<'n>(pub(crate) &'n dyn Names);

impl Math<'_> {
    /// What an expression comes to.
    pub(crate) fn value(&self, expression: &Expression) -> Result<Value, String> {
        match expression {
            Expression::Number(number) => Ok(Value::Scalar(*number)),
            Expression::Named(id) => self.0.named(id),
            Expression::Negative(inner) => {
                let value = self.value(inner)?;
                each(value, |number| Some(-number))
            }
            Expression::Binary(operator, left, right) => {
                binary(*operator, self.value(left)?, self.value(right)?)
            }
            Expression::List(items) => {
                let lines = items.iter().map(|item| line(self.value(item)?));
                lines.collect::<Result<_, _>>().map(Value::Lines)
            }
            Expression::Call(name, arguments) => self.call(name, arguments),
        }
    }

    fn call(&self, name: &str, arguments: &[Expression]) -> Result<Value, String> {
        if let ("METRICS", []) = (name, arguments) {
            return Ok(Value::Lines(self.0.metrics()));
        }
        if let ("FILL", [of, with]) = (name, arguments) {
            return self.fill(of, with);
        }
        let values = arguments.iter().map(|argument| self.value(argument));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        match (name, <[Value; 1]>::try_from(values)) {
            ("ABS", Ok([value])) => each(value, |number| Some(number.abs())),
            ("CEIL", Ok([value])) => each(value, |number| Some(number.ceil())),
            ("FLOOR", Ok([value])) => each(value, |number| Some(number.floor())),
            ("AVG", Ok([value])) => {
                Ok(aggregate(value, |all| all.iter().sum::<f64>() / count(all)))
            }
            ("SUM", Ok([value])) => Ok(aggregate(value, |all| all.iter().sum())),
            ("MIN", Ok([value])) => Ok(aggregate(value, |all| fold(all, f64::min))),
            ("MAX", Ok([value])) => Ok(aggregate(value, |all| fold(all, f64::max))),
            ("PERIOD", Ok([value])) => Ok(Value::Scalar(f64::from(line(value)?.period))),
            ("RATE", Ok([value])) => line(value).map(|line| Value::Line(rate(&line))),
            ("DIFF", Ok([value])) => line(value).map(|line| Value::Line(diff(&line))),
            ("SERVICE_QUOTA", Ok([value])) => {
                let quota = line(value)?.quota.ok_or(
                    "SERVICE_QUOTA takes a usage metric of a service that has a quota for it",
                )?;
                Ok(Value::Scalar(quota))
            }
            ("IF", Err(values)) => choose(values),
            _ => Err(format!(
                "There is no function {name} that takes these arguments"
            )),
        }
    }

    /// `FILL(m, 0)` and `FILL(m, REPEAT)`: a point for every span that has none.
    fn fill(&self, of: &Expression, with: &Expression) -> Result<Value, String> {
        let mut of = line(self.value(of)?)?;
        let is_repeat = matches!(with, Expression::Named(name) if name == "REPEAT");
        let mut with = match with {
            _ if is_repeat => None,
            with => match self.value(with)? {
                Value::Scalar(number) => Some(number),
                _ => return Err("FILL takes a number or REPEAT".to_owned()),
            },
        };
        for span in self.0.spans(of.period) {
            match (of.points.get(&span), with) {
                (Some(there), _) if is_repeat => with = Some(*there),
                (None, Some(with)) => {
                    of.points.insert(span, with);
                }
                _ => {}
            }
        }
        Ok(Value::Line(of))
    }
}

/// A value that has to be a single metric.
fn line(value: Value) -> Result<Line, String> {
    match value {
        Value::Line(line) => Ok(line),
        Value::Scalar(_) | Value::Lines(_) => Err("A single metric is expected".to_owned()),
    }
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

fn map_line(line: Line, change: impl Fn(f64) -> Option<f64>) -> Line {
    let points = line.points.into_iter();
    let points = points.filter_map(|(at, number)| Some((at, finite(change(number)?)?)));
    Line {
        points: points.collect(),
        period: line.period,
        quota: None,
    }
}

fn each(value: Value, change: impl Fn(f64) -> Option<f64> + Copy) -> Result<Value, String> {
    Ok(match value {
        Value::Scalar(number) => Value::Scalar(
            change(number)
                .and_then(finite)
                .ok_or("The expression has no result")?,
        ),
        Value::Line(line) => Value::Line(map_line(line, change)),
        Value::Lines(lines) => Value::Lines(
            lines
                .into_iter()
                .map(|line| map_line(line, change))
                .collect(),
        ),
    })
}

fn operate(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |is_true: bool| f64::from(u8::from(is_true));
    #[expect(clippy::float_cmp, reason = "the caller asks whether they are equal")]
    match operator {
        Operator::Or => truth(left != 0.0 || right != 0.0),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Less => truth(left < right),
        Operator::Greater => truth(left > right),
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
    }
}

fn binary(operator: Operator, left: Value, right: Value) -> Result<Value, String> {
    let both = |left: &Line, right: &Line| {
        let points = left.points.iter().filter_map(|(at, number)| {
            let other = right.points.get(at)?;
            Some((*at, finite(operate(operator, *number, *other))?))
        });
        Line {
            points: points.collect(),
            period: left.period.max(right.period),
            quota: None,
        }
    };
    match (left, right) {
        (left, Value::Scalar(right)) => {
            each(left, move |left| Some(operate(operator, left, right)))
        }
        (Value::Scalar(left), right) => {
            each(right, move |right| Some(operate(operator, left, right)))
        }
        (Value::Line(left), Value::Line(right)) => Ok(Value::Line(both(&left, &right))),
        (Value::Lines(lines), Value::Line(right)) => Ok(Value::Lines(
            lines.iter().map(|left| both(left, &right)).collect(),
        )),
        (Value::Line(left), Value::Lines(lines)) => Ok(Value::Lines(
            lines.iter().map(|right| both(&left, right)).collect(),
        )),
        (Value::Lines(_), Value::Lines(_)) => {
            Err("Two lists of metrics cannot be combined".to_owned())
        }
    }
}

/// Of one metric, a number; of several, a metric.
fn aggregate(value: Value, of: impl Fn(&[f64]) -> f64) -> Value {
    match value {
        Value::Scalar(number) => Value::Scalar(of(&[number])),
        Value::Line(line) => {
            let all: Vec<f64> = line.points.into_values().collect();
            if all.is_empty() {
                return Value::Line(Line::default());
            }
            Value::Scalar(of(&all))
        }
        Value::Lines(lines) => {
            let mut by_span: BTreeMap<Minute, Vec<f64>> = BTreeMap::new();
            let period = lines
                .iter()
                .map(|line| line.period)
                .max()
                .unwrap_or_default();
            for (at, number) in lines.into_iter().flat_map(|line| line.points) {
                by_span.entry(at).or_default().push(number);
            }
            let points = by_span.into_iter().map(|(at, all)| (at, of(&all)));
            Value::Line(Line {
                points: points.collect(),
                period,
                quota: None,
            })
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 points")]
fn count(all: &[f64]) -> f64 {
    all.len() as f64
}

fn fold(all: &[f64], of: fn(f64, f64) -> f64) -> f64 {
    all.iter().copied().reduce(of).unwrap_or_default()
}

/// What each point has more than the one before it.
fn diff(line: &Line) -> Line {
    let pairs = line.points.iter().zip(line.points.iter().skip(1));
    Line {
        points: pairs.map(|((_, a), (at, b))| (*at, b - a)).collect(),
        period: line.period,
        quota: None,
    }
}

/// The same, per second.
fn rate(line: &Line) -> Line {
    let pairs = line.points.iter().zip(line.points.iter().skip(1));
    let points = pairs.map(|((from, a), (to, b))| {
        let seconds = f64::from(to.0 - from.0) * 60.0;
        (*to, (b - a) / seconds)
    });
    Line {
        points: points.collect(),
        period: line.period,
        quota: None,
    }
}

/// `IF(condition, then)` and `IF(condition, then, else)`.
fn choose(values: Vec<Value>) -> Result<Value, String> {
    let mut values = values.into_iter();
    let (Some(condition), Some(then), otherwise, None) =
        (values.next(), values.next(), values.next(), values.next())
    else {
        return Err("IF takes a condition and one or two values".to_owned());
    };
    let condition = match condition {
        Value::Scalar(number) if number != 0.0 => return Ok(then),
        Value::Scalar(_) => return Ok(otherwise.unwrap_or_else(|| Value::Line(Line::default()))),
        condition => line(condition)?,
    };
    let pick = |from: &Value, at: Minute| match from {
        Value::Scalar(number) => Some(*number),
        Value::Line(line) => line.points.get(&at).copied(),
        Value::Lines(_) => None,
    };
    let points = condition.points.iter().filter_map(|(at, is_true)| {
        let from = if *is_true == 0.0 {
            otherwise.as_ref()?
        } else {
            &then
        };
        Some((*at, pick(from, *at)?))
    });
    Ok(Value::Line(Line {
        points: points.collect(),
        period: condition.period,
        quota: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// m1 at minutes 0 to 3, m2 at 1 and 3, both in spans of a minute; m1 is the usage of a quota of 600.
    struct Example;

    fn points(points: &[(u32, f64)]) -> BTreeMap<Minute, f64> {
        points
            .iter()
            .map(|(at, number)| (Minute(*at), *number))
            .collect()
    }

    impl Names for Example {
        fn named(&self, id: &str) -> Result<Value, String> {
            let (numbers, quota): (&[_], _) = match id {
                "m1" => (&[(0, 10.0), (1, 300.0), (2, 0.0), (3, -6.0)], Some(600.0)),
                "m2" => (&[(1, 2.0), (3, 4.0)], None),
                _ => return Err(format!("There is no {id}")),
            };
            Ok(Value::Line(Line {
                points: points(numbers),
                period: 60,
                quota,
            }))
        }

        fn metrics(&self) -> Vec<Line> {
            ["m1", "m2"]
                .map(|id| line(self.named(id).unwrap()).unwrap())
                .into()
        }

        fn spans(&self, _: i32) -> Vec<Minute> {
            (0..5).map(Minute).collect()
        }
    }

    fn result(text: &str) -> Value {
        Math(&Example).value(&parse(text).unwrap()).unwrap()
    }

    fn is_line(text: &str, expected: &[(u32, f64)]) {
        let Value::Line(line) = result(text) else {
            panic!("{text} is not one metric");
        };
        assert_eq!(line.points, points(expected), "{text}");
    }

    #[test]
    fn the_utilisation_of_a_quota_is_a_percentage() {
        is_line(
            "m1/SERVICE_QUOTA(m1)*100",
            &[(0, 10.0 / 600.0 * 100.0), (1, 50.0), (2, 0.0), (3, -1.0)],
        );
        let of_another = parse("SERVICE_QUOTA(m2)").unwrap();
        assert!(Math(&Example).value(&of_another).is_err());
    }

    #[test]
    fn two_metrics_meet_where_both_have_points_and_a_result() {
        is_line("m1 + m2", &[(1, 302.0), (3, -2.0)]);
        is_line("m2 / m1", &[(1, 2.0 / 300.0), (3, 4.0 / -6.0)]);
        is_line("1 / m1", &[(0, 0.1), (1, 1.0 / 300.0), (3, 1.0 / -6.0)]);
        is_line(
            "m1 ^ 0.5",
            &[(0, 10f64.sqrt()), (1, 300f64.sqrt()), (2, 0.0)],
        );
        is_line("m1 > 5", &[(0, 1.0), (1, 1.0), (2, 0.0), (3, 0.0)]);
    }

    #[test]
    fn an_aggregate_of_one_metric_is_a_number_and_of_several_a_metric() {
        assert_eq!(result("MAX(m1)"), Value::Scalar(300.0));
        assert_eq!(result("AVG(m2)"), Value::Scalar(3.0));
        is_line(
            "SUM([m1, m2])",
            &[(0, 10.0), (1, 302.0), (2, 0.0), (3, -2.0)],
        );
        is_line(
            "MIN(METRICS())",
            &[(0, 10.0), (1, 2.0), (2, 0.0), (3, -6.0)],
        );
    }

    #[test]
    fn what_is_missing_can_be_filled() {
        is_line(
            "FILL(m2, 0)",
            &[(0, 0.0), (1, 2.0), (2, 0.0), (3, 4.0), (4, 0.0)],
        );
        is_line(
            "FILL(m2, REPEAT)",
            &[(1, 2.0), (2, 2.0), (3, 4.0), (4, 4.0)],
        );
    }

    #[test]
    fn conditions_choose_by_point() {
        is_line("IF(m1 > 0, m1)", &[(0, 10.0), (1, 300.0)]);
        is_line("IF(m1 > 0, 1, m2)", &[(0, 1.0), (1, 1.0), (3, 4.0)]);
        is_line("DIFF(m1)", &[(1, 290.0), (2, -300.0), (3, -6.0)]);
        is_line("RATE(m2)", &[(3, 2.0 / 120.0)]);
        is_line("-ABS(m1)", &[(0, -10.0), (1, -300.0), (2, -0.0), (3, -6.0)]);
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for text in [
            "m9",
            "NOTHING(m1)",
            "MAX(m1, m2)",
            "SERVICE_QUOTA(5)",
            "1/0",
            "[m1]+[m2]",
            "IF(m1)",
            "FILL(m1, m2)",
        ] {
            let outcome = Math(&Example).value(&parse(text).unwrap());
            assert!(outcome.is_err(), "{text}");
        }
    }
}
