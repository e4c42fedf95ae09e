//! Zeros over what may go: what the operator said, and what a killed run of this machine had begun.

use crate::engine::Changed;
use crate::error::Error;
use crate::header::{BACKUP_MAX, DATA_OFFSET, Snapshot};
use crate::host::{Device, Host, HostError, SCAN_LEN};
use crate::observe::{PIECE, each_piece};
use crate::state::{Intent, Place};

use super::Applier;

impl Applier<'_, '_> {
    pub(super) fn wipe(&mut self, keep: bool) -> Result<Changed, Error> {
        let members = self.identity()?.members.clone();
        if !members.is_empty() {
            return self.wipe_members(&members);
        }
        if keep {
            let header = self.observed.header.as_ref();
            let len = header.map_or(DATA_OFFSET, Snapshot::header_len);
            self.keep("the header of what was wiped", len.min(BACKUP_MAX))?;
        }
        let host = self.host;
        wipe_ends(host, self.claim()?)?;
        Ok(Changed::Yes)
    }

    pub(super) fn clear_unfinished(&mut self) -> Result<Changed, Error> {
        let intent: Option<Intent> = Place::intent(&self.target.name).read(self.host)?;
        let device = self.claim()?;
        for range in intent.iter().flat_map(Intent::ranges) {
            zero(device, range.start..range.end.min(device.size()))?;
        }
        device.flush()?;
        Ok(Changed::Yes)
    }
}

/// Zeroes what makes a device hold something: both ends, and the signatures in between.
pub(super) fn wipe_ends(host: &dyn Host, device: &dyn Device) -> Result<(), HostError> {
    let report = host.signatures(device)?;
    let size = device.size();
    let front = 0..SCAN_LEN.min(size);
    let back = size.saturating_sub(SCAN_LEN).max(front.end)..size;
    zero(device, front)?;
    zero(device, back)?;
    for signature in report.found {
        let start = signature.offset / 4096 * 4096;
        zero(device, start..(start + 4096).min(size))?;
    }
    device.flush()
}

/// Zeroes a range: what is zero already is only read, and holes not even that.
fn zero(device: &dyn Device, range: std::ops::Range<u64>) -> Result<(), HostError> {
    let zeros = vec![0; PIECE];
    let mut written = Ok(());
    each_piece(device, range, |offset, piece| {
        if written.is_ok() && piece != &zeros[..piece.len()] {
            written = device.write_at(offset, &zeros[..piece.len()]);
        }
    })?;
    written
}
