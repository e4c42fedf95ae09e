//! A header to ordered writes.
//!
//! Each copy is written twice: whole, but with a blank checksum, and then its binary header with the checksum, which
//! lies within the first 512 bytes. So a torn write leaves a copy that is either the new one or not valid, and at every
//! instant the other copy is valid. The copy that was used is written last, since it may be the only good one.

use super::{Header, binary, json};
use crate::header::Which;
use crate::limits::{BINARY_HEADER, HEADER_SIZES};
use crate::{Error, Step};

impl Header {
    /// Counts the sequence id up and gives the writes that put both copies on the device. Key material of new keyslots
    /// has to be there and flushed before.
    ///
    /// After a failure half-way the device holds the old or the new header; read it again.
    ///
    /// # Errors
    /// [`Error::Misuse`] when the sequence id can go no further; [`Error::Crypto`] without randomness for the salts.
    pub fn commit(&mut self) -> Result<Vec<Step>, Error> {
        let next = self.sequence_id() + 1;
        if next == u64::MAX {
            return Err(Error::misuse(
                "commit",
                "the header has been written 2^64 - 2 times",
            ));
        }
        let area = json::to_area(self.json(), self.binary().json_len())?;
        let salts = [
            crypto::random::bytes::<64>()?,
            crypto::random::bytes::<64>()?,
        ];
        self.binary_mut().sequence_id = next;

        let mut steps = Vec::new();
        if std::mem::take(&mut self.is_new) {
            steps.extend(self.wipe_leftovers());
            steps.push(Step::Flush);
        }
        let order = match self.used {
            Which::Primary => [Which::Secondary, Which::Primary],
            Which::Secondary => [Which::Primary, Which::Secondary],
        };
        for (which, salt) in order.into_iter().zip(&salts) {
            let offset = if which == Which::Primary {
                0
            } else {
                self.header_size()
            };
            let copy = self.binary().encode(which, salt, &area);
            let checksummed = copy.iter().take(usize_of(BINARY_HEADER)).copied().collect();
            steps.extend([
                Step::Write {
                    offset,
                    bytes: binary::without_checksum(&copy),
                },
                Step::Flush,
                Step::Write {
                    offset,
                    bytes: checksummed,
                },
                Step::Flush,
            ]);
        }
        self.used = Which::Primary;
        Ok(steps)
    }

    /// Blanks the other places where a secondary header of an earlier volume could be found, but for those in keyslot
    /// areas, which key material has overwritten.
    fn wipe_leftovers(&self) -> Vec<Step> {
        let data = self.segment().map_or(0, |segment| segment.offset);
        let areas: Vec<_> = self
            .metadata()
            .keyslots
            .values()
            .filter_map(|keyslot| keyslot.area.as_ref())
            .collect();
        HEADER_SIZES
            .into_iter()
            .filter(|place| *place >= 2 * self.header_size() && place + BINARY_HEADER <= data)
            .filter(|place| !areas.iter().any(|area| area.bytes.contains(place)))
            .map(|offset| Step::Write {
                offset,
                bytes: vec![0; usize_of(BINARY_HEADER)],
            })
            .collect()
    }
}

/// A length that is known to be small.
const fn usize_of(len: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "4096")]
    {
        len as usize
    }
}
