//! A disk in memory: what is durable, and what is still in a cache.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Bytes that a disk writes as one.
const SECTOR: usize = 512;

/// A sparse disk. Sectors that were never written are zero.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    size: u64,
    durable: BTreeMap<u64, [u8; SECTOR]>,
    cached: BTreeMap<u64, [u8; SECTOR]>,
}

impl PartialEq for Disk {
    /// Equal when every read would be.
    fn eq(&self, other: &Self) -> bool {
        let numbers = |disk: &Self| {
            disk.durable
                .keys()
                .chain(disk.cached.keys())
                .copied()
                .collect::<Vec<_>>()
        };
        self.size == other.size
            && numbers(self)
                .into_iter()
                .chain(numbers(other))
                .all(|number| self.sector(number) == other.sector(number))
    }
}

impl Disk {
    /// A blank disk of `size` bytes.
    pub fn blank(size: u64) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Grows a file.
    pub(super) fn grow(&mut self, size: u64) {
        self.size = self.size.max(size);
    }

    /// How many sectors hold anything but zeros: what writing it has cost.
    pub fn written(&self) -> usize {
        let mut numbers: Vec<_> = self.durable.keys().chain(self.cached.keys()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
            .into_iter()
            .filter(|number| self.sector(**number) != [0; SECTOR])
            .count()
    }

    /// Reads; false when it would pass the end.
    pub fn read(&self, offset: u64, out: &mut [u8]) -> bool {
        if offset
            .checked_add(out.len() as u64)
            .is_none_or(|end| end > self.size)
        {
            return false;
        }
        out.fill(0);
        // What is cached hides what is durable; sectors that are in neither cost nothing.
        let end = offset + out.len() as u64;
        for sectors in [&self.durable, &self.cached] {
            for (number, sector) in sectors.range(touched(offset, end)) {
                let start = number * SECTOR as u64;
                let (from, to) = (offset.max(start), end.min(start + SECTOR as u64));
                out[distance(offset, from)..distance(offset, to)]
                    .copy_from_slice(&sector[distance(start, from)..distance(start, to)]);
            }
        }
        true
    }

    /// The first offset at or after `from` whose sector was ever written.
    pub(super) fn next_data(&self, from: u64) -> Option<u64> {
        let first = from / SECTOR as u64;
        let next = |sectors: &BTreeMap<u64, [u8; SECTOR]>| {
            sectors.range(first..).next().map(|(number, _)| *number)
        };
        let number = next(&self.durable)
            .into_iter()
            .chain(next(&self.cached))
            .min()?;
        Some((number * SECTOR as u64).max(from))
    }

    /// Writes into the cache; false when it would pass the end.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> bool {
        if offset
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > self.size)
        {
            return false;
        }
        let end = offset + bytes.len() as u64;
        let there: BTreeSet<u64> = [&self.durable, &self.cached]
            .into_iter()
            .flat_map(|sectors| {
                sectors
                    .range(touched(offset, end))
                    .map(|(number, _)| *number)
            })
            .collect();
        for number in touched(offset, end) {
            let start = number * SECTOR as u64;
            let (from, to) = (offset.max(start), end.min(start + SECTOR as u64));
            let new = &bytes[distance(offset, from)..distance(offset, to)];
            // Zeros change only what is there.
            if *new != [0; SECTOR][..new.len()] || there.contains(&number) {
                self.overwrite(number, distance(start, from), new);
            }
        }
        true
    }

    /// Writes into one sector.
    fn overwrite(&mut self, number: u64, at: usize, bytes: &[u8]) {
        let before = self.sector(number);
        let mut sector = before;
        sector[at..at + bytes.len()].copy_from_slice(bytes);
        if sector != before {
            self.cached.insert(number, sector);
        }
    }

    /// Makes everything durable.
    pub fn flush(&mut self) {
        let cached = std::mem::take(&mut self.cached);
        self.keep(cached);
    }

    /// Makes everything from `offset` on durable: what the flush of a view over the payload does, and no more.
    pub(super) fn flush_from(&mut self, offset: u64) {
        let payload = self.cached.split_off(&(offset / SECTOR as u64));
        self.keep(payload);
    }

    fn keep(&mut self, sectors: BTreeMap<u64, [u8; SECTOR]>) {
        for (number, sector) in sectors {
            if sector == [0; SECTOR] {
                self.durable.remove(&number);
            } else {
                self.durable.insert(number, sector);
            }
        }
    }

    /// Makes a range zero, durably.
    pub(super) fn discard(&mut self, offset: u64, len: u64) {
        let range = offset / SECTOR as u64..(offset.saturating_add(len)) / SECTOR as u64;
        self.durable.retain(|number, _| !range.contains(number));
        self.cached.retain(|number, _| !range.contains(number));
    }

    /// The power goes: of what was not flushed, each sector is there or is not, as `keep` says.
    pub(super) fn cut(&mut self, mut keep: impl FnMut() -> bool) {
        for (number, sector) in std::mem::take(&mut self.cached) {
            if keep() {
                self.durable.insert(number, sector);
            }
        }
    }

    fn sector(&self, number: u64) -> [u8; SECTOR] {
        self.cached
            .get(&number)
            .or_else(|| self.durable.get(&number))
            .copied()
            .unwrap_or([0; SECTOR])
    }
}

/// The sectors that a range of bytes touches.
fn touched(start: u64, end: u64) -> Range<u64> {
    start / SECTOR as u64..end.div_ceil(SECTOR as u64)
}

/// How far it is from one byte to a later one, of a range that is in memory.
fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to - from).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_flushed_may_be_lost_sector_by_sector() {
        let mut disk = Disk::blank(4096);
        assert!(disk.write(100, &[1; 1000]));
        disk.flush();
        assert!(disk.write(0, &[2; 2048]));
        let mut toss = [true, false].into_iter().cycle();
        disk.cut(|| toss.next().unwrap());
        let mut out = [0; 2048];
        assert!(disk.read(0, &mut out));
        assert_eq!(
            (out[0], out[600], out[1030], out[1100], out[1600]),
            (2, 1, 2, 2, 0)
        );
    }

    #[test]
    fn nothing_passes_the_end() {
        let mut disk = Disk::blank(1024);
        assert!(!disk.write(1000, &[0; 100]));
        assert!(!disk.read(u64::MAX, &mut [0; 2]));
    }
}
