//! The room that a sparse file may still take, and what there is of it where the file lies.

/// The least that is room at all, in bytes: below it the next writes to a file that still grows fail.
pub const ROOM_LEAST: u64 = 1 << 20;

/// How a file's size relates to the file system that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that root may still write on that file system.
    pub free: u64,
    /// Bytes of the file that lie nowhere yet.
    pub untaken: u64,
}

impl Room {
    /// Whether the file may come to want more than there is.
    pub fn is_short(&self) -> bool {
        self.untaken > self.free
    }

    /// Whether what is written to the file now fails wherever it was a hole.
    pub fn is_none(&self) -> bool {
        self.is_short() && self.free < ROOM_LEAST
    }
}
