//! An alarm: what was asked for, and the state that it is in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::cloudwatch::{
    MetricAlarm, MetricDataQuery, MetricStat, PutMetricAlarmInput, StateValue, Statistic,
};

use crate::evaluate::{Rule, Treatment};
use crate::place::Place;

/// The reason of an alarm that was not looked at yet.
pub(crate) const UNCHECKED: &str = "Unchecked: Initial alarm creation";

/// An alarm on metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alarm {
    /// As it was put.
    pub(crate) asked: PutMetricAlarmInput,
    /// When that was.
    pub(crate) configured: Timestamp,
    /// Whether its actions are carried out.
    pub(crate) actions_enabled: bool,
    pub(crate) state: State,
}

/// Where an alarm stands, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) value: StateValue,
    pub(crate) reason: String,
    pub(crate) data: Option<String>,
    /// When state or reason changed last.
    pub(crate) updated: Timestamp,
    /// When the state changed last.
    pub(crate) transitioned: Timestamp,
}

impl Alarm {
    /// A new alarm, or an old one put anew: that keeps its state.
    pub(crate) fn put(asked: PutMetricAlarmInput, before: Option<&Self>, now: Timestamp) -> Self {
        let fresh = || State {
            value: StateValue::InsufficientData,
            reason: UNCHECKED.to_owned(),
            data: None,
            updated: now,
            transitioned: now,
        };
        Self {
            actions_enabled: asked.actions_enabled.unwrap_or(true),
            asked,
            configured: now,
            state: before.map_or_else(fresh, |before| before.state.clone()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.asked.alarm_name
    }

    /// When it goes off. `None` for what validation lets nobody put.
    pub(crate) fn rule(&self) -> Option<Rule> {
        let periods = usize::try_from(self.asked.evaluation_periods?).ok()?;
        let to_alarm = match self.asked.datapoints_to_alarm {
            Some(to_alarm) => usize::try_from(to_alarm).ok()?,
            None => periods,
        };
        Some(Rule {
            comparison: self.asked.comparison_operator?,
            threshold: self.asked.threshold?,
            periods,
            to_alarm,
            missing: Treatment::of(self.asked.treat_missing_data.as_deref())?,
        })
    }

    /// What it looks at, as queries, of which the last one that returns data counts.
    pub(crate) fn queries(&self) -> Vec<MetricDataQuery> {
        if let Some(queries) = &self.asked.metrics {
            return queries.clone();
        }
        let asked = &self.asked;
        let stat = asked.statistic.unwrap_or(Statistic::Average);
        vec![MetricDataQuery {
            id: "m1".to_owned(),
            metric_stat: Some(MetricStat {
                metric: wire::cloudwatch::Metric {
                    namespace: asked.namespace.clone(),
                    metric_name: asked.metric_name.clone(),
                    dimensions: asked.dimensions.clone(),
                },
                period: asked.period.unwrap_or_default(),
                stat: stat.as_str().to_owned(),
                unit: asked.unit,
            }),
            ..MetricDataQuery::default()
        }]
    }

    /// The length of its periods, in seconds.
    pub(crate) fn period(&self) -> i32 {
        let of_query = |query: &MetricDataQuery| {
            let stat = query.metric_stat.as_ref();
            query.period.or(stat.map(|stat| stat.period))
        };
        let queries = self.asked.metrics.iter().flatten();
        self.asked
            .period
            .or_else(|| queries.filter_map(of_query).max())
            .unwrap_or(60)
    }

    /// The actions of a state.
    pub(crate) fn actions(&self, state: StateValue) -> &[String] {
        let actions = match state {
            StateValue::Ok => &self.asked.ok_actions,
            StateValue::Alarm => &self.asked.alarm_actions,
            StateValue::InsufficientData => &self.asked.insufficient_data_actions,
        };
        actions.as_deref().unwrap_or_default()
    }

    /// As answers show it.
    pub(crate) fn to_wire(&self, place: &Place) -> MetricAlarm {
        let asked = self.asked.clone();
        let list = |list: Option<Vec<String>>| Some(list.unwrap_or_default());
        let is_single = asked.metrics.is_none();
        MetricAlarm {
            alarm_arn: Some(arn(place, self.name())),
            alarm_name: Some(asked.alarm_name),
            alarm_description: asked.alarm_description,
            alarm_configuration_updated_timestamp: Some(self.configured.into()),
            actions_enabled: Some(self.actions_enabled),
            ok_actions: list(asked.ok_actions),
            alarm_actions: list(asked.alarm_actions),
            insufficient_data_actions: list(asked.insufficient_data_actions),
            state_value: Some(self.state.value),
            state_reason: Some(self.state.reason.clone()),
            state_reason_data: self.state.data.clone(),
            state_updated_timestamp: Some(self.state.updated.into()),
            state_transitioned_timestamp: Some(self.state.transitioned.into()),
            metric_name: asked.metric_name,
            namespace: asked.namespace,
            statistic: asked.statistic,
            dimensions: is_single.then(|| asked.dimensions.unwrap_or_default()),
            period: asked.period,
            unit: asked.unit,
            evaluation_periods: asked.evaluation_periods,
            datapoints_to_alarm: asked.datapoints_to_alarm,
            threshold: asked.threshold,
            comparison_operator: asked.comparison_operator,
            treat_missing_data: asked.treat_missing_data,
            metrics: asked.metrics,
            ..MetricAlarm::default()
        }
    }
}

/// An alarm's full name.
pub(crate) fn arn(place: &Place, name: &str) -> String {
    let Place { account, region } = place;
    format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}")
}
