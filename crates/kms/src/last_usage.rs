//! `GetKeyLastUsage`; which operations are uses.

use policy::Ask;
use serde_json::Value;
use wire::ApiError;
use wire::kms::{
    GetKeyLastUsageRequest, GetKeyLastUsageResponse, KeyLastUsageData,
    KeyLastUsageTrackingOperation, Operation, Response,
};

use crate::desk::{Accept, Desk};
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::states::Class;
use crate::uses::LastUse;

impl Request for GetKeyLastUsageRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        desk.ask_of_key("kms:GetKeyLastUsage", &self.key_id)
    }

    fn parameters(&self) -> Value {
        Parameters::of_key(&self.key_id)
    }
}

impl Read for GetKeyLastUsageRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        target.permits(Class::Govern)?;
        let last = desk.look(|ring| ring.uses.of(&target.key.arn));
        Ok(Response::GetKeyLastUsage(GetKeyLastUsageResponse {
            key_id: Some(target.key.arn.id.to_string()),
            key_last_usage: Some(last.map(data).unwrap_or_default()),
            // Every key was tracked from its first day.
            tracking_start_date: Some(target.key.created.into()),
            key_creation_date: Some(target.key.created.into()),
        }))
    }
}

fn data(last: LastUse) -> KeyLastUsageData {
    KeyLastUsageData {
        operation: Some(last.operation),
        timestamp: Some(last.at.into()),
        cloud_trail_event_id: Some(last.event_id.into()),
        kms_request_id: Some(last.request_id.into()),
    }
}

/// The use that an operation is of the keys that it names, if it is one.
pub(crate) fn tracked(operation: &Operation) -> Option<KeyLastUsageTrackingOperation> {
    let name = operation.name();
    let mut all = KeyLastUsageTrackingOperation::ALL.iter().copied();
    all.find(|tracked| tracked.as_str() == name)
}
