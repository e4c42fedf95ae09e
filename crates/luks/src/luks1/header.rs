//! A LUKS1 header in memory, checked.

use std::ops::Range;

use uuid::Uuid;

use super::Keyslot;
use super::binary::{Binary, HEADER_LEN};
use crate::Error;
use crate::cipher::{AES_XTS_PLAIN64, weakness};
use crate::header::{Payload, Profile};
use crate::kdf::{check_hash, check_iterations};
use crate::limits::{MAX_DIGEST_ITERATIONS, MAX_PBKDF2_ITERATIONS, SECTOR, STRIPES};

/// A LUKS1 header.
#[derive(Clone, Debug)]
pub struct Header {
    pub(super) binary: Binary,
    pub(super) device_len: u64,
}

impl Header {
    pub(crate) fn read(bytes: &[u8], device_len: u64, profile: Profile) -> Result<Self, Error> {
        let header = Self {
            binary: Binary::decode(bytes)?,
            device_len,
        };
        header.check_areas()?;
        if profile == Profile::Strict {
            header.check_strict(device_len)?;
        }
        Ok(header)
    }

    /// The volume's UUID.
    pub fn uuid(&self) -> Uuid {
        self.binary.uuid
    }

    /// The cipher, such as `aes-xts-plain64`.
    pub fn cipher(&self) -> String {
        format!("{}-{}", self.binary.cipher_name, self.binary.cipher_mode)
    }

    /// The digest of key derivation, stripes and volume key, by the header's name.
    pub fn hash(&self) -> &str {
        &self.binary.hash
    }

    /// The length of the volume key in bytes.
    pub fn volume_key_len(&self) -> usize {
        self.binary.key_bytes as usize
    }

    /// PBKDF2 iterations of the volume key's digest.
    pub fn digest_iterations(&self) -> u32 {
        self.binary.digest_iterations
    }

    /// All eight keyslots.
    pub fn keyslots(&self) -> &[Keyslot] {
        &self.binary.keyslots
    }

    /// The active keyslots.
    pub fn keyslot_ids(&self) -> Vec<u32> {
        (0..)
            .zip(&self.binary.keyslots)
            .filter(|(_, keyslot)| keyslot.active)
            .map(|(id, _)| id)
            .collect()
    }

    /// The bytes of the device that a keyslot's key material takes.
    ///
    /// # Errors
    /// [`Error::NoKeyslot`] where there is no such active keyslot.
    pub fn keyslot_area(&self, id: u32) -> Result<Range<u64>, Error> {
        Ok(self.binary.area(self.active(id)?))
    }

    /// Where the data lies on a device of `device_len` bytes, cut to whole sectors.
    ///
    /// # Errors
    /// What the strict profile refuses.
    pub fn payload(&self, device_len: u64) -> Result<Payload, Error> {
        self.check_strict(device_len)?;
        let start = u64::from(self.binary.payload_offset) * SECTOR;
        Ok(Payload {
            bytes: start..device_len - device_len % SECTOR,
            sector_size: 512,
            iv_start: 0,
        })
    }

    pub(super) fn active(&self, id: u32) -> Result<&Keyslot, Error> {
        let keyslot = usize::try_from(id)
            .ok()
            .and_then(|id| self.binary.keyslots.get(id));
        keyslot
            .filter(|keyslot| keyslot.active)
            .ok_or(Error::NoKeyslot(id))
    }

    /// The specification's rules: stripes, and key material after the header, before the data, and apart.
    fn check_areas(&self) -> Result<(), Error> {
        let payload = u64::from(self.binary.payload_offset) * SECTOR;
        let mut taken: Vec<Range<u64>> = Vec::new();
        for (id, keyslot) in (0_u32..).zip(&self.binary.keyslots) {
            let at = |member: &str| format!("keyslots.{id}.{member}");
            if keyslot.stripes != STRIPES {
                return Err(Error::corrupt(at("stripes"), "not 4000"));
            }
            let area = self.binary.area(keyslot);
            if area.start < HEADER_LEN {
                return Err(Error::corrupt(at("keyMaterialOffset"), "inside the header"));
            }
            // Offset 0 is a header detached from its data.
            if payload != 0 && area.end > payload {
                return Err(Error::corrupt(at("keyMaterialOffset"), "inside the data"));
            }
            if taken
                .iter()
                .any(|other| area.start < other.end && other.start < area.end)
            {
                return Err(Error::corrupt(
                    at("keyMaterialOffset"),
                    "overlaps another keyslot's key material",
                ));
            }
            taken.push(area);
        }
        Ok(())
    }

    /// The allow-list: AES-XTS, a hash that is known, costs that are sane, data on the same device.
    pub(super) fn check_strict(&self, device_len: u64) -> Result<(), Error> {
        let cipher = self.cipher();
        if let Some(why) = weakness(&cipher) {
            return Err(Error::weak("cipherName", why));
        }
        if cipher != AES_XTS_PLAIN64 {
            let field = if self.binary.cipher_name == "aes" {
                "cipherMode"
            } else {
                "cipherName"
            };
            return Err(Error::unsupported(
                field,
                "a cipher other than aes-xts-plain64",
            ));
        }
        if !matches!(self.binary.key_bytes, 32 | 64) {
            return Err(Error::unsupported(
                "keyBytes",
                "not 32 or 64 bytes, as AES-XTS has",
            ));
        }
        check_hash(&self.binary.hash, "hashSpec")?;
        check_iterations(
            self.binary.digest_iterations,
            MAX_DIGEST_ITERATIONS,
            "mkDigestIterations",
        )?;
        for id in self.keyslot_ids() {
            let iterations = self.active(id)?.iterations;
            check_iterations(
                iterations,
                MAX_PBKDF2_ITERATIONS,
                &format!("keyslots.{id}.iterations"),
            )?;
        }
        match u64::from(self.binary.payload_offset) * SECTOR {
            0 => Err(Error::unsupported(
                "payloadOffset",
                "a header detached from its data",
            )),
            start if start + SECTOR > device_len => Err(Error::corrupt(
                "payloadOffset",
                "past the end of the device",
            )),
            _ => Ok(()),
        }
    }
}
