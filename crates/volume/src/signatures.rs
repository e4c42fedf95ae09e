//! What is on a raw device: known signatures wherever they live, and any byte that is not zero at either end. Formatting
//! is refused on anything that this finds, so a signature too many is a question to the operator and one too few may be
//! his data. No I/O: bytes come through [`Source`].

mod magic;
pub mod property;
mod source;
mod structures;

#[cfg(test)]
mod tests;

pub use source::{FileSource, Source};

use uuid::Uuid;

use crate::host::{FoundFileSystem, SCAN_LEN, Signature, SignatureReport};

/// Read at once when looking for bytes that are not zero.
const CHUNK: usize = 256 << 10;
/// How much is read between the ends before samples are taken of what is left.
const BETWEEN_READ: u64 = 8 << 20;
/// How many samples are taken: a second or two, of a disk whose head must move for each.
const SAMPLES: u64 = 400;
/// How long each is.
const SAMPLE_LEN: u64 = 4096;

/// Reports what is on a device.
///
/// # Errors
/// The source's own, from its first failed read: an unreadable device is not blank.
pub fn inspect<S: Source>(source: &mut S) -> Result<SignatureReport, S::Error> {
    let mut found = Vec::new();
    magic::find(source, &mut found)?;
    structures::find(source, &mut found)?;
    found.sort_by(|a: &Signature, b| (a.offset, &a.name).cmp(&(b.offset, &b.name)));
    found.dedup();

    let len = source.len();
    let front = SCAN_LEN.min(len);
    let back = len.saturating_sub(SCAN_LEN).max(front);
    let mut first_nonzero = scan(source, 0, front)?;
    if first_nonzero.is_none() {
        first_nonzero = scan(source, back, len)?;
    }
    let between = between(source, front, back)?;
    Ok(SignatureReport {
        found,
        first_nonzero,
        between,
    })
}

/// A byte of a range that is not zero. What lies beyond holes is found at once; of what has none, the beginning is read, and then samples: a disk
/// is too long to be read, and whoever had used it will have left something in one of them.
fn between<S: Source>(source: &mut S, start: u64, end: u64) -> Result<Option<u64>, S::Error> {
    let mut at = start;
    let mut left = BETWEEN_READ;
    while let Some(data) = source
        .next_data(at)
        .map(|data| data.max(at))
        .filter(|&data| data < end)
    {
        let part = (end - data).min(CHUNK as u64).min(left);
        if part == 0 {
            return samples(source, data, end);
        }
        if let Some(offset) = scan(source, data, data + part)? {
            return Ok(Some(offset));
        }
        left -= part;
        at = data + part;
    }
    Ok(None)
}

/// The same samples of a device each time, so that it is not blank at one look and something else at the next.
fn samples<S: Source>(source: &mut S, start: u64, end: u64) -> Result<Option<u64>, S::Error> {
    let stride = (end - start) / SAMPLES;
    let mut random = (end - start) | 1;
    for n in 0..SAMPLES {
        // xorshift64
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let at = (start + n * stride + random % stride.max(1)) / SAMPLE_LEN * SAMPLE_LEN;
        let at = at.max(start);
        if let Some(offset) = scan(source, at, (at + SAMPLE_LEN).min(end))? {
            return Ok(Some(offset));
        }
    }
    Ok(None)
}

/// The file system that a device holds.
///
/// # Errors
/// The source's own.
pub fn file_system<S: Source>(source: &mut S) -> Result<Option<FoundFileSystem>, S::Error> {
    let ext = structures::ext(source, structures::EXT_PRIMARY, None)?;
    let kind = match ext.filter(|kind| *kind != structures::EXT_JOURNAL) {
        Some(kind) => kind.to_owned(),
        None => match magic::file_system(source)? {
            Some(kind) => kind,
            None => return Ok(None),
        },
    };
    let uuid = match uuid_at(&kind) {
        Some(offset) => source::take::<16, _>(source, offset)?.map(Uuid::from_bytes),
        None => None,
    };
    let was_mounted = was_mounted(source, &kind)?;
    Ok(Some(FoundFileSystem {
        kind,
        uuid,
        was_mounted,
    }))
}

/// What each kernel's first mount writes into a superblock that mkfs has left: `s_mtime` and `s_mnt_count`; `sb_lsn`; a `generation` that is
/// beyond that of the chunk tree.
fn was_mounted<S: Source>(source: &mut S, kind: &str) -> Result<bool, S::Error> {
    Ok(match kind {
        "ext4" | "ext3" | "ext2" => {
            let time = source::take::<4, _>(source, structures::EXT_PRIMARY + 0x2C)?;
            let count = source::take::<2, _>(source, structures::EXT_PRIMARY + 0x34)?;
            time.is_some_and(|time| time != [0; 4]) || count.is_some_and(|count| count != [0; 2])
        }
        "xfs" => source::take::<8, _>(source, 240)?.is_some_and(|lsn| lsn != [0; 8]),
        "btrfs" => {
            let generation = source::take::<8, _>(source, (64 << 10) + 0x48)?;
            let of_chunks = source::take::<8, _>(source, (64 << 10) + 0xA4)?;
            generation != of_chunks
        }
        _ => false,
    })
}

/// Where a file system has its UUID: `s_uuid`, `sb_uuid`, `fsid`.
fn uuid_at(kind: &str) -> Option<u64> {
    match kind {
        "ext4" | "ext3" | "ext2" => Some(structures::EXT_PRIMARY + 0x68),
        "xfs" => Some(32),
        "btrfs" => Some((64 << 10) + 32),
        _ => None,
    }
}

/// The first byte of a range that is not zero. Holes are skipped, not read.
fn scan<S: Source>(source: &mut S, start: u64, end: u64) -> Result<Option<u64>, S::Error> {
    let mut buffer = vec![0; CHUNK];
    let mut at = start;
    while let Some(data) = source
        .next_data(at)
        .map(|data| data.max(at))
        .filter(|&data| data < end)
    {
        let part = usize::try_from(end - data).unwrap_or(CHUNK).min(CHUNK);
        let bytes = &mut buffer[..part];
        source.read_at(data, bytes)?;
        if let Some(index) = first_nonzero(bytes) {
            return Ok(Some(data + index as u64));
        }
        at = data + part as u64;
    }
    Ok(None)
}

/// Sixteen bytes at a time: most devices that are looked at are zero throughout.
fn first_nonzero(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<16>();
    let skip = words
        .iter()
        .position(|word| u128::from_ne_bytes(*word) != 0)
        .unwrap_or(words.len())
        * 16;
    bytes[skip..]
        .iter()
        .position(|&byte| byte != 0)
        .map(|index| skip + index)
}
