//! Errors in AWS's words.

use store::StoreError;
use wire::{ApiError, iam::errors as iam, sts::errors as sts};

use crate::limits;

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

pub(crate) fn no_such_managed_policy(arn: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION.because(format!("Policy {arn} was not found."))
}

pub(crate) fn not_attachable(arn: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION
        .because(format!("Policy {arn} does not exist or is not attachable."))
}

pub(crate) fn no_such_version(arn: &str, id: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION.because(format!(
        "Policy {arn} version {id} does not exist or is not attachable."
    ))
}

pub(crate) fn policy_exists(name: &str) -> ApiError {
    iam::ENTITY_ALREADY_EXISTS_EXCEPTION.because(format!(
        "A policy called {name} already exists. Duplicate names are not allowed."
    ))
}

pub(crate) fn policy_is_attached() -> ApiError {
    iam::DELETE_CONFLICT_EXCEPTION.because("Cannot delete a policy attached to entities.")
}

pub(crate) fn policy_has_versions() -> ApiError {
    iam::DELETE_CONFLICT_EXCEPTION.because(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The \
         default version is deleted with the policy.",
    )
}

pub(crate) fn default_version() -> ApiError {
    iam::DELETE_CONFLICT_EXCEPTION.because("Cannot delete the default version of a policy.")
}

pub(crate) fn too_many_versions() -> ApiError {
    iam::LIMIT_EXCEEDED_EXCEPTION.because(format!(
        "A managed policy can have up to {} versions. Before you create a new version, you must delete an existing \
         version.",
        limits::POLICY_VERSIONS
    ))
}

pub(crate) fn must_detach_first() -> ApiError {
    iam::DELETE_CONFLICT_EXCEPTION.because("Cannot delete entity, must detach all policies first.")
}

pub(crate) fn no_such_access_key(id: &str) -> ApiError {
    iam::NO_SUCH_ENTITY_EXCEPTION.because(format!("The Access Key with id {id} cannot be found."))
}

/// No policy can be a boundary here.
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
