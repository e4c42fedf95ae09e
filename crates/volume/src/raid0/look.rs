//! What is there now of a striped volume's disks. Reads everything and changes nothing.

use std::path::PathBuf;

use crate::engine::Active;
use crate::error::Error;
use crate::host::{Access, Host, HostError, Identity, SCAN_LEN, SignatureReport, Use};
use crate::observe::{Content, each_piece};
use crate::state::{Intent, Place};
use crate::target::{BackingPath, Target};

use super::record::{Record, differing};
use super::{Layout, Stripe, identify_member};

/// What is known of a striped volume besides its content.
#[derive(Clone, Debug)]
pub(crate) struct Striped {
    /// Its disks, in the order of the configuration.
    pub(crate) members: Vec<Member>,
    /// What device-mapper has under its name.
    pub(crate) stripe: Option<Stripe>,
    /// Whether these are the disks that it was made on.
    pub(crate) known: Known,
}

/// One of its disks.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// As the configuration names it.
    pub(crate) path: PathBuf,
    /// It, if it is there.
    pub(crate) identity: Option<Identity>,
    /// Who uses it, apart from the volume's own stripe.
    pub(crate) uses: Vec<Use>,
    /// What is on it, where the volume is neither open nor a LUKS volume.
    pub(crate) report: SignatureReport,
}

impl Member {
    /// Its stable name, or what the configuration calls it.
    pub(crate) fn name(&self) -> String {
        self.identity.as_ref().map_or_else(
            || self.path.display().to_string(),
            |identity| identity.stable_name.clone(),
        )
    }
}

/// What the record says of the disks that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// There is no record.
    Nothing,
    /// They are the ones, in their order.
    Same,
    /// None of them was one of the volume's.
    AllNew,
    /// They are the ones by name, size and order, and one of them does not hold what was written there with the header: a re-encryption
    /// has been there, a part of the header was lost, or the disk has been exchanged for one of the same name.
    Refilled(String),
    /// Some are, and something is wrong with the others or their order.
    Other(String),
}

impl Striped {
    /// The stripe as a block device, while it serves.
    pub(crate) fn device(&self) -> Option<&Identity> {
        match &self.stripe {
            Some(Stripe::Serving { device, .. }) => Some(device),
            _ => None,
        }
    }

    /// The disks' stable names, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.members.iter().map(Member::name).collect()
    }

    /// Whether the stripe serves these disks.
    pub(crate) fn is_serving(&self, backing: Option<&Identity>) -> bool {
        let stripe = self.stripe.as_ref();
        backing.is_some_and(|backing| stripe.is_some_and(|stripe| stripe.is_of(backing)))
    }
}

/// Whether a mapping is over the stripe of this volume: also with a disk missing, or others in the configuration, it is what is open.
pub(crate) fn is_open(
    host: &dyn Host,
    target: &Target,
    active: Option<&Active>,
) -> Result<bool, HostError> {
    match (&target.backing, active) {
        (BackingPath::Striped { path, .. }, Some(active)) if active.backing == *path => {
            Ok(matches!(host.stripe(path)?, Some(Stripe::Serving { .. })))
        }
        _ => Ok(false),
    }
}

/// Looks at the disks of a striped volume; `None` for one that is not striped.
pub(crate) fn look(
    host: &dyn Host,
    target: &Target,
    backing: Option<&Identity>,
    content: &Content,
    is_open: bool,
) -> Result<Option<Striped>, Error> {
    let BackingPath::Striped { path, members } = &target.backing else {
        return Ok(None);
    };
    let stripe = host.stripe(path)?;
    let own = stripe.as_ref().and_then(Stripe::holder);
    let looks_within = matches!(content, Content::Foreign(_) | Content::BadHeader(..)) && !is_open;
    let mut found = Vec::new();
    for member in members {
        let identity = identify_member(host, member)?;
        let mut uses = match &identity {
            Some(identity) if !is_open => host.uses(identity)?,
            _ => Vec::new(),
        };
        uses.retain(|used| !matches!(used, Use::Holder(name) if own == Some(name)));
        let report = match &identity {
            Some(identity) if looks_within => report_of(host, identity)?,
            _ => SignatureReport::default(),
        };
        found.push(Member {
            path: member.clone(),
            identity,
            uses,
            report,
        });
    }
    Ok(Some(Striped {
        known: known(host, target, backing, content)?,
        members: found,
        stripe,
    }))
}

fn known(
    host: &dyn Host,
    target: &Target,
    backing: Option<&Identity>,
    content: &Content,
) -> Result<Known, Error> {
    let record: Option<Record> = Place::raid0(&target.name).read(host)?;
    let (Some(record), Some(backing)) = (record, backing) else {
        return Ok(Known::Nothing);
    };
    let there = &backing.members;
    let mut are = Vec::new();
    for (index, known) in record.members.iter().enumerate() {
        // Names may be the same for several (a model without serial numbers): who is at its place is taken for it, until its content
        // says otherwise.
        let own = there.get(index).map(|disk| (index, disk));
        let mut at = None;
        for (index, disk) in own.into_iter().chain(there.iter().enumerate()) {
            if known.is(host, disk)? {
                at = Some(index);
                break;
            }
        }
        are.push(at);
    }
    if are.iter().all(Option::is_none) {
        return Ok(Known::AllNew);
    }
    if record.chunk != super::CHUNK {
        return Ok(Known::Other(format!(
            "it was made with chunks of {} bytes, which this kluis does not make",
            record.chunk
        )));
    }
    for (index, (known, at)) in record.members.iter().zip(&are).enumerate() {
        let which = format!(
            "its disk {} of {} was {} of {} bytes",
            index + 1,
            are.len(),
            known.name,
            known.size
        );
        match (at, there.get(index)) {
            (Some(at), Some(_)) if *at == index => {}
            (Some(at), _) => {
                return Ok(Known::Other(format!(
                    "{which}, which is now number {}",
                    at + 1
                )));
            }
            (None, Some(disk)) => {
                return Ok(Known::Other(format!(
                    "{which}, and in its place is {} of {} bytes",
                    disk.stable_name, disk.size
                )));
            }
            (None, None) => return Ok(Known::Other(which)),
        }
    }
    if there.len() > record.members.len() {
        return Ok(Known::Other(format!(
            "it was made on {} disks, and raid0 names {}",
            record.members.len(),
            there.len()
        )));
    }
    if matches!(content, Content::Luks(_) | Content::Ambiguous(..))
        && let Some(index) = differing(&record, &*host.open(backing, Access::Read)?)?
    {
        return Ok(Known::Refilled(format!(
            "{} (disk {} of {}) does not hold what was written there with the header",
            there[index].stable_name,
            index + 1,
            are.len()
        )));
    }
    Ok(Known::Same)
}

fn report_of(host: &dyn Host, member: &Identity) -> Result<SignatureReport, HostError> {
    host.signatures(&*host.open(member, Access::Read)?)
}

/// What is on the first member that is not blank; an empty report when all are. What lies beyond the part in use counts.
pub(crate) fn blank_report(
    host: &dyn Host,
    backing: &Identity,
) -> Result<SignatureReport, HostError> {
    for member in &backing.members {
        let report = report_of(host, member)?;
        if !report.is_blank() {
            return Ok(report);
        }
    }
    Ok(SignatureReport::default())
}

/// Whether everything that is not zero at both ends of every member is what the intent says was to be written.
pub(crate) fn are_explained(
    host: &dyn Host,
    backing: &Identity,
    intent: &Intent,
) -> Result<bool, HostError> {
    let layout = Layout::of(&backing.members);
    let mut all = true;
    for (index, member) in backing.members.iter().enumerate() {
        let device = host.open(member, Access::Read)?;
        let size = device.size();
        let front = 0..SCAN_LEN.min(size);
        let back = size.saturating_sub(SCAN_LEN).max(front.end)..size;
        for range in [front, back] {
            each_piece(&*device, range, |offset, piece| {
                all &= piece.chunks(512).zip(0u64..).all(|(sector, n)| {
                    sector.iter().all(|byte| *byte == 0)
                        || layout
                            .back(index, offset + n * 512)
                            .is_some_and(|at| intent.explains(at, sector))
                });
            })?;
        }
    }
    Ok(all)
}
