//! `EnableKey`, `DisableKey`, `ScheduleKeyDeletion`, `CancelKeyDeletion`: a key's life, one step at a time.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use policy::Ask;
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, DisableKeyRequest, EnableKeyRequest,
    Response, ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse,
};

use crate::desk::{Accept, Desk, Target};
use crate::key::{Key, Lifecycle};
use crate::keyring::Change;
use crate::operation::{Mutation, Plan, Request};
use crate::parameters::{Parameters, instant};
use crate::states::{Class, KeyState};
use crate::{describe, faults, limits};

impl Request for EnableKeyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        asks(desk, "kms:EnableKey", &self.key_id)
    }

    fn parameters(&self) -> Value {
        parameters(&self.key_id)
    }
}

impl Mutation for EnableKeyRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = step(desk, &self.key_id, Class::Switch)?;
        Ok(moved_to(&target, Lifecycle::Enabled, Response::EnableKey))
    }
}

impl Request for DisableKeyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        asks(desk, "kms:DisableKey", &self.key_id)
    }

    fn parameters(&self) -> Value {
        parameters(&self.key_id)
    }
}

impl Mutation for DisableKeyRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = step(desk, &self.key_id, Class::Switch)?;
        Ok(moved_to(&target, Lifecycle::Disabled, Response::DisableKey))
    }
}

impl Request for ScheduleKeyDeletionRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let days = wanted_days(self.pending_window_in_days).to_string();
        let context = desk
            .context()
            .with("kms:ScheduleKeyDeletionPendingWindowInDays", days);
        Ok(vec![desk.key_ask(
            "kms:ScheduleKeyDeletion",
            &located,
            context,
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("pendingWindowInDays", self.pending_window_in_days)
            .into_value()
    }
}

impl Mutation for ScheduleKeyDeletionRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        let days = wanted_days(self.pending_window_in_days);
        let at = deletion_date(desk.now, days)?;
        target.permits(Class::ScheduleDeletion)?;
        // A primary key outlives its replicas; its waiting period begins when the last of them is gone.
        let last = target.key.is_replica() || desk.look(|ring| ring.family(&target.key)).len() == 1;
        let (lifecycle, state) = if last {
            (Lifecycle::PendingDeletion(at), KeyState::PendingDeletion)
        } else {
            let days = u8::try_from(days).unwrap_or(u8::MAX);
            let waits = Lifecycle::PendingReplicaDeletion(days);
            (waits, KeyState::PendingReplicaDeletion)
        };
        let date = last.then_some(at);
        let response = Response::ScheduleKeyDeletion(ScheduleKeyDeletionResponse {
            key_id: Some(target.arn()),
            deletion_date: date.map(Into::into),
            key_state: Some(describe::api_state(state)),
            pending_window_in_days: i32::try_from(days).ok(),
        });
        let elements = Parameters::default()
            .with("keyId", target.arn())
            .with("keyState", state.as_str())
            .maybe("deletionDate", date.map(instant))
            .with("pendingWindowInDays", days)
            .into_value();
        Ok(Plan {
            elements: Some(elements),
            ..moved_to(&target, lifecycle, response)
        })
    }
}

impl Request for CancelKeyDeletionRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        asks(desk, "kms:CancelKeyDeletion", &self.key_id)
    }

    fn parameters(&self) -> Value {
        parameters(&self.key_id)
    }
}

impl Mutation for CancelKeyDeletionRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = step(desk, &self.key_id, Class::CancelDeletion)?;
        let response = Response::CancelKeyDeletion(CancelKeyDeletionResponse {
            key_id: Some(target.arn()),
        });
        // Saved, and still not to be used until its owner says so.
        Ok(moved_to(&target, Lifecycle::Disabled, response))
    }
}

fn asks(desk: &Desk<'_>, action: &str, key_id: &str) -> Result<Vec<Ask>, ApiError> {
    let located = desk.locate(key_id, Accept::Key)?;
    Ok(vec![desk.key_ask(action, &located, desk.context())])
}

fn parameters(key_id: &str) -> Value {
    Parameters::default().with("keyId", key_id).into_value()
}

/// The key, if its state allows the step.
fn step(desk: &Desk<'_>, key_id: &str, class: Class) -> Result<Target, ApiError> {
    let target = desk.find(key_id, Accept::Key)?;
    target.permits(class)?;
    Ok(target)
}

/// The plan that puts a key where it is to be: nothing to do when it is there already.
fn moved_to(target: &Target, lifecycle: Lifecycle, response: Response) -> Plan {
    let altered = Key {
        lifecycle,
        ..(*target.key).clone()
    };
    let unchanged = target.key.lifecycle == lifecycle;
    Plan {
        changes: if unchanged {
            Vec::new()
        } else {
            vec![Change::PutKey(Arc::new(altered))]
        },
        response,
        elements: Some(json!({ "keyId": target.arn() })),
        made: Vec::new(),
    }
}

fn wanted_days(asked: Option<i32>) -> i64 {
    asked.map_or(limits::DELETION_DAYS_MAX, i64::from)
}

/// The instant at which a waiting period of `days` is over.
pub(crate) fn deletion_date(now: Timestamp, days: i64) -> Result<Timestamp, ApiError> {
    if !(limits::DELETION_DAYS_MIN..=limits::DELETION_DAYS_MAX).contains(&days) {
        return Err(faults::validation(format!(
            "PendingWindowInDays must be between {} and {} (inclusive).",
            limits::DELETION_DAYS_MIN,
            limits::DELETION_DAYS_MAX
        )));
    }
    now.checked_add(SignedDuration::from_hours(24 * days))
        .map_err(|_| faults::end_of_calendar())
}
