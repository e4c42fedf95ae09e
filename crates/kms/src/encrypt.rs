//! `Encrypt` and `Decrypt`.

use policy::Ask;
use serde_json::Value;
use wire::kms::{
    DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, EncryptionAlgorithmSpec,
    KeyUsageType, Response,
};
use wire::{ApiError, SensitiveBlob};

use crate::cipher::{self, ALGORITHM, Method};
use crate::desk::{Accept, Desk};
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::source::Source;
use crate::{faults, grants};

impl Request for EncryptRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::KeyOrAlias)?;
        let algorithm = self.encryption_algorithm.unwrap_or(ALGORITHM);
        let context = cipher::context(desk, algorithm, self.encryption_context.as_ref());
        Ok(vec![desk.key_ask("kms:Encrypt", &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .context(self.encryption_context.as_ref())
            .with("encryptionAlgorithm", algorithm(self.encryption_algorithm))
            .maybe("dryRun", self.dry_run)
            .into_value()
    }
}

impl Read for EncryptRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        grants::check_tokens(desk, self.grant_tokens.as_deref())?;
        let target = desk.find(&self.key_id, Accept::KeyOrAlias)?;
        target.serves(KeyUsageType::EncryptDecrypt, "Encrypt")?;
        let pairs = self.encryption_context.as_ref();
        let method = Method::of(&target.key, self.encryption_algorithm, pairs)?;
        method.check_plaintext(&target.key, self.plaintext.len())?;
        faults::stop_dry_run(self.dry_run)?;
        let blob = method.encrypt(desk, &target.key, self.plaintext.danger_expose())?;
        Ok(Response::Encrypt(EncryptResponse {
            ciphertext_blob: Some(blob.into()),
            key_id: Some(target.arn()),
            encryption_algorithm: Some(method.algorithm()),
        }))
    }
}

impl Request for DecryptRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = self.source().located(desk)?;
        let algorithm = self.encryption_algorithm.unwrap_or(ALGORITHM);
        let context = cipher::context(desk, algorithm, self.encryption_context.as_ref());
        Ok(vec![desk.key_ask("kms:Decrypt", &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .maybe("keyId", self.key_id.as_deref())
            .context(self.encryption_context.as_ref())
            .with("encryptionAlgorithm", algorithm(self.encryption_algorithm))
            .maybe("dryRun", self.dry_run)
            .into_value()
    }
}

impl Read for DecryptRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        grants::check_tokens(desk, self.grant_tokens.as_deref())?;
        if self.recipient.is_some() {
            return Err(faults::no_recipient());
        }
        let source = self.source();
        let target = desk.granted(source.located(desk)?)?;
        source.check_key(&target)?;
        target.serves(KeyUsageType::EncryptDecrypt, "Decrypt")?;
        let pairs = self.encryption_context.as_ref();
        let method = Method::of(&target.key, self.encryption_algorithm, pairs)?;
        if source.is_ignored() {
            return Err(faults::dry_run());
        }
        let (plaintext, material_id) = method.decrypt(desk, &target.key, source.bytes()?)?;
        faults::stop_dry_run(self.dry_run)?;
        Ok(Response::Decrypt(DecryptResponse {
            key_id: Some(target.arn()),
            plaintext: Some(SensitiveBlob::copy_of(plaintext.danger_expose())),
            encryption_algorithm: Some(method.algorithm()),
            ciphertext_for_recipient: None,
            key_material_id: material_id,
        }))
    }
}

/// What `Decrypt` reads out of its request.
trait Sealed {
    fn source(&self) -> Source<'_>;
}

impl Sealed for DecryptRequest {
    fn source(&self) -> Source<'_> {
        Source {
            key_id: self.key_id.as_deref(),
            algorithm: self.encryption_algorithm,
            ciphertext: self.ciphertext_blob.as_ref(),
            dry_run: self.dry_run,
            modifiers: self.dry_run_modifiers.as_deref(),
        }
    }
}

fn algorithm(asked: Option<EncryptionAlgorithmSpec>) -> &'static str {
    asked.unwrap_or(ALGORITHM).as_str()
}
