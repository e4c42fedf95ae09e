//! The parameters of dm-crypt's target, as text: `CIPHER KEY IV-OFFSET DEVICE OFFSET [COUNT OPTION…]`
//! (the kernel's `Documentation/admin-guide/device-mapper/dm-crypt.rst`).

use std::fmt;

/// Device-mapper counts in these, whatever a volume's own sector size.
pub(super) const SECTOR: u64 = 512;

/// A crypt target's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CryptTarget {
    /// The cipher, as `aes-xts-plain64`.
    pub(super) cipher: String,
    /// Where the key comes from.
    pub(super) key: KeySource,
    /// What is added to the sector number to get the IV.
    pub(super) iv_offset: u64,
    /// The backing device: a path or `MAJOR:MINOR`.
    pub(super) device: String,
    /// The backing's first sector.
    pub(super) offset_sectors: u64,
    /// Options, as `sector_size:4096`.
    pub(super) options: Vec<String>,
}

/// Where the kernel gets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeySource {
    /// From the keyring of whoever loads the table.
    Keyring {
        /// The key's length.
        bytes: usize,
        /// The description of a key of type `logon`.
        description: String,
    },
    /// In the table itself. Only ever read, from the mappings of others, and the key is not kept.
    Table {
        /// The key's length.
        bytes: usize,
    },
}

impl KeySource {
    /// The key's length in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Keyring { bytes, .. } | Self::Table { bytes } => *bytes,
        }
    }

    /// Whether the kernel fetches it from a keyring.
    pub(super) fn is_in_keyring(&self) -> bool {
        matches!(self, Self::Keyring { .. })
    }
}

impl CryptTarget {
    /// Reads what [`fmt::Display`] writes and what the kernel reports; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let cipher = words.next().filter(|cipher| !cipher.is_empty())?.to_owned();
        let key = words.next()?;
        let key = match key.strip_prefix(':') {
            Some(key) => {
                let mut parts = key.splitn(3, ':');
                let bytes = parts.next()?.parse().ok()?;
                let _type = parts.next()?;
                KeySource::Keyring {
                    bytes,
                    description: parts.next()?.to_owned(),
                }
            }
            None => KeySource::Table {
                bytes: if key == "-" { 0 } else { key.len() / 2 },
            },
        };
        let iv_offset = words.next()?.parse().ok()?;
        let device = words.next()?.to_owned();
        let offset_sectors = words.next()?.parse().ok()?;
        let count: usize = words.next().map_or(Some(0), |count| count.parse().ok())?;
        let options: Vec<String> = words.map(str::to_owned).collect();
        (options.len() == count).then_some(Self {
            cipher,
            key,
            iv_offset,
            device,
            offset_sectors,
            options,
        })
    }

    /// The encryption sector size in bytes.
    pub(super) fn sector_size(&self) -> u32 {
        self.options
            .iter()
            .find_map(|option| option.strip_prefix("sector_size:")?.parse().ok())
            .unwrap_or(512)
    }
}

impl fmt::Display for CryptTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.cipher)?;
        match &self.key {
            KeySource::Keyring { bytes, description } => write!(f, ":{bytes}:logon:{description}")?,
            KeySource::Table { .. } => f.write_str("-")?,
        }
        write!(
            f,
            " {} {} {}",
            self.iv_offset, self.device, self.offset_sectors
        )?;
        if !self.options.is_empty() {
            write!(f, " {} {}", self.options.len(), self.options.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_CRYPTSETUP: &str = "aes-xts-plain64 :64:logon:cryptsetup:fe04a2d6-0cca-48c8-9dda-bde3b92cac9c-d0 0 7:0 32768 1 sector_size:4096";

    #[test]
    fn a_line_of_cryptsetups_is_read_and_written_back() {
        let target = CryptTarget::parse(OF_CRYPTSETUP).unwrap();
        assert_eq!(target.key.len(), 64);
        assert_eq!(target.sector_size(), 4096);
        assert_eq!(target.offset_sectors, 32768);
        assert_eq!(target.to_string(), OF_CRYPTSETUP);
    }

    #[test]
    fn the_key_in_a_foreign_table_is_measured_and_not_kept() {
        let target =
            CryptTarget::parse(&format!("aes-xts-plain64 {} 0 7:0 4096", "ab".repeat(64))).unwrap();
        assert_eq!(target.key, KeySource::Table { bytes: 64 });
        assert!(!format!("{target:?} {target}").contains("abab"));
        assert_eq!(target.sector_size(), 512);
    }

    #[test]
    fn what_is_not_a_crypt_line_is_not_read_as_one() {
        for text in [
            "",
            "aes",
            "aes - 0 7:0",
            "aes - x 7:0 0",
            "aes - 0 7:0 0 2 one",
            "aes :64:logon 0 7:0 0",
        ] {
            assert_eq!(CryptTarget::parse(text), None, "{text}");
        }
    }
}
