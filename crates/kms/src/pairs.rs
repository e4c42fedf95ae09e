//! Key pairs: making them, and taking up the two halves of a key that is one.

use std::sync::Arc;

use crypto::{KeyPair, KeyPairSpec, PublicKey};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use wire::ApiError;

use crate::desk::Desk;
use crate::key::Key;
use crate::specs::{self, Shape};
use crate::{faults, limits};

/// Where key pairs are made: off the runtime, because an RSA key can take a second, and a few at a time, so that
/// making them does not starve everything else.
pub(crate) struct Mill(Arc<Semaphore>);

impl Mill {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(limits::PAIRS_AT_ONCE)))
    }

    /// Makes a key pair.
    ///
    /// # Errors
    /// `KMSInternalException` when the cryptography fails.
    pub(crate) async fn make(&self, spec: KeyPairSpec) -> Result<KeyPair, ApiError> {
        let cut_off = || faults::internal("The request was cut off. Try again.");
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let turn = turn.map_err(|_| cut_off())?;
        // The work goes on to its end even if nobody waits for it any more, and keeps its turn until then.
        let made = spawn_blocking(move || {
            let _turn = turn;
            KeyPair::generate(spec)
        });
        let made = made.await.map_err(|_| cut_off())?;
        made.map_err(|error| faults::crypto(&error))
    }
}

/// Both halves of a key that is a pair, for the length of one operation.
///
/// # Errors
/// `KeyUnavailableException` when the private half does not unwrap or is none; `InvalidKeyUsageException` is the
/// caller's to have said before.
pub(crate) fn private_half(desk: &Desk<'_>, key: &Key) -> Result<KeyPair, ApiError> {
    let secret = desk.secret(key)?;
    KeyPair::from_pkcs8(spec(key)?, secret).map_err(|error| unusable(&error, key))
}

/// The public half of a key that is a pair. Nothing is unwrapped for it.
///
/// # Errors
/// `UnsupportedOperationException` when the key is no pair.
pub(crate) fn public_half(key: &Key) -> Result<PublicKey, ApiError> {
    let spki = spki(key)?;
    PublicKey::from_spki(spec(key)?, spki).map_err(|error| unusable(&error, key))
}

/// The same as `SubjectPublicKeyInfo`, DER.
///
/// # Errors
/// `UnsupportedOperationException` when the key is no pair.
pub(crate) fn spki(key: &Key) -> Result<&[u8], ApiError> {
    key.current()
        .and_then(|backing| backing.public.as_deref())
        .ok_or_else(faults::no_public_half)
}

/// What a caller is told when a pair does not do with foreign bytes what was asked: the one `refusal`, unless this
/// machine is at fault.
pub(crate) fn refused(error: &crypto::Error, refusal: fn() -> ApiError) -> ApiError {
    match error {
        crypto::Error::SecretMemory(_) => faults::crypto(error),
        _ => refusal(),
    }
}

/// The kind of pair that a key is.
///
/// # Errors
/// `UnsupportedOperationException` when it is none.
pub(crate) fn spec(key: &Key) -> Result<KeyPairSpec, ApiError> {
    match specs::shape(key.purpose.spec) {
        Some(Shape::Pair(spec)) => Ok(spec),
        Some(Shape::Bytes(_)) | None => Err(faults::no_public_half()),
    }
}

fn unusable(error: &crypto::Error, key: &Key) -> ApiError {
    match error {
        crypto::Error::UnfitKey { .. } => faults::unavailable(&key.arn),
        other => faults::crypto(other),
    }
}
