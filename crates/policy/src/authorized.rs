//! The proof that an operation was allowed, and the one function that makes it.

use std::sync::Arc;

use crate::{Ask, Context, Decision, Denied, Layers, Principal, evaluate};

/// An operation that policies allow, and who asked for it. Only [`authorize`] makes one, so an executor that takes
/// an `Authorized<T>` cannot be reached around the policies:
///
/// ```compile_fail,E0451
/// let principal = std::sync::Arc::new(policy::Principal::root("111122223333"));
/// let forged = policy::Authorized { operation: "kms:Decrypt", principal, resources: Vec::new() };
/// ```
///
/// Nor can one be copied and spent twice:
///
/// ```compile_fail,E0599
/// # let root = std::sync::Arc::new(policy::Principal::root("111122223333"));
/// # let (layers, ambient) = (policy::Layers::default(), policy::Context::new());
/// let once = policy::authorize("op", &[], root, &layers, &ambient)?;
/// let twice = once.clone();
/// # Ok::<(), policy::Denied>(())
/// ```
#[derive(Debug)]
#[must_use = "an authorized operation that is not executed was asked for in vain"]
pub struct Authorized<T> {
    operation: T,
    principal: Arc<Principal>,
    resources: Vec<String>,
}

impl<T> Authorized<T> {
    /// The operation.
    pub fn operation(&self) -> &T {
        &self.operation
    }

    /// Who may perform it.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The resources that leave was given for, one for each ask. A name may have come to mean another resource since
    /// (an alias moved): an executor that looks a name up again acts only on what stands here.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// The operation and who may perform it, to be executed.
    pub fn into_parts(self) -> (T, Arc<Principal>) {
        (self.operation, self.principal)
    }
}

/// Weighs every ask of `operation` and mints the proof when all are allowed. No asks means that the operation needs
/// no permission (as `sts:GetCallerIdentity`): whoever is authenticated may.
///
/// `ambient` is what the gate knows of the request: `aws:SourceIp`, `aws:SecureTransport`, `aws:CurrentTime`, ….
///
/// # Errors
/// [`Denied`] for the first ask that is not allowed; it displays AWS's text.
pub fn authorize<T>(
    operation: T,
    asks: &[Ask],
    principal: Arc<Principal>,
    layers: &Layers,
    ambient: &Context,
) -> Result<Authorized<T>, Denied> {
    for ask in asks {
        if let Decision::Denied(reason) = evaluate(&principal, ask, layers, ambient) {
            return Err(Denied {
                principal: principal.arn.clone(),
                action: ask.action.clone(),
                resource: ask.shown.as_ref().unwrap_or(&ask.resource).clone(),
                reason,
            });
        }
    }
    let resources = asks.iter().map(|ask| ask.resource.clone()).collect();
    Ok(Authorized {
        operation,
        principal,
        resources,
    })
}
