//! What a change asks of the caller who owns the device.

/// One step of a header update. Steps are carried out in order; a write may reach the disk in any part until the next
/// flush has returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these bytes at this offset.
    Write {
        /// Bytes from the start of the device.
        offset: u64,
        /// What to write.
        bytes: Vec<u8>,
    },
    /// Make everything so far durable.
    Flush,
}

/// Key material to write, always followed by a flush before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the keyslot is worth nothing until its area is written"]
pub struct AreaWrite {
    /// Bytes from the start of the device.
    pub offset: u64,
    /// What to write: ciphertext, or random bytes over a killed keyslot.
    pub bytes: Vec<u8>,
}

impl From<AreaWrite> for Step {
    fn from(area: AreaWrite) -> Self {
        Self::Write {
            offset: area.offset,
            bytes: area.bytes,
        }
    }
}
