//! What a volume is for: what is made in a blank one, and what is done with it once it is open.

use std::fmt;

use super::FileSystem;
use crate::config::SIZE_MIN;

/// What a volume is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Files: this file system is made, and mounted.
    Files(FileSystem),
    /// Swap.
    Swap,
    /// A raw device, for who uses it as it is: nothing is made and nothing is mounted.
    Raw,
}

impl Purpose {
    /// The smallest volume of that purpose, header included.
    pub fn least(self) -> u64 {
        match self {
            Self::Files(file_system) => file_system.least(),
            Self::Swap | Self::Raw => SIZE_MIN,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(file_system) => file_system.fmt(f),
            Self::Swap => f.write_str("swap"),
            Self::Raw => f.write_str("no file system"),
        }
    }
}
