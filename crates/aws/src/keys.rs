//! The key service over AWS KMS.

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use crypto::{Secret, SecretBytes};
use volume::ports::{
    Context, DataKey, KeyService, KeyServiceError, ReachError, Unwrapped, Wrapped,
};

use crate::Aws;
use crate::errors::{Fault, sort};

/// What a dry run that would have gone through is answered with.
const WOULD_HAVE_SUCCEEDED: &str = "DryRunOperationException";

impl KeyService for Aws {
    fn place(&self) -> String {
        self.place(|clients| &clients.kms_place, "the key service")
    }

    fn clock_ahead(&self) -> Option<i64> {
        self.clock.ahead()
    }

    fn may_generate(&self, key: &str, context: &Context) -> Result<(), KeyServiceError> {
        let request = self
            .clients_of_kms()?
            .generate_data_key()
            .key_id(key)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(pairs(context)))
            .dry_run(true);
        match self.runtime.block_on(request.send()) {
            // A service that knows no dry runs has made a key, which is wiped here; what has none is no such service.
            Ok(answer) => secret(self.has(answer.plaintext, "Plaintext")?).map(drop),
            Err(error) if error.code() == Some(WOULD_HAVE_SUCCEEDED) => Ok(()),
            Err(error) => Err(self.key_fault(&error)),
        }
    }

    fn generate_data_key(&self, key: &str, context: &Context) -> Result<DataKey, KeyServiceError> {
        let request = self
            .clients_of_kms()?
            .generate_data_key()
            .key_id(key)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(pairs(context)));
        let answer = self
            .runtime
            .block_on(request.send())
            .map_err(|error| self.key_fault(&error))?;
        let plaintext = secret(self.has(answer.plaintext, "Plaintext")?)?;
        let given: &[u8; 32] = plaintext.danger_expose().try_into().map_err(|_| {
            KeyServiceError::Invalid(format!("the data key is {} bytes, not 32", plaintext.len()))
        })?;
        Ok(DataKey {
            key_arn: self.has(answer.key_id.filter(|id| !id.is_empty()), "KeyId")?,
            plaintext: Secret::build(|bytes| {
                bytes.copy_from_slice(given);
                Ok(())
            })
            .map_err(unkept)?,
            blob: blob(self.has(answer.ciphertext_blob, "CiphertextBlob")?)?,
        })
    }

    fn encrypt(
        &self,
        key: &str,
        plaintext: &SecretBytes,
        context: &Context,
    ) -> Result<Wrapped, KeyServiceError> {
        let request = self
            .clients_of_kms()?
            .encrypt()
            .key_id(key)
            .plaintext(Blob::new(plaintext.danger_expose()))
            .set_encryption_context(Some(pairs(context)));
        let answer = self
            .runtime
            .block_on(request.send())
            .map_err(|error| self.key_fault(&error))?;
        Ok(Wrapped {
            key_arn: self.has(answer.key_id.filter(|id| !id.is_empty()), "KeyId")?,
            blob: blob(self.has(answer.ciphertext_blob, "CiphertextBlob")?)?,
        })
    }

    fn decrypt(
        &self,
        key: Option<&str>,
        blob: &[u8],
        context: &Context,
    ) -> Result<Unwrapped, KeyServiceError> {
        let request = self
            .clients_of_kms()?
            .decrypt()
            .set_key_id(key.map(str::to_owned))
            .ciphertext_blob(Blob::new(blob))
            .set_encryption_context(Some(pairs(context)));
        let answer = self
            .runtime
            .block_on(request.send())
            .map_err(|error| self.key_fault(&error))?;
        Ok(Unwrapped {
            key_arn: self.has(answer.key_id.filter(|id| !id.is_empty()), "KeyId")?,
            plaintext: secret(self.has(answer.plaintext, "Plaintext")?)?,
        })
    }
}

fn pairs(context: &Context) -> std::collections::HashMap<String, String> {
    context
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Moves a plaintext into locked memory and wipes the SDK's copy of it.
fn secret(plaintext: Blob) -> Result<SecretBytes, KeyServiceError> {
    let mut bytes = plaintext.into_inner();
    SecretBytes::from_slice_wiping(&mut bytes).map_err(unkept)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the shape that map_err wants"
)]
fn unkept(error: crypto::Error) -> KeyServiceError {
    KeyServiceError::Invalid(format!(
        "the plaintext cannot be kept in locked memory: {error}"
    ))
}

fn blob(ciphertext: Blob) -> Result<Vec<u8>, KeyServiceError> {
    let bytes = ciphertext.into_inner();
    if bytes.is_empty() || bytes.len() > volume::ports::BLOB_MAX {
        return Err(KeyServiceError::Invalid(format!(
            "the wrapped key is {} bytes",
            bytes.len()
        )));
    }
    Ok(bytes)
}

fn sorted(fault: Fault) -> KeyServiceError {
    match fault {
        Fault::Reach(error) => KeyServiceError::Reach(error),
        Fault::Unreachable(text) => KeyServiceError::Unreachable(text),
        Fault::Throttled(text) => KeyServiceError::Throttled(text),
        Fault::Denied(text) => KeyServiceError::Denied(text),
        Fault::NotFound(text) => KeyServiceError::NotFound(text),
        Fault::Disabled(text) => KeyServiceError::Disabled(text),
        Fault::PendingDeletion(text) => KeyServiceError::PendingDeletion(text),
        Fault::Unusable(text) => KeyServiceError::Unusable(text),
        Fault::Invalid(text) => KeyServiceError::Invalid(text),
    }
}

impl Aws {
    fn clients_of_kms(&self) -> Result<aws_sdk_kms::Client, KeyServiceError> {
        Ok(self.clients().map_err(sorted)?.kms)
    }

    /// A member of an answer; one without it is not the service's.
    fn has<T>(&self, member: Option<T>, name: &str) -> Result<T, KeyServiceError> {
        member.ok_or_else(|| {
            self.clock.forget();
            KeyServiceError::Reach(ReachError::Stranger {
                place: KeyService::place(self),
                why: format!("its answer has no {name}"),
            })
        })
    }

    fn key_fault<E>(&self, error: &SdkError<E, HttpResponse>) -> KeyServiceError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        sorted(sort(error, &KeyService::place(self), &self.clock))
    }
}
