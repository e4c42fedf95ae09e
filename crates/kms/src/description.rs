//! `UpdateKeyDescription`.

use std::sync::Arc;

use policy::Ask;
use serde_json::Value;
use wire::ApiError;
use wire::kms::{Response, UpdateKeyDescriptionRequest};

use crate::desk::{Accept, Desk};
use crate::key::Key;
use crate::keyring::Change;
use crate::operation::{Mutation, Plan, Request};
use crate::parameters::Parameters;
use crate::states::Class;

impl Request for UpdateKeyDescriptionRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        desk.ask_of_key("kms:UpdateKeyDescription", &self.key_id)
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with("description", self.description.as_str())
            .into_value()
    }
}

impl Mutation for UpdateKeyDescriptionRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        target.permits(Class::Name)?;
        let altered = Key {
            description: self.description.as_str().into(),
            ..(*target.key).clone()
        };
        Ok(Plan {
            changes: if altered.description == target.key.description {
                Vec::new()
            } else {
                vec![Change::PutKey(Arc::new(altered))]
            },
            response: Response::UpdateKeyDescription,
            elements: None,
            made: Vec::new(),
        })
    }
}
