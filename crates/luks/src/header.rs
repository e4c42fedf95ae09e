//! Either header, read from wherever the caller has it.

use std::fmt;
use std::ops::Range;

use uuid::Uuid;

use crate::{Error, VolumeKey, luks1, luks2};

/// How much is asked of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// The allow-list under which a volume is opened.
    Strict,
    /// The specification's rules only, so that a header can be shown. Unlocking is strict all the same.
    Permissive,
}

/// What a source says when it cannot read.
pub type ReadError = std::io::Error;

/// Where a header's bytes come from: called with an offset and a length, it returns that many, or fewer at the end.
pub type Source<'a> = dyn FnMut(u64, usize) -> Result<Vec<u8>, ReadError> + 'a;

/// One of a LUKS2 header's two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// At the start of the device.
    Primary,
    /// After the primary.
    Secondary,
}

/// What the copy that is not used looks like.
#[derive(Debug)]
pub enum OtherCopy {
    /// LUKS1 has one copy.
    None,
    /// The same content.
    Same,
    /// Valid, but older or different.
    Stale,
    /// Not valid, and why; but of the same header as far as it says, or never written: what an interrupted write leaves.
    Torn(Error),
    /// Not valid, and why. Whatever lies there may be somebody else's.
    Damaged(Error),
}

/// Which copy of a header is used.
#[derive(Debug)]
pub struct Copy {
    /// The one that is used.
    pub used: Which,
    /// The other one.
    pub other: OtherCopy,
}

impl Copy {
    /// Whether the other copy should be written again: [`luks2::Header::commit`] writes both, that one first.
    pub fn needs_repair(&self) -> bool {
        self.is_left_by_a_write() || matches!(self.other, OtherCopy::Damaged(_))
    }

    /// Whether the other copy is what an interrupted write of this header leaves, so that writing it again overwrites nothing of anybody's.
    pub fn is_left_by_a_write(&self) -> bool {
        matches!(self.other, OtherCopy::Stale | OtherCopy::Torn(_))
    }

    /// Whether there is no valid header at the start of the device, and the copy after it is used.
    pub fn lacks_primary(&self) -> bool {
        self.used == Which::Secondary
            && matches!(self.other, OtherCopy::Torn(_) | OtherCopy::Damaged(_))
    }
}

/// A header that was read.
#[derive(Debug)]
pub struct Read {
    /// The header.
    pub header: Header,
    /// Which copy it is.
    pub copy: Copy,
}

/// A LUKS header.
#[derive(Debug)]
pub enum Header {
    /// LUKS1: read only.
    V1(luks1::Header),
    /// LUKS2.
    V2(luks2::Header),
}

/// Where and how the data lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Bytes of the device, whole sectors.
    pub bytes: Range<u64>,
    /// Sector size in bytes: 512 or 4096.
    pub sector_size: u32,
    /// The first sector's tweak, in units of 512 bytes.
    pub iv_start: u64,
}

impl Header {
    /// The most bytes from the start of a device that [`Self::read`] asks for: two copies of the largest size.
    pub const PROBE_LEN: usize = 8 << 20;

    /// Finds and checks the header of a device of `device_len` bytes: LUKS1, or LUKS2 with the newer of its valid
    /// copies, the secondary searched for where the primary is damaged. Each byte of the copy that is used is asked
    /// for once.
    ///
    /// # Errors
    /// [`Error::NotLuks`] where there is no trace of a header. Where there is, the reason why no copy of it is
    /// acceptable: [`Error::Corrupt`], [`Error::Unsupported`] or [`Error::Weak`], of the primary if both are bad.
    /// [`Error::Read`] when `source` fails and no other copy is found; a device that cannot be read is never said to
    /// hold no header.
    pub fn read(source: &mut Source<'_>, device_len: u64, profile: Profile) -> Result<Read, Error> {
        let mut input = Input { source, device_len };
        let start = input.bytes(0, luks1::HEADER_LEN);
        if let Ok(start) = &start
            && luks1::is_luks1(start)
        {
            let header = luks1::Header::read(start, device_len, profile)?;
            return Ok(Read {
                header: Self::V1(header),
                copy: Copy {
                    used: Which::Primary,
                    other: OtherCopy::None,
                },
            });
        }
        let (header, copy) = luks2::disk::read(&mut input, start, profile)?;
        Ok(Read {
            header: Self::V2(header),
            copy,
        })
    }

    /// The volume's UUID.
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::V1(header) => header.uuid(),
            Self::V2(header) => header.uuid(),
        }
    }

    /// The active keyslots, in the order to try them.
    pub fn keyslot_ids(&self) -> Vec<u32> {
        match self {
            Self::V1(header) => header.keyslot_ids(),
            Self::V2(header) => header.keyslot_ids(),
        }
    }

    /// The bytes of the device that [`Self::unlock`] wants as `area`.
    ///
    /// # Errors
    /// [`Error::NoKeyslot`] where there is no such active keyslot.
    pub fn keyslot_area(&self, id: u32) -> Result<Range<u64>, Error> {
        match self {
            Self::V1(header) => header.keyslot_area(id),
            Self::V2(header) => header.keyslot_area(id),
        }
    }

    /// Opens a keyslot: derives, decrypts, merges, and compares the key with the header's digest in constant time.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`]; [`Error::NoKeyslot`]; whatever the strict profile refuses; [`Error::Misuse`] for a
    /// short `area`; [`Error::Crypto`] where memory or a primitive fails.
    pub fn unlock(&self, id: u32, passphrase: &[u8], area: &[u8]) -> Result<VolumeKey, Error> {
        match self {
            Self::V1(header) => header.unlock(id, passphrase, area),
            Self::V2(header) => header.unlock(id, passphrase, area),
        }
    }

    /// Where the data lies on a device of `device_len` bytes, cut to whole sectors.
    ///
    /// # Errors
    /// What the strict profile refuses of the segment, or of a device too short for it.
    pub fn payload(&self, device_len: u64) -> Result<Payload, Error> {
        match self {
            Self::V1(header) => header.payload(device_len),
            Self::V2(header) => header.payload(device_len),
        }
    }

    /// The cipher of the data as the header spells it, such as `aes-xts-plain64`.
    pub fn cipher(&self) -> String {
        match self {
            Self::V1(header) => header.cipher(),
            Self::V2(header) => header.cipher().to_owned(),
        }
    }

    /// The length of the volume key in bytes, where it is known: a LUKS2 header without keyslots does not say.
    pub fn volume_key_len(&self) -> Option<usize> {
        match self {
            Self::V1(header) => Some(header.volume_key_len()),
            Self::V2(header) => header.volume_key_len(),
        }
    }
}

/// A source that is never asked beyond the device's end.
pub(crate) struct Input<'a, 'b> {
    source: &'a mut Source<'b>,
    pub(crate) device_len: u64,
}

impl Input<'_, '_> {
    /// Up to `len` bytes at `offset`; fewer only at the device's end.
    pub(crate) fn bytes(&mut self, offset: u64, len: u64) -> Result<Vec<u8>, Error> {
        let len = len.min(self.device_len.saturating_sub(offset));
        let len =
            usize::try_from(len).map_err(|_| Error::misuse("header", "longer than memory"))?;
        if len == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = (self.source)(offset, len).map_err(Error::Read)?;
        bytes.truncate(len);
        Ok(bytes)
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        })
    }
}
