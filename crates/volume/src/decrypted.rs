//! A volume's data, read under a key without opening it: whether a header belongs to what lies behind it shows there, before anything is written.

use crypto::XtsKey;
use luks::{Payload, VolumeKey};

use crate::engine::Changed;
use crate::error::Error;
use crate::host::{Device, HostError};

/// The payload of a device, decrypted where it is read.
pub(crate) struct Decrypted {
    device: Box<dyn Device>,
    payload: Payload,
    key: XtsKey,
}

impl Decrypted {
    /// # Errors
    /// A key that is none of AES-XTS.
    pub(crate) fn new(
        device: Box<dyn Device>,
        payload: Payload,
        key: &VolumeKey,
    ) -> Result<Self, Error> {
        Ok(Self {
            device,
            payload,
            key: XtsKey::new(key.danger_expose())?,
        })
    }

    fn failed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HostError {
        HostError::Io {
            what: "reading the volume's data".to_owned(),
            source: std::io::Error::other(why),
        }
    }

    fn read_only() -> HostError {
        HostError::ReadOnly {
            what: "a volume that is not open".to_owned(),
        }
    }
}

impl Device for Decrypted {
    fn size(&self) -> u64 {
        self.payload.bytes.end - self.payload.bytes.start
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), HostError> {
        let sector = u64::from(self.payload.sector_size);
        let end = offset
            .checked_add(buf.len() as u64)
            .and_then(|end| end.checked_next_multiple_of(sector))
            .filter(|&end| end <= self.size())
            .ok_or_else(|| Self::failed("it would pass the end"))?;
        let start = offset - offset % sector;
        let mut sectors = vec![0; usize::try_from(end - start).map_err(Self::failed)?];
        self.device
            .read_at(self.payload.bytes.start + start, &mut sectors)?;
        self.key
            .decryptor()
            .and_then(|mut cipher| {
                let size = self.payload.sector_size as usize;
                cipher.sectors(&mut sectors, size, self.payload.iv_start + start / 512)
            })
            .map_err(Self::failed)?;
        let skip = usize::try_from(offset - start).map_err(Self::failed)?;
        buf.copy_from_slice(&sectors[skip..skip + buf.len()]);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> Result<(), HostError> {
        Err(Self::read_only())
    }

    fn flush(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn discard(&self, _offset: u64, _len: u64) -> Result<Changed, HostError> {
        Ok(Changed::No)
    }

    fn drop_caches(&self) -> Result<(), HostError> {
        Ok(())
    }
}
