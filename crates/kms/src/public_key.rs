//! `GetPublicKey`.

use policy::Ask;
use serde_json::Value;
use wire::ApiError;
use wire::kms::{GetPublicKeyRequest, GetPublicKeyResponse, Response};

use crate::desk::{Accept, Desk};
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::states::Class;
use crate::{describe, grants, pairs};

impl Request for GetPublicKeyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::KeyOrAlias)?;
        let context = desk.context();
        Ok(vec![desk.key_ask("kms:GetPublicKey", &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .into_value()
    }
}

impl Read for GetPublicKeyRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        grants::check_tokens(desk, self.grant_tokens.as_deref())?;
        let target = desk.find(&self.key_id, Accept::KeyOrAlias)?;
        target.permits(Class::Publish)?;
        let (key, algorithms) = (&target.key, describe::algorithms(&target.key));
        Ok(Response::GetPublicKey(GetPublicKeyResponse {
            key_id: Some(target.arn()),
            public_key: Some(pairs::spki(key)?.to_vec().into()),
            customer_master_key_spec: Some(key.purpose.spec),
            key_spec: Some(key.purpose.spec),
            key_usage: Some(key.purpose.usage),
            encryption_algorithms: algorithms.encryption,
            signing_algorithms: algorithms.signing,
            key_agreement_algorithms: algorithms.agreement,
            encapsulation_algorithms: algorithms.encapsulation,
        }))
    }
}
