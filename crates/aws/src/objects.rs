//! The object source over S3.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use volume::ports::{BLOB_MAX, ObjectError, ObjectSource, ObjectUri, Put};

use crate::Aws;
use crate::errors::{Fault, sort};

/// S3's codes for "there is one already" under `If-None-Match: *`; the second is for two that race.
const EXISTS: &[&str] = &["PreconditionFailed", "ConditionalRequestConflict"];

impl ObjectSource for Aws {
    fn place(&self) -> String {
        self.place(|clients| &clients.s3_place, "the object store")
    }

    fn get(&self, uri: &ObjectUri) -> Result<Vec<u8>, ObjectError> {
        let request = self
            .clients_of_s3()?
            .get_object()
            .bucket(uri.bucket())
            .key(uri.key());
        self.runtime.block_on(async {
            let answer = request
                .send()
                .await
                .map_err(|error| self.object_fault(&error, uri))?;
            read_bounded(answer.body, uri).await
        })
    }

    fn put_if_absent(&self, uri: &ObjectUri, bytes: &[u8]) -> Result<Put, ObjectError> {
        let request = self
            .clients_of_s3()?
            .put_object()
            .bucket(uri.bucket())
            .key(uri.key())
            .if_none_match("*")
            .body(ByteStream::from(bytes.to_vec()));
        match self.runtime.block_on(request.send()) {
            Ok(_) => Ok(Put::Created),
            Err(error) if error.code().is_some_and(|code| EXISTS.contains(&code)) => {
                Ok(Put::Exists)
            }
            Err(error) => Err(self.object_fault(&error, uri)),
        }
    }
}

/// A wrapped secret is small; an object that is not is not read to its end.
async fn read_bounded(mut body: ByteStream, uri: &ObjectUri) -> Result<Vec<u8>, ObjectError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk =
            chunk.map_err(|error| ObjectError::Unreachable(format!("{uri} broke off: {error}")))?;
        if bytes.len() + chunk.len() > BLOB_MAX {
            return Err(ObjectError::Invalid(format!(
                "{uri} is larger than {BLOB_MAX} bytes, and a wrapped secret is not"
            )));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn sorted(fault: Fault) -> ObjectError {
    match fault {
        Fault::Reach(error) => ObjectError::Reach(error),
        Fault::Unreachable(text) => ObjectError::Unreachable(text),
        Fault::Throttled(text) => ObjectError::Throttled(text),
        Fault::Denied(text) => ObjectError::Denied(text),
        Fault::NotFound(text) => ObjectError::NotFound(text),
        Fault::Disabled(text) | Fault::PendingDeletion(text) | Fault::Unusable(text) => {
            ObjectError::Unusable(text)
        }
        Fault::Invalid(text) => ObjectError::Invalid(text),
    }
}

/// The same with the object's name before the service's words.
fn about(fault: Fault, uri: &ObjectUri) -> ObjectError {
    let named = |text: String| format!("{uri}: {text}");
    match sorted(fault) {
        ObjectError::Reach(error) => ObjectError::Reach(error),
        ObjectError::Unreachable(text) => ObjectError::Unreachable(named(text)),
        ObjectError::Throttled(text) => ObjectError::Throttled(named(text)),
        ObjectError::Denied(text) => ObjectError::Denied(named(text)),
        ObjectError::NotFound(text) => ObjectError::NotFound(named(text)),
        ObjectError::Unusable(text) => ObjectError::Unusable(named(text)),
        ObjectError::Invalid(text) => ObjectError::Invalid(named(text)),
    }
}

impl Aws {
    fn clients_of_s3(&self) -> Result<aws_sdk_s3::Client, ObjectError> {
        Ok(self.clients().map_err(sorted)?.s3)
    }

    fn object_fault<E>(&self, error: &SdkError<E, HttpResponse>, uri: &ObjectUri) -> ObjectError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        about(sort(error, &ObjectSource::place(self), &self.clock), uri)
    }
}
