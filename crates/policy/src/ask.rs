//! What leave an operation needs, and which policies speak to it.

use std::sync::Arc;

use crate::{Context, GrantLayer, Policy};

/// One permission that an operation needs: an action on a resource.
#[derive(Debug, Clone)]
pub struct Ask {
    /// `service:Action`, as AWS spells it (`kms:Decrypt`).
    pub action: String,
    /// The resource's ARN, or `*` for an action that has none.
    pub resource: String,
    /// Condition keys that this request and resource bring (`kms:EncryptionContext:…`, `aws:ResourceTag/…`).
    pub context: Context,
    /// The policy that hangs on the resource.
    pub resource_policy: ResourcePolicy,
    /// What a refusal calls the resource, where that is not its ARN.
    pub shown: Option<String>,
    /// The grant on the resource that fits, if there is one.
    pub grant: Option<GrantLayer>,
}

impl Ask {
    /// An ask with an empty context and no resource policy.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            context: Context::new(),
            resource_policy: ResourcePolicy::None,
            shown: None,
            grant: None,
        }
    }

    /// This ask with a name of the resource that a refusal may tell the caller, who knows it already.
    pub fn shown_as(self, name: String) -> Self {
        Self {
            shown: Some(name),
            ..self
        }
    }

    /// This ask with `context`.
    pub fn with_context(self, context: Context) -> Self {
        Self { context, ..self }
    }

    /// This ask with the resource's own policy.
    pub fn with_resource_policy(self, resource_policy: ResourcePolicy) -> Self {
        Self {
            resource_policy,
            ..self
        }
    }

    /// This ask with the grant that fits it.
    pub fn with_grant(self, grant: Option<GrantLayer>) -> Self {
        Self { grant, ..self }
    }
}

/// The policy on the resource itself, and how much weight its silence has.
#[derive(Debug, Clone, Default)]
pub enum ResourcePolicy {
    /// The resource has none: identity policies decide.
    #[default]
    None,
    /// A bucket's: within the account, it or an identity policy may allow.
    Optional(Arc<Policy>),
    /// A key's, or a role's trust policy: nothing is allowed without it. It allows by naming the caller, or by naming
    /// the caller's account, which leaves the matter to that account's identity policies.
    Required(Arc<Policy>),
}

impl ResourcePolicy {
    pub(crate) fn policy(&self) -> Option<&Policy> {
        match self {
            Self::None => None,
            Self::Optional(policy) | Self::Required(policy) => Some(policy),
        }
    }
}

/// The policies that hang on the caller.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The user's or role's own policies.
    pub identity: Vec<Arc<Policy>>,
    /// The policy given when the session was made; it can only take away.
    pub session: Option<Arc<Policy>>,
}
