//! Encryption under a target key: what Encrypt, Decrypt and the data-key operations share.

use std::collections::BTreeMap;

use crypto::{Oaep, Secret, SecretBytes};
use policy::{Ask, Context};
use wire::ApiError;
use wire::kms::{EncryptionAlgorithmSpec, KeySpec};

use crate::ciphertext::{self, Blob};
use crate::context::EncryptionContext;
use crate::desk::{Desk, Located};
use crate::key::Key;
use crate::{context as encryption_context, faults, limits, pairs};

/// The one algorithm of symmetric keys, and of requests that name none.
pub(crate) const ALGORITHM: EncryptionAlgorithmSpec = EncryptionAlgorithmSpec::SymmetricDefault;

/// The encryption context of a request, which may be absent.
pub(crate) type Pairs<'a> = Option<&'a BTreeMap<String, String>>;

/// An ask for the use of a symmetric key with an encryption context.
pub(crate) fn ask(desk: &Desk<'_>, action: &str, located: &Located, pairs: Pairs<'_>) -> Ask {
    desk.key_ask(action, located, context(desk, ALGORITHM, pairs))
}

/// What conditions may look at in the use of a key by an algorithm with an encryption context.
pub(crate) fn context(
    desk: &Desk<'_>,
    algorithm: EncryptionAlgorithmSpec,
    pairs: Pairs<'_>,
) -> Context {
    let mut context = desk.context();
    context.set("kms:EncryptionAlgorithm", algorithm.as_str());
    if let Some(pairs) = pairs.filter(|pairs| !pairs.is_empty()) {
        describe(pairs, &mut context);
    }
    context
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
    if encryption_context::text_bytes(pairs) > limits::CONTEXT_BYTES {
        return Err(faults::validation(format!(
            "The encryption context is longer than {} bytes.",
            limits::CONTEXT_BYTES
        )));
    }
    Ok(encryption_context::canonical(pairs))
}

/// How a request encrypts or decrypts: its algorithm, with what goes with it.
pub(crate) enum Method {
    /// Under a symmetric key, bound to an encryption context in its canonical form.
    Symmetric(Vec<u8>),
    /// Under an RSA pair.
    Rsa(Oaep),
}

impl Method {
    /// The method that a request asks for, if the key has it.
    ///
    /// # Errors
    /// `InvalidKeyUsageException` for an algorithm that the key does not have; `ValidationException` for a context that
    /// is too long, or that the algorithm does not take.
    pub(crate) fn of(
        key: &Key,
        asked: Option<EncryptionAlgorithmSpec>,
        pairs: Pairs<'_>,
    ) -> Result<Self, ApiError> {
        let algorithm = asked.unwrap_or(ALGORITHM);
        let known = key.algorithms().encryption.contains(&algorithm);
        match algorithm {
            _ if !known => {
                let spec = key.purpose.spec;
                Err(faults::wrong_algorithm(algorithm.as_str(), spec))
            }
            EncryptionAlgorithmSpec::SymmetricDefault => canonical(pairs).map(Self::Symmetric),
            _ if pairs.is_some_and(|pairs| !pairs.is_empty()) => Err(faults::asymmetric_context()),
            EncryptionAlgorithmSpec::RsaesOaepSha1 => Ok(Self::Rsa(Oaep::Sha1)),
            EncryptionAlgorithmSpec::RsaesOaepSha256 => Ok(Self::Rsa(Oaep::Sha256)),
            EncryptionAlgorithmSpec::Sm2pke => Err(faults::no_sm2()),
        }
    }

    /// Its algorithm.
    pub(crate) fn algorithm(&self) -> EncryptionAlgorithmSpec {
        match self {
            Self::Symmetric(_) => ALGORITHM,
            Self::Rsa(Oaep::Sha1) => EncryptionAlgorithmSpec::RsaesOaepSha1,
            Self::Rsa(Oaep::Sha256) => EncryptionAlgorithmSpec::RsaesOaepSha256,
        }
    }

    /// Refuses a plaintext that is too long for it.
    pub(crate) fn check_plaintext(&self, key: &Key, length: usize) -> Result<(), ApiError> {
        if length == 0 || length > limits::PLAINTEXT_BYTES {
            return Err(faults::validation(format!(
                "Plaintext must have 1 to {} bytes.",
                limits::PLAINTEXT_BYTES
            )));
        }
        let Self::Rsa(padding) = self else {
            return Ok(());
        };
        let (spec, algorithm) = (key.purpose.spec, self.algorithm().as_str());
        match longest(spec, *padding) {
            Some(longest) if length > longest => {
                Err(faults::plaintext_too_long(algorithm, spec, longest))
            }
            _ => Ok(()),
        }
    }

    /// Encrypts under the key: answers with the ciphertext.
    pub(crate) fn encrypt(
        &self,
        desk: &Desk<'_>,
        key: &Key,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, ApiError> {
        match self {
            Self::Symmetric(context) => seal(desk, key, context, plaintext).map(|(blob, _)| blob),
            Self::Rsa(padding) => pairs::public_half(key)?
                .encrypt(*padding, plaintext)
                .map_err(|error| faults::crypto(&error)),
        }
    }

    /// Decrypts under the key: answers with the plaintext, and the public name of the backing key where keys have several.
    pub(crate) fn decrypt(
        &self,
        desk: &Desk<'_>,
        key: &Key,
        ciphertext: &[u8],
    ) -> Result<(SecretBytes, Option<String>), ApiError> {
        match self {
            Self::Symmetric(context) => {
                let blob = decoded(ciphertext)?;
                open(desk, key, &blob, context).map(|(plaintext, id)| (plaintext, Some(id)))
            }
            Self::Rsa(padding) => pairs::private_half(desk, key)?
                .decrypt(*padding, ciphertext)
                .map(|plaintext| (plaintext, None))
                .map_err(|error| pairs::refused(&error, faults::invalid_ciphertext)),
        }
    }
}

/// The longest plaintext of one block (RFC 8017 §7.1.1): the modulus, less two digests and two bytes.
const fn longest(spec: KeySpec, padding: Oaep) -> Option<usize> {
    let modulus = match spec {
        KeySpec::Rsa2048 => 256,
        KeySpec::Rsa3072 => 384,
        KeySpec::Rsa4096 => 512,
        _ => return None,
    };
    let digest = match padding {
        Oaep::Sha1 => 20,
        Oaep::Sha256 => 32,
    };
    Some(modulus - 2 * digest - 2)
}

/// A blob taken apart.
///
/// # Errors
/// `InvalidCiphertextException`
pub(crate) fn decoded(ciphertext: &[u8]) -> Result<Blob<'_>, ApiError> {
    Blob::decode(ciphertext).map_err(|_| faults::invalid_ciphertext())
}

/// Encrypts under the key's current backing key. Answers with the blob and the backing key's public name.
pub(crate) fn seal(
    desk: &Desk<'_>,
    key: &Key,
    context: &[u8],
    plaintext: &[u8],
) -> Result<(Vec<u8>, String), ApiError> {
    let backing = key.current().ok_or_else(|| faults::unavailable(&key.arn))?;
    let secret = symmetric(&desk.unwrap(key, backing)?)?;
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
    let secret = symmetric(&desk.unwrap(key, backing)?)?;
    let plaintext = blob
        .open(&secret, context)
        .map_err(|_| faults::invalid_ciphertext())?;
    Ok((plaintext, backing.material_id.to_string()))
}

fn symmetric(secret: &SecretBytes) -> Result<Secret<32>, ApiError> {
    Secret::try_from(secret).map_err(|error| faults::crypto(&error))
}
