//! `Encrypt` and `Decrypt`.

use policy::Ask;
use serde_json::Value;
use wire::kms::errors::NOT_FOUND_EXCEPTION;
use wire::kms::{
    DecryptRequest, DecryptResponse, DryRunModifierType, EncryptRequest, EncryptResponse,
    EncryptionAlgorithmSpec, Response,
};
use wire::{ApiError, SensitiveBlob};

use crate::ciphertext::Blob;
use crate::desk::{Accept, Desk, Located};
use crate::names::KeyArn;
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::states::Class;
use crate::{cipher, faults, grants, limits};

impl Request for EncryptRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::KeyOrAlias)?;
        Ok(vec![cipher::ask(
            desk,
            "kms:Encrypt",
            &located,
            self.encryption_context.as_ref(),
        )])
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
        cipher::check_algorithm(&target, self.encryption_algorithm)?;
        target.permits(Class::Use)?;
        let context = cipher::canonical(self.encryption_context.as_ref())?;
        if self.plaintext.is_empty() || self.plaintext.len() > limits::PLAINTEXT_BYTES {
            return Err(faults::validation(format!(
                "Plaintext must have 1 to {} bytes.",
                limits::PLAINTEXT_BYTES
            )));
        }
        if self.dry_run == Some(true) {
            return Err(faults::dry_run());
        }
        let (blob, _) = cipher::seal(desk, &target.key, &context, self.plaintext.danger_expose())?;
        Ok(Response::Encrypt(EncryptResponse {
            ciphertext_blob: Some(blob.into()),
            key_id: Some(target.arn()),
            encryption_algorithm: Some(cipher::ALGORITHM),
        }))
    }
}

impl Request for DecryptRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = self.located(desk)?;
        Ok(vec![cipher::ask(
            desk,
            "kms:Decrypt",
            &located,
            self.encryption_context.as_ref(),
        )])
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
        let target = desk.granted(self.located(desk)?)?;
        cipher::check_algorithm(&target, self.encryption_algorithm)?;
        target.permits(Class::Use)?;
        let context = cipher::canonical(self.encryption_context.as_ref())?;
        if self.ignores_ciphertext() {
            return Err(faults::dry_run());
        }
        let blob = self.blob()?;
        if *blob.key() != target.key.arn {
            return Err(faults::incorrect_key());
        }
        let (plaintext, material_id) = cipher::open(desk, &target.key, &blob, &context)?;
        if self.dry_run == Some(true) {
            return Err(faults::dry_run());
        }
        Ok(Response::Decrypt(DecryptResponse {
            key_id: Some(target.arn()),
            plaintext: Some(SensitiveBlob::copy_of(plaintext.danger_expose())),
            encryption_algorithm: Some(cipher::ALGORITHM),
            ciphertext_for_recipient: None,
            key_material_id: Some(material_id),
        }))
    }
}

/// What `Decrypt` reads out of its request.
trait Sealed {
    fn blob(&self) -> Result<Blob<'_>, ApiError>;
    fn ignores_ciphertext(&self) -> bool;
    fn located(&self, desk: &Desk<'_>) -> Result<Located, ApiError>;
}

impl Sealed for DecryptRequest {
    fn blob(&self) -> Result<Blob<'_>, ApiError> {
        let bytes = self
            .ciphertext_blob
            .as_ref()
            .ok_or_else(|| faults::validation("CiphertextBlob is required."))?;
        Blob::decode(bytes.as_ref()).map_err(|_| faults::invalid_ciphertext())
    }

    /// A dry run may be made without a ciphertext, to ask for the right alone.
    fn ignores_ciphertext(&self) -> bool {
        let modifiers = self.dry_run_modifiers.as_deref().unwrap_or_default();
        self.dry_run == Some(true) && modifiers.contains(&DryRunModifierType::IgnoreCiphertext)
    }

    /// The key that is named, or else the one that the blob claims: leave is asked for it before any cryptography.
    fn located(&self, desk: &Desk<'_>) -> Result<Located, ApiError> {
        match &self.key_id {
            Some(key) => desk.locate(key, Accept::KeyOrAlias),
            None if self.ignores_ciphertext() => Err(faults::validation(
                "KeyId is required when the ciphertext is ignored.",
            )),
            None => located_by_blob(desk, self.blob()?.key()),
        }
    }
}

/// The key that a blob claims, of whichever account. A key that is not here makes it a blob that does not open, as any
/// other; who would have no leave for such a key is not told that much.
fn located_by_blob(desk: &Desk<'_>, claimed: &KeyArn) -> Result<Located, ApiError> {
    let home = claimed.home();
    if home.region != desk.home.region || !desk.look(|ring| ring.holds(&home)) {
        return Err(faults::invalid_ciphertext());
    }
    Ok(match desk.locate_key(claimed) {
        Located::Nowhere { resource, error } if error.code == NOT_FOUND_EXCEPTION.code => {
            Located::Nowhere {
                resource,
                error: faults::invalid_ciphertext(),
            }
        }
        located => located,
    })
}

fn algorithm(asked: Option<EncryptionAlgorithmSpec>) -> &'static str {
    asked.unwrap_or(cipher::ALGORITHM).as_str()
}
