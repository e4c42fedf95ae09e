//! Operations that the model has and this service does not serve. Who would have leave for one is told so.

use policy::Ask;
use serde_json::Value;
use wire::ApiError;
use wire::kms::{Operation, Response};

use crate::desk::Desk;
use crate::faults;
use crate::operation::{Read, Request};

impl Request for Operation {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        Ok(vec![desk.ask(&format!("kms:{}", self.name()), "*")])
    }

    fn parameters(&self) -> Value {
        Value::Null
    }
}

impl Read for Operation {
    fn read(&self, _: &Desk<'_>) -> Result<Response, ApiError> {
        Err(faults::unsupported(format!(
            "{} is not offered by this service.",
            self.name()
        )))
    }
}
