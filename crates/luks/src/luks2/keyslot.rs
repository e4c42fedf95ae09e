//! Keyslots: a volume key under a passphrase.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crypto::HashAlgorithm;
use serde_json::{Value, json};

use super::Header;
use super::header::matches;
use super::metadata::{Keyslot, Luks2Keyslot};
use crate::cipher::AES_XTS_PLAIN64;
use crate::kdf::check_hash;
use crate::limits::{AREA_ALIGNMENT, MAX_OBJECTS, STRIPES};
use crate::{AreaWrite, Error, Kdf, KdfChoice, VolumeKey, antiforensic};

/// The length of the key that encrypts a new keyslot's area in bytes: AES-256-XTS.
const AREA_KEY_LEN: usize = 64;
/// The digest of a new keyslot's anti-forensic split.
const STRIPES_HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// A passphrase changed in place: `write`, flush, commit, flush, then `wipe`. Until the commit the old passphrase
/// opens the keyslot, from then on the new one.
#[derive(Debug)]
#[must_use = "the keyslot is worth nothing until its new area is written"]
pub struct Change {
    /// The new key material.
    pub write: AreaWrite,
    /// Random bytes over the old key material.
    pub wipe: AreaWrite,
}

impl Header {
    /// The keyslots of segment 0's key that may be tried without being asked for, preferred ones first.
    pub fn keyslot_ids(&self) -> Vec<u32> {
        let bound = self.digest().map_or(&[][..], |digest| &digest.keyslots);
        let mut ids: Vec<(u32, u32)> = self
            .metadata()
            .keyslots
            .iter()
            .filter(|(id, keyslot)| {
                bound.contains(id) && keyslot.priority > 0 && keyslot.kind.is_ok()
            })
            .map(|(id, keyslot)| (2 - keyslot.priority, *id))
            .collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// The bytes of the device that a keyslot's key material takes.
    ///
    /// # Errors
    /// [`Error::NoKeyslot`] where there is none, or one without an area.
    pub fn keyslot_area(&self, id: u32) -> Result<Range<u64>, Error> {
        let area = self
            .metadata()
            .keyslots
            .get(&id)
            .and_then(|keyslot| keyslot.area.as_ref());
        Ok(area.ok_or(Error::NoKeyslot(id))?.bytes.clone())
    }

    /// Opens a keyslot; see [`crate::Header::unlock`].
    ///
    /// # Errors
    /// As there.
    pub fn unlock(&self, id: u32, passphrase: &[u8], area: &[u8]) -> Result<VolumeKey, Error> {
        self.check_strict()?;
        let keyslot = self
            .metadata()
            .keyslots
            .get(&id)
            .ok_or(Error::NoKeyslot(id))?;
        let (
            Keyslot {
                kind: Ok(kind),
                area: Some(at),
                ..
            },
            Some((digest_id, digest)),
        ) = (keyslot, self.metadata().digest_of_segment(0))
        else {
            return Err(Error::NoKeyslot(id));
        };
        // A keyslot may store a key that is not the volume's (`luksAddKey --unbound`).
        if !digest.keyslots.contains(&id) {
            return Err(Error::NoKeyslot(id));
        }
        let hash = check_hash(&kind.stripes_hash, &format!("keyslots.{id}.af.hash"))?;
        let area_key = match kind.kdf.derive(passphrase, at.key_size as usize) {
            // A derived key with equal halves is no key that was ever used.
            Err(Error::Crypto(crypto::Error::EqualHalves)) => {
                return Err(Error::WrongPassphrase { keyslot: id });
            }
            derived => derived?,
        };
        let key = antiforensic::merge(area, keyslot.key_size as usize, hash, &area_key)?;
        if !matches(digest_id, digest, key.danger_expose())? {
            return Err(Error::WrongPassphrase { keyslot: id });
        }
        VolumeKey::new(key)
    }

    /// Adds a keyslot for `key`, at `id` or the first free number, and gives its key material to write and flush
    /// before [`Header::commit`].
    ///
    /// # Errors
    /// [`Error::WrongVolumeKey`] for a key that the header's digest does not know; [`Error::Full`] without a free
    /// number or area; [`Error::Misuse`] for an `id` in use or a cost that would be refused on opening;
    /// [`Error::Crypto`].
    pub fn add_keyslot(
        &mut self,
        passphrase: &[u8],
        key: &VolumeKey,
        kdf: KdfChoice,
        id: Option<u32>,
    ) -> Result<(u32, AreaWrite), Error> {
        let digest_id = self.digest_for(key)?;
        let id = self.free_keyslot(id)?;
        let (keyslot, write) = self.new_keyslot(passphrase, key, kdf)?;
        self.edit(|json| {
            member(json, "keyslots")?.insert(id.to_string(), keyslot);
            let digest = object(member(json, "digests")?.get_mut(&digest_id.to_string()))?;
            array(digest.get_mut("keyslots"))?.push(Value::String(id.to_string()));
            Ok(())
        })?;
        Ok((id, write))
    }

    /// Changes a keyslot's passphrase, its key material in another place than before.
    ///
    /// # Errors
    /// As [`Self::add_keyslot`], and [`Error::NoKeyslot`].
    pub fn change_keyslot(
        &mut self,
        id: u32,
        passphrase: &[u8],
        key: &VolumeKey,
        kdf: KdfChoice,
    ) -> Result<Change, Error> {
        self.digest_for(key)?;
        let old = self.keyslot_area(id)?;
        let (mut keyslot, write) = self.new_keyslot(passphrase, key, kdf)?;
        self.edit(|json| {
            let place = member(json, "keyslots")?
                .get_mut(&id.to_string())
                .ok_or(Error::NoKeyslot(id))?;
            // Members of others, priority among them, stay.
            let (Value::Object(old), Value::Object(new)) = (place, &mut keyslot) else {
                return Err(Error::NoKeyslot(id));
            };
            old.extend(std::mem::take(new));
            Ok(())
        })?;
        Ok(Change {
            write,
            wipe: random_over(old)?,
        })
    }

    /// Removes a keyslot from the header and from whatever names it, and gives random bytes to write over its key
    /// material. Write and flush those *before* [`Header::commit`]: killed in between, the keyslot is there and opens
    /// nothing; the other way round, key material would be left that nothing names.
    ///
    /// # Errors
    /// [`Error::NoKeyslot`]; [`Error::Crypto`] without randomness.
    pub fn kill_keyslot(&mut self, id: u32) -> Result<AreaWrite, Error> {
        let wipe = random_over(self.keyslot_area(id)?)?;
        let name = id.to_string();
        self.edit(|json| {
            member(json, "keyslots")?.shift_remove(&name);
            for group in ["digests", "tokens"] {
                for (_, entry) in member(json, group)?.iter_mut() {
                    array(entry.get_mut("keyslots"))?
                        .retain(|item| item.as_str() != Some(name.as_str()));
                }
            }
            Ok(())
        })?;
        Ok(wipe)
    }

    /// The digest of segment 0, if it is that of `key`.
    fn digest_for(&self, key: &VolumeKey) -> Result<u32, Error> {
        let (id, digest) = self
            .metadata()
            .digest_of_segment(0)
            .ok_or(Error::WrongVolumeKey)?;
        if !matches(id, digest, key.danger_expose())? {
            return Err(Error::WrongVolumeKey);
        }
        Ok(id)
    }

    fn free_keyslot(&self, wanted: Option<u32>) -> Result<u32, Error> {
        let is_free = |id: &u32| !self.metadata().keyslots.contains_key(id);
        match wanted {
            None => (0..MAX_OBJECTS)
                .find(is_free)
                .ok_or(Error::Full("another keyslot")),
            Some(id) if id >= MAX_OBJECTS => {
                Err(Error::misuse("keyslot", "numbers go from 0 to 31"))
            }
            Some(id) if is_free(&id) => Ok(id),
            Some(_) => Err(Error::misuse("keyslot", "this number is in use")),
        }
    }

    fn new_keyslot(
        &self,
        passphrase: &[u8],
        key: &VolumeKey,
        kdf: KdfChoice,
    ) -> Result<(Value, AreaWrite), Error> {
        let kdf = Kdf::new(kdf)?;
        let area_key = kdf.derive(passphrase, AREA_KEY_LEN)?;
        let mut bytes = antiforensic::split(key.danger_expose(), STRIPES_HASH, &area_key)?;
        let area = self.free_area(bytes.len() as u64)?;
        // What the stripes leave of the area is random as well.
        let padding = (area.end - area.start).saturating_sub(bytes.len() as u64);
        let stripes_end = bytes.len();
        bytes.resize(
            stripes_end + usize::try_from(padding).unwrap_or_default(),
            0,
        );
        crypto::random::fill(&mut bytes[stripes_end..])?;
        let kind = Luks2Keyslot {
            kdf,
            stripes: STRIPES,
            stripes_hash: "sha256".to_owned(),
        };
        Ok((
            to_json(&kind, key.len(), &area),
            AreaWrite {
                offset: area.start,
                bytes,
            },
        ))
    }

    /// The first gap between keyslots of at least `len` bytes.
    fn free_area(&self, len: u64) -> Result<Range<u64>, Error> {
        let len = len.next_multiple_of(AREA_ALIGNMENT);
        let bounds = self.keyslots_area();
        let mut taken: Vec<Range<u64>> = self
            .metadata()
            .keyslots
            .values()
            .filter_map(|keyslot| Some(keyslot.area.as_ref()?.bytes.clone()))
            .collect();
        taken.sort_unstable_by_key(|area| area.start);
        taken.push(bounds.end..bounds.end);
        let mut start = bounds.start;
        for area in taken {
            if area.start.saturating_sub(start) >= len {
                return Ok(start..start + len);
            }
            start = start.max(area.end);
        }
        Err(Error::Full("another keyslot's key material"))
    }
}

fn to_json(kind: &Luks2Keyslot, key_len: usize, area: &Range<u64>) -> Value {
    let kdf = match &kind.kdf {
        Kdf::Pbkdf2 {
            hash,
            iterations,
            salt,
        } => json!({
            "type": kind.kdf.type_name(),
            "hash": hash,
            "iterations": iterations,
            "salt": BASE64_STANDARD.encode(salt),
        }),
        Kdf::Argon2 { cost, salt, .. } => json!({
            "type": kind.kdf.type_name(),
            "time": cost.time,
            "memory": cost.memory_kib,
            "cpus": cost.lanes,
            "salt": BASE64_STANDARD.encode(salt),
        }),
        // Made here is only what is known here.
        Kdf::Unknown { kind } => json!({"type": kind}),
    };
    json!({
        "type": "luks2",
        "key_size": key_len,
        "af": {"type": "luks1", "stripes": kind.stripes, "hash": kind.stripes_hash},
        "area": {
            "type": "raw",
            "offset": area.start.to_string(),
            "size": (area.end - area.start).to_string(),
            "encryption": AES_XTS_PLAIN64,
            "key_size": AREA_KEY_LEN,
        },
        "kdf": kdf,
    })
}

fn random_over(area: Range<u64>) -> Result<AreaWrite, Error> {
    let len = usize::try_from(area.end - area.start)
        .map_err(|_| Error::misuse("keyslot area", "longer than memory"))?;
    let mut bytes = vec![0; len];
    crypto::random::fill(&mut bytes)?;
    Ok(AreaWrite {
        offset: area.start,
        bytes,
    })
}

type Members = serde_json::Map<String, Value>;

/// A member of the JSON's root, which the checks have found to be an object.
pub(super) fn member<'a>(
    json: &'a mut Value,
    name: &'static str,
) -> Result<&'a mut Members, Error> {
    object(json.get_mut(name)).map_err(|_| Error::corrupt(name, "not an object"))
}

fn object(value: Option<&mut Value>) -> Result<&mut Members, Error> {
    value
        .and_then(Value::as_object_mut)
        .ok_or_else(|| Error::corrupt("digests", "not an object"))
}

fn array(value: Option<&mut Value>) -> Result<&mut Vec<Value>, Error> {
    value
        .and_then(Value::as_array_mut)
        .ok_or_else(|| Error::corrupt("keyslots", "not an array"))
}
