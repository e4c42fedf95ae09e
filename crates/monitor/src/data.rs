//! Points: put, listed, and read as statistics or through expressions.

use jiff::Timestamp;
use wire::ApiError;
use wire::cloudwatch::{
    Datapoint, DimensionFilter, GetMetricDataInput, GetMetricDataOutput, GetMetricStatisticsInput,
    GetMetricStatisticsOutput, ListMetricsInput, ListMetricsOutput, MetricDataResult, MetricDatum,
    PutMetricDataInput, Response, ScanBy, StandardUnit, Statistic, StatusCode,
};

use crate::desk::{Desk, Plan};
use crate::faults;
use crate::limits;
use crate::metric::{Datum, Metric};
use crate::metrics::Name;
use crate::page::{Page, page};
use crate::place::Minute;
use crate::query::{self, Queries, Source};

/// How far back `RecentlyActive` looks.
const RECENTLY_MINUTES: u32 = 3 * 60;

/// How many data a request puts.
pub(crate) fn count(request: &PutMetricDataInput) -> usize {
    request.metric_data.as_ref().map_or(0, Vec::len)
}

/// The points that a request puts.
///
/// # Errors
/// What is wrong with the first that is.
pub(crate) fn points(
    request: &PutMetricDataInput,
    now: Timestamp,
) -> Result<Vec<(Name, Minute, Datum)>, ApiError> {
    if request.namespace.starts_with("AWS/") {
        return Err(faults::value(
            "The value AWS/ for parameter Namespace is invalid: it is the service's own.",
        ));
    }
    if request.entity_metric_data.is_some() {
        return Err(faults::value(
            "EntityMetricData is not offered by this service.",
        ));
    }
    let data = request.metric_data.as_deref().unwrap_or_default();
    if data.is_empty() {
        return Err(faults::missing("The parameter MetricData is required."));
    }
    if data.len() > limits::DATA_PER_PUT {
        return Err(faults::value(format!(
            "The collection MetricData must not have a size greater than {}.",
            limits::DATA_PER_PUT
        )));
    }
    let point = |datum: &MetricDatum| {
        let metric = Metric::new(
            &*request.namespace,
            &*datum.metric_name,
            datum.dimensions.as_deref(),
        );
        let name = (metric, datum.unit.unwrap_or(StandardUnit::None));
        Ok((name, minute(datum, now)?, value(datum)?))
    };
    data.iter().map(point).collect()
}

fn minute(datum: &MetricDatum, now: Timestamp) -> Result<Minute, ApiError> {
    let (now, at) = (
        Minute::of(now),
        Minute::of(datum.timestamp.map_or(now, |at| at.0)),
    );
    if at < now.before(limits::PAST_MINUTES) || at > now.after(limits::FUTURE_MINUTES) {
        return Err(faults::value(
            "The value for parameter MetricData.member.Timestamp must be within the last two weeks and the next two hours.",
        ));
    }
    Ok(at)
}

fn value(datum: &MetricDatum) -> Result<Datum, ApiError> {
    let found = match (datum.value, &datum.statistic_values, &datum.values) {
        (Some(value), None, None) => Datum::of(value),
        (None, Some(set), None) => {
            let is_set = set.sample_count > 0.0 && set.minimum <= set.maximum;
            if !is_set {
                return Err(faults::value(
                    "StatisticValues must have a SampleCount above 0 and a Minimum up to the Maximum.",
                ));
            }
            Datum {
                samples: set.sample_count,
                sum: set.sum,
                min: set.minimum,
                max: set.maximum,
            }
        }
        (None, None, Some(values)) => of_values(values, datum.counts.as_deref())?,
        (None, None, None) => {
            return Err(faults::missing(
                "At least one of the parameters must be specified: Value, Values or StatisticValues.",
            ));
        }
        _ => {
            return Err(faults::combination(
                "The parameters Value, Values and StatisticValues are mutually exclusive.",
            ));
        }
    };
    let all = [found.samples, found.sum, found.min, found.max];
    if all
        .iter()
        .any(|number| !number.is_finite() || number.abs() > limits::VALUE_MAX)
    {
        return Err(faults::value(
            "The values must be between -2^360 and 2^360.",
        ));
    }
    Ok(found)
}

fn of_values(values: &[f64], counts: Option<&[f64]>) -> Result<Datum, ApiError> {
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        return Err(faults::combination(
            "Values and Counts must be of the same length.",
        ));
    }
    if values.len() > limits::VALUES_PER_DATUM {
        return Err(faults::value(format!(
            "The collection Values must not have a size greater than {}.",
            limits::VALUES_PER_DATUM
        )));
    }
    let count = |at: usize| {
        counts
            .and_then(|counts| counts.get(at))
            .copied()
            .unwrap_or(1.0)
    };
    if !(0..values.len()).all(|at| count(at) > 0.0) {
        return Err(faults::value("Counts must be above 0."));
    }
    let data = values.iter().enumerate();
    data.map(|(at, value)| Datum::repeated(*value, count(at)))
        .reduce(Datum::with)
        .ok_or_else(|| faults::missing("Values must not be empty."))
}

pub(crate) fn list(desk: &Desk<'_>, request: &ListMetricsInput) -> Result<Plan, ApiError> {
    let filters = request.dimensions.as_deref().unwrap_or_default();
    let has = |metric: &Metric, filter: &DimensionFilter| {
        let value = metric.dimensions.get(&filter.name);
        value.is_some_and(|value| filter.value.as_ref().is_none_or(|wanted| wanted == value))
    };
    let recently = Minute::of(desk.now).before(RECENTLY_MINUTES);
    let wanted = desk
        .metrics
        .list(&desk.place)
        .into_iter()
        .filter(|(metric, last)| {
            request
                .namespace
                .as_ref()
                .is_none_or(|wanted| *wanted == metric.namespace)
                && request
                    .metric_name
                    .as_ref()
                    .is_none_or(|wanted| *wanted == metric.name)
                && filters.iter().all(|filter| has(metric, filter))
                && (request.recently_active.is_none() || *last >= recently)
        });
    let Page { items, next } = page(
        wanted.enumerate(),
        |(at, _)| format!("{at:08}"),
        request.next_token.as_deref(),
        limits::METRICS_PAGE,
        faults::token,
    )?;
    let response = ListMetricsOutput {
        metrics: Some(
            items
                .into_iter()
                .map(|(_, (metric, _))| metric.to_wire())
                .collect(),
        ),
        next_token: next,
        owning_accounts: None,
    };
    Ok(Plan::answer(Response::ListMetrics(response)))
}

/// A range of whole minutes that holds an instant's range: the start rounded down, the end up.
fn range(start: Timestamp, end: Timestamp) -> Result<(Minute, Minute), ApiError> {
    if start >= end {
        return Err(faults::validation(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    let to = Minute::of_second(end.as_second().saturating_add(59));
    Ok((Minute::of(start), to))
}

pub(crate) fn statistics(
    desk: &Desk<'_>,
    request: &GetMetricStatisticsInput,
) -> Result<Plan, ApiError> {
    let wanted = request.statistics.as_deref().unwrap_or_default();
    if request.extended_statistics.is_some() {
        return Err(faults::value(
            "ExtendedStatistics are not offered by this service.",
        ));
    }
    if wanted.is_empty() {
        return Err(faults::combination(
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        ));
    }
    let period = query::period(request.period)?;
    let (from, to) = range(request.start_time.0, request.end_time.0)?;
    let count = (to.0 - from.0).div_ceil(period) as usize;
    if count > limits::POINTS_PER_STATISTICS {
        return Err(faults::combination(format!(
            "You have requested up to {count} datapoints, which exceeds the limit of {}. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
            limits::POINTS_PER_STATISTICS
        )));
    }
    let metric = Metric::new(
        &*request.namespace,
        &*request.metric_name,
        request.dimensions.as_deref(),
    );
    let spans = desk
        .metrics
        .spans(&desk.place, &metric, request.unit, (from, to), period);
    let points = spans.into_iter().map(|(at, (datum, unit))| {
        let of = |statistic| {
            wanted
                .contains(&statistic)
                .then(|| datum.statistic(statistic))
        };
        Datapoint {
            timestamp: Some(at.start().into()),
            sample_count: of(Statistic::SampleCount),
            average: of(Statistic::Average),
            sum: of(Statistic::Sum),
            minimum: of(Statistic::Minimum),
            maximum: of(Statistic::Maximum),
            unit: Some(unit),
            extended_statistics: None,
        }
    });
    let response = GetMetricStatisticsOutput {
        label: Some(request.metric_name.clone()),
        datapoints: Some(points.collect()),
    };
    Ok(Plan::answer(Response::GetMetricStatistics(response)))
}

pub(crate) fn get(desk: &Desk<'_>, request: &GetMetricDataInput) -> Result<Plan, ApiError> {
    let asked = &request.metric_data_queries;
    if asked.is_empty() || asked.len() > limits::QUERIES_PER_REQUEST {
        return Err(faults::validation(format!(
            "The collection MetricDataQueries must have between 1 and {} items.",
            limits::QUERIES_PER_REQUEST
        )));
    }
    let (from, to) = range(request.start_time.0, request.end_time.0)?;
    // Nothing older is kept, so that nothing older is looked for.
    let from = from.max(Minute::of(desk.now).before(limits::RETENTION_MINUTES));
    let to = to
        .max(from)
        .min(Minute::of(desk.now).after(limits::FUTURE_MINUTES));
    let queries = Queries::parse(asked)?;
    if queries.cost(from, to) > limits::POINTS_LOOKED_AT {
        return Err(faults::validation(
            "The queries look at too many datapoints; ask for fewer metrics or a shorter range.",
        ));
    }
    let source = Source {
        metrics: desk.metrics,
        applied: &desk.book.applied,
        place: &desk.place,
        from,
        to,
    };
    let results = queries.answer(&source)?;
    let (results, next_token) = paged(&results, request)?;
    let response = GetMetricDataOutput {
        metric_data_results: Some(results),
        next_token,
        messages: Some(Vec::new()),
    };
    Ok(Plan::answer(Response::GetMetricData(response)))
}

/// So many points of the results as fit on a page, from where the last page ended. Every result is named on every page.
fn paged(
    results: &[query::Result<'_>],
    request: &GetMetricDataInput,
) -> Result<(Vec<MetricDataResult>, Option<String>), ApiError> {
    let token = request.next_token.as_deref();
    let mut skip: usize = match token {
        None => 0,
        Some(token) => token.parse().map_err(|_| faults::token())?,
    };
    let start = skip;
    let most = request
        .max_datapoints
        .and_then(|most| usize::try_from(most).ok());
    let mut room = most.unwrap_or(usize::MAX).clamp(1, limits::POINTS_PER_DATA);
    let (mut shown, mut rest) = (Vec::new(), 0);
    for result in results {
        let mut points: Vec<(Minute, f64)> =
            result.line.points.iter().map(|(at, n)| (*at, *n)).collect();
        if request.scan_by != Some(ScanBy::TimestampAscending) {
            points.reverse();
        }
        let skipped = skip.min(points.len());
        skip -= skipped;
        let wanted = points.split_off(skipped);
        let taken = room.min(wanted.len());
        room -= taken;
        rest += wanted.len() - taken;
        let (timestamps, values) = wanted
            .iter()
            .take(taken)
            .map(|(at, number)| (wire::EpochSeconds(at.start()), *number))
            .unzip();
        let status = if taken < wanted.len() {
            StatusCode::PartialData
        } else {
            StatusCode::Complete
        };
        shown.push(MetricDataResult {
            id: Some(result.query.id.clone()),
            label: Some(result.label.clone()),
            timestamps: Some(timestamps),
            values: Some(values),
            status_code: Some(status),
            messages: None,
        });
    }
    let points: usize = results.iter().map(|result| result.line.points.len()).sum();
    let next = (rest > 0)
        .then(|| points - rest)
        .filter(|next| *next > start);
    Ok((shown, next.map(|next| next.to_string())))
}
