//! `GenerateRandom`.

use crypto::SecretBytes;
use policy::Ask;
use serde_json::Value;
use wire::kms::{GenerateRandomRequest, GenerateRandomResponse, Response};
use wire::{ApiError, SensitiveBlob};

use crate::data_keys::checked_length;
use crate::desk::Desk;
use crate::faults;
use crate::operation::{Read, Request};
use crate::parameters::Parameters;

impl Request for GenerateRandomRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        Ok(vec![desk.ask("kms:GenerateRandom", "*")])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .maybe("numberOfBytes", self.number_of_bytes)
            .into_value()
    }
}

impl Read for GenerateRandomRequest {
    fn read(&self, _: &Desk<'_>) -> Result<Response, ApiError> {
        if self.recipient.is_some() {
            return Err(faults::no_recipient());
        }
        if self.custom_key_store_id.is_some() {
            return Err(faults::unsupported("Custom key stores are not offered."));
        }
        let bytes = self
            .number_of_bytes
            .ok_or_else(|| faults::validation("NumberOfBytes is required."))?;
        let random =
            SecretBytes::random(checked_length(bytes)?).map_err(|error| faults::crypto(&error))?;
        Ok(Response::GenerateRandom(GenerateRandomResponse {
            plaintext: Some(SensitiveBlob::copy_of(random.danger_expose())),
            ciphertext_for_recipient: None,
        }))
    }
}
