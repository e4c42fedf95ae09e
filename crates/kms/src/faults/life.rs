//! The refusals of rotation, import and multi-Region keys.

use wire::ApiError;
use wire::kms::{AlgorithmSpec, KeySpec, WrappingKeySpec, errors as codes};

use super::{limit, unsupported, validation};
use crate::key::Key;
use crate::limits;
use crate::names::KeyArn;

/// A key whose material comes from elsewhere than the operation needs.
pub(crate) fn foreign_origin(key: &Key) -> ApiError {
    unsupported(format!(
        "{} origin is {} which is not valid for this operation.",
        key.arn,
        key.purpose.origin.as_str()
    ))
}

/// A replica, or a key of a single region, where a multi-Region primary key is needed.
pub(crate) fn not_primary(arn: &KeyArn) -> ApiError {
    unsupported(format!("{arn} is not a multi-Region primary key."))
}

/// A replica that is there already.
pub(crate) fn replica_exists(arn: &KeyArn) -> ApiError {
    codes::ALREADY_EXISTS_EXCEPTION.because(format!(
        "A replica already exists in the replica region: {arn}"
    ))
}

/// A period between rotations that is too short or too long.
pub(crate) fn rotation_period() -> ApiError {
    validation(format!(
        "RotationPeriodInDays must be between {} and {} (inclusive).",
        limits::ROTATION_DAYS.start(),
        limits::ROTATION_DAYS.end()
    ))
}

/// A rotation on demand shortly before an automatic one.
pub(crate) fn rotation_near() -> ApiError {
    codes::CONFLICT_EXCEPTION.because(
        "The request was rejected because an automatic rotation of this key is currently in progress or scheduled to begin within the next 20 minutes.",
    )
}

/// One rotation on demand more than a key may have.
pub(crate) fn rotations_spent(arn: &KeyArn) -> ApiError {
    limit(format!(
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: {arn}"
    ))
}

/// A rotation to imported material that is not there, or not in every region.
pub(crate) fn nothing_to_rotate_to(arn: &KeyArn) -> ApiError {
    codes::KMS_INVALID_STATE_EXCEPTION.because(format!(
        "No available key material pending rotation for the key: {arn}."
    ))
}

/// Material that is not what the key takes: of another kind, other than before, or not new.
pub(crate) fn incorrect_material() -> ApiError {
    codes::INCORRECT_KEY_MATERIAL_EXCEPTION.because(
        "The key material in the request is not the key material that is expected. Import the same key material as before, or new key material of the key's spec with ImportType NEW_KEY_MATERIAL.",
    )
}

/// New material while other new material waits.
pub(crate) fn material_is_pending(arn: &KeyArn) -> ApiError {
    codes::KMS_INVALID_STATE_EXCEPTION.because(format!(
        "{arn} has key material that is pending rotation. Rotate to it or delete it first."
    ))
}

/// An import token that this service did not give out for the key.
pub(crate) fn invalid_import_token() -> ApiError {
    codes::INVALID_IMPORT_TOKEN_EXCEPTION
        .because("The import token is invalid or is associated with a different KMS key.")
}

/// An import token that holds no more.
pub(crate) fn expired_import_token() -> ApiError {
    codes::EXPIRED_IMPORT_TOKEN_EXCEPTION
        .because("The import token is expired. Get a new one with GetParametersForImport.")
}

/// Material that cannot travel in that way.
pub(crate) fn unfit_wrapping(
    algorithm: AlgorithmSpec,
    size: WrappingKeySpec,
    spec: KeySpec,
) -> ApiError {
    unsupported(format!(
        "Wrapping algorithm {} with wrapping key spec {} cannot wrap key material of spec {}. Use RSA_AES_KEY_WRAP_SHA_256.",
        algorithm.as_str(),
        size.as_str(),
        spec.as_str()
    ))
}
