//! Which disks a volume is striped over, in which order, as root-owned state has it. The disks themselves say nothing of it: what tells one
//! from another besides its name is a sector's worth of the random bytes that the unused part of a LUKS header is filled with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::header::DATA_OFFSET;
use crate::host::{Device, Host, HostError, Identity};
use crate::state::Place;

use super::CHUNK;

/// Bytes of a filling.
const FILLING: usize = 4096;
/// How far 32 keyslots reach, which is as many as a LUKS2 header has: what lies before it may be written by whoever adds one.
const KEYSLOTS_END: u64 = (32 << 10) + 32 * (252 << 10);

/// A volume's disks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Bytes.
    pub(super) chunk: u64,
    /// Them, in order.
    pub(super) members: Vec<Member>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    /// Its stable name.
    pub(super) name: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// The digest of its filling, where that stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filling: Option<String>,
}

impl Member {
    /// Whether a disk is the one: by name, or by a name that it had when it was written down.
    pub(super) fn is(&self, host: &dyn Host, disk: &Identity) -> Result<bool, HostError> {
        // A disk that has grown holds what it held.
        if disk.size < self.size {
            return Ok(false);
        }
        if self.name == disk.stable_name {
            return Ok(true);
        }
        if !self.name.starts_with("/dev/") {
            return Ok(false);
        }
        let named = host.identify(self.name.as_ref())?;
        Ok(named.is_some_and(|named| named.token == disk.token))
    }
}

/// Where a member's filling lies on the stripe: at the end of the last chunk of the header that is on it.
fn place(member: usize, members: usize) -> u64 {
    let chunks = usize::try_from(DATA_OFFSET / CHUNK).unwrap_or_default();
    let last = (0..chunks).rev().find(|chunk| chunk % members == member);
    (last.unwrap_or(member) as u64 + 1) * CHUNK - FILLING as u64
}

/// Offsets on the stripe, and what is written there.
pub(crate) type Fillings = Vec<(u64, Vec<u8>)>;

/// New fillings: random, as what `cryptsetup luksFormat` leaves where no keyslot is.
pub(crate) fn fillings(members: usize) -> Result<Fillings, Error> {
    (0..members)
        .map(|member| {
            let mut bytes = vec![0; FILLING];
            crypto::random::fill(&mut bytes)?;
            Ok((place(member, members), bytes))
        })
        .collect()
}

/// Writes down which disks a volume lies on.
pub(crate) fn write_record(
    host: &dyn Host,
    volume: &str,
    backing: &Identity,
    fillings: &[(u64, Vec<u8>)],
) -> Result<(), Error> {
    let members = backing
        .members
        .iter()
        .zip(fillings)
        .map(|(member, (offset, bytes))| Member {
            name: member.stable_name.clone(),
            size: member.size,
            filling: (*offset >= KEYSLOTS_END).then(|| digest(bytes)),
        })
        .collect();
    let record = Record {
        chunk: CHUNK,
        members,
    };
    Place::raid0(volume).write(host, &record)
}

/// The first member whose filling is not the one that was written.
pub(super) fn differing(record: &Record, device: &dyn Device) -> Result<Option<usize>, HostError> {
    let members = record.members.len();
    for (index, member) in record.members.iter().enumerate() {
        let mut bytes = vec![0; FILLING];
        device.read_at(place(index, members), &mut bytes)?;
        let is_same = match &member.filling {
            Some(known) => *known == digest(&bytes),
            // A keyslot that somebody has added lies there, or the filling: never nothing.
            None => bytes.iter().any(|byte| *byte != 0),
        };
        if !is_same {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn digest(bytes: &[u8]) -> String {
    STANDARD.encode(crypto::sha256(&[bytes]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raid0::MEMBERS;

    #[test]
    fn every_member_has_its_filling_within_the_header_and_up_to_15_beyond_its_keyslots() {
        for members in MEMBERS {
            for member in 0..members {
                let place = place(member, members);
                assert!(place + FILLING as u64 <= DATA_OFFSET);
                let chunk = usize::try_from(place / CHUNK).unwrap();
                assert_eq!(chunk % members, member);
                assert!(
                    members > 15 || place >= KEYSLOTS_END,
                    "{member} of {members}"
                );
            }
        }
    }
}
