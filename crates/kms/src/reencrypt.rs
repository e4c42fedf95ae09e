//! `ReEncrypt`: from one key or context to another, and the plaintext never leaves.

use policy::Ask;
use serde_json::Value;
use wire::ApiError;
use wire::kms::{
    EncryptionAlgorithmSpec, KeyUsageType, ReEncryptRequest, ReEncryptResponse, Response,
};

use crate::cipher::{self, ALGORITHM, Method};
use crate::desk::{Accept, Desk, Located};
use crate::operation::{Read, Request};
use crate::parameters::{Parameters, pairs};
use crate::source::Source;
use crate::{describe, faults, grants};

impl Request for ReEncryptRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let from = self.source().located(desk)?;
        let to = desk.locate(&self.destination_key_id, Accept::KeyOrAlias)?;
        let same = (name(&from) == name(&to)).to_string();
        let ask = |action, located: &Located, algorithm: Option<_>, pairs| {
            let mut context = cipher::context(desk, algorithm.unwrap_or(ALGORITHM), pairs);
            context.set("kms:ReEncryptOnSameKey", same.as_str());
            desk.key_ask(action, located, context)
        };
        Ok(vec![
            ask(
                "kms:ReEncryptFrom",
                &from,
                self.source_encryption_algorithm,
                self.source_encryption_context.as_ref(),
            ),
            ask(
                "kms:ReEncryptTo",
                &to,
                self.destination_encryption_algorithm,
                self.destination_encryption_context.as_ref(),
            ),
        ])
    }

    fn parameters(&self) -> Value {
        let algorithm =
            |asked: Option<EncryptionAlgorithmSpec>| asked.unwrap_or(ALGORITHM).as_str();
        Parameters::default()
            .maybe("sourceKeyId", self.source_key_id.as_deref())
            .maybe(
                "sourceEncryptionContext",
                self.source_encryption_context.as_ref().map(pairs),
            )
            .with(
                "sourceEncryptionAlgorithm",
                algorithm(self.source_encryption_algorithm),
            )
            .with("destinationKeyId", self.destination_key_id.as_str())
            .maybe(
                "destinationEncryptionContext",
                self.destination_encryption_context.as_ref().map(pairs),
            )
            .with(
                "destinationEncryptionAlgorithm",
                algorithm(self.destination_encryption_algorithm),
            )
            .maybe("dryRun", self.dry_run)
            .into_value()
    }
}

impl Read for ReEncryptRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        grants::check_tokens(desk, self.grant_tokens.as_deref())?;
        let source = self.source();
        let from = desk.granted(source.located(desk)?)?;
        let to = desk.find(&self.destination_key_id, Accept::KeyOrAlias)?;
        source.check_key(&from)?;
        from.serves(KeyUsageType::EncryptDecrypt, "ReEncrypt")?;
        to.serves(KeyUsageType::EncryptDecrypt, "ReEncrypt")?;
        let pairs = self.source_encryption_context.as_ref();
        let opening = Method::of(&from.key, self.source_encryption_algorithm, pairs)?;
        let pairs = self.destination_encryption_context.as_ref();
        let sealing = Method::of(&to.key, self.destination_encryption_algorithm, pairs)?;
        if source.is_ignored() {
            return Err(faults::dry_run());
        }
        let (plaintext, opened) = opening.decrypt(desk, &from.key, source.bytes()?)?;
        sealing.check_plaintext(&to.key, plaintext.len())?;
        faults::stop_dry_run(self.dry_run)?;
        let sealed = sealing.encrypt(desk, &to.key, plaintext.danger_expose())?;
        Ok(Response::ReEncrypt(ReEncryptResponse {
            ciphertext_blob: Some(sealed.into()),
            source_key_id: Some(from.arn()),
            key_id: Some(to.arn()),
            source_encryption_algorithm: Some(opening.algorithm()),
            destination_encryption_algorithm: Some(sealing.algorithm()),
            source_key_material_id: opened,
            destination_key_material_id: describe::current_material(&to.key).map(str::to_owned),
        }))
    }
}

/// What `ReEncrypt` reads out of its request.
trait Moved {
    fn source(&self) -> Source<'_>;
}

impl Moved for ReEncryptRequest {
    fn source(&self) -> Source<'_> {
        Source {
            key_id: self.source_key_id.as_deref(),
            algorithm: self.source_encryption_algorithm,
            ciphertext: self.ciphertext_blob.as_ref(),
            dry_run: self.dry_run,
            modifiers: self.dry_run_modifiers.as_deref(),
        }
    }
}

/// What leave is asked for.
fn name(located: &Located) -> String {
    match located {
        Located::Here(target) => target.arn(),
        Located::Nowhere { resource, .. } => resource.clone(),
    }
}
