//! `Encapsulate` and `Decapsulate`.

use policy::Ask;
use serde_json::Value;
use wire::kms::{
    DecapsulateRequest, DecapsulateResponse, EncapsulateRequest, EncapsulateResponse,
    EncapsulationAlgorithmSpec, KeyUsageType, Response,
};
use wire::{ApiError, SensitiveBlob};

use crate::desk::{Accept, Desk};
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::{faults, grants, pairs};

impl Request for EncapsulateRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        asks(desk, "kms:Encapsulate", &self.key_id)
    }

    fn parameters(&self) -> Value {
        parameters(&self.key_id, self.encapsulation_algorithm, self.dry_run)
    }
}

impl Read for EncapsulateRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        grants::check_tokens(desk, self.grant_tokens.as_deref())?;
        let target = desk.find(&self.key_id, Accept::KeyOrAlias)?;
        target.serves(KeyUsageType::EncapsulateDecapsulate, "Encapsulate")?;
        faults::stop_dry_run(self.dry_run)?;
        let (ciphertext, secret) = pairs::public_half(&target.key)?
            .encapsulate()
            .map_err(|error| faults::crypto(&error))?;
        Ok(Response::Encapsulate(EncapsulateResponse {
            key_id: Some(target.arn()),
            shared_secret: Some(SensitiveBlob::copy_of(secret.danger_expose())),
            shared_secret_ciphertext_blob: Some(ciphertext.into()),
            encapsulation_algorithm: Some(self.encapsulation_algorithm),
        }))
    }
}

impl Request for DecapsulateRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        asks(desk, "kms:Decapsulate", &self.key_id)
    }

    fn parameters(&self) -> Value {
        parameters(&self.key_id, self.encapsulation_algorithm, self.dry_run)
    }
}

impl Read for DecapsulateRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        grants::check_tokens(desk, self.grant_tokens.as_deref())?;
        let target = desk.find(&self.key_id, Accept::KeyOrAlias)?;
        target.serves(KeyUsageType::EncapsulateDecapsulate, "Decapsulate")?;
        // A ciphertext of the right length always yields a secret (FIPS 203 §7.3): whether it is the other side's shows
        // only in its use.
        let secret = pairs::private_half(desk, &target.key)?
            .decapsulate(self.shared_secret_ciphertext_blob.as_ref())
            .map_err(|error| pairs::refused(&error, faults::invalid_ciphertext))?;
        faults::stop_dry_run(self.dry_run)?;
        Ok(Response::Decapsulate(DecapsulateResponse {
            key_id: Some(target.arn()),
            shared_secret: Some(SensitiveBlob::copy_of(secret.danger_expose())),
            encapsulation_algorithm: Some(self.encapsulation_algorithm),
        }))
    }
}

fn asks(desk: &Desk<'_>, action: &str, key_id: &str) -> Result<Vec<Ask>, ApiError> {
    let located = desk.locate(key_id, Accept::KeyOrAlias)?;
    Ok(vec![desk.key_ask(action, &located, desk.context())])
}

fn parameters(key_id: &str, algorithm: EncapsulationAlgorithmSpec, dry_run: Option<bool>) -> Value {
    Parameters::default()
        .with("keyId", key_id)
        .with("encapsulationAlgorithm", algorithm.as_str())
        .maybe("dryRun", dry_run)
        .into_value()
}
