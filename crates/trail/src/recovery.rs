//! What a folder holds when it is opened: the end of the chain, checked, and a torn tail cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::chain::{MAX_ENVELOPE_LEN, Walk, decode};
use crate::checkpoint::{self, Checkpoint, PublicKey};
use crate::log::{Options, State};
use crate::segment::{self, Place};
use crate::{ChainHash, Record, TrailError};

/// Segments read and checked at opening, counted from the last.
const SEGMENTS_CHECKED: u64 = 2;

pub(crate) struct Recovered {
    pub(crate) state: State,
    /// The last segment's length in bytes.
    pub(crate) segment_length: u64,
    /// The last record that a checkpoint vouches for.
    pub(crate) vouched_for: u64,
}

pub(crate) fn recover(folder: &Path, options: &Options) -> Result<Recovered, TrailError> {
    let checkpoint = last_checkpoint(folder, options)?;
    let segments = segment::count(folder)?;
    let first_checked = segments.saturating_sub(SEGMENTS_CHECKED) + 1;
    let mut state = State::new();
    for number in 1..first_checked {
        state.segments.push(first_sequence(folder, number)?);
    }
    let mut walk = match first_checked {
        0 | 1 => Walk::START,
        later => last_link(folder, later - 1)?,
    };
    let mut vouched_chain = None;
    let mut segment_length = 0;
    for number in first_checked..=segments {
        let path = segment::path(folder, number);
        let bytes = fs::read(&path).map_err(|error| TrailError::io(&path, &error))?;
        state.segments.push(walk.sequence + 1);
        if bytes.is_empty() && number != segments {
            return Err(corrupt(
                Place {
                    file: segment::file_name(number),
                    line: 1,
                    offset: 0,
                },
                "the segment is empty",
            ));
        }
        segment_length = 0;
        for line in segment::lines(&bytes, number) {
            if !line.complete {
                if number != segments {
                    return Err(corrupt(line.place, "the line is cut"));
                }
                cut(&path, line.place.offset).map_err(|error| TrailError::io(&path, &error))?;
                tracing::warn!(place = %line.place, "cut a torn record that was never acknowledged");
                break;
            }
            let what = walk
                .follow(Some(&options.node), line.bytes)
                .map(|line| line.record);
            let record = what.map_err(|what| corrupt(line.place.clone(), what))?;
            let record = Record::from_bytes(record)
                .map_err(|_| corrupt(line.place.clone(), "it is not a record"))?;
            state.add(walk.sequence, walk.chain, record);
            if checkpoint
                .as_ref()
                .is_some_and(|(vouched, _)| vouched.sequence == walk.sequence)
            {
                vouched_chain = Some(walk.chain);
            }
            segment_length = line.place.offset + line.bytes.len() as u64 + 1;
        }
    }
    state.position = crate::Position {
        sequence: walk.sequence,
        chain: walk.chain,
    };
    let vouched_for = checkpoint
        .as_ref()
        .map_or(0, |(checkpoint, _)| checkpoint.sequence);
    if let Some((_, vouched)) = checkpoint
        && (vouched_for > walk.sequence || vouched_chain.is_some_and(|chain| chain != vouched))
    {
        return Err(TrailError::Rewound {
            sequence: vouched_for,
        });
    }
    Ok(Recovered {
        state,
        segment_length,
        vouched_for,
    })
}

fn corrupt(place: Place, what: &'static str) -> TrailError {
    TrailError::Corrupt { place, what }
}

fn cut(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}

/// The checkpoint that vouches for most, where checkpoints are kept.
fn last_checkpoint(
    folder: &Path,
    options: &Options,
) -> Result<Option<(Checkpoint, ChainHash)>, TrailError> {
    let Some(keeping) = &options.checkpoints else {
        return Ok(None);
    };
    let path = folder.join(checkpoint::FILE);
    let io = |error| TrailError::io(&path, &error);
    let bytes = checkpoint::read(folder).map_err(io)?;
    let place = |line| Place {
        file: checkpoint::FILE.into(),
        line,
        offset: 0,
    };
    let parsed = checkpoint::parse(&bytes)
        .map_err(|line| corrupt(place(line), "the line is not a checkpoint"))?;
    checkpoint::mend(folder, &bytes).map_err(io)?;
    let Some((line, last)) = parsed
        .into_iter()
        .max_by_key(|(_, checkpoint)| checkpoint.sequence)
    else {
        return Ok(None);
    };
    match last.verify(&PublicKey(keeping.key.public_key())) {
        Some(chain) => Ok(Some((last, chain))),
        None => Err(corrupt(
            place(line),
            "the signature does not fit the checkpoint and the key",
        )),
    }
}

/// The sequence number that a segment begins with.
fn first_sequence(folder: &Path, number: u64) -> Result<u64, TrailError> {
    let path = segment::path(folder, number);
    let io = |error| TrailError::io(&path, &error);
    let file = File::open(&path).map_err(io)?;
    let mut first = Vec::new();
    let limit = (Record::MAX_LEN + MAX_ENVELOPE_LEN) as u64;
    BufReader::new(file.take(limit))
        .read_until(b'\n', &mut first)
        .map_err(io)?;
    let line = first.strip_suffix(b"\n").and_then(decode);
    let place = Place {
        file: segment::file_name(number),
        line: 1,
        offset: 0,
    };
    Ok(line
        .ok_or_else(|| corrupt(place, "the line is not an envelope with a record"))?
        .sequence)
}

/// The link that ends a segment.
fn last_link(folder: &Path, number: u64) -> Result<Walk, TrailError> {
    let path = segment::path(folder, number);
    let bytes = fs::read(&path).map_err(|error| TrailError::io(&path, &error))?;
    let Some(last) = segment::lines(&bytes, number).last() else {
        return Err(corrupt(
            Place {
                file: segment::file_name(number),
                line: 1,
                offset: 0,
            },
            "the segment is empty",
        ));
    };
    match decode(last.bytes) {
        Some(line) if last.complete => Ok(Walk {
            sequence: line.sequence,
            chain: line.chain,
        }),
        _ => Err(corrupt(
            last.place,
            "the line is not an envelope with a record",
        )),
    }
}
