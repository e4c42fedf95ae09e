//! One statement: what it says of whom, and whether it applies to a request.

use crate::{Ask, PolicyError, PolicyKind, context::Facts, json::Json, principals::Match};

/// What a statement does when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// One compiled statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
}

/// An ask in the form that statements match against.
pub(crate) struct Request<'a> {
    pub(crate) action: String,
    pub(crate) resource: &'a str,
    pub(crate) facts: Facts<'a>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(ask: &'a Ask, facts: Facts<'a>) -> Self {
        Self { action: ask.action.to_ascii_lowercase(), resource: &ask.resource, facts }
    }
}

impl Statement {
    pub(crate) fn compile_all(_: &Json, _: PolicyKind) -> Result<Vec<Self>, PolicyError> {
        Ok(Vec::new())
    }

    pub(crate) fn applies(&self, _: &Request<'_>) -> Match {
        Match::None
    }
}
