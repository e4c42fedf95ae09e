//! Encryption under a target key: what Encrypt, Decrypt and the data-key operations share.

use std::collections::BTreeMap;

use crypto::SecretBytes;
use policy::{Ask, Context};
use wire::ApiError;
use wire::kms::EncryptionAlgorithmSpec;

use crate::ciphertext::{self, Blob};
use crate::context::EncryptionContext;
use crate::desk::{Desk, Located, Target};
use crate::key::Key;
use crate::names::KeyArn;
use crate::{context, faults, limits};

/// The one algorithm of symmetric keys.
pub(crate) const ALGORITHM: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::SymmetricDefault;

/// The encryption context of a request, which may be absent.
pub(crate) type Pairs<'a> = Option<&'a BTreeMap<String, String>>;

/// An ask for the use of a key with an encryption context.
pub(crate) fn ask(desk: &Desk<'_>, action: &str, located: &Located, pairs: Pairs<'_>) -> Ask {
    let mut context: Context = desk.context();
    context.set("kms:EncryptionAlgorithm", ALGORITHM.as_str());
    if let Some(pairs) = pairs.filter(|pairs| !pairs.is_empty()) {
        describe(pairs, &mut context);
    }
    desk.key_ask(action, located, context)
}

/// What conditions may look at in an encryption context.
pub(crate) fn describe(pairs: &EncryptionContext, conditions: &mut Context) {
    // `add`, because two names may differ in case alone and conditions do not see case.
    for (name, value) in pairs {
        conditions.add(&format!("kms:EncryptionContext:{name}"), value.as_str());
    }
    conditions.set_all(
        "kms:EncryptionContextKeys",
        pairs.keys().map(String::as_str),
    );
}

/// The canonical encryption context.
///
/// # Errors
/// `ValidationException` when it is too long.
pub(crate) fn canonical(pairs: Pairs<'_>) -> Result<Vec<u8>, ApiError> {
    let empty = BTreeMap::new();
    let pairs = pairs.unwrap_or(&empty);
    if context::text_bytes(pairs) > limits::CONTEXT_BYTES {
        return Err(faults::validation(format!(
            "The encryption context is longer than {} bytes.",
            limits::CONTEXT_BYTES
        )));
    }
    Ok(context::canonical(pairs))
}

/// Refuses an algorithm that the key does not have.
pub(crate) fn check_algorithm(
    target: &Target,
    asked: Option<EncryptionAlgorithmSpec>,
) -> Result<(), ApiError> {
    match asked {
        None | Some(ALGORITHM) => Ok(()),
        Some(other) => Err(faults::invalid_algorithm(
            other.as_str(),
            target.key.purpose.spec.as_str(),
        )),
    }
}

/// Encrypts under the key's current backing key. Answers with the blob and the backing key's public name.
pub(crate) fn seal(
    desk: &Desk<'_>,
    key: &Key,
    context: &[u8],
    plaintext: &[u8],
) -> Result<(Vec<u8>, String), ApiError> {
    let backing = key.current().ok_or_else(|| faults::unavailable(&key.arn))?;
    let secret = key
        .unwrap(backing, desk.root)
        .map_err(|error| unwrapping(&error, &key.arn))?;
    let blob = ciphertext::seal(&secret, &key.arn, backing.version, context, plaintext)
        .map_err(|error| faults::crypto(&error))?;
    Ok((blob, backing.material_id.to_string()))
}

/// Decrypts a blob of this key. Answers with the plaintext and the public name of the backing key that it was under.
pub(crate) fn open(
    desk: &Desk<'_>,
    key: &Key,
    blob: &Blob<'_>,
    context: &[u8],
) -> Result<(SecretBytes, String), ApiError> {
    let backing = key
        .version(blob.version())
        .ok_or_else(faults::invalid_ciphertext)?;
    let secret = key
        .unwrap(backing, desk.root)
        .map_err(|error| unwrapping(&error, &key.arn))?;
    let plaintext = blob
        .open(&secret, context)
        .map_err(|_| faults::invalid_ciphertext())?;
    Ok((plaintext, backing.material_id.to_string()))
}

fn unwrapping(error: &crypto::Error, arn: &KeyArn) -> ApiError {
    match error {
        crypto::Error::NotAuthentic => faults::unavailable(arn),
        other => faults::crypto(other),
    }
}
