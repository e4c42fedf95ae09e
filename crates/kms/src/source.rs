//! The ciphertext that `Decrypt` and `ReEncrypt` are given, and the key that it is under: named, or claimed by the blob.

use wire::ApiError;
use wire::kms::errors::NOT_FOUND_EXCEPTION;
use wire::kms::{DryRunModifierType, EncryptionAlgorithmSpec};

use crate::cipher::{self, ALGORITHM};
use crate::desk::{Accept, Desk, Located, Target};
use crate::faults;
use crate::names::KeyArn;

/// A ciphertext as a request names it.
pub(crate) struct Source<'a> {
    /// The key that the request names.
    pub(crate) key_id: Option<&'a str>,
    /// The algorithm that it names.
    pub(crate) algorithm: Option<EncryptionAlgorithmSpec>,
    /// The ciphertext itself.
    pub(crate) ciphertext: Option<&'a wire::Blob>,
    /// Whether the request is a dry run.
    pub(crate) dry_run: Option<bool>,
    /// How the dry run is to go.
    pub(crate) modifiers: Option<&'a [DryRunModifierType]>,
}

impl<'a> Source<'a> {
    /// The ciphertext.
    ///
    /// # Errors
    /// `ValidationException` when the request has none.
    pub(crate) fn bytes(&self) -> Result<&'a [u8], ApiError> {
        self.ciphertext
            .map(AsRef::as_ref)
            .ok_or_else(|| faults::validation("CiphertextBlob is required."))
    }

    /// A dry run may be made without a ciphertext, to ask for the right alone.
    pub(crate) fn is_ignored(&self) -> bool {
        let modifiers = self.modifiers.unwrap_or_default();
        self.dry_run == Some(true) && modifiers.contains(&DryRunModifierType::IgnoreCiphertext)
    }

    /// Whether the ciphertext is a blob that says by itself which key made it.
    fn is_symmetric(&self) -> bool {
        self.algorithm.unwrap_or(ALGORITHM) == ALGORITHM
    }

    /// The key that is named, or else the one that the blob claims: leave is asked for it before any cryptography.
    ///
    /// # Errors
    /// Those of [`Desk::locate`]; `ValidationException` when no key is named and nothing claims one;
    /// `InvalidCiphertextException` for what is no blob.
    pub(crate) fn located(&self, desk: &Desk<'_>) -> Result<Located, ApiError> {
        match self.key_id {
            Some(key) => desk.locate(key, Accept::KeyOrAlias),
            None if self.is_ignored() => Err(faults::validation(
                "The key must be named when the ciphertext is ignored.",
            )),
            None if !self.is_symmetric() => Err(faults::validation("KeyId must not be null")),
            None => located_by_blob(desk, cipher::decoded(self.bytes()?)?.key()),
        }
    }

    /// Refuses another key than the one that a blob says made it, before anything is said of that key.
    ///
    /// # Errors
    /// `IncorrectKeyException`; `InvalidCiphertextException` for what is no blob.
    pub(crate) fn check_key(&self, target: &Target) -> Result<(), ApiError> {
        if self.is_ignored() || !self.is_symmetric() {
            return Ok(());
        }
        if cipher::decoded(self.bytes()?)?
            .key()
            .is_kin(&target.key.arn)
        {
            Ok(())
        } else {
            Err(faults::incorrect_key())
        }
    }
}

/// The key that a blob claims, of whichever account, or its namesake in this region. A key that is not here makes it a
/// blob that does not open, as any other; who would have no leave for such a key is not told that much.
fn located_by_blob(desk: &Desk<'_>, claimed: &KeyArn) -> Result<Located, ApiError> {
    let here = claimed.in_region(&desk.home.region);
    if !here.is_kin(claimed) || !desk.look(|ring| ring.holds(&here.home())) {
        return Err(faults::invalid_ciphertext());
    }
    Ok(match desk.locate_key(&here) {
        Located::Nowhere { resource, error } if error.code == NOT_FOUND_EXCEPTION.code => {
            Located::Nowhere {
                resource,
                error: faults::invalid_ciphertext(),
            }
        }
        located => located,
    })
}
