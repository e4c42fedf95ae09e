//! The outcome of an evaluation, with AWS's words for a refusal.

use std::fmt;

/// Which policies a [`Reason`] speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The caller's own policies.
    Identity,
    /// The resource's policy.
    Resource,
    /// The session's policy.
    Session,
    /// The grant of the ask, which it names by its id.
    Grant,
}

/// Why an ask was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A statement with `"Effect": "Deny"` applied.
    ExplicitDeny(Layer),
    /// No statement of that layer allowed the action.
    NoAllow(Layer),
}

/// What an evaluation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Allowed; the layer whose statement gave leave. Of the root user, which needs none, it is [`Layer::Identity`].
    Allowed(Layer),
    /// Refused, and why.
    Denied(Reason),
}

impl Decision {
    /// Whether the ask was allowed.
    pub fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// A refusal. Its `Display` is the text that AWS gives with `AccessDenied`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The caller's ARN.
    pub principal: String,
    /// The action that was refused.
    pub action: String,
    /// The resource that it was refused on.
    pub resource: String,
    /// Why.
    pub reason: Reason,
}

impl std::error::Error for Denied {}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            principal,
            action,
            resource,
            reason,
        } = self;
        write!(
            f,
            "User: {principal} is not authorized to perform: {action} on resource: {resource} "
        )?;
        match reason {
            Reason::ExplicitDeny(layer) => {
                write!(f, "with an explicit deny in {}", layer.with_article())
            }
            Reason::NoAllow(layer) => write!(f, "because no {layer} allows the {action} action"),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Session => "session policy",
            Self::Grant => "grant",
        })
    }
}

impl Layer {
    fn with_article(self) -> &'static str {
        match self {
            Self::Identity => "an identity-based policy",
            Self::Resource => "a resource-based policy",
            Self::Session => "a session policy",
            Self::Grant => "a grant",
        }
    }
}
