//! Power goes while a header is written. A commit's steps are replayed up to every prefix, and the writes that no
//! flush has followed in every combination of their 512- and 4096-byte sectors that can matter; whatever is left must
//! read as the old header or as the new one, whole.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use luks::luks2::{self, FormatOptions};
use luks::{Profile, Step};
use serde_json::json;
use support::*;

/// Which of the two headers a device holds.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Found {
    Old,
    New,
}

struct Replay {
    before: Device,
    steps: Vec<Step>,
    old: serde_json::Value,
    new: serde_json::Value,
}

impl Replay {
    /// A commit that adds a token of about `len` bytes to `before`.
    fn of(before: Device, len: usize) -> Self {
        let mut header = before.luks2();
        let old = header.json().clone();
        header
            .add_token(json!({"type": "kluis", "keyslots": ["0"], "padding": "x".repeat(len)}))
            .unwrap();
        let steps = header.commit().unwrap();
        Self {
            before,
            steps,
            old,
            new: header.json().clone(),
        }
    }

    fn found(&self, device: &Device) -> Found {
        let header = match device.read(Profile::Strict) {
            Ok(read) => match read.header {
                luks::Header::V2(header) => header,
                luks::Header::V1(_) => panic!("LUKS1"),
            },
            Err(error) => panic!("neither header is left: {error}"),
        };
        match header.json() {
            json if *json == self.old => Found::Old,
            json if *json == self.new => Found::New,
            _ => panic!("a header that never was"),
        }
    }

    /// Calls `each` with every device that a power cut can leave, given sectors of `sector` bytes.
    fn every_cut(&self, sector: usize, mut each: impl FnMut(&Device)) {
        let mut durable = self.before.clone();
        let mut pending: Vec<(u64, &[u8])> = Vec::new();
        for step in &self.steps {
            match step {
                Step::Write { offset, bytes } => {
                    pending.push((*offset, bytes));
                    for device in torn(&durable, &pending, sector) {
                        each(&device);
                    }
                }
                Step::Flush => {
                    for (offset, bytes) in pending.drain(..) {
                        durable.write(offset, bytes);
                    }
                    each(&durable);
                }
            }
        }
        assert!(pending.is_empty(), "a commit ends with a flush");
    }
}

/// Every subset of the sectors that differ, where there are few; every prefix, suffix, single sector, all but one and a
/// few hundred random subsets where there are many.
fn torn(durable: &Device, pending: &[(u64, &[u8])], sector: usize) -> Vec<Device> {
    let sectors: Vec<(u64, &[u8])> = pending
        .iter()
        .flat_map(|(offset, bytes)| {
            (0_u64..)
                .zip(bytes.chunks(sector))
                .map(move |(index, chunk)| (offset + index * sector as u64, chunk))
        })
        .filter(|(offset, chunk)| durable.at(*offset..offset + chunk.len() as u64) != *chunk)
        .collect();
    let count = sectors.len();
    let mut subsets: Vec<Vec<bool>> = Vec::new();
    if count <= 10 {
        subsets.extend(
            (0_u32..1 << count)
                .map(|bits| (0..count).map(|index| bits >> index & 1 == 1).collect()),
        );
    } else {
        subsets.extend((0..=count).flat_map(|cut| {
            [
                (0..count).map(|index| index < cut).collect(),
                (0..count).map(|index| index >= cut).collect::<Vec<_>>(),
            ]
        }));
        subsets.extend((0..count).flat_map(|one| {
            [
                (0..count).map(|index| index == one).collect(),
                (0..count).map(|index| index != one).collect::<Vec<_>>(),
            ]
        }));
        let random = crypto::sha256(&[b"torn"]);
        subsets.extend((0_u32..200).map(|seed| {
            (0..count)
                .map(|index| {
                    crypto::sha256(&[&random, &seed.to_be_bytes(), &(index as u64).to_be_bytes()])
                        [0]
                        & 1
                        == 1
                })
                .collect()
        }));
    }
    subsets
        .into_iter()
        .map(|subset| {
            let mut device = durable.clone();
            for ((offset, chunk), written) in sectors.iter().zip(subset) {
                if written {
                    device.write(*offset, chunk);
                }
            }
            device
        })
        .collect()
}

/// A device with only its two header copies in memory, so that thousands of states are cheap.
fn small() -> Device {
    let mut device = formatted(FAST);
    device.bytes.truncate(0x8000);
    device
}

fn survives_every_cut(before: &Device) {
    // The shorter change touches so few sectors that every subset is tried at both sizes.
    for (len, sector) in [(1200, 512), (1200, 4096), (5000, 512), (5000, 4096)] {
        let replay = Replay::of(before.clone(), len);
        let (mut old, mut new) = (0, 0);
        replay.every_cut(sector, |device| match replay.found(device) {
            Found::Old => old += 1,
            Found::New => new += 1,
        });
        assert!(
            old > 5 && new > 5,
            "both sides of the change were seen: {old} old, {new} new"
        );
        let mut after = replay.before.clone();
        after.apply(&replay.steps);
        assert_eq!(replay.found(&after), Found::New);
        assert!(!after.read(Profile::Strict).unwrap().copy.needs_repair());
    }
}

#[test]
fn a_torn_commit_leaves_the_old_header_or_the_new_one() {
    survives_every_cut(&small());
}

#[test]
fn a_torn_commit_over_a_damaged_primary_leaves_the_old_header_or_the_new_one() {
    let mut device = small();
    device.write(0, &vec![0; 0x4000]);
    survives_every_cut(&device);
}

#[test]
fn a_torn_commit_over_a_damaged_secondary_leaves_the_old_header_or_the_new_one() {
    let mut device = small();
    device.write(0x4000, &vec![0; 0x4000]);
    survives_every_cut(&device);
}

#[test]
fn a_commit_begun_again_after_any_cut_completes() {
    let replay = Replay::of(small(), 1200);
    replay.every_cut(4096, |cut| {
        let mut device = cut.clone();
        let mut header = device.luks2();
        header.set_labels("again", "").unwrap();
        device.apply(&header.commit().unwrap());
        let read = device.read(Profile::Strict).unwrap();
        assert!(!read.copy.needs_repair());
        assert_eq!(device.luks2().label(), "again");
    });
}

#[test]
fn a_torn_format_over_an_older_volume_leaves_a_header_that_is_one_of_the_two() {
    let old = small();
    let options = FormatOptions::new(24 * MIB).unwrap();
    let mut header = luks2::Header::format(&options, &volume_key(64)).unwrap();
    let replay = Replay {
        old: old.luks2().json().clone(),
        steps: header.commit().unwrap(),
        new: header.json().clone(),
        before: old,
    };
    for sector in [512, 4096] {
        replay.every_cut(sector, |device| {
            replay.found(device);
        });
    }
}

#[test]
fn a_format_leaves_no_secondary_header_of_an_earlier_volume_to_be_found() {
    let large = FormatOptions {
        header_size: 0x40_0000,
        ..FormatOptions::new(24 * MIB).unwrap()
    };
    let mut device = formatted_with(&large, &volume_key(64), FAST);
    let mut header =
        luks2::Header::format(&FormatOptions::new(24 * MIB).unwrap(), &volume_key(64)).unwrap();
    device.apply(&header.commit().unwrap());
    device.write(0, &vec![0; 0x8000]);
    assert!(matches!(
        device.read(Profile::Permissive),
        Err(luks::Error::NotLuks)
    ));
}

#[test]
fn a_change_of_passphrase_cut_anywhere_opens_with_the_old_one_or_the_new_one() {
    let before = formatted(FAST);
    let mut header = before.luks2();
    let change = header
        .change_keyslot(0, b"new", &volume_key(64), FAST)
        .unwrap();
    let mut steps = vec![Step::from(change.write), Step::Flush];
    steps.extend(header.commit().unwrap());
    steps.extend([Step::from(change.wipe), Step::Flush]);
    for cut in 0..=steps.len() {
        let mut device = before.clone();
        device.apply(&steps[..cut]);
        let opens = |passphrase: &[u8]| device.unlock(passphrase).is_ok();
        assert!(
            opens(PASSPHRASE) || opens(b"new"),
            "neither passphrase opens after {cut} steps"
        );
    }
    let mut device = before;
    device.apply(&steps);
    assert!(device.unlock(b"new").unwrap().ct_eq(&volume_key(64)));
    assert!(device.unlock(PASSPHRASE).is_err());
}
