//! Every refusal of the key service, with AWS's code and AWS's words.

use policy::PolicyError;
use store::StoreError;
use wire::ApiError;
use wire::kms::{KeySpec, KeyUsageType, MessageType, errors as codes};

use crate::limits;
use crate::names::{AliasArn, KeyArn};
use crate::states::Verdict;

mod life;

pub(crate) use life::*;

/// A well-formed name of a key that does not exist.
pub(crate) fn no_such_key(arn: &KeyArn) -> ApiError {
    codes::NOT_FOUND_EXCEPTION.because(format!("Key '{arn}' does not exist"))
}

/// A well-formed name of an alias that does not exist.
pub(crate) fn no_such_alias(arn: &AliasArn) -> ApiError {
    codes::NOT_FOUND_EXCEPTION.because(format!("Alias {arn} is not found."))
}

/// A text that names no key.
pub(crate) fn invalid_key_id(text: &str) -> ApiError {
    codes::NOT_FOUND_EXCEPTION.because(format!("Invalid keyId '{text}'"))
}

/// An alias where the operation takes a key's id or ARN alone.
pub(crate) fn no_aliases() -> ApiError {
    codes::INVALID_ARN_EXCEPTION.because("Key Aliases are not supported for this operation.")
}

/// The ARN of a key or alias in another region than the request's.
pub(crate) fn foreign_region(region: &str) -> ApiError {
    codes::NOT_FOUND_EXCEPTION.because(format!("Invalid arn {region}"))
}

/// What the state of the key has against the operation; `Ok` when nothing.
///
/// # Errors
/// The API's error for the cell of the table.
pub(crate) fn refuse(verdict: Verdict, arn: &KeyArn) -> Result<(), ApiError> {
    Err(match verdict {
        Verdict::Allowed => return Ok(()),
        Verdict::Disabled => codes::DISABLED_EXCEPTION.because(format!("{arn} is disabled.")),
        Verdict::PendingDeletion => {
            codes::KMS_INVALID_STATE_EXCEPTION.because(format!("{arn} is pending deletion."))
        }
        Verdict::PendingReplicaDeletion => codes::KMS_INVALID_STATE_EXCEPTION
            .because(format!("{arn} is pending replica deletion.")),
        Verdict::PendingImport => {
            codes::KMS_INVALID_STATE_EXCEPTION.because(format!("{arn} is pending import."))
        }
        Verdict::NotPendingDeletion => {
            codes::KMS_INVALID_STATE_EXCEPTION.because(format!("{arn} is not pending deletion."))
        }
        Verdict::Unavailable => unavailable(arn),
    })
}

/// Key material that does not unwrap.
pub(crate) fn unavailable(arn: &KeyArn) -> ApiError {
    codes::KEY_UNAVAILABLE_EXCEPTION.because(format!(
        "{arn} is unavailable: its key material does not unwrap under the service's root key. Restore its record from a backup."
    ))
}

/// A record that cannot be read.
pub(crate) fn unreadable(arn: &KeyArn) -> ApiError {
    internal(format!(
        "The record of {arn} cannot be read. Restore it from a backup."
    ))
}

/// A ciphertext that does not open, for whatever reason: one answer, without a message.
pub(crate) fn invalid_ciphertext() -> ApiError {
    codes::INVALID_CIPHERTEXT_EXCEPTION.because("")
}

/// A ciphertext of another key than the one named.
pub(crate) fn incorrect_key() -> ApiError {
    codes::INCORRECT_KEY_EXCEPTION.because(
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )
}

/// The call would have succeeded.
pub(crate) fn dry_run() -> ApiError {
    codes::DRY_RUN_OPERATION_EXCEPTION
        .because("The request would have succeeded, but the DryRun option is set.")
}

/// Ends a dry run: nothing was found against it.
///
/// # Errors
/// `DryRunOperationException`, if it is one.
pub(crate) fn stop_dry_run(asked: Option<bool>) -> Result<(), ApiError> {
    match asked {
        Some(true) => Err(dry_run()),
        Some(false) | None => Ok(()),
    }
}

/// A grant token that names no grant.
pub(crate) fn invalid_grant_token() -> ApiError {
    codes::INVALID_GRANT_TOKEN_EXCEPTION
        .because("The request was rejected because a grant token is not valid.")
}

/// A grant that is not there.
pub(crate) fn no_such_grant(id: &str) -> ApiError {
    codes::NOT_FOUND_EXCEPTION.because(format!("Grant ID {id} not found"))
}

/// A text that is no grant's id.
pub(crate) fn invalid_grant_id() -> ApiError {
    codes::INVALID_GRANT_ID_EXCEPTION
        .because("The request was rejected because the specified GrantId is not valid.")
}

/// A text that names no principal, or one that cannot be had.
pub(crate) fn invalid_principal(text: &str) -> ApiError {
    codes::INVALID_ARN_EXCEPTION.because(format!("ARN does not refer to a valid principal: {text}"))
}

/// A member of a request that only services may use.
pub(crate) fn for_services(member: &str) -> ApiError {
    ApiError::sender(
        "AccessDeniedException",
        400,
        format!("{member} can be used by a service alone. Leave it out."),
    )
}

/// Something that this service does not offer.
pub(crate) fn unsupported(what: impl Into<String>) -> ApiError {
    codes::UNSUPPORTED_OPERATION_EXCEPTION.because(what)
}

/// A key that is for something else than the operation.
pub(crate) fn wrong_usage(arn: &KeyArn, usage: KeyUsageType, operation: &str) -> ApiError {
    codes::INVALID_KEY_USAGE_EXCEPTION.because(format!(
        "{arn} key usage is {} which is not valid for {operation}.",
        usage.as_str()
    ))
}

/// An algorithm that the key does not have.
pub(crate) fn wrong_algorithm(algorithm: &str, spec: KeySpec) -> ApiError {
    codes::INVALID_KEY_USAGE_EXCEPTION.because(format!(
        "Algorithm {algorithm} is incompatible with key spec {}.",
        spec.as_str()
    ))
}

/// A data key under a key that is a pair.
pub(crate) fn asymmetric_data_key() -> ApiError {
    codes::INVALID_KEY_USAGE_EXCEPTION
        .because("You cannot generate a data key with an asymmetric CMK")
}

/// An encryption context where no cipher takes one.
pub(crate) fn asymmetric_context() -> ApiError {
    validation(
        "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
    )
}

/// A plaintext longer than one RSA block holds.
pub(crate) fn plaintext_too_long(algorithm: &str, spec: KeySpec, bytes: usize) -> ApiError {
    validation(format!(
        "Algorithm {algorithm} and key spec {} cannot encrypt data larger than {bytes} bytes.",
        spec.as_str()
    ))
}

/// A message type that keys of this spec do not sign.
pub(crate) fn message_type_of_spec(message: MessageType, spec: KeySpec) -> ApiError {
    validation(format!(
        "Message type {} is incompatible with key spec {}.",
        message.as_str(),
        spec.as_str()
    ))
}

/// A message type that an algorithm does not sign.
pub(crate) fn message_type_of_algorithm(message: MessageType, algorithm: &str) -> ApiError {
    validation(format!(
        "Message type {} is incompatible with algorithm {algorithm}.",
        message.as_str()
    ))
}

/// A digest that is not one of the algorithm's.
pub(crate) fn digest_length(algorithm: &str) -> ApiError {
    validation(format!(
        "Digest is invalid length for algorithm {algorithm}."
    ))
}

/// A signature that does not verify, for whatever reason: one answer, without a message.
pub(crate) fn invalid_signature() -> ApiError {
    codes::KMS_INVALID_SIGNATURE_EXCEPTION.because("")
}

/// A MAC that does not verify: one answer, without a message.
pub(crate) fn invalid_mac() -> ApiError {
    codes::KMS_INVALID_MAC_EXCEPTION.because("")
}

/// A peer's public key that is no point on the key's own curve.
pub(crate) fn bad_peer() -> ApiError {
    validation("PublicKey is not a DER-encoded public key on the same curve as the KMS key.")
}

/// The public half of a key that has none. AWS gives no message either.
pub(crate) fn no_public_half() -> ApiError {
    unsupported("")
}

/// A key usage that the key spec does not have.
pub(crate) fn incompatible_usage(usage: KeyUsageType, spec: KeySpec) -> ApiError {
    validation(format!(
        "KeyUsage {} is not compatible with KeySpec {}",
        usage.as_str(),
        spec.as_str()
    ))
}

/// No key usage where there is no default.
pub(crate) fn usage_missing() -> ApiError {
    validation(
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    )
}

/// A spec that China's regions alone have.
pub(crate) fn no_sm2() -> ApiError {
    unsupported("SM2 exists in AWS's China Regions alone and is not offered. Use another spec.")
}

/// A request that breaks a rule that the service model does not hold.
pub(crate) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationException", 400, message)
}

/// A policy that cannot stand.
pub(crate) fn malformed_policy(message: impl Into<String>) -> ApiError {
    codes::MALFORMED_POLICY_DOCUMENT_EXCEPTION.because(message)
}

/// A text that is no key policy.
pub(crate) fn not_a_policy(error: &PolicyError) -> ApiError {
    let mut place = error.place().split('.');
    if place.any(|part| part == "Principal" || part == "NotPrincipal") {
        return invalid_principals();
    }
    malformed_policy(error.to_string())
}

/// A policy that names somebody who is not there, or in no way that there is.
pub(crate) fn invalid_principals() -> ApiError {
    malformed_policy("Policy contains a statement with one or more invalid principals.")
}

/// A policy that would lock its author out.
pub(crate) fn lockout() -> ApiError {
    malformed_policy(
        "The new key policy will not allow you to update the key policy in the future.",
    )
}

/// A policy longer than a key may have.
pub(crate) fn policy_too_long() -> ApiError {
    codes::LIMIT_EXCEEDED_EXCEPTION.because(format!(
        "The key policy exceeds the maximum size of {} bytes.",
        limits::POLICY_BYTES
    ))
}

/// One more than a quota allows.
pub(crate) fn limit(message: impl Into<String>) -> ApiError {
    codes::LIMIT_EXCEEDED_EXCEPTION.because(message)
}

/// As many keys as one region holds.
pub(crate) fn too_many_keys() -> ApiError {
    limit(
        "The quota of keys in this account and region is reached. Delete keys that are not needed.",
    )
}

/// An instant past the last one that there is.
pub(crate) fn end_of_calendar() -> ApiError {
    internal("The service's clock is at the end of the calendar. Set it right.")
}

/// Tags that cannot stand.
pub(crate) fn tags(message: impl Into<String>) -> ApiError {
    codes::TAG_EXCEPTION.because(message)
}

/// More tags than a key may have.
pub(crate) fn too_many_tags() -> ApiError {
    tags("Too many tags")
}

/// A tag key that only the service may give.
pub(crate) fn reserved_tag() -> ApiError {
    tags("Tags beginning with aws: are reserved")
}

/// An alias name that only the service may use.
pub(crate) fn reserved_alias() -> ApiError {
    codes::INVALID_ALIAS_NAME_EXCEPTION
        .because("Alias names that begin with alias/aws/ are reserved.")
}

/// Something that is no alias name.
pub(crate) fn invalid_alias(text: &str) -> ApiError {
    if text.starts_with("alias/") {
        codes::INVALID_ALIAS_NAME_EXCEPTION
            .because("Alias contains invalid characters for an alias")
    } else {
        validation("Invalid identifier")
    }
}

/// An alias that is there already.
pub(crate) fn alias_exists(arn: &AliasArn) -> ApiError {
    codes::ALREADY_EXISTS_EXCEPTION.because(format!("An alias with the name {arn} already exists"))
}

/// A marker that this service did not give out.
pub(crate) fn invalid_marker(marker: &str) -> ApiError {
    codes::INVALID_MARKER_EXCEPTION.because(format!("Invalid marker '{marker}'"))
}

/// A failure on this side.
pub(crate) fn internal(message: impl Into<String>) -> ApiError {
    codes::KMS_INTERNAL_EXCEPTION.because(message)
}

/// A failure of the cryptography itself: no memory for a secret, no randomness.
pub(crate) fn crypto(error: &crypto::Error) -> ApiError {
    internal(format!(
        "The request could not be carried out: {error}. Try again."
    ))
}

/// A key policy of another name than `default`.
pub(crate) fn no_such_policy() -> ApiError {
    codes::NOT_FOUND_EXCEPTION.because("No such policy exists")
}

/// A request from inside an attested enclave.
pub(crate) fn no_recipient() -> ApiError {
    unsupported("Recipient (attested enclaves) is not offered. Leave it out.")
}

/// A failure of the store.
pub(crate) fn store(error: &StoreError) -> ApiError {
    match error {
        StoreError::Unavailable { .. } => codes::DEPENDENCY_TIMEOUT_EXCEPTION
            .because(format!("Nothing was changed: {error}. Try again.")),
        StoreError::Conflict { .. } => internal(
            "The key was changed elsewhere at the same time, and nothing was changed here. Try again.",
        ),
        StoreError::OutcomeUnknown { .. } => {
            internal(format!("{error}. Look whether the change took place."))
        }
        other => internal(format!("Nothing was changed: {other}.")),
    }
}
