//! What happened to an alarm: it was put, it changed its state, it acted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wire::cloudwatch::{AlarmHistoryItem, AlarmType, HistoryItemType};

use crate::alarm::{Alarm, State};
use crate::reason::instant;

/// The longest data of an item, in characters.
const DATA_MAX: usize = 4095;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) alarm: String,
    pub(crate) at: Timestamp,
    pub(crate) kind: HistoryItemType,
    pub(crate) summary: String,
    pub(crate) data: Option<String>,
}

impl Item {
    /// An alarm was put, or its actions were switched, or it was deleted.
    pub(crate) fn configuration(
        alarm: &str,
        at: Timestamp,
        what: &str,
        now: Option<&Alarm>,
    ) -> Self {
        let data =
            json!({"version": "1.0", "type": what, "updatedAlarm": now.map(|now| &now.asked)});
        let verb = match what {
            "Create" => "created",
            "Delete" => "deleted",
            _ => "updated",
        };
        Self {
            alarm: alarm.to_owned(),
            at,
            kind: HistoryItemType::ConfigurationUpdate,
            summary: format!("Alarm \"{alarm}\" {verb}"),
            data: bounded(&data),
        }
    }

    /// An alarm's state changed.
    pub(crate) fn state(alarm: &str, before: &State, after: &State) -> Self {
        let shown = |state: &State| {
            let data: Option<Value> = state
                .data
                .as_deref()
                .and_then(|data| serde_json::from_str(data).ok());
            json!({"stateValue": state.value.as_str(), "stateReason": state.reason, "stateReasonData": data})
        };
        let data = json!({"version": "1.0", "oldState": shown(before), "newState": shown(after)});
        Self {
            alarm: alarm.to_owned(),
            at: after.updated,
            kind: HistoryItemType::StateUpdate,
            summary: format!(
                "Alarm updated from {} to {}",
                before.value.as_str(),
                after.value.as_str()
            ),
            data: bounded(&data),
        }
    }

    /// An alarm acted, or failed to.
    pub(crate) fn action(
        alarm: &str,
        at: Timestamp,
        action: &str,
        outcome: &Result<(), String>,
    ) -> Self {
        let summary = match outcome {
            Ok(()) => format!("Successfully executed action {action}"),
            Err(_) => format!("Failed to execute action {action}"),
        };
        let data = json!({
            "actionState": if outcome.is_ok() { "Succeeded" } else { "Failed" },
            "notificationResource": action,
            "stateUpdateTimestamp": instant(at),
            "error": outcome.as_ref().err(),
        });
        Self {
            alarm: alarm.to_owned(),
            at,
            kind: HistoryItemType::Action,
            summary: summary.chars().take(255).collect(),
            data: bounded(&data),
        }
    }

    /// As answers show it.
    pub(crate) fn to_wire(&self) -> AlarmHistoryItem {
        AlarmHistoryItem {
            alarm_name: Some(self.alarm.clone()),
            alarm_type: Some(AlarmType::MetricAlarm),
            timestamp: Some(self.at.into()),
            history_item_type: Some(self.kind),
            history_summary: Some(self.summary.clone()),
            history_data: self.data.clone(),
            ..AlarmHistoryItem::default()
        }
    }
}

/// Half a document helps nobody: one that is too long is left out.
fn bounded(data: &Value) -> Option<String> {
    Some(data.to_string()).filter(|text| text.chars().count() <= DATA_MAX)
}
