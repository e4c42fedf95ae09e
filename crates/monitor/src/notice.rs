//! What an alarm's action sends: the message that CloudWatch publishes to SNS, and the envelope that SNS delivers it in.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::alarm::{self, Alarm, State};
use crate::place::Place;
use crate::reason::instant;

/// How the name of a sink stands in an action: as the topic of an SNS ARN of the alarm's own account and region.
const TOPIC: &str = "arn:aws:sns:";

/// A message to a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// The action that sends it.
    pub topic: String,
    /// One line: `ALARM: "80threshold" in us-east-1`.
    pub subject: String,
    /// CloudWatch's message, as JSON.
    pub message: Value,
    /// When.
    pub at: Timestamp,
}

impl Notice {
    pub(crate) fn of(place: &Place, alarm: &Alarm, before: &State, topic: &str) -> Self {
        let (asked, state) = (&alarm.asked, &alarm.state);
        let message = json!({
            "AlarmName": asked.alarm_name,
            "AlarmDescription": asked.alarm_description,
            "AWSAccountId": place.account,
            "AlarmConfigurationUpdatedTimestamp": instant(alarm.configured),
            "NewStateValue": state.value.as_str(),
            "NewStateReason": state.reason,
            "StateChangeTime": instant(state.updated),
            "Region": place.region,
            "AlarmArn": alarm::arn(place, alarm.name()),
            "OldStateValue": before.value.as_str(),
            "OKActions": asked.ok_actions.as_deref().unwrap_or_default(),
            "AlarmActions": asked.alarm_actions.as_deref().unwrap_or_default(),
            "InsufficientDataActions": asked.insufficient_data_actions.as_deref().unwrap_or_default(),
            "Trigger": trigger(alarm),
        });
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            topic: topic.to_owned(),
            subject: format!(
                "{}: \"{}\" in {}",
                state.value.as_str(),
                alarm.name(),
                place.region
            ),
            message,
            at: state.updated,
        }
    }

    /// The body of SNS's HTTP notification. It bears no signature.
    pub fn envelope(&self) -> Value {
        json!({
            "Type": "Notification",
            "MessageId": self.id,
            "TopicArn": self.topic,
            "Subject": self.subject,
            "Message": self.message.to_string(),
            "Timestamp": self.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        })
    }
}

fn trigger(alarm: &Alarm) -> Value {
    let asked = &alarm.asked;
    let mut trigger = json!({
        "Period": alarm.period(),
        "EvaluationPeriods": asked.evaluation_periods,
        "DatapointsToAlarm": asked.datapoints_to_alarm,
        "ComparisonOperator": asked.comparison_operator.map(wire::cloudwatch::ComparisonOperator::as_str),
        "Threshold": asked.threshold,
        "TreatMissingData": asked.treat_missing_data.as_deref().unwrap_or_default(),
        "EvaluateLowSampleCountPercentile": "",
    });
    if let Some(metrics) = &asked.metrics {
        trigger["Metrics"] = json!(metrics);
        return trigger;
    }
    let dimensions = asked.dimensions.iter().flatten();
    trigger["MetricName"] = json!(asked.metric_name);
    trigger["Namespace"] = json!(asked.namespace);
    trigger["StatisticType"] = "Statistic".into();
    trigger["Statistic"] = json!(
        asked
            .statistic
            .map(|statistic| statistic.as_str().to_uppercase())
    );
    trigger["Unit"] = json!(asked.unit.map(wire::cloudwatch::StandardUnit::as_str));
    trigger["Dimensions"] = dimensions
        .map(|each| json!({"value": each.value, "name": each.name}))
        .collect();
    trigger
}

/// The sink that an action names; `None` for what is no topic of that account and region.
pub(crate) fn sink_of<'a>(action: &'a str, place: &Place) -> Option<&'a str> {
    let rest = action
        .strip_prefix(TOPIC)?
        .strip_prefix(place.region.as_str())?;
    let rest = rest
        .strip_prefix(':')?
        .strip_prefix(place.account.as_str())?;
    let name = rest.strip_prefix(':')?;
    (!name.is_empty() && !name.contains(':')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_names_a_sink_by_a_topic_of_its_own_account_and_region() {
        let place = Place::new("111122223333", "us-east-1");
        let named = |action| sink_of(action, &place);
        assert_eq!(
            named("arn:aws:sns:us-east-1:111122223333:SNS-Topic"),
            Some("SNS-Topic")
        );
        for wrong in [
            "arn:aws:sns:eu-west-1:111122223333:SNS-Topic",
            "arn:aws:sns:us-east-1:444455556666:SNS-Topic",
            "arn:aws:sns:us-east-1:111122223333:",
            "arn:aws:sns:us-east-1:111122223333:a:b",
            "arn:aws:swf:us-east-1:111122223333:action",
            "https://example.com/hook",
        ] {
            assert_eq!(named(wrong), None, "{wrong}");
        }
    }
}
