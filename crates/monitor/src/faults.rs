//! Every refusal of this room, with AWS's codes.

use store::StoreError;
use wire::{ApiError, cloudwatch::errors as cloudwatch, service_quotas::errors as quotas};

/// A request that breaks a rule which the model does not state.
pub(crate) fn validation(message: impl Into<String>) -> ApiError {
    ApiError::sender("ValidationError", 400, message)
}

/// A value that is not one of those that are taken.
pub(crate) fn value(message: impl Into<String>) -> ApiError {
    cloudwatch::INVALID_PARAMETER_VALUE_EXCEPTION.because(message)
}

/// Values that do not go together.
pub(crate) fn combination(message: impl Into<String>) -> ApiError {
    cloudwatch::INVALID_PARAMETER_COMBINATION_EXCEPTION.because(message)
}

/// Something that has to be there and is not.
pub(crate) fn missing(message: impl Into<String>) -> ApiError {
    cloudwatch::MISSING_REQUIRED_PARAMETER_EXCEPTION.because(message)
}

/// There is no room for more.
pub(crate) fn limit(message: impl Into<String>) -> ApiError {
    cloudwatch::LIMIT_EXCEEDED_FAULT.because(message)
}

/// There is no such alarm.
pub(crate) fn no_alarm(name: &str) -> ApiError {
    cloudwatch::RESOURCE_NOT_FOUND.because(format!("Unknown alarm: {name}"))
}

/// A page that nobody was sent to.
pub(crate) fn token() -> ApiError {
    cloudwatch::INVALID_NEXT_TOKEN.because("The token is not one of this operation's.")
}

/// The same, of Service Quotas.
pub(crate) fn pagination_token() -> ApiError {
    quotas::INVALID_PAGINATION_TOKEN_EXCEPTION.because("The token is not one of this operation's.")
}

/// There is no such service, quota or request.
pub(crate) fn no_resource(message: impl Into<String>) -> ApiError {
    quotas::NO_SUCH_RESOURCE_EXCEPTION.because(message)
}

/// A request of Service Quotas that makes no sense.
pub(crate) fn argument(message: impl Into<String>) -> ApiError {
    quotas::ILLEGAL_ARGUMENT_EXCEPTION.because(message)
}

/// Requests for increases have an end.
pub(crate) fn too_many_requests(message: impl Into<String>) -> ApiError {
    quotas::QUOTA_EXCEEDED_EXCEPTION.because(message)
}

/// AWS's words to whoever calls the key service more often than the quota allows.
pub(crate) fn throttled() -> ApiError {
    ApiError::sender(
        "ThrottlingException",
        400,
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    )
}

/// The store did not take it.
pub(crate) fn store(error: &StoreError) -> ApiError {
    match error {
        StoreError::Conflict { .. } => cloudwatch::RESOURCE_CONFLICT
            .because("It was changed by another request at the same time. Try again."),
        _ => ApiError::internal_failure(),
    }
}
