//! The root of a mounted volume, and what it should be.

use std::fmt;

/// Whose the root of a mounted volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootFolder {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
}

/// What of it is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootWanted {
    /// The user's number.
    pub uid: Option<u32>,
    /// The group's number.
    pub gid: Option<u32>,
    /// The permission bits.
    pub mode: Option<u32>,
}

impl RootWanted {
    /// Whether anything is.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }

    /// Whether a folder is as wanted.
    pub fn is_met_by(self, now: RootFolder) -> bool {
        self.uid.is_none_or(|uid| uid == now.uid)
            && self.gid.is_none_or(|gid| gid == now.gid)
            && self.mode.is_none_or(|mode| mode == now.mode)
    }
}

impl fmt::Display for RootWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.uid.map(|uid| format!("owner {uid}")),
            self.gid.map(|gid| format!("group {gid}")),
            self.mode.map(|mode| format!("mode {mode:04o}")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        f.write_str(&words.join(", "))
    }
}
