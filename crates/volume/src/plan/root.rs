//! Plans for the root: it is enrolled and opened, and never formatted, wiped, repaired or closed.

use crate::engine::LuksKind;
use crate::observe::{Content, HeaderFacts, Observed};
use crate::target::Target;

use super::{Plan, Refusal, Step, choose_engine, missing, plan_of, refuse_uses};

/// Plans `enroll-root`.
///
/// # Errors
/// [`Refusal`]: there is no LUKS2 header within the allow-list.
pub(crate) fn enroll(observed: &Observed, target: &Target) -> Result<Plan, Refusal> {
    let facts = facts(observed, target)?;
    let steps = match facts.token {
        // It is there already; whether it is the right one is shown by opening with it.
        Some(_) => vec![Step::FetchSecret, Step::Unlock],
        None => vec![Step::FetchSecret, Step::Enroll],
    };
    Ok(plan_of(observed, target, steps))
}

/// Plans `open-root`.
///
/// # Errors
/// [`Refusal`]: it is not enrolled, in use, or the mapping's name is taken.
pub(crate) fn open(observed: &Observed, target: &Target) -> Result<Plan, Refusal> {
    if let Some(active) = &observed.active {
        return if observed.active_is_ours() {
            Ok(plan_of(observed, target, Vec::new()))
        } else {
            Err(Refusal::NameTaken {
                volume: target.name.clone(),
                backing: active.backing.clone(),
            })
        };
    }
    let _ = enrolled(observed, target)?;
    let identity = observed.identity.as_ref().ok_or_else(|| missing(target))?;
    refuse_uses(observed, identity)?;
    let engine = choose_engine(observed, target.engine)?;
    let steps = vec![
        Step::FetchSecret,
        Step::Unlock,
        Step::Map {
            engine: engine.kind,
        },
    ];
    Ok(plan_of(observed, target, steps))
}

/// The facts of a header that is a root's.
///
/// # Errors
/// [`Refusal`]: it is not enrolled, or cannot be.
pub(crate) fn enrolled<'a>(
    observed: &'a Observed,
    target: &Target,
) -> Result<&'a HeaderFacts, Refusal> {
    let facts = facts(observed, target)?;
    let identity = observed.identity.as_ref().ok_or_else(|| missing(target))?;
    let is_enrolled = facts.token.as_ref().is_some_and(|token| {
        token.blob.is_some() && token.mac.is_some() && token.keyslot.is_some()
    });
    if is_enrolled {
        Ok(facts)
    } else {
        Err(Refusal::NotEnrolled {
            device: identity.stable_name.clone(),
        })
    }
}

/// The facts of a header that may be a root's.
fn facts<'a>(observed: &'a Observed, target: &Target) -> Result<&'a HeaderFacts, Refusal> {
    let identity = observed.identity.as_ref().ok_or_else(|| missing(target))?;
    let unfit = |why: String| Refusal::UnfitRoot {
        device: identity.stable_name.clone(),
        why,
    };
    let facts = match &observed.content {
        Content::Luks(facts) => facts,
        Content::BadHeader(why, _) => {
            return Err(unfit(format!(
                "its header is not one that kluis opens ({why})"
            )));
        }
        other => {
            return Err(unfit(format!(
                "it holds {other}; kluis enrolls a LUKS2 root that an installer made"
            )));
        }
    };
    if facts.kind == LuksKind::V1 {
        return Err(unfit(
            "it has a LUKS1 header, which holds no tokens; boot something else and convert it first: cryptsetup convert --type luks2 DEVICE"
                .to_owned(),
        ));
    }
    if let Some(error) = &facts.token_error {
        return Err(unfit(error.clone()));
    }
    Ok(facts)
}
