//! What the plans ask of a header before anything is done with it, and what they say of one that is not as it should be.

use crate::config::KeySource;
use crate::host::{BackingKind, Identity, Signature, SignatureReport};
use crate::observe::{Content, HeaderFacts, Observed, Unusable};
use crate::target::Target;

use super::{EPHEMERAL_SUBSYSTEM, IfOurs, Refusal};

/// The facts of a header that is there and can be used.
///
/// # Errors
/// [`Refusal`]: what is there instead.
pub(super) fn usable<'a>(
    observed: &'a Observed,
    target: &Target,
    identity: &Identity,
) -> Result<&'a HeaderFacts, Refusal> {
    match &observed.content {
        Content::Luks(facts) => Ok(facts),
        Content::BadHeader(why, how) => Err(bad_header(observed, target, identity, why, *how)),
        Content::Ambiguous(..) => Err(ambiguous(observed, target, identity)),
        other => Err(Refusal::NoHeader {
            volume: target.name.clone(),
            device: identity.stable_name.clone(),
            found: other.to_string(),
        }),
    }
}

/// Whether the volume is configured in the way in which it was made.
pub(super) fn check_mode(
    facts: &HeaderFacts,
    target: &Target,
    identity: &Identity,
) -> Result<(), Refusal> {
    let volume = || target.name.clone();
    let device = || identity.stable_name.clone();
    if let Some(error) = &facts.token_error {
        return Err(Refusal::BadToken {
            volume: volume(),
            device: device(),
            why: error.clone(),
        });
    }
    if facts.subsystem == EPHEMERAL_SUBSYSTEM {
        return Err(Refusal::NotBlank {
            volume: volume(),
            device: device(),
            size: identity.size,
            found: "an ephemeral volume".to_owned(),
            if_ours: IfOurs::Nothing,
        });
    }
    match (&target.key, &facts.token) {
        (KeySource::Ephemeral, _) => Err(Refusal::EphemeralHasNoKey { volume: volume() }),
        (KeySource::Token { .. }, Some(token))
            if token.blob.is_some() && token.mac.is_some() && token.keyslot.is_some() =>
        {
            Ok(())
        }
        (KeySource::Token { .. }, Some(token)) if token.blob.is_none() && token.mac.is_some() => {
            Err(Refusal::SealedWithSecret {
                volume: volume(),
                device: device(),
            })
        }
        (KeySource::Token { .. }, Some(token)) if token.blob.is_some() && token.mac.is_some() => {
            Err(Refusal::KeyslotGone {
                volume: volume(),
                device: device(),
            })
        }
        (KeySource::Token { .. }, _) => Err(Refusal::NotBound {
            volume: volume(),
            device: device(),
        }),
        (KeySource::Seed { .. }, Some(token)) if token.blob.is_some() => {
            Err(Refusal::SealedWithToken {
                volume: volume(),
                device: device(),
            })
        }
        (KeySource::Seed { .. }, Some(token)) if token.mac.is_some() && token.keyslot.is_none() => {
            Err(Refusal::KeyslotGone {
                volume: volume(),
                device: device(),
            })
        }
        (KeySource::Seed { .. }, Some(token)) if token.mac.is_none() => Err(Refusal::NotBound {
            volume: volume(),
            device: device(),
        }),
        (KeySource::Seed { .. }, _) => Ok(()),
    }
}

/// A header that is damaged has a backup at best; one that is whole and not opened here is somebody's.
pub(super) fn bad_header(
    observed: &Observed,
    target: &Target,
    identity: &Identity,
    why: &str,
    how: Unusable,
) -> Refusal {
    let (volume, device) = (target.name.clone(), identity.stable_name.clone());
    let why = why.to_owned();
    match how {
        Unusable::Reencrypting => Refusal::Reencrypting { volume, device },
        Unusable::NotOpenedHere => Refusal::NotOpenedHere {
            volume,
            device,
            why,
        },
        // Of a file that has lost its end, a backup of the header brings nothing back.
        Unusable::Damaged => match super::refuse_cut(observed, target, identity) {
            Err(cut) => cut,
            Ok(()) => Refusal::BadHeader {
                volume,
                device,
                why,
                backups: observed.backups.clone(),
            },
        },
    }
}

/// A header of which every keyslot was killed (`cryptsetup erase`) opens to nobody: only a backup has them.
pub(super) fn refuse_without_keyslot(
    observed: &Observed,
    target: &Target,
    identity: &Identity,
) -> Result<(), Refusal> {
    match &observed.content {
        Content::Luks(facts) if facts.keyslots == 0 && facts.subsystem != EPHEMERAL_SUBSYSTEM => {}
        _ => return Ok(()),
    }
    let why = "it has no keyslot any more: they were erased (cryptsetup erase, luksKillSlot)";
    Err(bad_header(
        observed,
        target,
        identity,
        why,
        Unusable::Damaged,
    ))
}

/// A header that was here and is not any more; `holds` says what is.
pub(super) fn lost(
    observed: &Observed,
    target: &Target,
    identity: &Identity,
    holds: &str,
) -> Refusal {
    let why = format!("there is none any more where this machine has made one; {holds}");
    let why = match target.backing.kind() {
        BackingKind::Device => why,
        BackingKind::File => format!(
            "{why} (if what holds the file is not mounted, or something is mounted over it, bring it back)"
        ),
    };
    bad_header(observed, target, identity, &why, Unusable::Damaged)
}

/// Whether this machine had a volume there, and what is there now is nothing that another program has made since.
pub(super) fn is_lost(observed: &Observed, report: &SignatureReport) -> bool {
    let path = observed.identity.as_ref().map(|identity| &identity.path);
    let is_known = observed
        .made
        .as_ref()
        .is_some_and(|made| made.ready && Some(&made.backing) == path);
    (is_known || !observed.backups.is_empty()) && report.found.iter().all(Signature::is_luks)
}

/// Two things at once.
pub(crate) fn ambiguous(observed: &Observed, target: &Target, identity: &Identity) -> Refusal {
    Refusal::Ambiguous {
        volume: target.name.clone(),
        device: identity.stable_name.clone(),
        found: observed.content.to_string(),
    }
}
