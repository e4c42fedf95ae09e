//! Grant tokens: what `CreateGrant` gives out beside the id, and operations take as a sign that a grant exists.
//!
//! A token is the key's ARN and the grant's id, wrapped by the root key and thus opaque, authentic and never twice the
//! same. It leads to the grant's record in the store, so that whoever holds it need not wait until every node knows of
//! the grant. It gives nothing to anyone whom the grant does not name.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto::WrappingKey;
use wire::ApiError;

use super::grant::GrantId;
use crate::faults;
use crate::names::KeyArn;

/// What a token is that the root key wraps under this label: part of every derived wrapping key.
const LABEL: &[u8] = b"kluis/kms/grant-token/v1";

/// A new token of a grant.
///
/// # Errors
/// `KMSInternalException` when there is no memory for a secret or no randomness.
pub(crate) fn seal(root: &WrappingKey, key: &KeyArn, id: GrantId) -> Result<String, ApiError> {
    let text = format!("{key} {id}");
    root.wrap(LABEL, &[], &[], text.as_bytes())
        .map(|wrapped| STANDARD.encode(wrapped))
        .map_err(|error| faults::crypto(&error))
}

/// The grant that a token is of, which may be gone.
///
/// # Errors
/// `InvalidGrantTokenException` for what this service did not give out.
pub(crate) fn open(root: &WrappingKey, token: &str) -> Result<(KeyArn, GrantId), ApiError> {
    let wrapped = STANDARD
        .decode(token)
        .map_err(|_| faults::invalid_grant_token())?;
    let text = root
        .unwrap(LABEL, &[], &[], &wrapped)
        .map_err(|_| faults::invalid_grant_token())?;
    named(text.danger_expose()).ok_or_else(faults::invalid_grant_token)
}

fn named(text: &[u8]) -> Option<(KeyArn, GrantId)> {
    let (key, id) = std::str::from_utf8(text).ok()?.split_once(' ')?;
    Some((key.parse().ok()?, id.parse().ok()?))
}
