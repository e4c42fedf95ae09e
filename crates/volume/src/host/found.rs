//! What is found on a device, raw or decrypted.

use std::fmt;

use uuid::Uuid;

/// Something recognised on a raw device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What it is: "ext4", "xfs", "gpt", "LVM2 physical volume", "LUKS2 secondary header", …
    pub name: String,
    /// Where, in bytes from the start.
    pub offset: u64,
}

impl Signature {
    /// Whether it is one of the places where a LUKS header begins.
    pub(crate) fn is_luks(&self) -> bool {
        self.name.starts_with("LUKS")
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.name, self.offset)
    }
}

/// What is on a raw device, as far as its first and last [`SCAN_LEN`] bytes, the known places of signatures and what was looked at in between tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureReport {
    /// What was recognised, in order of offset.
    pub found: Vec<Signature>,
    /// The first byte that is not zero within the scanned areas.
    pub first_nonzero: Option<u64>,
    /// A byte between them that is not zero: of a file the first that there is, of a device one of some hundred samples.
    pub between: Option<u64>,
}

/// How much of each end of a device must be zero for it to count as blank.
pub const SCAN_LEN: u64 = 16 << 20;

impl SignatureReport {
    /// Whether nothing at all was found.
    pub fn is_blank(&self) -> bool {
        self.found.is_empty() && self.first_nonzero.is_none() && self.between.is_none()
    }
}

impl fmt::Display for SignatureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((first, rest)) = self.found.split_first() {
            write!(f, "{first}")?;
            rest.iter()
                .try_for_each(|signature| write!(f, ", {signature}"))
        } else if let Some(offset) = self.first_nonzero.or(self.between) {
            write!(f, "unknown data at byte {offset}")
        } else {
            f.write_str("nothing")
        }
    }
}

/// A file system that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFileSystem {
    /// Its type, as `mount` calls it: "ext3", "ext4", "xfs", …
    pub kind: String,
    /// Its UUID, where its type is one that [`super::Host::make_file_system`] makes.
    pub uuid: Option<Uuid>,
    /// Whether it was ever mounted for writing, as far as its type tells: then it is more than what making it has begun.
    pub was_mounted: bool,
}
