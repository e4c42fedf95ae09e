//! Where a meter, a metric or an alarm is: an account and a region. And when: a minute.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::Scope;

/// An account in a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Twelve digits.
    pub(crate) account: String,
    /// The region's name.
    pub(crate) region: String,
}

impl Place {
    /// An account in a region.
    pub(crate) fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
        }
    }
}

impl From<&Scope> for Place {
    fn from(scope: &Scope) -> Self {
        Self::new(&*scope.account, &*scope.region)
    }
}

/// A minute, counted from 1970: the resolution of everything here.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(crate) struct Minute(pub(crate) u32);

impl Minute {
    /// The minute that an instant is in; the first one for instants before 1970.
    pub(crate) fn of(at: Timestamp) -> Self {
        Self::of_second(at.as_second())
    }

    /// The minute that a second since 1970 is in.
    pub(crate) fn of_second(second: i64) -> Self {
        Self(u32::try_from(second.div_euclid(60)).unwrap_or_default())
    }

    /// The second since 1970 that it begins with.
    pub(crate) fn second(self) -> i64 {
        i64::from(self.0) * 60
    }

    /// Its first instant.
    pub(crate) fn start(self) -> Timestamp {
        Timestamp::from_second(self.second()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// So many minutes before.
    pub(crate) fn before(self, minutes: u32) -> Self {
        Self(self.0.saturating_sub(minutes))
    }

    /// So many minutes after.
    pub(crate) fn after(self, minutes: u32) -> Self {
        Self(self.0.saturating_add(minutes))
    }
}
