//! What a striped volume asks for besides: its disks have to be all there, its own, unused and in their order before anything is made of
//! them; and the stripe is assembled before what writes on it or maps it, and taken apart after it.

use crate::observe::{Content, Observed};
use crate::raid0::{Known, Member, Stripe, Striped};
use crate::target::Target;

use super::{IfOurs, Refusal, Step};

/// Whether the disks are those that the volume needs. Nothing to ask of a volume that is not striped. With `wipe`, what is on them may go.
///
/// # Errors
/// [`Refusal`]: a disk is missing, named twice, in use, or not this volume's.
pub(crate) fn check(observed: &Observed, target: &Target, wipe: bool) -> Result<(), Refusal> {
    let Some(striped) = &observed.striped else {
        return Ok(());
    };
    present(striped, target)?;
    unlike(observed, target)?;
    if let Some(member) = striped
        .members
        .iter()
        .find(|member| !member.uses.is_empty())
    {
        return Err(Refusal::InUse {
            device: member.name(),
            uses: member.uses.clone(),
        });
    }
    if wipe {
        return Ok(());
    }
    own(observed, striped, target)
}

/// The same before an erase, which also destroys a volume whose disks nobody has written down, or of which a part is gone.
///
/// # Errors
/// [`Refusal`], as [`check`].
pub(super) fn check_to_erase(observed: &Observed, target: &Target) -> Result<(), Refusal> {
    match check_header(observed, target) {
        Err(Refusal::MembersUnknown { .. }) => Ok(()),
        other => other,
    }
}

/// The same for whoever mends the header, or has it bound anew: that it has changed is why he is here.
///
/// # Errors
/// [`Refusal`], as [`check`].
pub(crate) fn check_header(observed: &Observed, target: &Target) -> Result<(), Refusal> {
    match check(observed, target, false) {
        Err(Refusal::MembersRefilled { .. }) => Ok(()),
        other => other,
    }
}

/// The same before anything is made: what is wrong with one of the disks is told by that disk's name.
///
/// # Errors
/// [`Refusal`], as [`check`], or a disk is read-only or not blank.
pub(super) fn check_to_make(
    observed: &Observed,
    target: &Target,
    wipe: bool,
) -> Result<(), Refusal> {
    check(observed, target, wipe)?;
    let members = observed.striped.iter().flat_map(|striped| &striped.members);
    for member in members {
        let Some(identity) = &member.identity else {
            continue;
        };
        if identity.read_only {
            return Err(Refusal::ReadOnly {
                device: member.name(),
            });
        }
        let is_foreign = matches!(observed.content, Content::Foreign(_)) && !wipe;
        if is_foreign && !member.report.is_blank() {
            return Err(Refusal::NotBlank {
                volume: target.name.clone(),
                device: member.name(),
                size: identity.size,
                found: member.report.to_string(),
                if_ours: if member.report.found.is_empty() {
                    IfOurs::HeaderLost
                } else {
                    IfOurs::Nothing
                },
            });
        }
    }
    Ok(())
}

/// Every disk is there, and each is another.
fn present(striped: &Striped, target: &Target) -> Result<(), Refusal> {
    for (index, member) in striped.members.iter().enumerate() {
        let Some(identity) = &member.identity else {
            return Err(Refusal::MemberMissing {
                volume: target.name.clone(),
                member: member.path.clone(),
                number: index + 1,
                count: striped.members.len(),
            });
        };
        let mut before = striped.members[..index].iter();
        if let Some(twin) = before.find(|other| {
            other
                .identity
                .as_ref()
                .is_some_and(|other| other.token == identity.token)
        }) {
            return Err(Refusal::MemberTwice {
                volume: target.name.clone(),
                first: twin.path.clone(),
                second: member.path.clone(),
            });
        }
    }
    Ok(())
}

/// What has the stripe's name is the stripe, as far as the disks are there to tell.
///
/// # Errors
/// [`Refusal::OtherStripe`].
pub(super) fn unlike(observed: &Observed, target: &Target) -> Result<(), Refusal> {
    let (Some(striped), Some(identity)) = (&observed.striped, &observed.identity) else {
        return Ok(());
    };
    let why = match &striped.stripe {
        Some(Stripe::Foreign) => "it is not of kluis",
        Some(Stripe::Serving { .. }) if !striped.is_serving(Some(identity)) => {
            "it is of other disks, or of these in another order"
        }
        _ => return Ok(()),
    };
    Err(Refusal::OtherStripe {
        volume: target.name.clone(),
        path: target.backing.path().to_path_buf(),
        why,
    })
}

/// The disks are those that the volume was made on, or it has not been made yet.
fn own(observed: &Observed, striped: &Striped, target: &Target) -> Result<(), Refusal> {
    let other = |why: String| {
        Err(Refusal::OtherMembers {
            volume: target.name.clone(),
            why,
        })
    };
    match (&observed.content, &striped.known) {
        (_, Known::Other(why)) => other(why.clone()),
        (_, Known::Refilled(why)) => Err(Refusal::MembersRefilled {
            volume: target.name.clone(),
            why: why.clone(),
        }),
        (Content::Luks(_) | Content::Ambiguous(..), Known::AllNew) => {
            other("none of these disks is one that it was made on".to_owned())
        }
        (Content::Luks(_) | Content::Ambiguous(..), Known::Nothing) => {
            Err(Refusal::MembersUnknown {
                volume: target.name.clone(),
                device: striped
                    .members
                    .first()
                    .map_or_else(String::new, Member::name),
            })
        }
        _ => Ok(()),
    }
}

/// Puts the stripe's steps among those of `up`.
pub(super) fn weave(steps: &mut Vec<Step>, observed: &Observed) {
    let Some(striped) = &observed.striped else {
        return;
    };
    let mut is_there = striped.is_serving(observed.identity.as_ref());
    let is_begun = is_there || matches!(striped.stripe, Some(Stripe::Unfinished { .. }));
    // A wipe is of the disks themselves, beyond what is striped of them.
    let wipe = steps
        .iter()
        .position(|step| matches!(step, Step::Wipe { .. }));
    if let (Some(at), true) = (wipe, is_begun) {
        steps.insert(at, Step::TakeApart);
        is_there = false;
    }
    let needs = |step: &Step| {
        matches!(
            step,
            Step::ClearUnfinished | Step::Format | Step::RepairHeader { .. } | Step::Map { .. }
        )
    };
    if let (Some(at), false) = (steps.iter().position(needs), is_there) {
        steps.insert(at, assemble(striped));
    }
}

/// Puts them around those of an erase.
pub(super) fn around(steps: &mut Vec<Step>, observed: &Observed) {
    if let Some(striped) = &observed.striped {
        if !striped.is_serving(observed.identity.as_ref()) {
            steps.insert(0, assemble(striped));
        }
        steps.push(Step::TakeApart);
    }
}

/// What closing takes away last, whatever its table is.
pub(super) fn last(observed: &Observed) -> Option<Step> {
    let stripe = observed.striped.as_ref()?.stripe.as_ref()?;
    (*stripe != Stripe::Foreign).then_some(Step::TakeApart)
}

fn assemble(striped: &Striped) -> Step {
    Step::Assemble {
        members: striped.names(),
    }
}
