//! `GenerateDataKey` and `GenerateDataKeyWithoutPlaintext`.

use crypto::SecretBytes;
use policy::Ask;
use serde_json::Value;
use wire::kms::{
    DataKeySpec, GenerateDataKeyRequest, GenerateDataKeyResponse,
    GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse, KeySpec,
    KeyUsageType, Response,
};
use wire::{ApiError, SensitiveBlob};

use crate::cipher::{self, Pairs};
use crate::desk::{Accept, Desk, Target};
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::{faults, grants, limits};

impl Request for GenerateDataKeyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        self.wanted().asks(desk, "kms:GenerateDataKey")
    }

    fn parameters(&self) -> Value {
        self.wanted().parameters()
    }
}

impl Read for GenerateDataKeyRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        if self.recipient.is_some() {
            return Err(faults::no_recipient());
        }
        let made = self.wanted().generate(desk, "GenerateDataKey")?;
        Ok(Response::GenerateDataKey(GenerateDataKeyResponse {
            ciphertext_blob: Some(made.blob.into()),
            plaintext: Some(SensitiveBlob::copy_of(made.plaintext.danger_expose())),
            key_id: Some(made.key),
            ciphertext_for_recipient: None,
            key_material_id: Some(made.material_id),
        }))
    }
}

impl Request for GenerateDataKeyWithoutPlaintextRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        self.wanted()
            .asks(desk, "kms:GenerateDataKeyWithoutPlaintext")
    }

    fn parameters(&self) -> Value {
        self.wanted().parameters()
    }
}

impl Read for GenerateDataKeyWithoutPlaintextRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let made = self
            .wanted()
            .generate(desk, "GenerateDataKeyWithoutPlaintext")?;
        Ok(Response::GenerateDataKeyWithoutPlaintext(
            GenerateDataKeyWithoutPlaintextResponse {
                ciphertext_blob: Some(made.blob.into()),
                key_id: Some(made.key),
                key_material_id: Some(made.material_id),
            },
        ))
    }
}

/// A data key as it is asked for, with or without its plaintext.
struct Wanted<'a> {
    key_id: &'a str,
    context: Pairs<'a>,
    number_of_bytes: Option<i32>,
    spec: Option<DataKeySpec>,
    grant_tokens: Option<&'a [String]>,
    dry_run: Option<bool>,
}

/// A data key.
struct Made {
    key: String,
    blob: Vec<u8>,
    plaintext: SecretBytes,
    material_id: String,
}

/// The same members under two names of the model.
trait Asked {
    fn wanted(&self) -> Wanted<'_>;
}

impl Asked for GenerateDataKeyRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            key_id: &self.key_id,
            context: self.encryption_context.as_ref(),
            number_of_bytes: self.number_of_bytes,
            spec: self.key_spec,
            grant_tokens: self.grant_tokens.as_deref(),
            dry_run: self.dry_run,
        }
    }
}

impl Asked for GenerateDataKeyWithoutPlaintextRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            key_id: &self.key_id,
            context: self.encryption_context.as_ref(),
            number_of_bytes: self.number_of_bytes,
            spec: self.key_spec,
            grant_tokens: self.grant_tokens.as_deref(),
            dry_run: self.dry_run,
        }
    }
}

impl Wanted<'_> {
    fn asks(&self, desk: &Desk<'_>, action: &str) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(self.key_id, Accept::KeyOrAlias)?;
        Ok(vec![cipher::ask(desk, action, &located, self.context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id)
            .context(self.context)
            .maybe("keySpec", self.spec.map(DataKeySpec::as_str))
            .maybe("numberOfBytes", self.number_of_bytes)
            .maybe("dryRun", self.dry_run)
            .into_value()
    }

    fn generate(&self, desk: &Desk<'_>, operation: &str) -> Result<Made, ApiError> {
        grants::check_tokens(desk, self.grant_tokens)?;
        let target = desk.find(self.key_id, Accept::KeyOrAlias)?;
        let length = self.length()?;
        check_key(&target, operation)?;
        let context = cipher::canonical(self.context)?;
        faults::stop_dry_run(self.dry_run)?;
        let plaintext = SecretBytes::random(length).map_err(|error| faults::crypto(&error))?;
        let (blob, material_id) =
            cipher::seal(desk, &target.key, &context, plaintext.danger_expose())?;
        Ok(Made {
            key: target.arn(),
            blob,
            plaintext,
            material_id,
        })
    }

    /// The data key's length in bytes, by one of the two ways to say it.
    fn length(&self) -> Result<usize, ApiError> {
        match (self.spec, self.number_of_bytes) {
            (Some(DataKeySpec::Aes256), None) => Ok(32),
            (Some(DataKeySpec::Aes128), None) => Ok(16),
            (None, Some(bytes)) => checked_length(bytes),
            (Some(_), Some(_)) | (None, None) => Err(faults::validation(
                "Please specify either number of bytes or key spec.",
            )),
        }
    }
}

/// Refuses a key that data keys cannot be under: any but a symmetric encryption key.
pub(crate) fn check_key(target: &Target, operation: &str) -> Result<(), ApiError> {
    target.serves(KeyUsageType::EncryptDecrypt, operation)?;
    if target.key.purpose.spec == KeySpec::SymmetricDefault {
        Ok(())
    } else {
        Err(faults::asymmetric_data_key())
    }
}

/// A number of bytes that may be generated. The wire's validator has bounded it already, in AWS's words; this keeps
/// the rule where it is used.
pub(crate) fn checked_length(bytes: i32) -> Result<usize, ApiError> {
    usize::try_from(bytes)
        .ok()
        .filter(|bytes| (1..=limits::GENERATED_BYTES).contains(bytes))
        .ok_or_else(|| {
            faults::validation(format!(
                "NumberOfBytes must be between 1 and {}.",
                limits::GENERATED_BYTES
            ))
        })
}
