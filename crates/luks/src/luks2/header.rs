//! A LUKS2 header in memory: the binary header, the JSON as it was written, and the typed view of it. Every change
//! is made to the JSON and goes through the same checks as a header that was read.

use std::ops::Range;

use serde_json::Value;
use uuid::Uuid;

use super::metadata::{Digest, Metadata, Segment, SegmentSize};
use super::{Binary, json, strict, validate};
use crate::header::{Payload, Profile, Which};
use crate::limits::BINARY_HEADER;
use crate::{Error, VolumeKey, kdf};

/// A LUKS2 header.
#[derive(Clone, Debug)]
pub struct Header {
    binary: Binary,
    json: Value,
    metadata: Metadata,
    device_len: u64,
    /// The copy that the device may rely on, and which is therefore written last.
    pub(crate) used: Which,
    /// Not on a device yet.
    pub(crate) is_new: bool,
}

impl Header {
    /// A header whose parts passed the checks of `profile`.
    pub(crate) fn checked(
        binary: Binary,
        json: Value,
        used: Which,
        device_len: u64,
        profile: Profile,
    ) -> Result<Self, Error> {
        let metadata = Metadata::from_json(&json)?;
        validate::check(&metadata, binary.header_size)?;
        if profile == Profile::Strict {
            strict::check(&metadata, device_len)?;
        }
        Ok(Self {
            binary,
            json,
            metadata,
            device_len,
            used,
            is_new: false,
        })
    }

    /// The volume's UUID.
    pub fn uuid(&self) -> Uuid {
        self.binary.uuid
    }

    /// The label, or an empty string.
    pub fn label(&self) -> &str {
        &self.binary.label
    }

    /// The subsystem, or an empty string.
    pub fn subsystem(&self) -> &str {
        &self.binary.subsystem
    }

    /// How often the header has been written.
    pub fn sequence_id(&self) -> u64 {
        self.binary.sequence_id
    }

    /// The length of one copy in bytes, binary header and JSON area.
    pub fn header_size(&self) -> u64 {
        self.binary.header_size
    }

    /// The typed view of the JSON area.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The JSON area as it is, what is unknown here included.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The activation flags.
    pub fn flags(&self) -> &[String] {
        &self.metadata.config.flags
    }

    /// What a reader must know to touch the volume; empty but for unfinished work such as a re-encryption.
    pub fn requirements(&self) -> &[String] {
        &self.metadata.config.requirements
    }

    /// Bytes of the device that the two copies take.
    pub fn copies(&self) -> [Range<u64>; 2] {
        let size = self.binary.header_size;
        [0..size, size..2 * size]
    }

    /// Bytes of the device that keyslots may take.
    pub fn keyslots_area(&self) -> Range<u64> {
        let start = 2 * self.binary.header_size;
        start..start + self.metadata.config.keyslots_size
    }

    /// The cipher of segment 0, or an empty string.
    pub fn cipher(&self) -> &str {
        self.segment()
            .map_or("", |segment| segment.encryption.as_str())
    }

    /// The first segment: the only one under the strict profile.
    pub fn segment(&self) -> Option<&Segment> {
        self.metadata.segments.get(&0)
    }

    /// The digest of segment 0's key.
    pub fn digest(&self) -> Option<&Digest> {
        self.metadata.digest_of_segment(0).map(|(_, digest)| digest)
    }

    /// The length of the volume key in bytes; none where no keyslot says it.
    pub fn volume_key_len(&self) -> Option<usize> {
        let id = self.digest()?.keyslots.first()?;
        usize::try_from(self.metadata.keyslots.get(id)?.key_size).ok()
    }

    /// Checks the allow-list, whatever profile the header was read under.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Unsupported`] or [`Error::Weak`], naming the member.
    pub fn check_strict(&self) -> Result<(), Error> {
        strict::check(&self.metadata, self.device_len)
    }

    /// Where the data lies on a device of `device_len` bytes, cut to whole sectors.
    ///
    /// # Errors
    /// What the strict profile refuses.
    pub fn payload(&self, device_len: u64) -> Result<Payload, Error> {
        strict::check(&self.metadata, device_len)?;
        let segment = self
            .segment()
            .ok_or_else(|| Error::corrupt("segments", "there is none"))?;
        let len = match segment.size {
            SegmentSize::Dynamic => device_len - segment.offset,
            SegmentSize::Bytes(bytes) => bytes,
        };
        let sector_size = segment.sector_size;
        let len = len - len % u64::from(sector_size);
        Ok(Payload {
            bytes: segment.offset..segment.offset + len,
            sector_size,
            iv_start: segment.iv_tweak,
        })
    }

    /// Whether `key` is the key of segment 0, by its digest.
    ///
    /// # Errors
    /// What the strict profile refuses, and [`Error::Crypto`].
    pub fn verify_volume_key(&self, key: &VolumeKey) -> Result<bool, Error> {
        let (id, digest) = self
            .metadata
            .digest_of_segment(0)
            .ok_or_else(|| Error::corrupt("digests", "there is none"))?;
        matches(id, digest, key.danger_expose())
    }

    pub(crate) fn binary(&self) -> &Binary {
        &self.binary
    }

    pub(crate) fn binary_mut(&mut self) -> &mut Binary {
        &mut self.binary
    }

    /// Whether the two copies of a header say the same.
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        self.binary == other.binary && self.json == other.json
    }

    /// Makes a change to the JSON, or none. Only a header that would be opened is changed, and what comes out must be
    /// one that would be opened, and fit.
    pub(crate) fn edit(
        &mut self,
        change: impl FnOnce(&mut Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.check_strict()?;
        let mut json = self.json.clone();
        change(&mut json)?;
        let metadata = self.checked_metadata(&json).map_err(|error| match error {
            Error::Corrupt { field, problem }
            | Error::Unsupported { field, problem }
            | Error::Weak { field, problem } => Error::misuse(
                "the change would break the header",
                format!("{field}: {problem}"),
            ),
            other => other,
        })?;
        json::to_area(&json, self.binary.header_size - BINARY_HEADER)?;
        self.json = json;
        self.metadata = metadata;
        Ok(())
    }

    fn checked_metadata(&self, json: &Value) -> Result<Metadata, Error> {
        let metadata = Metadata::from_json(json)?;
        validate::check(&metadata, self.binary.header_size)?;
        strict::check(&metadata, self.device_len)?;
        Ok(metadata)
    }
}

/// Whether a digest is that of `key`.
pub(crate) fn matches(id: u32, digest: &Digest, key: &[u8]) -> Result<bool, Error> {
    let hash = kdf::check_hash(&digest.hash, &format!("digests.{id}.hash"))?;
    let iterations = std::num::NonZeroU32::new(digest.iterations)
        .ok_or_else(|| Error::weak(format!("digests.{id}.iterations"), "there are none"))?;
    if digest.value.len() != hash.output_len() {
        return Err(Error::weak(
            format!("digests.{id}.digest"),
            "not as long as its hash",
        ));
    }
    kdf::key_matches(key, hash, &digest.salt, iterations, &digest.value)
}
