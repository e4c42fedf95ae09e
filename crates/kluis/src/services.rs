//! The two services of a verb that asks neither: so that closing a volume never depends on how a network is configured.

use crypto::SecretBytes;
use volume::ports::{
    Context, DataKey, KeyService, KeyServiceError, ObjectError, ObjectSource, ObjectUri, Put,
    Unwrapped, Wrapped,
};

/// Asked nothing; whoever asks all the same is told that this verb does not.
pub(crate) struct NoServices;

/// What it says.
const UNASKED: &str = "this verb asks no service; that is a fault in kluis, please report it";

impl KeyService for NoServices {
    fn may_generate(&self, _: &str, _: &Context) -> Result<(), KeyServiceError> {
        Err(KeyServiceError::Invalid(UNASKED.to_owned()))
    }

    fn generate_data_key(&self, _: &str, _: &Context) -> Result<DataKey, KeyServiceError> {
        Err(KeyServiceError::Invalid(UNASKED.to_owned()))
    }

    fn encrypt(&self, _: &str, _: &SecretBytes, _: &Context) -> Result<Wrapped, KeyServiceError> {
        Err(KeyServiceError::Invalid(UNASKED.to_owned()))
    }

    fn decrypt(
        &self,
        _: Option<&str>,
        _: &[u8],
        _: &Context,
    ) -> Result<Unwrapped, KeyServiceError> {
        Err(KeyServiceError::Invalid(UNASKED.to_owned()))
    }
}

impl ObjectSource for NoServices {
    fn get(&self, _: &ObjectUri) -> Result<Vec<u8>, ObjectError> {
        Err(ObjectError::Invalid(UNASKED.to_owned()))
    }

    fn put_if_absent(&self, _: &ObjectUri, _: &[u8]) -> Result<Put, ObjectError> {
        Err(ObjectError::Invalid(UNASKED.to_owned()))
    }
}
