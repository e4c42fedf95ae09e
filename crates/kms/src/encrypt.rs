//! `Encrypt` and `Decrypt`.

use policy::Ask;
use serde_json::Value;
use wire::kms::errors::NOT_FOUND_EXCEPTION;
use wire::kms::{
    DecryptRequest, DecryptResponse, DryRunModifierType, EncryptRequest, EncryptResponse,
    EncryptionAlgorithmSpec, KeyUsageType, Response,
};
use wire::{ApiError, SensitiveBlob};

use crate::cipher::{self, ALGORITHM, Method};
use crate::desk::{Accept, Desk, Located, Target};
use crate::names::KeyArn;
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
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
        let located = self.located(desk)?;
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
        let target = desk.granted(self.located(desk)?)?;
        self.check_key(&target)?;
        target.serves(KeyUsageType::EncryptDecrypt, "Decrypt")?;
        let pairs = self.encryption_context.as_ref();
        let method = Method::of(&target.key, self.encryption_algorithm, pairs)?;
        if self.ignores_ciphertext() {
            return Err(faults::dry_run());
        }
        let (plaintext, material_id) = method.decrypt(desk, &target.key, self.ciphertext()?)?;
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
    fn ciphertext(&self) -> Result<&[u8], ApiError>;
    fn is_symmetric(&self) -> bool;
    fn ignores_ciphertext(&self) -> bool;
    fn check_key(&self, target: &Target) -> Result<(), ApiError>;
    fn located(&self, desk: &Desk<'_>) -> Result<Located, ApiError>;
}

impl Sealed for DecryptRequest {
    fn ciphertext(&self) -> Result<&[u8], ApiError> {
        self.ciphertext_blob
            .as_ref()
            .map(AsRef::as_ref)
            .ok_or_else(|| faults::validation("CiphertextBlob is required."))
    }

    /// Whether the ciphertext is a blob that says by itself which key made it.
    fn is_symmetric(&self) -> bool {
        self.encryption_algorithm.unwrap_or(ALGORITHM) == ALGORITHM
    }

    /// A dry run may be made without a ciphertext, to ask for the right alone.
    fn ignores_ciphertext(&self) -> bool {
        let modifiers = self.dry_run_modifiers.as_deref().unwrap_or_default();
        self.dry_run == Some(true) && modifiers.contains(&DryRunModifierType::IgnoreCiphertext)
    }

    /// Refuses another key than the one that a blob says made it, before anything is said of that key.
    fn check_key(&self, target: &Target) -> Result<(), ApiError> {
        if self.ignores_ciphertext() || !self.is_symmetric() {
            return Ok(());
        }
        if *cipher::decoded(self.ciphertext()?)?.key() == target.key.arn {
            Ok(())
        } else {
            Err(faults::incorrect_key())
        }
    }

    /// The key that is named, or else the one that the blob claims: leave is asked for it before any cryptography.
    fn located(&self, desk: &Desk<'_>) -> Result<Located, ApiError> {
        match &self.key_id {
            Some(key) => desk.locate(key, Accept::KeyOrAlias),
            None if self.ignores_ciphertext() => Err(faults::validation(
                "KeyId is required when the ciphertext is ignored.",
            )),
            None if !self.is_symmetric() => Err(faults::validation("KeyId must not be null")),
            None => located_by_blob(desk, cipher::decoded(self.ciphertext()?)?.key()),
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
    asked.unwrap_or(ALGORITHM).as_str()
}
