//! Slots of fixed sizes in secret pages, so that ten thousand small keys take a few hundred kilobytes of locked
//! memory and not ten thousand pages. A slot is zero when it is handed out and wiped when it comes back.
//!
//! Pages are never returned to the system: a process's locked memory is its high-water mark.
#![expect(unsafe_code, reason = "slots are pointers into mapped pages")]

use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroize;

use crate::Error;
use crate::memory::{self, Pages};

/// The smallest slot.
const MIN_SLOT_BITS: u32 = 5;
/// The largest slot, and so the longest secret: 8 KiB.
const MAX_SLOT_BITS: u32 = 13;
/// The longest secret in bytes.
pub(crate) const MAX_SLOT: usize = 1 << MAX_SLOT_BITS;
/// A run of pages doubles from one page up to this.
const MAX_RUN: usize = 256 * 1024;

const CLASSES: usize = (MAX_SLOT_BITS - MIN_SLOT_BITS + 1) as usize;

/// One free list for each power of two.
static ARENA: [Mutex<Class>; CLASSES] = [const { Mutex::new(Class::new()) }; CLASSES];

/// Cleared as soon as one run of pages could not be locked.
static ALL_LOCKED: AtomicBool = AtomicBool::new(true);

/// Whether every secret so far lies in memory that the kernel promised never to swap. A program that finds
/// `false` should warn: `RLIMIT_MEMLOCK` is too small.
pub fn locked() -> bool {
    ALL_LOCKED.load(Ordering::Relaxed)
}

struct Class {
    free: Vec<Address>,
    next_run: usize,
}

/// The start of a free slot.
struct Address(NonNull<u8>);

// SAFETY: a free slot has no owner but the list it is in; moving that to another thread moves nothing shared.
unsafe impl Send for Address {}

impl Class {
    const fn new() -> Self {
        Self {
            free: Vec::new(),
            next_run: 0,
        }
    }

    fn take(&mut self, slot: usize) -> Result<NonNull<u8>, Error> {
        if self.free.is_empty() {
            self.grow(slot)?;
        }
        let Address(start) = self.free.pop().ok_or(Error::Library("secret arena"))?;
        Ok(start)
    }

    fn grow(&mut self, slot: usize) -> Result<(), Error> {
        let least = slot.max(memory::page_size());
        let run = self.next_run.clamp(least, MAX_RUN.max(least));
        let pages = map_preferring_locked(run, least).map_err(Error::SecretMemory)?;
        if !pages.locked {
            ALL_LOCKED.store(false, Ordering::Relaxed);
        }
        self.next_run = run * 2;
        self.free.reserve(pages.len / slot);
        for offset in (0..=pages.len - slot).step_by(slot) {
            // SAFETY: offset + slot <= len, so the address lies inside the run that was just mapped.
            self.free.push(Address(unsafe { pages.start.add(offset) }));
        }
        Ok(())
    }
}

/// A big run where it can be locked, else a small one that can, else a small one unlocked.
fn map_preferring_locked(run: usize, least: usize) -> std::io::Result<Pages> {
    let pages = memory::map(run)?;
    if pages.locked || run == least {
        return Ok(pages);
    }
    // SAFETY: the run was mapped here and nothing refers to it yet.
    unsafe { memory::unmap(&pages) };
    memory::map(least)
}

/// An owned run of `len` secret bytes.
pub(crate) struct Slot {
    start: NonNull<u8>,
    len: usize,
    /// The free list it goes back to; truncation leaves it.
    class: usize,
}

// SAFETY: a slot owns its bytes as a Box does; nothing else refers to them.
unsafe impl Send for Slot {}
// SAFETY: shared access only reads.
unsafe impl Sync for Slot {}

impl Slot {
    /// A zeroed slot of `len` bytes.
    pub(crate) fn new(len: usize) -> Result<Self, Error> {
        if len > MAX_SLOT {
            return Err(Error::TooLong {
                what: "a secret",
                actual: len,
                max: MAX_SLOT,
            });
        }
        let (class, slot) = class_of(len);
        let start = ARENA[class]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(slot)?;
        Ok(Self { start, len, class })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the slot holds at least `len` initialised bytes (zeroed pages), owned by self for as long as self is borrowed.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and self is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// Keeps the first `len` bytes and wipes the rest.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.bytes_mut()[len..].zeroize();
            self.len = len;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        ARENA[self.class]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .free
            .push(Address(self.start));
    }
}

/// The class and slot size for a length of at most [`MAX_SLOT`].
fn class_of(len: usize) -> (usize, usize) {
    let bits = len
        .max(1)
        .next_power_of_two()
        .trailing_zeros()
        .clamp(MIN_SLOT_BITS, MAX_SLOT_BITS);
    ((bits - MIN_SLOT_BITS) as usize, 1 << bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_fits_the_slot_of_its_class() {
        for len in 0..=MAX_SLOT {
            let (class, slot) = class_of(len);
            assert!(
                class < CLASSES && slot >= len && (slot == 32 || slot / 2 < len),
                "{len} in {slot}"
            );
        }
    }

    #[test]
    fn a_slot_comes_back_wiped() {
        // 8 KiB slots: no other test takes one of this class at the same time.
        let mut slot = Slot::new(MAX_SLOT).unwrap();
        let at = slot.start;
        slot.bytes_mut().fill(0xA5);
        drop(slot);
        let again = Slot::new(MAX_SLOT).unwrap();
        assert_eq!(again.start, at, "the freed slot is handed out again");
        assert!(again.bytes().iter().all(|byte| *byte == 0));
    }

    #[test]
    fn slots_never_overlap() {
        let slots: Vec<Slot> = (0..2_000)
            .map(|index| Slot::new(index % 200).unwrap())
            .collect();
        let mut ranges: Vec<_> = slots
            .iter()
            .map(|slot| (slot.start.as_ptr() as usize, class_of(slot.len).1))
            .collect();
        ranges.sort_unstable();
        assert!(
            ranges
                .windows(2)
                .all(|pair| pair[0].0 + pair[0].1 <= pair[1].0)
        );
    }

    #[test]
    fn a_longer_secret_than_the_bound_is_refused() {
        assert!(matches!(
            Slot::new(MAX_SLOT + 1),
            Err(Error::TooLong { max: MAX_SLOT, .. })
        ));
    }
}
