//! The 592 bytes: big-endian numbers, NUL-padded text (LUKS1 §2.3).

use std::ops::Range;

use uuid::Uuid;

use crate::Error;
use crate::limits::SECTOR;

/// The length of the header in bytes.
pub(crate) const HEADER_LEN: u64 = 592;
/// The number of keyslots.
pub(crate) const KEYSLOTS: u32 = 8;

const LEN: usize = 592;
const MAGIC: [u8; 6] = *b"LUKS\xba\xbe";
const VERSION: u16 = 1;
const ACTIVE: u32 = 0x00AC_71F3;
const INACTIVE: u32 = 0x0000_DEAD;
const FIRST_KEYSLOT: usize = 208;
const KEYSLOT_LEN: usize = 48;

/// Whether these bytes claim to be a LUKS1 header.
pub(crate) fn is_luks1(start: &[u8]) -> bool {
    start.starts_with(&MAGIC) && start.get(6..8) == Some(&VERSION.to_be_bytes())
}

/// One keyslot as the header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyslot {
    /// Whether it holds a key.
    pub active: bool,
    /// PBKDF2 iterations.
    pub iterations: u32,
    /// Salt of 32 bytes.
    pub salt: Vec<u8>,
    /// Where its key material begins, in sectors of 512 bytes.
    pub offset: u32,
    /// Stripes of the anti-forensic split.
    pub stripes: u32,
}

/// The header's members, decoded and not yet checked against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    pub(crate) cipher_name: String,
    pub(crate) cipher_mode: String,
    pub(crate) hash: String,
    /// Where the data begins, in sectors of 512 bytes.
    pub(crate) payload_offset: u32,
    pub(crate) key_bytes: u32,
    pub(crate) digest: Vec<u8>,
    pub(crate) digest_salt: Vec<u8>,
    pub(crate) digest_iterations: u32,
    pub(crate) uuid: Uuid,
    pub(crate) keyslots: Vec<Keyslot>,
}

impl Binary {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: &[u8; LEN] = bytes
            .first_chunk()
            .ok_or_else(|| Error::corrupt("header", "the device ends before it does"))?;
        let uuid = text(bytes, 168..208, "uuid")?;
        if uuid.len() != 36 {
            return Err(Error::corrupt("uuid", "not a UUID of 36 characters"));
        }
        Ok(Self {
            cipher_name: text(bytes, 8..40, "cipherName")?,
            cipher_mode: text(bytes, 40..72, "cipherMode")?,
            hash: text(bytes, 72..104, "hashSpec")?,
            payload_offset: number(bytes, 104),
            key_bytes: number(bytes, 108),
            digest: bytes[112..132].to_vec(),
            digest_salt: bytes[132..164].to_vec(),
            digest_iterations: number(bytes, 164),
            uuid: Uuid::try_parse(&uuid).map_err(|_| Error::corrupt("uuid", "not a UUID"))?,
            keyslots: (0..KEYSLOTS as usize)
                .map(|id| keyslot(bytes, id))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The bytes of the device that a keyslot's stripes take.
    pub(crate) fn area(&self, keyslot: &Keyslot) -> Range<u64> {
        let start = u64::from(keyslot.offset) * SECTOR;
        start..start + u64::from(self.key_bytes) * u64::from(keyslot.stripes)
    }
}

fn keyslot(bytes: &[u8; LEN], id: usize) -> Result<Keyslot, Error> {
    let at = FIRST_KEYSLOT + id * KEYSLOT_LEN;
    Ok(Keyslot {
        active: match number(bytes, at) {
            ACTIVE => true,
            INACTIVE => false,
            _ => {
                return Err(Error::corrupt(
                    format!("keyslots.{id}.active"),
                    "neither active nor inactive",
                ));
            }
        },
        iterations: number(bytes, at + 4),
        salt: bytes[at + 8..at + 40].to_vec(),
        offset: number(bytes, at + 40),
        stripes: number(bytes, at + 44),
    })
}

fn number(bytes: &[u8; LEN], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(value)
}

/// ASCII text up to its NUL. What follows is not looked at: qemu and old cryptsetup left rubbish there.
fn text(bytes: &[u8; LEN], range: Range<usize>, field: &'static str) -> Result<String, Error> {
    let value = bytes[range]
        .split(|byte| *byte == 0)
        .next()
        .filter(|value| value.iter().all(u8::is_ascii_graphic))
        .ok_or_else(|| Error::corrupt(field, "not text"))?;
    String::from_utf8(value.to_vec()).map_err(|_| Error::corrupt(field, "not text"))
}
