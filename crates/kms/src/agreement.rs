//! `DeriveSharedSecret`.

use crypto::PublicKey;
use policy::Ask;
use serde_json::Value;
use wire::kms::{DeriveSharedSecretRequest, DeriveSharedSecretResponse, KeyUsageType, Response};
use wire::{ApiError, SensitiveBlob};

use crate::desk::{Accept, Desk};
use crate::key::Key;
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::{faults, grants, pairs};

impl Request for DeriveSharedSecretRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::KeyOrAlias)?;
        let algorithm = self.key_agreement_algorithm.as_str();
        let context = desk.context().with("kms:KeyAgreementAlgorithm", algorithm);
        Ok(vec![desk.key_ask(
            "kms:DeriveSharedSecret",
            &located,
            context,
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with(
                "keyAgreementAlgorithm",
                self.key_agreement_algorithm.as_str(),
            )
            .maybe("dryRun", self.dry_run)
            .into_value()
    }
}

impl Read for DeriveSharedSecretRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        grants::check_tokens(desk, self.grant_tokens.as_deref())?;
        if self.recipient.is_some() {
            return Err(faults::no_recipient());
        }
        let target = desk.find(&self.key_id, Accept::KeyOrAlias)?;
        target.serves(KeyUsageType::KeyAgreement, "DeriveSharedSecret")?;
        let peer = self.peer(&target.key)?;
        faults::stop_dry_run(self.dry_run)?;
        let secret = pairs::private_half(desk, &target.key)?
            .agree(&peer)
            .map_err(|error| pairs::refused(&error, faults::bad_peer))?;
        Ok(Response::DeriveSharedSecret(DeriveSharedSecretResponse {
            key_id: Some(target.arn()),
            shared_secret: Some(SensitiveBlob::copy_of(secret.danger_expose())),
            ciphertext_for_recipient: None,
            key_agreement_algorithm: Some(self.key_agreement_algorithm),
            key_origin: Some(target.key.purpose.origin),
        }))
    }
}

/// What `DeriveSharedSecret` reads out of its request.
trait Peer {
    fn peer(&self, key: &Key) -> Result<PublicKey, ApiError>;
}

impl Peer for DeriveSharedSecretRequest {
    /// The other side's public half, which must be a point on the key's own curve.
    fn peer(&self, key: &Key) -> Result<PublicKey, ApiError> {
        PublicKey::from_spki(pairs::spec(key)?, self.public_key.as_ref())
            .map_err(|error| pairs::refused(&error, faults::bad_peer))
    }
}
