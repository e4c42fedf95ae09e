//! Alarms that are there: described, switched, set, deleted.

use serde_json::Value;
use trail::Resource;
use wire::ApiError;
use wire::cloudwatch::{
    AlarmType, DeleteAlarmsInput, DescribeAlarmHistoryInput, DescribeAlarmHistoryOutput,
    DescribeAlarmsForMetricInput, DescribeAlarmsForMetricOutput, DescribeAlarmsInput,
    DescribeAlarmsOutput, MetricAlarm, Response, ScanBy, SetAlarmStateInput,
};

use crate::alarm::{Alarm, State};
use crate::book::Change;
use crate::desk::{Desk, Plan};
use crate::faults;
use crate::history::Item;
use crate::limits;
use crate::metric::Metric;
use crate::page::{Page, page, size};
use crate::put_alarm::{KIND, arn};

impl<'a> Desk<'a> {
    fn all(&self) -> impl Iterator<Item = &'a Alarm> + use<'a> {
        let shelf = self.book.shelf(&self.place);
        shelf.into_iter().flat_map(|shelf| shelf.alarms.values())
    }

    fn shown(&self, alarm: &Alarm) -> MetricAlarm {
        alarm.to_wire(&self.place)
    }
}

pub(crate) fn describe(desk: &Desk<'_>, request: &DescribeAlarmsInput) -> Result<Plan, ApiError> {
    let names = request.alarm_names.as_deref().unwrap_or_default();
    if !names.is_empty() && request.alarm_name_prefix.is_some() {
        return Err(faults::combination(
            "AlarmNames and AlarmNamePrefix cannot be specified together.",
        ));
    }
    let types = request.alarm_types.as_deref().unwrap_or_default();
    let is_metric = types.is_empty() || types.contains(&AlarmType::MetricAlarm);
    // Relations are between composite alarms, of which there are none.
    let is_related =
        request.children_of_alarm_name.is_some() || request.parents_of_alarm_name.is_some();
    let acts = |alarm: &Alarm, prefix: &str| {
        let states = wire::cloudwatch::StateValue::ALL.iter();
        let mut actions = states.flat_map(|state| alarm.actions(*state));
        actions.any(|action| action.starts_with(prefix))
    };
    let wanted = desk.all().filter(|alarm| {
        let prefix = request.alarm_name_prefix.as_deref();
        is_metric
            && !is_related
            && (names.is_empty() || names.iter().any(|name| name == alarm.name()))
            && prefix.is_none_or(|prefix| alarm.name().starts_with(prefix))
            && request
                .state_value
                .is_none_or(|state| state == alarm.state.value)
            && request
                .action_prefix
                .as_deref()
                .is_none_or(|prefix| acts(alarm, prefix))
    });
    let Page { items, next } = page(
        wanted,
        |alarm| alarm.name().to_owned(),
        request.next_token.as_deref(),
        size(request.max_records, limits::ALARMS_PAGE),
        faults::token,
    )?;
    let response = DescribeAlarmsOutput {
        composite_alarms: Some(Vec::new()),
        metric_alarms: Some(items.into_iter().map(|alarm| desk.shown(alarm)).collect()),
        next_token: next,
        ..DescribeAlarmsOutput::default()
    };
    Ok(Plan::answer(Response::DescribeAlarms(response)))
}

pub(crate) fn for_metric(desk: &Desk<'_>, request: &DescribeAlarmsForMetricInput) -> Plan {
    let metric = Metric::new(
        &*request.namespace,
        &*request.metric_name,
        request.dimensions.as_deref(),
    );
    let wanted = desk.all().filter(|alarm| {
        let stats = alarm
            .queries()
            .into_iter()
            .filter_map(|query| query.metric_stat);
        let mut stats = stats.filter(|stat| {
            request
                .statistic
                .is_none_or(|wanted| wanted.as_str() == stat.stat)
                && request.period.is_none_or(|wanted| wanted == stat.period)
                && request.unit.is_none_or(|wanted| Some(wanted) == stat.unit)
        });
        request.extended_statistic.is_none()
            && stats.any(|stat| {
                let named = &stat.metric;
                let (namespace, name) = (named.namespace.as_deref(), named.metric_name.as_deref());
                let dimensions = named.dimensions.as_deref();
                Metric::new(
                    namespace.unwrap_or_default(),
                    name.unwrap_or_default(),
                    dimensions,
                ) == metric
            })
    });
    let metric_alarms = Some(wanted.map(|alarm| desk.shown(alarm)).collect());
    Plan::answer(Response::DescribeAlarmsForMetric(
        DescribeAlarmsForMetricOutput { metric_alarms },
    ))
}

pub(crate) fn history(
    desk: &Desk<'_>,
    request: &DescribeAlarmHistoryInput,
) -> Result<Plan, ApiError> {
    let shelf = desk.book.shelf(&desk.place);
    let types = request.alarm_types.as_deref().unwrap_or_default();
    let is_metric = types.is_empty() || types.contains(&AlarmType::MetricAlarm);
    let wanted = |item: &Item| {
        is_metric
            && request
                .alarm_name
                .as_ref()
                .is_none_or(|name| *name == item.alarm)
            && request
                .history_item_type
                .is_none_or(|kind| kind == item.kind)
            && request.start_date.is_none_or(|from| item.at >= from.0)
            && request.end_date.is_none_or(|to| item.at <= to.0)
    };
    let items = shelf.into_iter().flat_map(|shelf| &shelf.history);
    let mut items: Vec<(usize, &Item)> =
        items.enumerate().filter(|(_, item)| wanted(item)).collect();
    let count = shelf.map_or(0, |shelf| shelf.history.len());
    if request.scan_by != Some(ScanBy::TimestampAscending) {
        items.reverse();
    }
    let is_ascending = request.scan_by == Some(ScanBy::TimestampAscending);
    let Page { items, next } = page(
        items,
        |(at, _)| {
            let place = if is_ascending { *at } else { count - at };
            format!("{place:08}")
        },
        request.next_token.as_deref(),
        size(request.max_records, limits::HISTORY_PAGE),
        faults::token,
    )?;
    let response = DescribeAlarmHistoryOutput {
        alarm_history_items: Some(items.into_iter().map(|(_, item)| item.to_wire()).collect()),
        next_token: next,
    };
    Ok(Plan::answer(Response::DescribeAlarmHistory(response)))
}

/// Deletes alarms, all or none.
pub(crate) fn delete(desk: &Desk<'_>, request: &DeleteAlarmsInput) -> Result<Plan, ApiError> {
    let mut changes = Vec::new();
    let mut resources = Vec::new();
    for name in &request.alarm_names {
        if desk.book.alarm(&desk.place, name).is_none() {
            return Err(faults::no_alarm(name));
        }
        let item = Item::configuration(name, desk.now, "Delete", None);
        changes.push(Change::DeleteAlarm(desk.place.clone(), name.clone()));
        changes.push(Change::AddHistory(desk.place.clone(), item));
        resources.push(Resource::new(arn(desk, name), &*desk.place.account, KIND));
    }
    Ok(Plan {
        resources,
        ..Plan::change(Response::DeleteAlarms, changes)
    })
}

/// Switches actions on or off. Names of no alarm are passed over, as AWS does.
pub(crate) fn switch(desk: &Desk<'_>, names: &[String], is_on: bool) -> Plan {
    let mut changes = Vec::new();
    let mut resources = Vec::new();
    for name in names {
        let Some(alarm) = desk.book.alarm(&desk.place, name) else {
            continue;
        };
        resources.push(Resource::new(arn(desk, name), &*desk.place.account, KIND));
        if alarm.actions_enabled == is_on {
            continue;
        }
        let mut alarm = alarm.clone();
        alarm.actions_enabled = is_on;
        alarm.asked.actions_enabled = Some(is_on);
        alarm.configured = desk.now;
        let item = Item::configuration(name, desk.now, "Update", Some(&alarm));
        changes.push(Change::PutAlarm(desk.place.clone(), Box::new(alarm)));
        changes.push(Change::AddHistory(desk.place.clone(), item));
    }
    let response = if is_on {
        Response::EnableAlarmActions
    } else {
        Response::DisableAlarmActions
    };
    Plan {
        resources,
        ..Plan::change(response, changes)
    }
}

/// Sets a state by hand, until the alarm is looked at the next time.
pub(crate) fn set_state(desk: &Desk<'_>, request: &SetAlarmStateInput) -> Result<Plan, ApiError> {
    let name = &request.alarm_name;
    let Some(alarm) = desk.book.alarm(&desk.place, name) else {
        return Err(faults::no_alarm(name));
    };
    if let Some(data) = &request.state_reason_data {
        serde_json::from_str::<Value>(data).map_err(|_| {
            wire::cloudwatch::errors::INVALID_FORMAT_FAULT
                .because("StateReasonData is not valid JSON.")
        })?;
    }
    let state = State {
        value: request.state_value,
        reason: request.state_reason.clone(),
        data: request.state_reason_data.clone(),
        updated: desk.now,
        transitioned: if request.state_value == alarm.state.value {
            alarm.state.transitioned
        } else {
            desk.now
        },
    };
    let mut changes = vec![];
    if state.value != alarm.state.value {
        let item = Item::state(name, &alarm.state, &state);
        changes.push(Change::AddHistory(desk.place.clone(), item));
    }
    let alarm = Alarm {
        state,
        ..alarm.clone()
    };
    changes.push(Change::PutAlarm(desk.place.clone(), Box::new(alarm)));
    let resource = Resource::new(arn(desk, name), &*desk.place.account, KIND);
    Ok(Plan {
        resources: vec![resource],
        ..Plan::change(Response::SetAlarmState, changes)
    })
}
