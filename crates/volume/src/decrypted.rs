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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::host::{Access, Host};
    use crate::sim::{Disk, Machine};

    use super::*;

    #[test]
    fn what_was_written_under_the_key_is_read_from_anywhere() {
        const START: usize = 8192;
        const LEN: usize = 64 << 10;
        for (sector_size, iv_start) in [(512, 0), (4096, 0), (4096, 16), (512, 1 << 33)] {
            let key = VolumeKey::random(64).unwrap();
            let plain: Vec<u8> = (0..LEN)
                .map(|n| (n * 31 + n / 251).to_le_bytes()[0])
                .collect();
            let mut sealed = plain.clone();
            XtsKey::new(key.danger_expose())
                .unwrap()
                .encryptor()
                .unwrap()
                .sectors(&mut sealed, sector_size, iv_start)
                .unwrap();
            let mut disk = Disk::blank((START + LEN) as u64);
            assert!(disk.write(START as u64, &sealed));
            let machine = Machine::new();
            machine.add_device("/dev/d", disk);
            let identity = machine.identify(Path::new("/dev/d")).unwrap().unwrap();
            let payload = Payload {
                bytes: START as u64..(START + LEN) as u64,
                sector_size: u32::try_from(sector_size).unwrap(),
                iv_start,
            };
            let device = machine.open(&identity, Access::Read).unwrap();
            let data = Decrypted::new(device, payload, &key).unwrap();
            assert_eq!(data.size(), LEN as u64);
            for (offset, len) in [
                (0, 1),
                (1080, 2),
                (4095, 2),
                (5000, 30_000),
                (LEN - 1, 1),
                (0, LEN),
            ] {
                let mut out = vec![0; len];
                data.read_at(offset as u64, &mut out).unwrap();
                assert_eq!(
                    out,
                    plain[offset..offset + len],
                    "{sector_size} at {offset}"
                );
            }
            data.read_at(LEN as u64, &mut [0]).unwrap_err();
            data.read_at(u64::MAX, &mut [0]).unwrap_err();
            data.write_at(0, &[0]).unwrap_err();
        }
    }
}
