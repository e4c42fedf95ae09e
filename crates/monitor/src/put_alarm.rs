//! `PutMetricAlarm`: what an alarm has to be before it is taken.

use serde_json::Value;
use trail::Resource;
use wire::ApiError;
use wire::cloudwatch::{ComparisonOperator, PutMetricAlarmInput, Response};

use crate::alarm::{self, Alarm};
use crate::book::Change;
use crate::desk::{Desk, Plan};
use crate::evaluate::Treatment;
use crate::faults;
use crate::history::Item;
use crate::limits;
use crate::notice;
use crate::query::{self, Queries};

/// CloudFormation's name of an alarm.
pub(crate) const KIND: &str = "AWS::CloudWatch::Alarm";

pub(crate) fn put(desk: &Desk<'_>, request: &PutMetricAlarmInput) -> Result<Plan, ApiError> {
    is_served(request)?;
    thresholds(request)?;
    metrics(request)?;
    actions(desk, request)?;
    let before = desk.book.alarm(&desk.place, &request.alarm_name);
    let alarms = desk
        .book
        .shelf(&desk.place)
        .map_or(0, |shelf| shelf.alarms.len());
    if before.is_none() && alarms >= limits::ALARMS_PER_REGION {
        return Err(faults::limit(format!(
            "The account has {alarms} alarms in this Region, which is the most."
        )));
    }
    // Tags are no part of an alarm here; one that asks for some is told so by `is_served`.
    let alarm = Alarm::put(request.clone(), before, desk.now);
    let what = if before.is_none() { "Create" } else { "Update" };
    let item = Item::configuration(alarm.name(), desk.now, what, Some(&alarm));
    let resource = Resource::new(arn(desk, alarm.name()), &*desk.place.account, KIND);
    let changes = vec![
        Change::PutAlarm(desk.place.clone(), Box::new(alarm)),
        Change::AddHistory(desk.place.clone(), item),
    ];
    Ok(Plan {
        elements: Some(Value::Null),
        resources: vec![resource],
        ..Plan::change(Response::PutMetricAlarm, changes)
    })
}

pub(crate) fn arn(desk: &Desk<'_>, name: &str) -> String {
    alarm::arn(&desk.place, name)
}

/// Refuses what this service does not do, rather than to take an alarm that would not do as it says.
fn is_served(request: &PutMetricAlarmInput) -> Result<(), ApiError> {
    let asked = [
        ("ExtendedStatistic", request.extended_statistic.is_some()),
        ("ThresholdMetricId", request.threshold_metric_id.is_some()),
        (
            "EvaluateLowSampleCountPercentile",
            request.evaluate_low_sample_count_percentile.is_some(),
        ),
        ("EvaluationWindow", request.evaluation_window.is_some()),
        (
            "WarmUpConfiguration",
            request.warm_up_configuration.is_some(),
        ),
        ("EvaluationCriteria", request.evaluation_criteria.is_some()),
        ("EvaluationInterval", request.evaluation_interval.is_some()),
        (
            "ActionConfiguration",
            request.action_configuration.is_some(),
        ),
        (
            "Tags",
            request.tags.as_ref().is_some_and(|tags| !tags.is_empty()),
        ),
    ];
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((name, _)) => Err(faults::value(format!(
            "{name} is not offered by this service."
        ))),
        None => Ok(()),
    }
}

fn thresholds(request: &PutMetricAlarmInput) -> Result<(), ApiError> {
    use ComparisonOperator as C;
    let Some(comparison) = request.comparison_operator else {
        return Err(faults::missing("ComparisonOperator must be specified."));
    };
    if !matches!(
        comparison,
        C::GreaterThanOrEqualToThreshold
            | C::GreaterThanThreshold
            | C::LessThanThreshold
            | C::LessThanOrEqualToThreshold
    ) {
        return Err(faults::value(format!(
            "{} is for anomaly detection, which is not offered by this service.",
            comparison.as_str()
        )));
    }
    if request.threshold.is_none() {
        return Err(faults::missing("Threshold must be specified."));
    }
    let Some(periods) = request.evaluation_periods else {
        return Err(faults::missing("EvaluationPeriods must be specified."));
    };
    if request
        .datapoints_to_alarm
        .is_some_and(|to_alarm| to_alarm > periods)
    {
        return Err(faults::validation(
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods.",
        ));
    }
    let treatment = request.treat_missing_data.as_deref();
    if Treatment::of(treatment).is_none() {
        return Err(faults::validation(format!(
            "Option {} is not supported for TreatMissingData; use breaching, notBreaching, ignore or missing.",
            treatment.unwrap_or_default()
        )));
    }
    Ok(())
}

fn metrics(request: &PutMetricAlarmInput) -> Result<(), ApiError> {
    let single = request.metric_name.is_some()
        || request.namespace.is_some()
        || request.statistic.is_some()
        || request.period.is_some();
    match (&request.metrics, single) {
        (Some(_), true) => {
            return Err(faults::combination(
                "Metrics cannot be specified together with MetricName, Namespace, Statistic, Dimensions, Period or Unit.",
            ));
        }
        (Some(queries), false) => of_queries(queries)?,
        (None, _) => of_one(request)?,
    }
    let alarm = Alarm::put(request.clone(), None, jiff::Timestamp::UNIX_EPOCH);
    query::period(alarm.period())?;
    let periods = i64::from(request.evaluation_periods.unwrap_or(1));
    if periods.saturating_mul(i64::from(alarm.period())) > limits::ALARM_SPAN_SECONDS {
        return Err(faults::validation(
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800).",
        ));
    }
    Ok(())
}

fn of_queries(queries: &[wire::cloudwatch::MetricDataQuery]) -> Result<(), ApiError> {
    if queries.is_empty() || queries.len() > limits::QUERIES_PER_ALARM {
        return Err(faults::validation(format!(
            "An alarm has between 1 and {} metrics.",
            limits::QUERIES_PER_ALARM
        )));
    }
    if Queries::parse(queries)?.returned().count() != 1 {
        return Err(faults::validation(
            "Exactly one element of the metrics list should return data.",
        ));
    }
    Ok(())
}

fn of_one(request: &PutMetricAlarmInput) -> Result<(), ApiError> {
    let needed = [
        ("MetricName", request.metric_name.is_some()),
        ("Namespace", request.namespace.is_some()),
        ("Statistic", request.statistic.is_some()),
        ("Period", request.period.is_some()),
    ];
    match needed.iter().find(|(_, is_there)| !is_there) {
        Some((name, _)) => Err(faults::missing(format!(
            "{name} must be specified, or Metrics instead."
        ))),
        None => Ok(()),
    }
}

/// An action that could not be carried out is refused when it is put and not when it is needed.
fn actions(desk: &Desk<'_>, request: &PutMetricAlarmInput) -> Result<(), ApiError> {
    let lists = [
        &request.ok_actions,
        &request.alarm_actions,
        &request.insufficient_data_actions,
    ];
    for action in lists.into_iter().flatten().flatten() {
        let Some(sink) = notice::sink_of(action, &desk.place) else {
            return Err(faults::validation(format!(
                "Invalid arn syntax: {action}. An action is arn:aws:sns:{}:{}:NAME.",
                desk.place.region, desk.place.account
            )));
        };
        if !desk.sinks.has(sink) {
            return Err(faults::validation(format!(
                "There is no sink {sink}: declare [sinks.{sink}] in the service's configuration, and start it anew."
            )));
        }
    }
    Ok(())
}
