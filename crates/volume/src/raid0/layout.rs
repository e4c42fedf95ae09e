//! Where a byte of the stripe lies: chunk after chunk, on one member after the other.

use crate::host::Identity;

use super::CHUNK;

/// How many members of which length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    members: u64,
    /// Bytes of each member that are in use.
    used: u64,
}

impl Layout {
    /// That of these disks: each is used as far as the smallest reaches, in whole chunks.
    pub(crate) fn of(members: &[Identity]) -> Self {
        let smallest = members.iter().map(|member| member.size).min();
        Self {
            members: members.len() as u64,
            used: smallest.unwrap_or(0) / CHUNK * CHUNK,
        }
    }

    /// Bytes of the stripe.
    pub(crate) fn size(self) -> u64 {
        self.used.saturating_mul(self.members)
    }

    /// Which member a byte of the stripe lies on, where on it, and how many bytes follow it there.
    pub(crate) fn place(self, offset: u64) -> (usize, u64, u64) {
        let (chunk, within) = (offset / CHUNK, offset % CHUNK);
        let (row, member) = (chunk / self.members, chunk % self.members);
        let member = usize::try_from(member).unwrap_or_default();
        (member, row * CHUNK + within, CHUNK - within)
    }

    /// The byte of the stripe that lies there on a member; `None` for what is beyond the part in use.
    pub(crate) fn back(self, member: usize, offset: u64) -> Option<u64> {
        (offset < self.used).then(|| {
            let row = offset / CHUNK;
            (row * self.members + member as u64) * CHUNK + offset % CHUNK
        })
    }

    /// The first byte of a member that lies at or after a byte of the stripe.
    pub(crate) fn floor(self, member: usize, offset: u64) -> u64 {
        let (at, place, _) = self.place(offset);
        let row = place / CHUNK * CHUNK;
        match at.cmp(&member) {
            std::cmp::Ordering::Equal => place,
            std::cmp::Ordering::Less => row,
            std::cmp::Ordering::Greater => row + CHUNK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's own words (Documentation/admin-guide/device-mapper/striped.rst): chunk N is on member N modulo members.
    #[test]
    fn chunks_go_round() {
        let layout = Layout {
            members: 3,
            used: 4 * CHUNK,
        };
        assert_eq!(layout.size(), 12 * CHUNK);
        assert_eq!(layout.place(0), (0, 0, CHUNK));
        assert_eq!(layout.place(CHUNK - 1), (0, CHUNK - 1, 1));
        assert_eq!(layout.place(2 * CHUNK), (2, 0, CHUNK));
        assert_eq!(layout.place(5 * CHUNK + 7), (2, CHUNK + 7, CHUNK - 7));
    }

    #[test]
    fn every_byte_is_found_again() {
        let layout = Layout {
            members: 5,
            used: 8 * CHUNK,
        };
        for offset in (0..layout.size()).step_by(4099) {
            let (member, place, _) = layout.place(offset);
            assert_eq!(layout.back(member, place), Some(offset));
            for other in 0..5 {
                let floor = layout.floor(other, offset);
                assert!(layout.back(other, floor).is_none_or(|at| at >= offset));
                if floor >= CHUNK {
                    assert!(layout.back(other, floor - CHUNK).unwrap() < offset);
                }
            }
        }
        assert_eq!(layout.back(0, 8 * CHUNK), None);
    }
}
