//! A new LUKS2 header.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crypto::HashAlgorithm;
use serde_json::json;
use std::num::NonZeroU32;
use uuid::Uuid;

use super::{Binary, Header};
use crate::cipher::AES_XTS_PLAIN64;
use crate::header::{Profile, Which};
use crate::limits::{
    BINARY_HEADER, HEADER_SIZES, LARGE_SECTOR, MAX_KEYSLOTS_SIZE, MIN_PBKDF2_ITERATIONS, SECTOR,
};
use crate::{Error, VolumeKey};

/// What a new header shall be. The default is cryptsetup's: copies of 16 KiB, data at 16 MiB, sectors of 4096 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatOptions {
    /// The volume's UUID.
    pub uuid: Uuid,
    /// Up to 47 bytes.
    pub label: String,
    /// Up to 47 bytes; `kluis-ephemeral` marks a volume whose key is nowhere.
    pub subsystem: String,
    /// 512 or 4096 bytes.
    pub sector_size: u32,
    /// Where the data begins, in bytes: a multiple of 4096.
    pub data_offset: u64,
    /// The length of one copy: a power of two from 16 KiB to 4 MiB.
    pub header_size: u64,
    /// The device's length in bytes. The data reaches to its end, wherever that is when the volume is opened.
    pub device_len: u64,
}

impl FormatOptions {
    /// Where the data begins by default.
    pub const DATA_OFFSET: u64 = 16 << 20;

    /// The default for a device, with a random UUID.
    ///
    /// # Errors
    /// [`Error::Crypto`] without randomness.
    pub fn new(device_len: u64) -> Result<Self, Error> {
        Ok(Self {
            uuid: uuid::Builder::from_random_bytes(crypto::random::bytes()?).into_uuid(),
            label: String::new(),
            subsystem: String::new(),
            sector_size: LARGE_SECTOR,
            data_offset: Self::DATA_OFFSET,
            header_size: HEADER_SIZES[0],
            device_len,
        })
    }

    fn check(&self) -> Result<(), Error> {
        let misuse = |problem: &'static str| Err(Error::misuse("format", problem));
        if !HEADER_SIZES.contains(&self.header_size) {
            return misuse("a header has a power of two from 16 KiB to 4 MiB");
        }
        if !self.data_offset.is_multiple_of(u64::from(LARGE_SECTOR))
            || self.data_offset < 2 * self.header_size
        {
            return misuse("data begins on a multiple of 4096 after the header");
        }
        if u64::from(self.sector_size) != SECTOR && self.sector_size != LARGE_SECTOR {
            return misuse("a sector has 512 or 4096 bytes");
        }
        if self
            .device_len
            .checked_sub(self.data_offset)
            .is_none_or(|len| len < u64::from(self.sector_size))
        {
            return misuse("the device is too small for header and data");
        }
        if !Binary::is_label(&self.label) || !Binary::is_label(&self.subsystem) {
            return misuse("label and subsystem have up to 47 bytes and no NUL");
        }
        Ok(())
    }
}

impl Header {
    /// A new header for `key`, without keyslots. It is on no device until [`Header::commit`]'s steps are carried out.
    ///
    /// # Errors
    /// [`Error::Misuse`] for options that the format cannot hold; [`Error::Crypto`] where memory or randomness fails.
    pub fn format(options: &FormatOptions, key: &VolumeKey) -> Result<Self, Error> {
        options.check()?;
        let hash = HashAlgorithm::Sha256;
        let salt = crypto::random::bytes::<32>()?;
        let mut digest = [0; 32];
        // The key is 256 random bits or more: the least iterations are as good as any.
        let iterations = NonZeroU32::MIN.saturating_add(MIN_PBKDF2_ITERATIONS - 1);
        crypto::pbkdf2(hash, key.danger_expose(), &salt, iterations, &mut digest)?;
        let keyslots_size = (options.data_offset - 2 * options.header_size).min(MAX_KEYSLOTS_SIZE);
        let json = json!({
            "keyslots": {},
            "tokens": {},
            "segments": {"0": {
                "type": "crypt",
                "offset": options.data_offset.to_string(),
                "size": "dynamic",
                "iv_tweak": "0",
                "encryption": AES_XTS_PLAIN64,
                "sector_size": options.sector_size,
            }},
            "digests": {"0": {
                "type": "pbkdf2",
                "keyslots": [],
                "segments": ["0"],
                "hash": "sha256",
                "iterations": iterations.get(),
                "salt": BASE64_STANDARD.encode(salt),
                "digest": BASE64_STANDARD.encode(digest),
            }},
            "config": {
                "json_size": (options.header_size - BINARY_HEADER).to_string(),
                "keyslots_size": keyslots_size.to_string(),
            },
        });
        let binary = Binary {
            header_size: options.header_size,
            sequence_id: 0,
            label: options.label.clone(),
            checksum: hash,
            uuid: options.uuid,
            subsystem: options.subsystem.clone(),
        };
        let mut header = Self::checked(
            binary,
            json,
            Which::Primary,
            options.device_len,
            Profile::Strict,
        )?;
        header.is_new = true;
        Ok(header)
    }
}
