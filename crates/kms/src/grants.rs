//! Grants. This service has none yet, so every grant token is one that it never gave out.

use wire::ApiError;

use crate::faults;

/// Refuses grant tokens that name no grant.
pub(crate) fn check_tokens(tokens: Option<&[String]>) -> Result<(), ApiError> {
    match tokens {
        None | Some([]) => Ok(()),
        Some(_) => Err(faults::invalid_grant_token()),
    }
}
