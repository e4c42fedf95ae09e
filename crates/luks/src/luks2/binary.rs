//! The 4096-byte binary header (LUKS2 §2.1): big-endian numbers, NUL-padded text, a checksum over itself and the
//! JSON area.

use crypto::HashAlgorithm;
use uuid::Uuid;

use crate::header::Which;
use crate::limits::{BINARY_HEADER, HEADER_SIZES};
use crate::{Error, cipher};

/// The magic of the primary header, and of LUKS1.
pub(crate) const MAGIC_PRIMARY: [u8; 6] = *b"LUKS\xba\xbe";
/// The magic of the secondary header.
const MAGIC_SECONDARY: [u8; 6] = *b"SKUL\xba\xbe";
const VERSION: u16 = 2;
/// Where the checksum lies.
const CHECKSUM: std::ops::Range<usize> = 448..512;
const LEN: usize = 4096;

/// The binary header's content, but for what differs between the two copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    /// Binary header and JSON area in bytes.
    pub(crate) header_size: u64,
    pub(crate) sequence_id: u64,
    pub(crate) label: String,
    pub(crate) checksum: HashAlgorithm,
    pub(crate) uuid: Uuid,
    pub(crate) subsystem: String,
}

impl Binary {
    pub(crate) const LABEL_LEN: usize = 48;

    /// Reads one copy's binary header found at `offset`. The checksum is not looked at: [`verify`] needs the JSON.
    pub(crate) fn decode(bytes: &[u8], which: Which, offset: u64) -> Result<Self, Error> {
        let bytes: &[u8; LEN] = bytes
            .first_chunk()
            .ok_or_else(|| Error::corrupt("binary header", "the device ends before it does"))?;
        let magic = if which == Which::Primary {
            MAGIC_PRIMARY
        } else {
            MAGIC_SECONDARY
        };
        if bytes[..6] != magic {
            return Err(Error::corrupt("magic", "not this copy's"));
        }
        let version = u16::from_be_bytes([bytes[6], bytes[7]]);
        if version > VERSION {
            return Err(Error::unsupported(
                "version",
                format!("LUKS{version}, which is newer than this program"),
            ));
        }
        if version != VERSION {
            return Err(Error::corrupt("version", "not 2"));
        }
        let header_size = number(bytes, 8);
        if !HEADER_SIZES.contains(&header_size) {
            return Err(Error::corrupt(
                "hdr_size",
                "not a power of two from 16 KiB to 4 MiB",
            ));
        }
        if number(bytes, 256) != offset {
            return Err(Error::corrupt("hdr_offset", "not where this copy lies"));
        }
        if which == Which::Secondary && header_size != offset {
            return Err(Error::corrupt(
                "hdr_size",
                "not where the secondary header lies",
            ));
        }
        let sequence_id = number(bytes, 16);
        if sequence_id == 0 || sequence_id == u64::MAX {
            return Err(Error::corrupt(
                "seqid",
                "the first or the last number there is",
            ));
        }
        let checksum = text(bytes, 72..104, "csum_alg")?;
        let checksum = cipher::hash_from_name(&checksum)
            .ok_or_else(|| Error::unsupported("csum_alg", "a digest other than SHA-1 and SHA-2"))?;
        let uuid = text(bytes, 168..208, "uuid")?;
        if uuid.len() != 36 {
            return Err(Error::corrupt("uuid", "not a UUID of 36 characters"));
        }
        let uuid = Uuid::try_parse(&uuid).map_err(|_| Error::corrupt("uuid", "not a UUID"))?;
        if bytes[264..CHECKSUM.start]
            .iter()
            .chain(&bytes[CHECKSUM.end..])
            .any(|byte| *byte != 0)
        {
            return Err(Error::corrupt("_padding", "not zero"));
        }
        Ok(Self {
            header_size,
            sequence_id,
            label: text(bytes, 24..72, "label")?,
            checksum,
            uuid,
            subsystem: text(bytes, 208..256, "subsystem")?,
        })
    }

    /// Whether `bytes` may be what an interrupted write of this header's copy has left of a binary header: nothing yet, or one of the same
    /// volume, whose checksum is blank or whose JSON area is half-written. A first sector is written whole or not at all.
    pub(crate) fn may_have_torn(&self, bytes: &[u8], which: Which) -> bool {
        let (magic, offset) = match which {
            Which::Primary => (MAGIC_PRIMARY, 0),
            Which::Secondary => (MAGIC_SECONDARY, self.header_size),
        };
        let Some(bytes) = bytes.first_chunk::<LEN>() else {
            return false;
        };
        let is_blank = bytes.iter().all(|byte| *byte == 0);
        is_blank
            || (bytes[..6] == magic
                && bytes[6..8] == VERSION.to_be_bytes()
                && number(bytes, 8) == self.header_size
                && bytes[168..204] == *self.uuid.to_string().as_bytes()
                && number(bytes, 256) == offset)
    }

    /// One copy: binary header with its checksum, then the JSON area.
    pub(crate) fn encode(&self, which: Which, salt: &[u8; 64], json_area: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; LEN];
        let (magic, offset) = match which {
            Which::Primary => (MAGIC_PRIMARY, 0),
            Which::Secondary => (MAGIC_SECONDARY, self.header_size),
        };
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &magic);
        put(6, &VERSION.to_be_bytes());
        put(8, &self.header_size.to_be_bytes());
        put(16, &self.sequence_id.to_be_bytes());
        put(24, self.label.as_bytes());
        put(72, cipher::name_of_hash(self.checksum).as_bytes());
        put(104, salt);
        put(168, self.uuid.to_string().as_bytes());
        put(208, self.subsystem.as_bytes());
        put(256, &u64::to_be_bytes(offset));
        let digest = self.checksum.digest(&[&bytes, json_area]);
        bytes[CHECKSUM][..digest.as_ref().len()].copy_from_slice(digest.as_ref());
        bytes.extend_from_slice(json_area);
        bytes
    }

    /// The length of the JSON area in bytes.
    pub(crate) fn json_len(&self) -> u64 {
        self.header_size - BINARY_HEADER
    }

    /// Whether `text` fits a label or a subsystem, with its terminating NUL.
    pub(crate) fn is_label(text: &str) -> bool {
        text.len() < Self::LABEL_LEN && !text.bytes().any(|byte| byte == 0)
    }
}

/// Whether the checksum in `header` is that of header and JSON area.
pub(crate) fn verify(checksum: HashAlgorithm, header: &[u8], json_area: &[u8]) -> bool {
    let (Some(before), Some(stored), Some(after)) = (
        header.get(..CHECKSUM.start),
        header.get(CHECKSUM),
        header.get(CHECKSUM.end..LEN),
    ) else {
        return false;
    };
    let digest = checksum.digest(&[before, &[0; 64], after, json_area]);
    let (value, rest) = stored.split_at(checksum.output_len());
    value == digest.as_ref() && rest.iter().all(|byte| *byte == 0)
}

/// A copy with its checksum blanked: what is written first.
pub(crate) fn without_checksum(copy: &[u8]) -> Vec<u8> {
    let mut bytes = copy.to_vec();
    bytes[CHECKSUM].fill(0);
    bytes
}

fn number(bytes: &[u8; LEN], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(value)
}

/// UTF-8 text up to its NUL; nothing but NULs may follow.
fn text(
    bytes: &[u8; LEN],
    range: std::ops::Range<usize>,
    field: &'static str,
) -> Result<String, Error> {
    let field_bytes = &bytes[range];
    let end = field_bytes
        .iter()
        .position(|byte| *byte == 0)
        .ok_or_else(|| Error::corrupt(field, "not ended by a NUL"))?;
    let (value, padding) = field_bytes.split_at(end);
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Error::corrupt(field, "something follows its NUL"));
    }
    String::from_utf8(value.to_vec()).map_err(|_| Error::corrupt(field, "not UTF-8"))
}
