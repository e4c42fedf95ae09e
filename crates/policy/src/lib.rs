//! IAM policy documents, compiled at write time, evaluated to a decision with its reason. The only mint of
//! [`Authorized`].
//!
//! A service states what leave an operation needs as [`Ask`]s; [`authorize`] weighs them against the policies that
//! bear on the caller ([`Layers`]) and on the resource ([`ResourcePolicy`]), in the order that AWS documents, and
//! hands back the operation wrapped in a token that cannot be had in any other way.
//!
//! This crate does no I/O, reads no clock and never sees key material: the time, the network address and whatever
//! else a condition may look at come in as a [`Context`].
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod action;
mod ask;
mod authorized;
mod binding;
mod condition;
mod context;
mod decision;
mod document;
mod error;
mod evaluate;
mod glob;
mod grant;
mod json;
mod principal;
mod principals;
mod resource;
mod statement;
mod template;

pub use ask::{Ask, Layers, ResourcePolicy};
pub use authorized::{Authorized, authorize};
pub use binding::{PrincipalIds, UnknownPrincipal};
pub use context::Context;
pub use decision::{Decision, Denied, Layer, Reason};
pub use document::{MAX_DOCUMENT_LEN, Policy, PolicyKind};
pub use error::PolicyError;
pub use evaluate::evaluate;
pub use grant::{GrantLayer, Grantee};
pub use principal::{Principal, PrincipalKind};
