//! The plan of an erase, and what it is refused for: it destroys the volume that was named, and no other.

use std::path::PathBuf;

use crate::config::KeySource;
use crate::observe::{Content, HeaderFacts, Observed};
use crate::target::Target;

use super::{
    EPHEMERAL_SUBSYSTEM, Plan, Refusal, Step, header, missing, plan_of, raid0, refuse_uses,
};

/// Plans `erase`.
///
/// # Errors
/// [`Refusal`]: it is open, in use, or not a volume of this name.
pub(crate) fn erase(
    observed: &Observed,
    target: &Target,
    backups: Vec<PathBuf>,
) -> Result<Plan, Refusal> {
    if observed.active.is_some() {
        return Err(Refusal::OpenNotErased {
            volume: target.name.clone(),
        });
    }
    raid0::check_to_erase(observed, target)?;
    let identity = observed.identity.as_ref().ok_or_else(|| missing(target))?;
    refuse_uses(observed, identity)?;
    if identity.read_only {
        return Err(Refusal::ReadOnly {
            device: identity.stable_name.clone(),
        });
    }
    match &observed.content {
        // Disks that were exchanged, or another machine's: what would be destroyed is not what was named.
        Content::Luks(facts) if !is_to_be_erased(observed, target, facts) => {
            return Err(Refusal::OtherVolume {
                volume: target.name.clone(),
                device: identity.stable_name.clone(),
                label: facts.label.clone(),
            });
        }
        Content::Ambiguous(..) => return Err(header::ambiguous(observed, target, identity)),
        // A header that cannot be read may still hold keyslots that another program can.
        Content::Luks(_) | Content::BadHeader(..) | Content::Erasing | Content::Unfinished => {}
        Content::Missing | Content::Blank | Content::Foreign(_) => {
            return Err(Refusal::NothingToErase {
                volume: target.name.clone(),
                device: identity.stable_name.clone(),
                found: observed.content.to_string(),
            });
        }
    }
    let mut steps = Vec::new();
    if observed.has_loop {
        steps.push(Step::DetachLoop);
    }
    steps.extend([Step::DestroyHeader, Step::Discard, Step::ReadBack]);
    if !backups.is_empty() {
        steps.push(Step::DeleteBackups { files: backups });
    }
    raid0::around(&mut steps, observed);
    steps.push(Step::Forget);
    let bare = observed.bare.iter();
    steps.extend(bare.flat_map(|bare| {
        bare.release_step()
            .into_iter()
            .chain(bare.release_left_steps())
    }));
    Ok(plan_of(observed, target, steps))
}

/// Whether a header is the one that this machine knows of the volume; where it knows none, one that says that it is.
fn is_to_be_erased(observed: &Observed, target: &Target, facts: &HeaderFacts) -> bool {
    match (&observed.made, &observed.header) {
        (Some(made), Some(header)) => made.uuid == header.uuid(),
        _ => match &facts.token {
            Some(_) => facts.label.is_empty() || facts.label == target.name,
            // The seed's script makes headers without one.
            None => {
                facts.subsystem == EPHEMERAL_SUBSYSTEM
                    || matches!(target.key, KeySource::Seed { .. })
            }
        },
    }
}
