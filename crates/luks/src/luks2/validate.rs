//! The specification's rules across objects: areas in bounds and apart, references that lead somewhere, sizes that
//! agree. They hold under every profile.

use super::metadata::{Keyslot, Metadata, Segment, SegmentSize};
use crate::Error;
use crate::limits::{AREA_ALIGNMENT, BINARY_HEADER, MAX_KEYSLOTS_SIZE, SECTOR, STRIPES};

/// Checks a header of `header_size` bytes. Whether its segments fit the device is `strict`'s: a header backup is shorter.
pub(crate) fn check(metadata: &Metadata, header_size: u64) -> Result<(), Error> {
    config(metadata, header_size)?;
    keyslots(metadata, header_size)?;
    segments(metadata, header_size)?;
    references(metadata)
}

fn config(metadata: &Metadata, header_size: u64) -> Result<(), Error> {
    let config = &metadata.config;
    if config.json_size != header_size - BINARY_HEADER {
        return Err(Error::corrupt(
            "config.json_size",
            "not hdr_size less the binary header",
        ));
    }
    if !config.keyslots_size.is_multiple_of(AREA_ALIGNMENT) {
        return Err(Error::corrupt(
            "config.keyslots_size",
            "not a multiple of 4096",
        ));
    }
    if config.keyslots_size > MAX_KEYSLOTS_SIZE {
        return Err(Error::corrupt("config.keyslots_size", "more than 128 MiB"));
    }
    Ok(())
}

fn keyslots(metadata: &Metadata, header_size: u64) -> Result<(), Error> {
    let bounds = 2 * header_size..2 * header_size + metadata.config.keyslots_size;
    let mut taken: Vec<(u64, u64)> = Vec::new();
    for (id, keyslot) in &metadata.keyslots {
        let at = |member: &str| format!("keyslots.{id}.{member}");
        if keyslot.key_size == 0 {
            return Err(Error::corrupt(at("key_size"), "zero"));
        }
        stripes(keyslot, &at)?;
        let Some(area) = &keyslot.area else { continue };
        let (start, end) = (area.bytes.start, area.bytes.end);
        if start < bounds.start || !start.is_multiple_of(AREA_ALIGNMENT) {
            return Err(Error::corrupt(
                at("area.offset"),
                "not in the keyslots area on a multiple of 4096",
            ));
        }
        if start == end || end > bounds.end || !end.is_multiple_of(AREA_ALIGNMENT) {
            return Err(Error::corrupt(
                at("area.size"),
                "empty, beyond the keyslots area, or not a multiple of 4096",
            ));
        }
        if taken
            .iter()
            .any(|(other_start, other_end)| start < *other_end && *other_start < end)
        {
            return Err(Error::corrupt(
                at("area.offset"),
                "overlaps another keyslot's area",
            ));
        }
        taken.push((start, end));
    }
    Ok(())
}

fn stripes(keyslot: &Keyslot, at: &dyn Fn(&str) -> String) -> Result<(), Error> {
    let (Ok(kind), Some(area)) = (&keyslot.kind, &keyslot.area) else {
        return Ok(());
    };
    if kind.stripes != STRIPES {
        return Err(Error::corrupt(at("af.stripes"), "not 4000"));
    }
    if area.key_size == 0 {
        return Err(Error::corrupt(at("area.key_size"), "zero"));
    }
    if area.bytes.end - area.bytes.start < u64::from(keyslot.key_size) * u64::from(STRIPES) {
        return Err(Error::corrupt(
            at("area.size"),
            "less than the key's stripes take",
        ));
    }
    Ok(())
}

fn segments(metadata: &Metadata, header_size: u64) -> Result<(), Error> {
    if metadata.segments.is_empty() {
        return Err(Error::corrupt("segments", "there is none"));
    }
    let data_start = 2 * header_size + metadata.config.keyslots_size;
    for (position, (id, segment)) in (0_u32..).zip(&metadata.segments) {
        let at = |member: &str| format!("segments.{id}.{member}");
        if position != *id {
            return Err(Error::corrupt("segments", "numbered with a gap"));
        }
        if !segment.offset.is_multiple_of(SECTOR) {
            return Err(Error::corrupt(at("offset"), "not a multiple of 512"));
        }
        // Offset 0 is a header detached from its data.
        if segment.offset != 0 && segment.offset < data_start {
            return Err(Error::corrupt(
                at("offset"),
                "inside header or keyslots area",
            ));
        }
        if segment.kind == "crypt" {
            crypt_segment(segment, &at)?;
        }
        let end = match segment.size {
            SegmentSize::Dynamic => segment.offset.checked_add(1),
            SegmentSize::Bytes(0) => return Err(Error::corrupt(at("size"), "zero")),
            SegmentSize::Bytes(bytes) => segment.offset.checked_add(bytes),
        };
        if end.is_none() {
            return Err(Error::corrupt(at("size"), "runs past 2^64"));
        }
    }
    Ok(())
}

fn crypt_segment(segment: &Segment, at: &dyn Fn(&str) -> String) -> Result<(), Error> {
    let sector_size = segment.sector_size;
    if !matches!(sector_size, 512 | 1024 | 2048 | 4096) {
        return Err(Error::corrupt(
            at("sector_size"),
            "not 512, 1024, 2048 or 4096",
        ));
    }
    if segment.encryption.is_empty() {
        return Err(Error::corrupt(at("encryption"), "empty"));
    }
    if let SegmentSize::Bytes(bytes) = segment.size
        && !bytes.is_multiple_of(u64::from(sector_size))
    {
        return Err(Error::corrupt(at("size"), "not whole sectors"));
    }
    Ok(())
}

fn references(metadata: &Metadata) -> Result<(), Error> {
    for (id, digest) in &metadata.digests {
        if let Some(missing) = digest
            .keyslots
            .iter()
            .find(|id| !metadata.keyslots.contains_key(id))
        {
            return Err(Error::corrupt(
                format!("digests.{id}.keyslots"),
                format!("there is no keyslot {missing}"),
            ));
        }
        if let Some(missing) = digest
            .segments
            .iter()
            .find(|id| !metadata.segments.contains_key(id))
        {
            return Err(Error::corrupt(
                format!("digests.{id}.segments"),
                format!("there is no segment {missing}"),
            ));
        }
    }
    for (id, keyslot) in &metadata.keyslots {
        let digests = metadata
            .digests
            .values()
            .filter(|digest| digest.keyslots.contains(id))
            .count();
        // Keyslots of other types (re-encryption) may be bound to several.
        if keyslot.kind.is_ok() && digests != 1 {
            return Err(Error::corrupt(
                format!("keyslots.{id}"),
                format!("in {digests} digests, not in one"),
            ));
        }
    }
    for (id, token) in &metadata.tokens {
        if let Some(missing) = token
            .keyslots
            .iter()
            .find(|id| !metadata.keyslots.contains_key(id))
        {
            return Err(Error::corrupt(
                format!("tokens.{id}.keyslots"),
                format!("there is no keyslot {missing}"),
            ));
        }
    }
    Ok(())
}
