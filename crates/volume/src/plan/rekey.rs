//! Plans for a header in place: wrapped anew, bound anew, and up to the keyslot for who asks for a token.

use crate::engine::LuksKind;
use crate::observe::{Content, Observed};
use crate::target::Target;

use super::{Plan, Refusal, Step, header, missing, plan_of, raid0};

/// Plans `rekey` of one volume.
///
/// # Errors
/// [`Refusal`]: there is no header that could be wrapped anew.
pub(crate) fn rekey(observed: &Observed, target: &Target) -> Result<Plan, Refusal> {
    rewrapped(observed, target, |mode| mode)
}

/// The plan of a rekey, where `forgive` may overlook what is the reason for it.
fn rewrapped(
    observed: &Observed,
    target: &Target,
    forgive: impl Fn(Result<(), Refusal>) -> Result<(), Refusal>,
) -> Result<Plan, Refusal> {
    forgive(raid0::check(observed, target, false))?;
    let identity = observed.identity.as_ref().ok_or_else(|| missing(target))?;
    if identity.read_only {
        return Err(Refusal::ReadOnly {
            device: identity.stable_name.clone(),
        });
    }
    let facts = header::usable(observed, target, identity)?;
    if facts.kind == LuksKind::V1 {
        return Err(Refusal::Luks1NotRekeyed {
            volume: target.name.clone(),
            device: identity.stable_name.clone(),
        });
    }
    forgive(header::check_mode(facts, target, identity))?;
    Ok(plan_of(
        observed,
        target,
        vec![Step::FetchSecret, Step::Unlock, Step::Rewrap],
    ))
}

/// Plans `rekey --rebind`: of a header that does not verify any more, since another program has given the volume a new key.
///
/// # Errors
/// [`Refusal`]: as for [`rekey`], and where the header is labelled as another volume's.
pub(crate) fn rebind(observed: &Observed, target: &Target) -> Result<Plan, Refusal> {
    let plan = rewrapped(observed, target, |mode| match mode {
        Err(Refusal::KeyslotGone { .. } | Refusal::MembersRefilled { .. }) => Ok(()),
        other => other,
    })?;
    if let (Content::Luks(facts), Some(identity)) = (&observed.content, &observed.identity)
        && facts.label != target.name
    {
        return Err(Refusal::OtherVolume {
            volume: target.name.clone(),
            device: identity.stable_name.clone(),
            label: facts.label.clone(),
        });
    }
    Ok(Plan {
        steps: vec![Step::FetchSecret, Step::Rebind],
        ..plan
    })
}

/// Plans what a token plugin asks for: as `up` does it, up to the keyslot, and nothing more.
///
/// # Errors
/// [`Refusal`]: there is no header that would be opened.
pub(crate) fn token(observed: &Observed, target: &Target) -> Result<Plan, Refusal> {
    raid0::check(observed, target, false)?;
    let identity = observed.identity.as_ref().ok_or_else(|| missing(target))?;
    let facts = header::usable(observed, target, identity)?;
    header::check_mode(facts, target, identity)?;
    Ok(plan_of(
        observed,
        target,
        vec![Step::FetchSecret, Step::Unlock],
    ))
}
