//! Errors in AWS's words.

use store::StoreError;
use wire::{ApiError, iam::errors as iam, sts::errors as sts};

pub(crate) fn no_such_user(name: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION.because(format!("The user with name {name} cannot be found."))
}

pub(crate) fn no_such_role(name: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION.because(format!("The role with name {name} cannot be found."))
}

pub(crate) fn no_such_policy(of: &str, name: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION
        .because(format!("The {of} policy with name {name} cannot be found."))
}

pub(crate) fn no_such_access_key(id: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION.because(format!("The Access Key with id {id} cannot be found."))
}

/// There are no managed policies here, so none can be a boundary.
pub(crate) fn no_such_boundary(arn: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION.because(format!(
        "Scope ARN: {arn} does not exist or is not attachable."
    ))
}

pub(crate) fn already_exists(what: &str, name: &str) -> ApiError {
    iam::ENTITY_ALREADY_EXISTS_EXCEPTION.because(format!("{what} with name {name} already exists."))
}

pub(crate) fn must_delete_first(what: &str) -> ApiError {
    iam::DELETE_CONFLICT_EXCEPTION
        .because(format!("Cannot delete entity, must delete {what} first."))
}

pub(crate) fn quota(name: &str, limit: usize) -> ApiError {
    iam::LIMIT_EXCEEDED_EXCEPTION.because(format!("Cannot exceed quota for {name}: {limit}"))
}

pub(crate) fn policies_too_long(of: &str, name: &str, limit: usize) -> ApiError {
    iam::LIMIT_EXCEEDED_EXCEPTION.because(format!(
        "Maximum policy size of {limit} bytes exceeded for {of} {name}"
    ))
}

pub(crate) fn malformed_policy(error: &policy::PolicyError) -> ApiError {
    iam::MALFORMED_POLICY_DOCUMENT_EXCEPTION.because(error.to_string())
}

pub(crate) fn invalid_principal(arn: &str) -> ApiError {
    iam::MALFORMED_POLICY_DOCUMENT_EXCEPTION
        .because(format!("Invalid principal in policy: \"AWS\":\"{arn}\""))
}

pub(crate) fn malformed_session_policy(error: &policy::PolicyError) -> ApiError {
    sts::MALFORMED_POLICY_DOCUMENT_EXCEPTION.because(error.to_string())
}

pub(crate) fn packed_too_large(percent: usize) -> ApiError {
    sts::PACKED_POLICY_TOO_LARGE_EXCEPTION.because(format!(
        "Packed policy consumes {percent}% of allotted space, please use smaller policy."
    ))
}

pub(crate) fn invalid_input(message: &str) -> ApiError {
    iam::INVALID_INPUT_EXCEPTION.because(message)
}

pub(crate) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationError", 400, message)
}

pub(crate) fn conflicting_transitive_tag() -> ApiError {
    let words = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag \
                 key from the calling session.";
    ApiError::sender("InvalidParameterValue", 400, words)
}

pub(crate) fn access_denied(message: impl Into<String>) -> ApiError {
    ApiError::sender("AccessDenied", 403, message)
}

/// What the store's failure means to a caller.
pub(crate) fn from_store(error: &StoreError) -> ApiError {
    match error {
        StoreError::Conflict { .. } => iam::CONCURRENT_MODIFICATION_EXCEPTION
            .because("The entity was changed by another request at the same time. Try again."),
        StoreError::Full => iam::SERVICE_FAILURE_EXCEPTION.because(
            "There is no room to record the change. Nothing was changed; try again later.",
        ),
        _ => iam::SERVICE_FAILURE_EXCEPTION.because(
            "The request processing has failed because of an unknown error, exception or failure.",
        ),
    }
}

/// A secret could not be made.
pub(crate) fn from_crypto(_: crypto::Error) -> ApiError {
    ApiError::internal_failure()
}
