//! Queries of `GetMetricData` and of alarms: metrics and expressions that name each other, over a range of time.

use std::collections::BTreeMap;

use wire::ApiError;
use wire::cloudwatch::{MetricDataQuery, MetricStat, Statistic};

use crate::applied::Applied;
use crate::faults;
use crate::limits;
use crate::math::{self, Expression, Line, Math, Names, Value};
use crate::metric::Metric;
use crate::metrics::Metrics;
use crate::place::{Minute, Place};
use crate::quota;

/// What queries are answered from.
pub(crate) struct Source<'a> {
    pub(crate) metrics: &'a Metrics,
    pub(crate) applied: &'a Applied,
    pub(crate) place: &'a Place,
    /// The range: from its first minute, without its last.
    pub(crate) from: Minute,
    pub(crate) to: Minute,
}

/// Queries that are well-formed.
pub(crate) struct Queries<'q> {
    asked: &'q [MetricDataQuery],
    parsed: BTreeMap<&'q str, Parsed<'q>>,
}

enum Parsed<'q> {
    Metric(Metric, &'q MetricStat, Statistic),
    Expression(Expression),
}

/// A line of an answer.
pub(crate) struct Result<'q> {
    pub(crate) query: &'q MetricDataQuery,
    pub(crate) label: String,
    pub(crate) line: Line,
}

impl<'q> Queries<'q> {
    /// Reads queries.
    ///
    /// # Errors
    /// `ValidationError`, naming the first that is wrong.
    pub(crate) fn parse(asked: &'q [MetricDataQuery]) -> std::result::Result<Self, ApiError> {
        let mut parsed = BTreeMap::new();
        for query in asked {
            let id = query.id.as_str();
            if !is_id(id) {
                return Err(faults::validation(format!(
                    "The value {id} for parameter MetricDataQueries.member.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
                )));
            }
            let each = match (&query.metric_stat, &query.expression) {
                (Some(stat), None) => metric(id, stat)?,
                (None, Some(text)) => math::parse(text)
                    .map(Parsed::Expression)
                    .map_err(|error| in_expression(id, &error))?,
                _ => {
                    return Err(faults::validation(format!(
                        "The query {id} must have either a MetricStat or an Expression."
                    )));
                }
            };
            if parsed.insert(id, each).is_some() {
                return Err(faults::validation(format!(
                    "The values for parameter Id in MetricDataQueries are not unique: {id}."
                )));
            }
        }
        Ok(Self { asked, parsed })
    }

    /// Those that return data.
    pub(crate) fn returned(&self) -> impl Iterator<Item = &'q MetricDataQuery> {
        self.asked
            .iter()
            .filter(|query| query.return_data != Some(false))
    }

    /// The shortest period, in seconds.
    pub(crate) fn period(&self) -> i32 {
        let periods = self.parsed.values().filter_map(|each| match each {
            Parsed::Metric(_, stat, _) => Some(stat.period),
            Parsed::Expression(_) => None,
        });
        periods.min().unwrap_or(60)
    }

    /// How many points answering looks at, at most.
    pub(crate) fn cost(&self, from: Minute, to: Minute) -> usize {
        let minutes = to.0.saturating_sub(from.0) as usize;
        let metrics = self.parsed.values();
        minutes
            * metrics
                .filter(|each| matches!(each, Parsed::Metric(..)))
                .count()
    }

    /// Answers those that return data.
    ///
    /// # Errors
    /// `ValidationError` for an expression that has no meaning.
    pub(crate) fn answer(
        &self,
        source: &Source<'_>,
    ) -> std::result::Result<Vec<Result<'q>>, ApiError> {
        let mut results = Vec::new();
        for query in self.returned() {
            let view = View {
                queries: self,
                source,
                depth: 0,
            };
            let found = view.named(&query.id);
            let value = found.map_err(|error| in_expression(&query.id, &error))?;
            let lines = match value {
                Value::Line(line) => vec![line],
                Value::Lines(lines) => lines,
                Value::Scalar(number) => vec![view.constant(number, self.period())],
            };
            results.extend(lines.into_iter().map(|line| Result {
                query,
                label: self.label(query),
                line,
            }));
        }
        Ok(results)
    }

    fn label(&self, query: &MetricDataQuery) -> String {
        let given = query.label.clone().filter(|label| !label.is_empty());
        given.unwrap_or_else(|| match self.parsed.get(query.id.as_str()) {
            Some(Parsed::Metric(metric, ..)) => metric.name.clone(),
            _ => query.id.clone(),
        })
    }
}

fn metric<'q>(id: &str, stat: &'q MetricStat) -> std::result::Result<Parsed<'q>, ApiError> {
    let named = (&stat.metric.namespace, &stat.metric.metric_name);
    let (Some(namespace), Some(name)) = named else {
        return Err(faults::validation(format!(
            "The query {id} must name a Namespace and a MetricName."
        )));
    };
    period(stat.period)?;
    let statistic = statistic(&stat.stat)?;
    let metric = Metric::new(namespace, name, stat.metric.dimensions.as_deref());
    Ok(Parsed::Metric(metric, stat, statistic))
}

/// A period of whole minutes, up to a day.
///
/// # Errors
/// `ValidationError` for any other: points here are of minutes.
pub(crate) fn period(seconds: i32) -> std::result::Result<u32, ApiError> {
    let minutes = u32::try_from(seconds / 60).unwrap_or_default();
    if seconds % 60 != 0 || !(1..=24 * 60).contains(&minutes) {
        return Err(faults::validation(format!(
            "Period must be a multiple of 60 of at most 86400; it is {seconds}."
        )));
    }
    Ok(minutes)
}

/// A statistic by its name.
///
/// # Errors
/// `ValidationError` for others; percentiles are not kept.
pub(crate) fn statistic(name: &str) -> std::result::Result<Statistic, ApiError> {
    let known = Statistic::ALL.iter().find(|each| each.as_str() == name);
    known.copied().ok_or_else(|| {
        faults::validation(format!(
            "The statistic {name} is not offered; SampleCount, Average, Sum, Minimum and Maximum are."
        ))
    })
}

fn in_expression(id: &str, error: &str) -> ApiError {
    faults::validation(format!("Error in expression '{id}': {error}."))
}

fn is_id(id: &str) -> bool {
    let mut characters = id.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The names of a request, as an expression sees them.
struct View<'v, 'q> {
    queries: &'v Queries<'q>,
    source: &'v Source<'v>,
    depth: usize,
}

impl View<'_, '_> {
    fn line(&self, metric: &Metric, stat: &MetricStat, statistic: Statistic) -> Line {
        let minutes = u32::try_from(stat.period / 60).unwrap_or(1);
        let Source {
            metrics,
            place,
            from,
            to,
            ..
        } = *self.source;
        let spans = metrics.spans(place, metric, stat.unit, (from, to), minutes);
        let points = spans.into_iter();
        Line {
            points: points
                .map(|(at, (datum, _))| (at, datum.statistic(statistic)))
                .collect(),
            period: stat.period,
            quota: self.quota(metric, stat.period, statistic),
        }
    }

    /// What a usage may come to in a span: the sum of its seconds, or, for other statistics, what one minute may come to.
    fn quota(&self, metric: &Metric, period: i32, statistic: Statistic) -> Option<f64> {
        let (_, quota) = quota::by_resource(metric.usage_resource()?)?;
        let rate = self.source.applied.value(self.source.place, quota);
        let seconds = if statistic == Statistic::Sum {
            period
        } else {
            60
        };
        Some(rate * f64::from(seconds))
    }

    fn constant(&self, number: f64, period: i32) -> Line {
        let spans = self.spans(period).into_iter();
        Line {
            points: spans.map(|span| (span, number)).collect(),
            period,
            quota: None,
        }
    }
}

impl Names for View<'_, '_> {
    fn named(&self, id: &str) -> std::result::Result<Value, String> {
        let found = self.queries.parsed.get(id);
        match found.ok_or_else(|| format!("There is no metric or expression with the id {id}"))? {
            Parsed::Metric(metric, stat, statistic) => {
                Ok(Value::Line(self.line(metric, stat, *statistic)))
            }
            // One that leads back to itself ends here too.
            Parsed::Expression(_) if self.depth >= limits::EXPRESSION_DEPTH => {
                Err("The expressions name each other too deeply".to_owned())
            }
            Parsed::Expression(expression) => {
                let inner = View {
                    queries: self.queries,
                    source: self.source,
                    depth: self.depth + 1,
                };
                Math(&inner).value(expression)
            }
        }
    }

    fn metrics(&self) -> Vec<Line> {
        let all = self.queries.asked.iter().filter_map(|query| {
            match self.queries.parsed.get(query.id.as_str())? {
                Parsed::Metric(metric, stat, statistic) => {
                    Some(self.line(metric, stat, *statistic))
                }
                Parsed::Expression(_) => None,
            }
        });
        all.collect()
    }

    fn spans(&self, period: i32) -> Vec<Minute> {
        let step = u32::try_from(period / 60).unwrap_or_default().max(1);
        let first = self.source.from.0 - self.source.from.0 % step;
        let spans = (first..self.source.to.0).step_by(step as usize);
        spans.map(Minute).collect()
    }
}
