//! The `Resource` and `NotResource` elements.
//!
//! An ARN is matched as one text: nothing is cut at a slash, so an `Allow` on `arn:aws:s3:::bucket/prefix/*` never
//! speaks of the bucket, nor of another prefix.

use crate::json::Json;
use crate::{
    PolicyError,
    action::texts,
    context::Facts,
    statement::Effect,
    template::{Template, Variables, Wildcards},
};

/// Which resources a statement speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resources {
    patterns: Vec<Template>,
    inverted: bool,
}

impl Resources {
    /// Compiles the value of `Resource`, or of `NotResource` when `inverted`.
    pub(crate) fn compile(
        value: &Json,
        inverted: bool,
        variables: Variables,
        place: &str,
    ) -> Result<Self, PolicyError> {
        let texts = texts(value, place)?;
        if texts.is_empty() {
            return Err(PolicyError::new(
                "Policy statement must contain resources.",
                place,
            ));
        }
        let patterns = texts
            .into_iter()
            .map(|text| pattern(text, variables, place))
            .collect::<Result<_, _>>()?;
        Ok(Self { patterns, inverted })
    }

    /// Whether a statement of this effect speaks of `resource`. A variable without a value matches nothing, and never
    /// widens an `Allow`: under `NotResource` such a statement allows nothing at all.
    pub(crate) fn include(&self, resource: &str, effect: Effect, facts: &Facts<'_>) -> bool {
        let mut named = false;
        let mut unresolved = false;
        for pattern in &self.patterns {
            match pattern.matches(resource, facts) {
                Ok(fits) => named |= fits,
                Err(_) => unresolved = true,
            }
        }
        match (self.inverted, effect) {
            (false, _) => named,
            (true, Effect::Allow) => !named && !unresolved,
            (true, Effect::Deny) => !named,
        }
    }
}

fn pattern(text: &str, variables: Variables, place: &str) -> Result<Template, PolicyError> {
    if !is_arn_pattern(text) {
        return Err(PolicyError::new(
            format!("Resource {text} must be in ARN format or \"*\"."),
            place,
        ));
    }
    Template::parse(text, Wildcards::Yes, variables)
        .map(Template::bound_to_segments)
        .map_err(|detail| PolicyError::syntax(detail, place))
}

/// `*`, or `arn:` with six segments, or fewer when a `*` at the end stands for the missing ones.
fn is_arn_pattern(text: &str) -> bool {
    let segments = text.splitn(6, ':').count();
    text == "*" || (text.starts_with("arn:") && (segments == 6 || text.ends_with('*')))
}
