//! What is there now. Reads everything and changes nothing; trusts nothing that it reads from a disk.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::binding::{State, Token};
use crate::config::MountRoot;
use crate::engine::{Active, EngineKind, Health, LuksKind};
use crate::error::Error;
use crate::header::{self, Copies, Snapshot};
use crate::host::{
    Access, BackingKind, Device, Host, HostError, Identity, Mount, Purpose, RootFolder, SCAN_LEN,
    SignatureReport, Use,
};
use crate::mount_point::{self, Bare};
use crate::raid0::{self, Striped};
use crate::state::{Backups, Erasing, Intent, Made, Place};
use crate::target::Target;

/// Everything that a plan is made from.
#[derive(Debug)]
pub(crate) struct Observed {
    /// The backing, if it is there.
    pub(crate) identity: Option<Identity>,
    /// Who uses it, apart from this volume's own mapping.
    pub(crate) uses: Vec<Use>,
    /// Whether a loop device is over the file.
    pub(crate) has_loop: bool,
    /// The mapping of the volume's name.
    pub(crate) active: Option<Active>,
    /// Whose that is.
    pub(crate) whose: Whose,
    /// What is mounted at the volume's mount point.
    pub(crate) mount: Option<Mount>,
    /// Whose the mounted root is, where that is of interest.
    pub(crate) root: Option<RootFolder>,
    /// Where else the mapping is mounted.
    pub(crate) mounted_elsewhere: Vec<PathBuf>,
    /// Whether a mapping whose records are lost is this volume's beyond doubt: over its backing, of its header, of its length.
    pub(crate) is_proven: bool,
    /// Who uses a mapping that has died or whose records are lost, where that can be told.
    pub(crate) users: Option<String>,
    /// What is on the backing.
    pub(crate) content: Content,
    /// The engines, the preferred first.
    pub(crate) engines: Vec<EngineFact>,
    /// Whether the kernel swaps to it.
    pub(crate) is_swap: bool,
    /// The mount point beneath whatever is mounted there.
    pub(crate) bare: Option<Bare>,
    /// The header that this machine wrote or opened here last.
    pub(crate) made: Option<Made>,
    /// From which backup its header was being written back, by a run that did not come to its end.
    pub(crate) restoring: Option<PathBuf>,
    /// Where there are backups of its header, if that cannot be used.
    pub(crate) backups: Vec<PathBuf>,
    /// The header that [`Observed::content`] tells of, as read.
    pub(crate) header: Option<Snapshot>,
    /// The disks of a volume that is striped over several.
    pub(crate) striped: Option<Striped>,
}

impl Observed {
    /// Whether the mapping is over this backing.
    pub(crate) fn active_is_ours(&self) -> bool {
        self.whose == Whose::Ours
    }

    /// Whether the mapping is this volume's, wherever what it is over lies.
    pub(crate) fn active_is_known(&self) -> bool {
        self.whose != Whose::Another
    }

    /// What a header that can be read calls its volume, also one beside which there is something else.
    pub(crate) fn label(&self) -> Option<&str> {
        match &self.content {
            Content::Luks(facts) | Content::Ambiguous(facts, _) => Some(&facts.label),
            _ => None,
        }
    }
}

/// Whose the mapping of a volume's name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This volume's: it is over its backing.
    Ours,
    /// This volume's: it is over the header that this machine knows of it, wherever that lies. What is open may outlive its disk, and the
    /// configuration that named it.
    Known,
    /// Somebody else's, or nobody's.
    Another,
}

/// What is known of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EngineFact {
    /// Which.
    pub(crate) kind: EngineKind,
    /// Whether it wants a loop device over a file.
    pub(crate) needs_block_device: bool,
    /// Why it cannot run, if it cannot.
    pub(crate) missing: Option<String>,
}

/// What is on a backing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// There is no such file or device.
    Missing,
    /// Nothing, as far as both ends and the known places tell.
    Blank,
    /// What a killed run of this machine had begun to write there, and nothing else.
    Unfinished,
    /// A LUKS header within the allow-list.
    Luks(Box<HeaderFacts>),
    /// A header's second copy alone, and at its first one's place something of somebody else's.
    Ambiguous(Box<HeaderFacts>, SignatureReport),
    /// A LUKS header that cannot be used: why, and whether it is whole and merely not one that is opened here.
    BadHeader(String, Unusable),
    /// An erase has begun or ended.
    Erasing,
    /// Something else.
    Foreign(SignatureReport),
}

/// In what way a header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is damaged.
    Damaged,
    /// It is whole, and another program's or a later version's.
    NotOpenedHere,
    /// A re-encryption of its volume has not ended.
    Reencrypting,
}

/// What a header says, nothing of which is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderFacts {
    /// Which LUKS.
    pub(crate) kind: LuksKind,
    /// Its label.
    pub(crate) label: String,
    /// Its subsystem.
    pub(crate) subsystem: String,
    /// How many keyslots it has.
    pub(crate) keyslots: usize,
    /// The token of the highest generation.
    pub(crate) token: Option<Token>,
    /// Why a token that says it is Kluis's is not one.
    pub(crate) token_error: Option<String>,
    /// What its two copies are like.
    pub(crate) copies: Copies,
}

impl HeaderFacts {
    /// The state that the token claims.
    pub(crate) fn state(&self) -> Option<State> {
        self.token.as_ref().map(|token| token.state)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("nothing: it does not exist yet"),
            Self::Blank => f.write_str("nothing: it is blank"),
            Self::Unfinished => {
                f.write_str("the beginnings of this volume, from an interrupted run")
            }
            Self::Luks(facts) if facts.label.is_empty() => write!(f, "a {} volume", facts.kind),
            Self::Luks(facts) => write!(f, "a {} volume labelled {:?}", facts.kind, facts.label),
            Self::Ambiguous(facts, report) => write!(
                f,
                "{report} and the second copy of a {} header labelled {:?}",
                facts.kind, facts.label
            ),
            Self::BadHeader(why, _) => write!(f, "a LUKS header that cannot be used ({why})"),
            Self::Erasing => f.write_str("an erased volume"),
            Self::Foreign(report) => write!(f, "{report}"),
        }
    }
}

/// Looks at a volume.
///
/// # Errors
/// The machine's, when it cannot be asked.
pub(crate) fn observe(host: &dyn Host, target: &Target) -> Result<Observed, Error> {
    let identity = target.backing.identify(host)?;
    let mounts = host.mounts()?;
    let (engines, active) = look_at_engines(host, &target.name)?;
    let loop_device = match &identity {
        Some(identity) if identity.kind == BackingKind::File => host.find_loop(&identity.path)?,
        _ => None,
    };
    let made: Option<Made> = Place::made(&target.name).read(host)?;
    let whose = match &active {
        _ if raid0::is_open(host, target, active.as_ref())? => Whose::Ours,
        Some(active) => whose(
            host,
            active,
            identity.as_ref(),
            loop_device.as_deref(),
            made.as_ref(),
        )?,
        None => Whose::Another,
    };
    let is_ours = whose == Whose::Ours;
    let bare = match &target.mount {
        Some(at) => Some(mount_point::look(host, &target.name, at)?),
        None => None,
    };
    // The kernel tells of mounts by paths without links.
    let at = bare.as_ref().map(|bare| &bare.place.path);
    let mount = mounts
        .iter()
        .rev()
        .find(|mount| Some(&mount.target) == at)
        .cloned();
    let mounted_elsewhere = active.as_ref().map_or_else(Vec::new, |active| {
        mounts
            .iter()
            .filter(|mount| mount.source == active.device && Some(&mount.target) != at)
            .map(|mount| mount.target.clone())
            .collect()
    });
    let (content, header) = match &identity {
        None => (Content::Missing, None),
        Some(identity) => contents(host, target, identity, is_ours)?,
    };
    let striped = raid0::look(host, target, identity.as_ref(), &content, is_ours)?;
    let used = striped.as_ref().map_or(identity.as_ref(), Striped::device);
    let uses = match used {
        Some(used) if !is_ours => host.uses(used)?,
        _ => Vec::new(),
    };
    let is_up = matches!((&active, &mount), (Some(active), Some(mount))
        if active.health == Health::Serving && mount.source == active.device);
    let root = match &target.mount {
        Some(at) if is_up && asks_for_root(&target.root) => Some(host.root(at)?),
        _ => None,
    };
    let is_swap = match &active {
        Some(active) if target.purpose == Purpose::Swap => host.is_swap(&active.device)?,
        _ => false,
    };
    let backups = match &content {
        Content::Blank | Content::BadHeader(..) | Content::Foreign(_) => {
            backups_there(host, target, made.as_ref())?
        }
        Content::Luks(facts) if facts.keyslots == 0 => backups_there(host, target, made.as_ref())?,
        _ => Vec::new(),
    };
    let is_proven = active.as_ref().is_some_and(|active| {
        let known = header.as_ref().map(Snapshot::uuid);
        let is_stray = matches!(active.health, Health::Stray(_));
        is_stray && is_ours && active.uuid.is_some() && active.uuid == known
    }) && has_its_size(host, active.as_ref())?;
    let users = match &active {
        Some(active) if active.health != Health::Serving => host.users(&active.device),
        _ => None,
    };
    Ok(Observed {
        identity,
        uses,
        has_loop: loop_device.is_some(),
        active,
        whose,
        root,
        mount,
        mounted_elsewhere,
        is_proven,
        users,
        content,
        engines,
        is_swap,
        bare,
        made,
        restoring: Place::restoring(&target.name).read(host)?,
        backups,
        header,
        striped,
    })
}

/// Whether it is of interest whose the mounted root is.
fn asks_for_root(root: &MountRoot) -> bool {
    root.owner.is_some() || root.group.is_some() || root.mode.is_some()
}

/// The backups that are on record and where they were written, of the header that is known.
fn backups_there(
    host: &dyn Host,
    target: &Target,
    made: Option<&Made>,
) -> Result<Vec<PathBuf>, Error> {
    let known: Option<Backups> = Place::backups(&target.name).read(host)?;
    let mut files = known.unwrap_or_default().files;
    files.retain(|file| {
        let found = header::backup_uuid(host, file).ok().flatten();
        found.is_some_and(|uuid| made.is_none_or(|made| made.uuid == uuid))
    });
    Ok(files)
}

/// The engines, and the mapping of that name that one of them has.
fn look_at_engines(
    host: &dyn Host,
    name: &str,
) -> Result<(Vec<EngineFact>, Option<Active>), Error> {
    let mut active = None;
    let mut engines = Vec::new();
    for engine in host.engines() {
        let missing = engine.available().err().map(|error| error.to_string());
        engines.push(EngineFact {
            kind: engine.kind(),
            needs_block_device: engine.needs_block_device(),
            missing,
        });
        if active.is_none() {
            active = engine.find(name)?;
        }
    }
    if let Some(active) = &mut active {
        check_size(host, active)?;
    }
    Ok((engines, active))
}

fn whose(
    host: &dyn Host,
    active: &Active,
    identity: Option<&Identity>,
    loop_device: Option<&Path>,
    made: Option<&Made>,
) -> Result<Whose, HostError> {
    if let Some(identity) = identity {
        let is_ours = active.backing == identity.path
            || loop_device == Some(active.backing.as_path())
            || host
                .identify(&active.backing)?
                .is_some_and(|other| other.token == identity.token);
        if is_ours {
            return Ok(Whose::Ours);
        }
    }
    let known = made.map(|made| made.uuid);
    let is_known =
        matches!(active.health, Health::Stray(_)) || (known.is_some() && active.uuid == known);
    Ok(if is_known {
        Whose::Known
    } else {
        Whose::Another
    })
}

/// A view that is not as long as what it shows is half-made, by a run that was killed, or half-gone: whatever it seems to hold is no truth about
/// the volume.
fn check_size(host: &dyn Host, active: &mut Active) -> Result<(), Error> {
    if active.health != Health::Serving {
        return Ok(());
    }
    let wanted = active.payload.end.saturating_sub(active.payload.start);
    let seen = host.identify(&active.device)?;
    if let Some(seen) = seen.filter(|seen| seen.size != wanted) {
        active.health = Health::Dead(format!(
            "{} has {} bytes, and what it shows {wanted}",
            active.device.display(),
            seen.size
        ));
    }
    Ok(())
}

/// Whether a view is as long as what it shows.
fn has_its_size(host: &dyn Host, active: Option<&Active>) -> Result<bool, HostError> {
    let Some(active) = active else {
        return Ok(false);
    };
    let wanted = active.payload.end.saturating_sub(active.payload.start);
    let seen = host.identify(&active.device)?;
    Ok(seen.is_none_or(|seen| seen.size == wanted))
}

fn contents(
    host: &dyn Host,
    target: &Target,
    identity: &Identity,
    is_open: bool,
) -> Result<(Content, Option<Snapshot>), Error> {
    let device = host.open(identity, Access::Read)?;
    let problem = match header::read(&*device)? {
        Ok(snapshot) => {
            let facts = Box::new(snapshot.facts());
            if facts.copies.lack_primary() && !is_open {
                let mut report = host.signatures(&*device)?;
                report.found.retain(|known| !known.is_luks());
                if !report.found.is_empty() {
                    return Ok((Content::Ambiguous(facts, report), Some(snapshot)));
                }
            }
            return Ok((Content::Luks(facts), Some(snapshot)));
        }
        Err(problem) => problem,
    };
    if let Some(erasing) = Place::erasing(&target.name).read::<Erasing>(host)?
        && erasing.device == identity.stable_name
        && erasing.size == identity.size
        && is_erased_by(&*device, &erasing)?
    {
        return Ok((Content::Erasing, None));
    }
    let is_luks = !problem.is_not_luks();
    if is_open {
        return Ok((
            Content::BadHeader(problem.to_string(), problem.unusable()),
            None,
        ));
    }
    let report = host.signatures(&*device)?;
    // A disk of several reaches beyond what is seen of it here.
    let report = if report.is_blank() {
        raid0::blank_report(host, identity)?
    } else {
        report
    };
    if report.is_blank() && !is_luks {
        return Ok((Content::Blank, None));
    }
    if let Some(intent) = Place::intent(&target.name).read::<Intent>(host)?
        && intent.is_about(identity)
        && is_explained(&*device, &intent, &report)?
        && raid0::are_explained(host, identity, &intent)?
    {
        return Ok((Content::Unfinished, None));
    }
    // Of a header that is damaged beside something else, that is who has damaged it, and perhaps the truth by now.
    let unusable = problem.unusable();
    let is_written_over =
        unusable == Unusable::Damaged && report.found.iter().any(|known| !known.is_luks());
    Ok((
        if is_luks && !is_written_over {
            Content::BadHeader(problem.to_string(), unusable)
        } else {
            Content::Foreign(report)
        },
        None,
    ))
}

/// How much is read at a time.
pub(crate) const PIECE: usize = 1 << 20;

/// A sector of nothing.
const ZEROS: [u8; 512] = [0; 512];

/// Whether everything that is not zero, at both ends and at the known places, is what the intent says was to be written.
fn is_explained(
    device: &dyn Device,
    intent: &Intent,
    report: &SignatureReport,
) -> Result<bool, HostError> {
    let known = |offset: u64| intent.ranges().any(|range| range.contains(&offset));
    let is_known = report.found.iter().all(|signature| known(signature.offset));
    if !is_known || report.between.is_some() {
        return Ok(false);
    }
    let size = device.size();
    let front = 0..SCAN_LEN.min(size);
    let back = size.saturating_sub(SCAN_LEN).max(front.end)..size;
    for range in [front, back].into_iter().chain(intent.ranges()) {
        let mut all = true;
        each_piece(device, range, |offset, piece| {
            all &= piece.chunks(512).zip(0u64..).all(|(sector, n)| {
                sector == &ZEROS[..sector.len()] || intent.explains(offset + n * 512, sector)
            });
        })?;
        if !all {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether anything of what an erase wrote is there: the record alone may be of another disk that was in this place.
fn is_erased_by(device: &dyn Device, erasing: &Erasing) -> Result<bool, HostError> {
    let mut sector = ZEROS;
    let len = erasing.header_len.min(device.size());
    for (n, offset) in (0..len).step_by(PIECE).enumerate() {
        if device.size() - offset < sector.len() as u64 {
            break;
        }
        device.read_at(offset, &mut sector)?;
        if erasing.wrote(n, &sector) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads a range in pieces, skipping holes.
pub(crate) fn each_piece(
    device: &dyn Device,
    range: std::ops::Range<u64>,
    mut look: impl FnMut(u64, &[u8]),
) -> Result<(), HostError> {
    let mut buffer = vec![0; PIECE];
    let end = range.end.min(device.size());
    let mut offset = range.start;
    while let Some(data) = device.next_data(offset).filter(|data| *data < end) {
        // Sector by sector is how callers look: a hole may end in the middle of one.
        offset = (data / 512 * 512).max(offset);
        let len = usize::try_from(end - offset).unwrap_or(PIECE).min(PIECE);
        device.read_at(offset, &mut buffer[..len])?;
        look(offset, &buffer[..len]);
        offset += len as u64;
    }
    Ok(())
}
