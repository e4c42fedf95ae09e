//! The allow-list under which a volume is opened: one data segment under AES-XTS, keyslots that cost what is sane,
//! one digest of its hash's length, nothing pending. Everything else is refused, whatever it means.

use super::metadata::{Digest, Keyslot, Metadata, SegmentSize};
use crate::Error;
use crate::cipher::{AES_XTS_PLAIN64, weakness};
use crate::kdf::{check_hash, check_iterations};
use crate::limits::{LARGE_SECTOR, MAX_DIGEST_ITERATIONS, SALT_LEN, SECTOR};

/// The members that a crypt segment may have. Any other could change what the rest means (`integrity`, `flags`).
const SEGMENT_MEMBERS: [&str; 6] = [
    "type",
    "offset",
    "size",
    "iv_tweak",
    "encryption",
    "sector_size",
];

pub(crate) fn check(metadata: &Metadata, device_len: u64) -> Result<(), Error> {
    if let Some(requirement) = metadata.config.requirements.first() {
        return Err(if is_reencryption(requirement) {
            Error::unsupported(
                "config.requirements",
                format!("{requirement:?} is pending; finish it with cryptsetup"),
            )
        } else {
            Error::unsupported(
                "config.requirements.mandatory",
                format!("{requirement:?} is not known here"),
            )
        });
    }
    segment(metadata, device_len)?;
    for (id, keyslot) in &metadata.keyslots {
        check_keyslot(*id, keyslot)?;
    }
    digest(metadata)
}

/// Whether a requirement is one of cryptsetup's for a re-encryption that has not ended: `online-reencrypt`, with or without a version, and
/// `offline-reencrypt`.
fn is_reencryption(requirement: &str) -> bool {
    ["online-reencrypt", "offline-reencrypt"]
        .iter()
        .any(|known| requirement.starts_with(known))
}

fn segment(metadata: &Metadata, device_len: u64) -> Result<(), Error> {
    let (Some(segment), 1) = (metadata.segments.get(&0), metadata.segments.len()) else {
        return Err(Error::unsupported("segments", "more than one"));
    };
    if segment.kind != "crypt" {
        return Err(Error::unsupported("segments.0.type", "not crypt"));
    }
    if let Some(member) = segment
        .members
        .iter()
        .find(|member| !SEGMENT_MEMBERS.contains(&member.as_str()))
    {
        return Err(Error::unsupported(
            format!("segments.0.{member}"),
            "a member that is not known here",
        ));
    }
    check_cipher(&segment.encryption, "segments.0.encryption")?;
    if segment.iv_tweak != 0 {
        return Err(Error::unsupported("segments.0.iv_tweak", "not 0"));
    }
    if u64::from(segment.sector_size) != SECTOR && segment.sector_size != LARGE_SECTOR {
        return Err(Error::unsupported(
            "segments.0.sector_size",
            "not 512 or 4096",
        ));
    }
    if segment.offset == 0 {
        return Err(Error::unsupported(
            "segments.0.offset",
            "a header detached from its data",
        ));
    }
    let room = device_len.saturating_sub(segment.offset);
    let len = match segment.size {
        SegmentSize::Dynamic => room,
        SegmentSize::Bytes(bytes) => bytes,
    };
    if len < u64::from(segment.sector_size) || len > room {
        return Err(Error::corrupt(
            "segments.0.size",
            "runs past the end of the device",
        ));
    }
    Ok(())
}

/// `aes-xts-plain64`, or a refusal that says whether the volume is merely unusual or not encrypted at all.
pub(crate) fn check_cipher(encryption: &str, at: &str) -> Result<(), Error> {
    if encryption == AES_XTS_PLAIN64 {
        return Ok(());
    }
    if let Some(why) = weakness(encryption) {
        return Err(Error::weak(at, why));
    }
    Err(Error::unsupported(
        at,
        "a cipher other than aes-xts-plain64",
    ))
}

pub(crate) fn check_key_size(key_size: u32, at: &str) -> Result<(), Error> {
    match key_size {
        32 | 64 => Ok(()),
        _ => Err(Error::unsupported(at, "not 32 or 64 bytes, as AES-XTS has")),
    }
}

fn check_keyslot(id: u32, keyslot: &Keyslot) -> Result<(), Error> {
    let at = |member: &str| format!("keyslots.{id}.{member}");
    let Ok(kind) = &keyslot.kind else {
        return Err(Error::unsupported(at("type"), "not luks2"));
    };
    let Some(area) = &keyslot.area else {
        return Err(Error::unsupported(at("area"), "there is none"));
    };
    check_key_size(keyslot.key_size, &at("key_size"))?;
    check_cipher(&area.encryption, &at("area.encryption"))?;
    check_key_size(area.key_size, &at("area.key_size"))?;
    check_hash(&kind.stripes_hash, &at("af.hash"))?;
    kind.kdf.check_cost(&at("kdf"))
}

fn digest(metadata: &Metadata) -> Result<(), Error> {
    for (id, digest) in &metadata.digests {
        check_digest(*id, digest)?;
    }
    let mut of_segment = metadata
        .digests
        .iter()
        .filter(|(_, digest)| digest.segments.contains(&0));
    let (Some((id, digest)), None) = (of_segment.next(), of_segment.next()) else {
        return Err(Error::corrupt("digests", "segment 0 is not in exactly one"));
    };
    let sizes: Vec<u32> = digest
        .keyslots
        .iter()
        .filter_map(|id| metadata.keyslots.get(id))
        .map(|keyslot| keyslot.key_size)
        .collect();
    if sizes.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(Error::corrupt(
            format!("digests.{id}.keyslots"),
            "store keys of different lengths",
        ));
    }
    Ok(())
}

fn check_digest(id: u32, digest: &Digest) -> Result<(), Error> {
    let at = |member: &str| format!("digests.{id}.{member}");
    if digest.kind != "pbkdf2" {
        return Err(Error::unsupported(at("type"), "not pbkdf2"));
    }
    let hash = check_hash(&digest.hash, &at("hash"))?;
    if digest.value.len() != hash.output_len() {
        return Err(Error::weak(at("digest"), "not as long as its hash"));
    }
    if !SALT_LEN.contains(&digest.salt.len()) {
        return Err(Error::weak(at("salt"), "a salt has 16 to 64 bytes"));
    }
    check_iterations(digest.iterations, MAX_DIGEST_ITERATIONS, &at("iterations"))
}
