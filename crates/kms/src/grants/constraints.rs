//! Grant constraints: what a request must carry for a grant to fit it.
//!
//! They look at a request through the condition keys that policies look at, and so have a policy's rules: the names in an
//! encryption context compare without case, the values with it.
//!
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html>

use policy::Context;
use wire::ApiError;
use wire::kms::{GrantConstraints, GrantOperation};

use super::operations::Operations;
use crate::backing::Purpose;
use crate::context::EncryptionContext;
use crate::{cipher, faults, limits};

const EQUALS: &str = "EncryptionContextEquals";
const SUBSET: &str = "EncryptionContextSubset";
const SOURCE_ARN: &str = "SourceArn";
/// The condition key of the kinds of constraint that a new grant has.
const TYPE_KEY: &str = "kms:GrantConstraintType";
/// The condition key of the names in an encryption context.
const NAMES_KEY: &str = "kms:EncryptionContextKeys";

/// What a grant demands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Constraints {
    /// Of the encryption context.
    pub(crate) context: Option<ContextConstraint>,
    /// The resource on whose behalf the request must be made.
    pub(crate) source_arn: Option<Box<str>>,
}

/// What a grant demands of the encryption context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ContextConstraint {
    /// That it holds these pairs.
    Subset(EncryptionContext),
    /// That it holds these pairs and no others.
    Equals(EncryptionContext),
}

impl ContextConstraint {
    /// The pairs.
    pub(crate) fn pairs(&self) -> &EncryptionContext {
        let (Self::Subset(pairs) | Self::Equals(pairs)) = self;
        pairs
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Subset(_) => SUBSET,
            Self::Equals(_) => EQUALS,
        }
    }

    fn fits(&self, operation: GrantOperation, request: &Context) -> bool {
        let has_all = self
            .pairs()
            .iter()
            .all(|(name, value)| has_pair(request, name, value));
        match self {
            Self::Subset(_) => has_all,
            Self::Equals(pairs) => {
                has_all && has_no_others(request, pairs) && self.binds_child(operation, request)
            }
        }
    }

    /// A grant that is made through this one must be as strict.
    fn binds_child(&self, operation: GrantOperation, request: &Context) -> bool {
        operation != GrantOperation::CreateGrant
            || request.get(TYPE_KEY).iter().any(|kind| kind == self.kind())
    }
}

impl From<&GrantConstraints> for Constraints {
    /// An empty subset demands nothing, and is none: else a policy that wants a constraint could be had with it.
    fn from(asked: &GrantConstraints) -> Self {
        let subset = asked.encryption_context_subset.clone();
        let subset = subset.filter(|pairs| !pairs.is_empty());
        let equals = asked.encryption_context_equals.clone();
        Self {
            context: equals
                .map(ContextConstraint::Equals)
                .or(subset.map(ContextConstraint::Subset)),
            source_arn: asked.source_arn.as_deref().map(Into::into),
        }
    }
}

impl From<&Constraints> for GrantConstraints {
    fn from(own: &Constraints) -> Self {
        let mut shown = Self {
            encryption_context_subset: None,
            encryption_context_equals: None,
            source_arn: own.source_arn.as_deref().map(str::to_owned),
        };
        match &own.context {
            Some(ContextConstraint::Subset(pairs)) => {
                shown.encryption_context_subset = Some(pairs.clone());
            }
            Some(ContextConstraint::Equals(pairs)) => {
                shown.encryption_context_equals = Some(pairs.clone());
            }
            None => {}
        }
        shown
    }
}

impl Constraints {
    /// The constraints of a request, if a grant on a key of this purpose may have them.
    ///
    /// # Errors
    /// `ValidationException`.
    pub(crate) fn checked(asked: &GrantConstraints, purpose: Purpose) -> Result<Self, ApiError> {
        if asked.encryption_context_subset.is_some() && asked.encryption_context_equals.is_some() {
            return Err(faults::validation("More than one constraint supplied"));
        }
        let constraints = Self::from(asked);
        if let Some(constraint) = &constraints.context {
            if !Operations::of(purpose).contains(GrantOperation::GenerateDataKey) {
                return Err(faults::validation(
                    "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.",
                ));
            }
            check_size(constraint.pairs())?;
        }
        Ok(constraints)
    }

    /// Whether it demands nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.context.is_none() && self.source_arn.is_none()
    }

    /// Whether a request has what is demanded. The encryption context is that of the cryptography, or of the
    /// constraint that a new grant is to have; describing a key and retiring a grant have none, and none is demanded.
    pub(crate) fn fits(&self, operation: GrantOperation, request: &Context) -> bool {
        let of_source = |wanted: &str| {
            let sources = request.get("aws:SourceArn");
            operation == GrantOperation::RetireGrant
                || sources.iter().any(|source| source == wanted)
        };
        let context_fits = !takes_context(operation)
            || self
                .context
                .as_ref()
                .is_none_or(|constraint| constraint.fits(operation, request));
        context_fits && self.source_arn.as_deref().is_none_or(of_source)
    }

    /// What conditions may look at in the constraints of a grant.
    pub(crate) fn describe(&self, conditions: &mut Context) {
        if let Some(constraint) = &self.context {
            cipher::describe(constraint.pairs(), conditions);
        }
        let of_context = self.context.as_ref().map(ContextConstraint::kind);
        let of_source = self.source_arn.as_ref().map(|_| SOURCE_ARN);
        conditions.set_all(TYPE_KEY, of_context.into_iter().chain(of_source));
        if let Some(source) = &self.source_arn {
            conditions.set("kms:GrantConstraintSourceArn", source.as_ref());
        }
    }
}

/// Whether requests for the operation carry an encryption context, or (`CreateGrant`) a constraint on one.
pub(crate) const fn takes_context(operation: GrantOperation) -> bool {
    !matches!(
        operation,
        GrantOperation::DescribeKey | GrantOperation::RetireGrant
    )
}

/// Whether the request has the pair, and under no other spelling of the name another value.
fn has_pair(request: &Context, name: &str, value: &str) -> bool {
    let found = request.get(&format!("kms:EncryptionContext:{name}"));
    !found.is_empty() && found.iter().all(|own| own == value)
}

fn has_no_others(request: &Context, pairs: &EncryptionContext) -> bool {
    let names = request.get(NAMES_KEY);
    let wanted = |name: &String| {
        let name = name.to_lowercase();
        pairs.keys().any(|own| own.to_lowercase() == name)
    };
    names.len() == pairs.len() && names.iter().all(wanted)
}

fn check_size(pairs: &EncryptionContext) -> Result<(), ApiError> {
    let is_long = |value: &String| value.chars().count() > limits::CONSTRAINT_VALUE_CHARS;
    if pairs.len() > limits::CONSTRAINT_PAIRS || pairs.values().any(is_long) {
        return Err(faults::validation(format!(
            "A grant constraint has at most {} encryption context pairs, and a value in it at most {} characters.",
            limits::CONSTRAINT_PAIRS,
            limits::CONSTRAINT_VALUE_CHARS
        )));
    }
    Ok(())
}
