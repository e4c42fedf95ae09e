//! When a key is rotated without anyone calling for it.

use jiff::{SignedDuration, Timestamp};

/// Automatic rotation: how often, and when next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Days from one rotation to the next.
    pub(crate) period_days: u16,
    /// The next one.
    pub(crate) next: Timestamp,
}

impl Schedule {
    /// The schedule that begins `now`; none when its first rotation would be past the end of the calendar.
    pub(crate) fn starting(now: Timestamp, period_days: u16) -> Option<Self> {
        let next = now.checked_add(days(period_days)).ok()?;
        Some(Self { period_days, next })
    }

    /// The schedule once the rotation that is due has been made: a period after it was due, unless that has passed as
    /// well, because the key was disabled or the service stood still. A rotation missed is made once.
    pub(crate) fn after(self, now: Timestamp) -> Option<Self> {
        let in_step = Self::starting(self.next, self.period_days);
        in_step
            .filter(|schedule| schedule.next > now)
            .or_else(|| Self::starting(now, self.period_days))
    }
}

/// So many days, of 24 hours each.
pub(crate) fn days(number: u16) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_rotation_made_late_does_not_shift_the_ones_after_it() {
        let schedule = Schedule::starting(at("2026-01-01T00:00:00Z"), 90).unwrap();
        let later = schedule.after(at("2026-04-01T00:00:59Z")).unwrap();
        assert_eq!(schedule.next, at("2026-04-01T00:00:00Z"));
        assert_eq!(later.next, at("2026-06-30T00:00:00Z"));
    }

    #[test]
    fn rotations_that_were_missed_are_not_made_up_for_one_by_one() {
        let schedule = Schedule::starting(at("2026-01-01T00:00:00Z"), 90).unwrap();
        let later = schedule.after(at("2027-01-01T12:00:00Z")).unwrap();
        assert_eq!(later.next, at("2027-04-01T12:00:00Z"));
    }
}
