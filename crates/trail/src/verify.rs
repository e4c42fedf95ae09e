//! The offline verifier: reads a trail's folder and names the first bad place.
//!
//! What it proves: every record is byte for byte the one that was appended, none is missing from the middle, none was
//! added, moved or repeated, up to the last checkpoint. Cutting the tail behind the last checkpoint cannot be told
//! from not having been written; that is what copies of the checkpoints elsewhere, and often, are for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::chain::Walk;
use crate::checkpoint::{self, PublicKey};
use crate::segment::{self, Place};
use crate::{ChainHash, TrailError};

/// A trail that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many records there are.
    pub records: u64,
    /// The last link of the chain.
    pub chain: ChainHash,
    /// How many checkpoints vouch for it.
    pub checkpoints: u64,
    /// The last record that a checkpoint vouches for; records behind it could have been cut without a trace.
    pub vouched_for: u64,
}

/// What is wrong with a trail, and where first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// A record or its envelope is not what was written, or not where it was written.
    #[error("{place}: {what}")]
    Record {
        /// Where.
        place: Place,
        /// What.
        what: &'static str,
    },
    /// A checkpoint is malformed, or the key did not sign it.
    #[error("{place}: {what}")]
    Checkpoint {
        /// Where; the file may be the copy.
        place: Place,
        /// What.
        what: &'static str,
    },
    /// A checkpoint vouches for a record that is missing or has another hash.
    #[error("{place}: the checkpoint vouches for record {sequence}, which is missing or differs")]
    Rewound {
        /// Where the checkpoint stands.
        place: Place,
        /// The record it vouches for.
        sequence: u64,
    },
    /// A file cannot be read.
    #[error("cannot read: {reason}")]
    Unreadable {
        /// Which, and why.
        reason: String,
    },
}

/// Checks the trail in `folder` against the checkpoints in it and in `copies`, which must all be signed by `key`.
///
/// # Errors
/// The first [`Flaw`], in the order: segments, checkpoints, copies.
pub fn verify(folder: &Path, key: &PublicKey, copies: Option<&Path>) -> Result<Report, Flaw> {
    let mut vouched = Vouched::default();
    vouched.collect(folder, key)?;
    if let Some(copies) = copies {
        vouched.collect(copies, key)?;
    }

    let mut walk = Walk::START;
    let mut node = None;
    let segments = segment::count(folder).map_err(|error| match error {
        TrailError::Corrupt { place, what } => Flaw::Record { place, what },
        error => Flaw::Unreadable {
            reason: error.to_string(),
        },
    })?;
    for number in 1..=segments {
        let path = segment::path(folder, number);
        let unreadable = |error| Flaw::Unreadable {
            reason: format!("{}: {error}", path.display()),
        };
        for line in segment::lines(&fs::read(&path).map_err(unreadable)?, number) {
            let flaw = |what| Flaw::Record {
                place: line.place.clone(),
                what,
            };
            if !line.complete {
                return Err(flaw("the line is cut"));
            }
            let found = walk.follow(None, line.bytes).map_err(flaw)?;
            if *node.get_or_insert_with(|| found.node.to_owned()) != found.node {
                return Err(flaw("the node is another"));
            }
            vouched.pass(found.node, walk.sequence, walk.chain)?;
        }
    }
    vouched.finish(&walk)
}

/// What checkpoints vouch for, by sequence number.
#[derive(Debug, Default)]
struct Vouched {
    waiting: BTreeMap<u64, Vec<(Place, String, ChainHash)>>,
    checkpoints: u64,
    last: u64,
}

impl Vouched {
    fn collect(&mut self, folder: &Path, key: &PublicKey) -> Result<(), Flaw> {
        let path = folder.join(checkpoint::FILE);
        let unreadable = |error| Flaw::Unreadable {
            reason: format!("{}: {error}", path.display()),
        };
        let bytes = checkpoint::read(folder).map_err(unreadable)?;
        let place = |line| Place {
            file: path.display().to_string(),
            line,
            offset: 0,
        };
        let malformed = |line| Flaw::Checkpoint {
            place: place(line),
            what: "the line is not a checkpoint",
        };
        for (line, checkpoint) in checkpoint::parse(&bytes).map_err(malformed)? {
            let Some(chain) = checkpoint.verify(key) else {
                let what = "the signature does not fit the checkpoint and the key";
                return Err(Flaw::Checkpoint {
                    place: place(line),
                    what,
                });
            };
            let vouch = (place(line), checkpoint.node, chain);
            self.waiting
                .entry(checkpoint.sequence)
                .or_default()
                .push(vouch);
            self.checkpoints += 1;
            self.last = self.last.max(checkpoint.sequence);
        }
        Ok(())
    }

    fn pass(&mut self, node: &str, sequence: u64, chain: ChainHash) -> Result<(), Flaw> {
        for (place, vouched_node, vouched) in self.waiting.remove(&sequence).unwrap_or_default() {
            if vouched_node != node || vouched != chain {
                return Err(Flaw::Rewound { place, sequence });
            }
        }
        Ok(())
    }

    fn finish(self, walk: &Walk) -> Result<Report, Flaw> {
        let left = self
            .waiting
            .into_iter()
            .find_map(|(sequence, places)| Some((sequence, places.into_iter().next()?)));
        if let Some((sequence, (place, ..))) = left {
            return Err(Flaw::Rewound { place, sequence });
        }
        let Walk {
            sequence: records,
            chain,
        } = *walk;
        Ok(Report {
            records,
            chain,
            checkpoints: self.checkpoints,
            vouched_for: self.last,
        })
    }
}
