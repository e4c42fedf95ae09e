//! The order in which policies are weighed.
//!
//! An explicit deny in any layer ends it. Then something must allow: the caller's own policies, or the resource's
//! policy naming the caller; and where the session has a policy, that must allow as well. Where none of them allows, a
//! grant may: it needs no other policy to agree, since whoever made it had leave to.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>

use crate::{
    Ask, Context, Decision, Layer, Layers, Policy, Principal, PrincipalKind, Reason,
    ResourcePolicy,
    context::Facts,
    principals::Match,
    statement::{Effect, Request},
};

/// Weighs one ask. `ambient` is what the gate knows of the request.
pub fn evaluate(principal: &Principal, ask: &Ask, layers: &Layers, ambient: &Context) -> Decision {
    let request = Request::new(
        ask,
        Facts {
            principal,
            ask: &ask.context,
            ambient,
        },
    );
    match explicit_deny(&request, ask, layers) {
        Some(layer) => Decision::Denied(Reason::ExplicitDeny(layer)),
        None => match by_policies(&request, ask, layers) {
            Decision::Denied(_) if by_grant(&request, ask, layers) => {
                Decision::Allowed(Layer::Grant)
            }
            decided => decided,
        },
    }
}

fn explicit_deny(request: &Request<'_>, ask: &Ask, layers: &Layers) -> Option<Layer> {
    let denies = |policy: &Policy| strongest(policy, Effect::Deny, request) != Match::None;
    if ask.resource_policy.policy().is_some_and(denies) {
        return Some(Layer::Resource);
    }
    if layers.identity.iter().any(|policy| denies(policy)) {
        return Some(Layer::Identity);
    }
    layers
        .session
        .as_deref()
        .is_some_and(denies)
        .then_some(Layer::Session)
}

fn by_policies(request: &Request<'_>, ask: &Ask, layers: &Layers) -> Decision {
    let by_resource = ask
        .resource_policy
        .policy()
        .map_or(Match::None, |p| strongest(p, Effect::Allow, request));
    let by_identity = identity_allows(request, layers);
    let foreign = is_foreign(request.facts.principal, &ask.resource);
    let granted = match (&ask.resource_policy, by_resource) {
        (ResourcePolicy::Required(_), Match::None) => return no_allow(Layer::Resource),
        (_, Match::None) if foreign => return no_allow(Layer::Resource),
        // The session itself is named: its session policy does not limit what was given to it by name.
        (_, Match::Session) if !foreign => return Decision::Allowed(Layer::Resource),
        (_, Match::Session | Match::Caller) if !foreign => Layer::Resource,
        _ if by_identity => Layer::Identity,
        _ => return no_allow(Layer::Identity),
    };
    if session_allows(request, layers) {
        Decision::Allowed(granted)
    } else {
        no_allow(Layer::Session)
    }
}

/// A grant names its grantee as a resource's policy does: the session itself, whom no session policy limits then; the
/// user, role or service; or the account, which leaves the matter to that account's identity policies. It reaches into
/// other accounts without their policies.
fn by_grant(request: &Request<'_>, ask: &Ask, layers: &Layers) -> bool {
    let named = ask.grant.as_ref().map_or(Match::None, |grant| {
        grant.grantee.names(request.facts.principal)
    });
    match named {
        Match::None => false,
        Match::Session => true,
        Match::Caller => session_allows(request, layers),
        Match::Account => identity_allows(request, layers) && session_allows(request, layers),
    }
}

fn session_allows(request: &Request<'_>, layers: &Layers) -> bool {
    layers
        .session
        .as_deref()
        .is_none_or(|session| strongest(session, Effect::Allow, request) != Match::None)
}

fn no_allow(layer: Layer) -> Decision {
    Decision::Denied(Reason::NoAllow(layer))
}

fn identity_allows(request: &Request<'_>, layers: &Layers) -> bool {
    request.facts.principal.kind == PrincipalKind::Root
        || layers
            .identity
            .iter()
            .any(|policy| strongest(policy, Effect::Allow, request) != Match::None)
}

/// How closely the statements of `policy` with `effect` that apply to the request name the caller.
fn strongest(policy: &Policy, effect: Effect, request: &Request<'_>) -> Match {
    let of_effect = policy
        .statements
        .iter()
        .filter(|statement| statement.effect == effect);
    of_effect
        .map(|statement| statement.applies(request))
        .max()
        .unwrap_or(Match::None)
}

/// What stands for an account in the ARNs of what AWS offers to all, such as its managed policies.
const EVERYONES: &str = "aws";

/// Whether the resource's ARN names another account than the caller's: then both sides must allow.
fn is_foreign(principal: &Principal, resource: &str) -> bool {
    let owner = resource.split(':').nth(4).unwrap_or_default();
    !owner.is_empty()
        && owner != EVERYONES
        && !principal.account.is_empty()
        && owner != principal.account
}
