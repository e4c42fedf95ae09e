//! Grants: leave to use one key, for one principal, made and ended without touching any policy.
//!
//! A grant only ever allows. The operations that a grant can permit find the one that fits through [`layer`], and
//! `policy` weighs it where no policy allows; nothing else here decides who may do what.
//!
//! | file | noun |
//! |---|---|
//! | `create`, `list`, `end` | the operations: `CreateGrant`; `ListGrants`, `ListRetirableGrants`; `RetireGrant`, `RevokeGrant` |
//! | `grant`, `operations`, `constraints` | what a grant says |
//! | `token` | grant tokens |
//! | `shelf`, `finder` | grants in memory, and the one that fits a request |
//! | `record` | a grant in the store |

mod constraints;
mod create;
mod end;
mod finder;
mod grant;
mod list;
mod operations;
pub(crate) mod record;
mod shelf;
mod token;

use std::sync::Arc;

use policy::{Ask, Context, GrantLayer, Grantee};
use wire::ApiError;

pub(crate) use grant::{Grant, GrantId};
pub(crate) use shelf::Grants;

use crate::desk::Desk;
use crate::faults;
use crate::names::KeyArn;

/// The grant on `key` that fits an ask of the caller's, if there is one.
pub(crate) fn layer(desk: &Desk<'_>, key: &KeyArn, ask: &Ask) -> Option<GrantLayer> {
    let operation = operations::of_ask(ask)?;
    desk.look(|ring| {
        ring.grants(key)?
            .fitting(key.id, desk.caller, operation, &ask.context)
            .map(|grant| grant.layer())
    })
}

/// Refuses grant tokens that name no grant. Those that do need not be looked at further: here every grant counts from
/// the moment that `CreateGrant` is answered.
///
/// # Errors
/// `InvalidGrantTokenException`.
pub(crate) fn check_tokens(desk: &Desk<'_>, tokens: Option<&[String]>) -> Result<(), ApiError> {
    for text in tokens.unwrap_or_default() {
        let (key, id) = token::open(desk.root, text)?;
        if desk.look(|ring| ring.grant(&key, id).is_none()) {
            return Err(faults::invalid_grant_token());
        }
    }
    Ok(())
}

/// A grant of a key.
///
/// # Errors
/// `NotFoundException`.
fn found(desk: &Desk<'_>, key: &KeyArn, id: GrantId) -> Result<Arc<Grant>, ApiError> {
    desk.look(|ring| ring.grant(key, id).cloned())
        .ok_or_else(|| faults::no_such_grant(&id.to_string()))
}

/// A grant's id as callers write it.
///
/// # Errors
/// `InvalidGrantIdException`.
fn parsed_id(text: &str) -> Result<GrantId, ApiError> {
    text.parse().map_err(|_| faults::invalid_grant_id())
}

/// A principal's name as grants have it.
///
/// # Errors
/// `InvalidArnException`.
fn parsed_principal(text: &str) -> Result<Grantee, ApiError> {
    Grantee::parse(text).ok_or_else(|| faults::invalid_principal(text))
}

/// A principal's name as a grant is bound to it.
///
/// # Errors
/// `InvalidArnException`, also for a user or role that is not there.
fn bound_principal(desk: &Desk<'_>, text: &str) -> Result<Grantee, ApiError> {
    parsed_principal(text)?
        .bind(desk.principals)
        .map_err(|_| faults::invalid_principal(text))
}

/// The conditions of the operations on grants: nobody here acts on behalf of a resource.
fn conditions(desk: &Desk<'_>) -> Context {
    desk.context().with("kms:GrantIsForAWSResource", "false")
}
