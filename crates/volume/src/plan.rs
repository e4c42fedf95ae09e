//! Desired and observed to a plan. Pure: no I/O, no secrets, no clock. What may be written to a disk, and when, is decided here.

use std::path::Path;

use crate::binding::State;
use crate::config::{EngineChoice, KeySource};
use crate::engine::{Active, EngineKind, Health};
use crate::header::Copies;
use crate::host::{BackingKind, Identity, Purpose, RootWanted, Use};
use crate::mount_point::Bare;
use crate::observe::{Content, HeaderFacts, Observed, Whose};
use crate::target::{BackingPath, Target};

mod erase;
pub(crate) mod header;
pub(crate) mod raid0;
mod refusal;
mod rekey;
pub(crate) mod root;
mod step;

pub(crate) use erase::erase;
pub use refusal::{IfOurs, Refusal};
pub(crate) use rekey::{rebind, rekey, token};
pub use step::Step;

/// The subsystem of a volume whose key is never stored.
pub const EPHEMERAL_SUBSYSTEM: &str = "kluis-ephemeral";

/// What will be done, to which device, and what was found there: what `--dry-run` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The volume.
    pub volume: String,
    /// The device's stable name, or the file's path.
    pub device: String,
    /// Its size in bytes, or what it will be.
    pub size: u64,
    /// What was found on it.
    pub found: String,
    /// The steps, in order. None: everything is as wanted.
    pub steps: Vec<Step>,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

/// What the operator wants of one volume.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The volume.
    pub(crate) target: &'a Target,
    /// Whether whatever is on it may go.
    pub(crate) wipe: bool,
    /// The other volume of the configuration whose header lies there: that one is not given up by this one's name.
    pub(crate) another: Option<&'a str>,
    /// Whether what lies at the place of a damaged copy of its header may go.
    pub(crate) repair: bool,
    /// Whose its root is, once it is mounted.
    pub(crate) root: RootWanted,
}

/// Plans `up`.
///
/// # Errors
/// [`Refusal`]: nothing was changed, and nothing may be.
pub(crate) fn up(observed: &Observed, wanted: Wanted<'_>) -> Result<Plan, Refusal> {
    let target = wanted.target;
    let bare = observed.bare.as_ref();
    let mut steps = up_steps(observed, wanted)?;
    raid0::weave(&mut steps, observed);
    let mut notes = if steps.is_empty() {
        Vec::new()
    } else {
        bare.map(Bare::notes).unwrap_or_default()
    };
    let by_fuse = Step::Map {
        engine: EngineKind::Fuse,
    };
    if target.discard && steps.contains(&by_fuse) {
        notes.push(
            "discards are not passed on: the fuse engine cannot tell them from zeros".to_owned(),
        );
    }
    if let Content::Luks(facts) = &observed.content
        && matches!(facts.copies, Copies::Damaged { .. })
        && !wanted.repair
    {
        notes.push(format!(
            "one of the two copies of its header is damaged, and not in the way of an interrupted write; kluis up --repair {} writes it anew, and keeps what lies there",
            target.name
        ));
    }
    if steps.is_empty() {
        steps.extend(root_step(observed, wanted));
    }
    steps.splice(0..0, bare.and_then(Bare::guard_step));
    steps.extend(bare.into_iter().flat_map(Bare::release_left_steps));
    Ok(Plan {
        notes,
        ..plan_of(observed, target, steps)
    })
}

/// Sets the root of what is mounted already, if it is not so.
fn root_step(observed: &Observed, wanted: Wanted<'_>) -> Option<Step> {
    let at = wanted.target.mount.clone()?;
    let is_met = observed.root.is_none_or(|root| wanted.root.is_met_by(root));
    (wanted.root.is_any() && !is_met).then_some(Step::SetRoot {
        at,
        wanted: wanted.root,
    })
}

fn up_steps(observed: &Observed, wanted: Wanted<'_>) -> Result<Vec<Step>, Refusal> {
    let target = wanted.target;
    let mut steps = Vec::new();
    let mut dead = Vec::new();
    let active = match &observed.active {
        Some(active) if matches!(active.health, Health::Dead(_)) => {
            refuse_dead_in_use(observed, target)?;
            dead = close_steps(observed, target, true)?;
            None
        }
        Some(active) if matches!(active.health, Health::Stray(_)) && !observed.is_proven => {
            return Err(Refusal::Stray {
                volume: target.name.clone(),
                device: active.device.clone(),
                users: observed.users.clone(),
            });
        }
        Some(active) if matches!(active.health, Health::Stray(_)) => {
            steps.push(Step::Adopt {
                engine: active.engine,
            });
            Some(active)
        }
        other => other.as_ref(),
    };
    let mounted = observed.mount.as_ref();
    if let Some(active) = active {
        if wanted.wipe {
            return Err(Refusal::OpenNotWiped {
                volume: target.name.clone(),
            });
        }
        match observed.whose {
            Whose::Ours => {}
            Whose::Known => {
                return Err(Refusal::OpenElsewhere {
                    volume: target.name.clone(),
                    backing: active.backing.clone(),
                    wanted: target.backing.path().to_path_buf(),
                });
            }
            Whose::Another => return Err(name_taken(target, active)),
        }
        raid0::unlike(observed, target)?;
        match mounted {
            Some(mount) if mount.source == active.device => {
                return Ok(steps);
            }
            Some(mount) => return Err(mount_taken(target, &mount.source)),
            None => {}
        }
        if let (Some(at), Some(wanted)) = (observed.mounted_elsewhere.first(), &target.mount) {
            return Err(Refusal::MountedElsewhere {
                volume: target.name.clone(),
                at: at.clone(),
                wanted: wanted.clone(),
            });
        }
        if observed.is_swap {
            return Ok(steps);
        }
        steps.extend(steps_of_open(observed, target));
    } else {
        if let Some(mount) = mounted.filter(|_| dead.is_empty()) {
            return Err(mount_taken(target, &mount.source));
        }
        let engine = choose_engine(observed, target.engine)?;
        steps.extend(steps_of_closed(observed, wanted, &engine)?);
        // What has died is detached only once its successor can be opened: until then who uses it gets errors, and nobody writes beneath it.
        let opened = steps
            .iter()
            .take_while(|step| matches!(step, Step::FetchSecret | Step::Unlock))
            .count();
        steps.splice(opened..opened, dead);
    }
    steps.extend(use_step(wanted));
    Ok(steps)
}

/// Plans `down`.
///
/// # Errors
/// [`Refusal::NameTaken`] when the mapping of that name is over another backing.
pub(crate) fn down(observed: &Observed, target: &Target) -> Result<Plan, Refusal> {
    if let Some(active) = observed
        .active
        .as_ref()
        .filter(|_| !observed.active_is_known())
    {
        return Err(name_taken(target, active));
    }
    let dead = observed
        .active
        .as_ref()
        .is_some_and(|active| matches!(active.health, Health::Dead(_)));
    if dead {
        refuse_dead_in_use(observed, target)?;
    }
    let mut steps = close_steps(observed, target, dead)?;
    steps.extend(raid0::last(observed));
    Ok(plan_of(observed, target, steps))
}

fn plan_of(observed: &Observed, target: &Target, steps: Vec<Step>) -> Plan {
    let size = match (&observed.identity, &target.backing) {
        (Some(identity), _) => identity.size,
        (None, BackingPath::File { size, .. }) => *size,
        (None, BackingPath::Device(_) | BackingPath::Striped { .. }) => 0,
    };
    let device = observed.identity.as_ref().map_or_else(
        || target.backing.path().display().to_string(),
        |identity| identity.stable_name.clone(),
    );
    Plan {
        volume: target.name.clone(),
        device,
        size,
        found: observed.content.to_string(),
        steps,
        notes: Vec::new(),
    }
}

/// What is made in a volume before it is ready. A header that says "provisioning" is believed only where this machine's own record says so
/// too: one that was restored from an early backup says it of a volume that has been in use for years.
fn make_steps(target: &Target, is_ours_to_make: bool) -> Vec<Step> {
    let made = match target.purpose {
        Purpose::Raw => None,
        _ if !is_ours_to_make => Some(Step::ExpectContent),
        Purpose::Files(kind) => Some(Step::MakeFileSystem { kind }),
        Purpose::Swap => Some(Step::MakeSwap),
    };
    made.into_iter().chain([Step::MarkReady]).collect()
}

/// Whether the volume on the disk is one that this machine began to make and has not finished.
fn is_making(observed: &Observed) -> bool {
    match (&observed.made, &observed.header) {
        (Some(made), Some(header)) => made.is_making(header.uuid()),
        _ => false,
    }
}

/// What is done with a volume once it is ready.
fn use_step(wanted: Wanted<'_>) -> Option<Step> {
    let root = wanted.root;
    match wanted.target.purpose {
        Purpose::Files(_) => {
            let mount = wanted.target.mount.clone();
            mount.map(|at| Step::Mount { at, root })
        }
        Purpose::Swap => Some(Step::SwapOn),
        Purpose::Raw => None,
    }
}

/// What uses a mapping that has died gets errors. To detach it from what cannot be put back gains nobody anything, and it stays in the way.
fn refuse_dead_in_use(observed: &Observed, target: &Target) -> Result<(), Refusal> {
    match (&observed.active, &observed.users) {
        (Some(active), Some(users)) => Err(Refusal::DeadInUse {
            volume: target.name.clone(),
            device: active.device.clone(),
            users: users.clone(),
        }),
        _ => Ok(()),
    }
}

fn close_steps(observed: &Observed, target: &Target, dead: bool) -> Result<Vec<Step>, Refusal> {
    let mut steps = Vec::new();
    if let Some(active) = &observed.active {
        let at = observed
            .mount
            .as_ref()
            .filter(|mount| mount.source == active.device)
            .map(|mount| mount.target.clone());
        if observed.is_swap {
            steps.push(Step::SwapOff);
        }
        // Who has a raw device mounted has done that himself, and closing says where it is busy.
        let mut own = Vec::new();
        if observed.bare.is_some() {
            own.extend(at);
            own.extend(observed.mounted_elsewhere.iter().cloned());
        }
        // Only one of them is of kluis's making, and none is undone where the rest would keep the device.
        if let [first, others @ ..] = &own[..]
            && !others.is_empty()
        {
            return Err(Refusal::MountedTwice {
                volume: target.name.clone(),
                at: first.clone(),
                others: others.to_vec(),
            });
        }
        for at in own {
            steps.push(Step::Unmount { at, dead });
        }
        steps.push(Step::Unmap {
            engine: active.engine,
        });
    }
    if observed.has_loop {
        steps.push(Step::DetachLoop);
    }
    Ok(steps)
}

/// It is open and not mounted: either a kill came between, or somebody unmounted it.
fn steps_of_open(observed: &Observed, target: &Target) -> Vec<Step> {
    let is_provisioning = matches!(&observed.content, Content::Luks(facts) if facts.state() == Some(State::Provisioning));
    let make = || make_steps(target, is_making(observed));
    match (is_provisioning, &target.key) {
        (false, _) => Vec::new(),
        (true, KeySource::Ephemeral) => make(),
        // The header says that mkfs may run; that is believed only once its mac is verified.
        (true, _) => [Step::FetchSecret, Step::Unlock]
            .into_iter()
            .chain(make())
            .collect(),
    }
}

fn steps_of_closed(
    observed: &Observed,
    wanted: Wanted<'_>,
    engine: &EngineChosen,
) -> Result<Vec<Step>, Refusal> {
    let target = wanted.target;
    raid0::check_to_make(observed, target, wanted.wipe)?;
    // With a repair the header that is there is tried: it opens, or nothing is done.
    let is_decided = wanted.wipe || wanted.repair;
    if let Some(file) = observed.restoring.as_ref().filter(|_| !is_decided) {
        return Err(Refusal::Restoring {
            volume: target.name.clone(),
            file: file.clone(),
        });
    }
    let mut steps = Vec::new();
    let provision = match (&observed.identity, &observed.content) {
        (None, _) => match &target.backing {
            BackingPath::File { path, size } => {
                refuse_gone(observed, wanted)?;
                steps.extend(fetch(target));
                steps.push(Step::CreateFile {
                    path: path.clone(),
                    size: *size,
                });
                true
            }
            BackingPath::Device(_) | BackingPath::Striped { .. } => return Err(missing(target)),
        },
        (Some(identity), content) => {
            refuse_uses(observed, identity)?;
            if identity.read_only {
                return Err(Refusal::ReadOnly {
                    device: identity.stable_name.clone(),
                });
            }
            if !wanted.wipe {
                header::refuse_without_keyslot(observed, target, identity)?;
            }
            match (content, wanted.wipe) {
                (Content::Luks(facts) | Content::Ambiguous(facts, _), false)
                    if is_tried(content, wanted.repair) && opens(facts, target, identity)? =>
                {
                    refuse_cut(observed, target, identity)?;
                    steps.extend([Step::FetchSecret, Step::Unlock]);
                    steps.extend(leftover_loop(observed));
                    steps.extend(repair_step(content, facts, wanted.repair));
                    false
                }
                (content, _) => {
                    if *content == Content::Blank {
                        refuse_gone(observed, wanted)?;
                    }
                    let clear = clearance(observed, wanted, identity)?;
                    let complete = complete_file(content, target, identity);
                    if complete.is_none() {
                        refuse_small(target, identity)?;
                    }
                    steps.extend(fetch(target));
                    steps.extend(leftover_loop(observed));
                    steps.extend(clear);
                    steps.extend(complete);
                    true
                }
            }
        }
    };
    if provision {
        steps.push(Step::Format);
    }
    if engine.needs_loop && target.backing.kind() == BackingKind::File {
        steps.push(Step::AttachLoop);
    }
    steps.push(Step::Map {
        engine: engine.kind,
    });
    let is_provisioning = matches!(&observed.content, Content::Luks(facts) if facts.state() == Some(State::Provisioning));
    if provision || is_provisioning {
        steps.extend(make_steps(target, provision || is_making(observed)));
    }
    Ok(steps)
}

/// Whether a header is tried as it is: one beside which there is something else only when its owner has decided.
fn is_tried(content: &Content, is_decided: bool) -> bool {
    is_decided || !matches!(content, Content::Ambiguous(..))
}

/// A copy that an interrupted write left is written again without asking; what may be somebody else's is kept until he says that it may go.
fn repair_step(content: &Content, facts: &HeaderFacts, asked: bool) -> Option<Step> {
    let keep = matches!(content, Content::Ambiguous(..));
    match facts.copies {
        Copies::Whole => None,
        Copies::Torn { .. } => Some(Step::RepairHeader { keep }),
        Copies::Damaged { .. } => asked.then_some(Step::RepairHeader { keep: true }),
    }
}

/// A volume that was here, in a file that is not, or is blank: what holds it is not mounted yet, or something else is mounted over it, more likely
/// than that it is to be made anew.
fn refuse_gone(observed: &Observed, wanted: Wanted<'_>) -> Result<(), Refusal> {
    let target = wanted.target;
    let is_blank = observed.identity.is_some();
    let was_here = observed.made.as_ref().is_some_and(|made| {
        // A blank file is what a run leaves that was killed before its header.
        made.ready || (made.backing == target.backing.path() && !is_blank)
    });
    if was_here
        && !wanted.wipe
        && target.key != KeySource::Ephemeral
        && target.backing.kind() == BackingKind::File
    {
        return Err(Refusal::FileGone {
            volume: target.name.clone(),
            file: target.backing.path().to_path_buf(),
            is_blank,
        });
    }
    Ok(())
}

/// A loop device that a killed run left keeps the file from being claimed.
/// Another's loop device may be read-only, cached, or of blocks that do not suit; a killed run's is no loss.
fn leftover_loop(observed: &Observed) -> Option<Step> {
    observed.has_loop.then_some(Step::DetachLoop)
}

/// A run that was killed while it made the file may have left it shorter than it should be, and wholly empty.
fn complete_file(content: &Content, target: &Target, identity: &Identity) -> Option<Step> {
    match (content, &target.backing) {
        (Content::Blank, BackingPath::File { path, size }) if identity.size < *size => {
            Some(Step::CreateFile {
                path: path.clone(),
                size: *size,
            })
        }
        _ => None,
    }
}

fn fetch(target: &Target) -> Option<Step> {
    (target.key != KeySource::Ephemeral).then_some(Step::FetchSecret)
}

/// What must be cleared away before a header may be written; refused unless the device is blank, or what is on it is
/// Kluis's own and worthless, or the operator said so.
fn clearance(
    observed: &Observed,
    wanted: Wanted<'_>,
    identity: &Identity,
) -> Result<Option<Step>, Refusal> {
    let Wanted { target, wipe, .. } = wanted;
    let device = || identity.stable_name.clone();
    let volume = || target.name.clone();
    let content = &observed.content;
    match content {
        // Zeros where a header was, of which there is a backup: what lies beyond them may be whole.
        Content::Blank
            if !wipe && target.key != KeySource::Ephemeral && !observed.backups.is_empty() =>
        {
            Err(header::lost(
                observed,
                target,
                identity,
                "the disk looks blank",
            ))
        }
        Content::Missing | Content::Blank => Ok(None),
        Content::Unfinished => Ok(Some(Step::ClearUnfinished)),
        Content::Luks(facts) if !wipe && is_spent_ephemeral(facts, target) => Ok(None),
        other if wipe => match wanted.another {
            // Disks that were exchanged: what would be wiped is not what was named.
            Some(another) => Err(Refusal::OtherVolume {
                volume: volume(),
                device: device(),
                label: another.to_owned(),
            }),
            None => Ok(Some(Step::Wipe {
                found: other.to_string(),
                keep: observed.striped.is_none() && has_key(other),
            })),
        },
        Content::Erasing => Err(Refusal::Erased {
            volume: volume(),
            device: device(),
        }),
        Content::BadHeader(why, how) => {
            Err(header::bad_header(observed, target, identity, why, *how))
        }
        Content::Foreign(report) if header::is_lost(observed, report) => {
            let holds = format!("it holds {report}");
            Err(header::lost(observed, target, identity, &holds))
        }
        Content::Ambiguous(..) => Err(header::ambiguous(observed, target, identity)),
        Content::Luks(_) | Content::Foreign(_) => Err(Refusal::NotBlank {
            volume: volume(),
            device: device(),
            size: identity.size,
            found: content.to_string(),
            if_ours: match content {
                Content::Foreign(report) if report.found.is_empty() => IfOurs::HeaderLost,
                Content::Foreign(_) if !observed.backups.is_empty() => IfOurs::WrittenOver,
                _ => IfOurs::Nothing,
            },
        }),
    }
}

/// Whether there is a header with which what lies behind it could be opened.
fn has_key(content: &Content) -> bool {
    match content {
        Content::Luks(facts) | Content::Ambiguous(facts, _) => facts.keyslots > 0,
        Content::BadHeader(..) => true,
        _ => false,
    }
}

fn is_spent_ephemeral(facts: &HeaderFacts, target: &Target) -> bool {
    target.key == KeySource::Ephemeral
        && facts.subsystem == EPHEMERAL_SUBSYSTEM
        && facts.keyslots == 0
        && facts.label == target.name
}

fn refuse_small(target: &Target, identity: &Identity) -> Result<(), Refusal> {
    let least = target.purpose.least();
    if identity.size < least {
        return Err(Refusal::TooSmall {
            device: identity.stable_name.clone(),
            size: identity.size,
            least,
        });
    }
    Ok(())
}

/// A file that lost its end still unlocks, and the file system in it is larger than its device.
fn refuse_cut(observed: &Observed, target: &Target, identity: &Identity) -> Result<(), Refusal> {
    let made = observed.made.as_ref();
    let had_it = made.and_then(|made| made.size) > Some(identity.size);
    match &target.backing {
        BackingPath::File { size, .. } if identity.size < *size => Err(Refusal::CutShort {
            volume: target.name.clone(),
            device: identity.stable_name.clone(),
            size: identity.size,
            wanted: *size,
            had_it,
        }),
        // The configuration may have followed the file.
        BackingPath::File { size, .. } if had_it => Err(Refusal::CutShort {
            volume: target.name.clone(),
            device: identity.stable_name.clone(),
            size: identity.size,
            wanted: made.and_then(|made| made.size).unwrap_or(*size),
            had_it,
        }),
        _ => Ok(()),
    }
}

fn name_taken(target: &Target, active: &Active) -> Refusal {
    Refusal::NameTaken {
        volume: target.name.clone(),
        backing: active.backing.clone(),
    }
}

fn mount_taken(target: &Target, other: &Path) -> Refusal {
    Refusal::MountTaken {
        volume: target.name.clone(),
        at: target.mount.clone().unwrap_or_default(),
        other: other.to_path_buf(),
    }
}

pub(crate) fn refuse_uses(observed: &Observed, identity: &Identity) -> Result<(), Refusal> {
    // An idle loop device over the file is taken away before anything is done there; what sits on it is reported by itself.
    let uses: Vec<Use> = observed
        .uses
        .iter()
        .filter(|used| !matches!(used, Use::Loop(_)))
        .cloned()
        .collect();
    if uses.is_empty() {
        Ok(())
    } else {
        Err(Refusal::InUse {
            device: identity.stable_name.clone(),
            uses,
        })
    }
}

fn missing(target: &Target) -> Refusal {
    Refusal::Missing {
        volume: target.name.clone(),
        device: target.backing.path().to_path_buf(),
    }
}

/// Whether the header is one that this volume is opened from; an error when it is, but of another mode.
fn opens(facts: &HeaderFacts, target: &Target, identity: &Identity) -> Result<bool, Refusal> {
    if target.key == KeySource::Ephemeral {
        return Ok(false);
    }
    header::check_mode(facts, target, identity).map(|()| true)
}

struct EngineChosen {
    kind: EngineKind,
    needs_loop: bool,
}

fn choose_engine(observed: &Observed, choice: EngineChoice) -> Result<EngineChosen, Refusal> {
    let wanted = |kind: EngineKind| match choice {
        EngineChoice::Auto => true,
        EngineChoice::DmCrypt => kind == EngineKind::DmCrypt,
        EngineChoice::Fuse => kind == EngineKind::Fuse,
    };
    let candidates = || observed.engines.iter().filter(|engine| wanted(engine.kind));
    candidates()
        .find(|engine| engine.missing.is_none())
        .map(|engine| EngineChosen {
            kind: engine.kind,
            needs_loop: engine.needs_block_device,
        })
        .ok_or_else(|| Refusal::NoEngine {
            reasons: candidates()
                .filter_map(|engine| engine.missing.clone())
                .collect(),
        })
}
