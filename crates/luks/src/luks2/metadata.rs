//! The typed view of the JSON (LUKS2 §3). It holds what is understood; the value it was made from keeps the rest.

use std::collections::BTreeMap;
use std::ops::Range;

use crypto::{Argon2Cost, Argon2Variant};
use serde_json::Value;

use super::field::{Object, numbered};
use crate::{Error, Kdf};

/// Everything in the JSON area that has a meaning here.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// Keyslots by number.
    pub keyslots: BTreeMap<u32, Keyslot>,
    /// Segments by number.
    pub segments: BTreeMap<u32, Segment>,
    /// Digests by number.
    pub digests: BTreeMap<u32, Digest>,
    /// Tokens by number.
    pub tokens: BTreeMap<u32, Token>,
    /// The configuration.
    pub config: Config,
}

/// A keyslot (LUKS2 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyslot {
    /// Length of the key it stores in bytes.
    pub key_size: u32,
    /// 0: only when asked for; 1: normal; 2: before others.
    pub priority: u32,
    /// Where its key material lies; none for kinds that have none.
    pub area: Option<Area>,
    /// The only kind that is opened, or the name of another.
    pub kind: Result<Luks2Keyslot, String>,
}

/// What the keyslot type `luks2` has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Luks2Keyslot {
    /// How its passphrase becomes the area's key.
    pub kdf: Kdf,
    /// Stripes of the anti-forensic split.
    pub stripes: u32,
    /// Digest of the anti-forensic split, by the header's name.
    pub stripes_hash: String,
}

/// A keyslot's area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its type: `raw`, or one of re-encryption.
    pub kind: String,
    /// Bytes of the device that it takes.
    pub bytes: Range<u64>,
    /// Cipher of a raw area.
    pub encryption: String,
    /// Key length of that cipher in bytes.
    pub key_size: u32,
}

/// A segment (LUKS2 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// `crypt`, `linear` or another.
    pub kind: String,
    /// Where it begins, in bytes from the start of the device.
    pub offset: u64,
    /// How long it is.
    pub size: SegmentSize,
    /// Cipher; empty but for `crypt`.
    pub encryption: String,
    /// Added to the tweak, in units of 512 bytes.
    pub iv_tweak: u64,
    /// Sector size in bytes; 0 but for `crypt`.
    pub sector_size: u32,
    /// The names of all its members, since an unknown one may change its meaning.
    pub members: Vec<String>,
}

/// The length of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentSize {
    /// To the end of the device.
    Dynamic,
    /// Bytes.
    Bytes(u64),
}

/// A digest (LUKS2 §3.4): PBKDF2 of a volume key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Its type: `pbkdf2` or another.
    pub kind: String,
    /// The keyslots that store the key.
    pub keyslots: Vec<u32>,
    /// The segments that the key is for.
    pub segments: Vec<u32>,
    /// HMAC's digest, by the header's name.
    pub hash: String,
    /// Iterations.
    pub iterations: u32,
    /// Salt.
    pub salt: Vec<u8>,
    /// The digest itself.
    pub value: Vec<u8>,
}

/// A token (LUKS2 §3.5). Its other members are the business of whoever knows its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its type.
    pub kind: String,
    /// The keyslots it opens.
    pub keyslots: Vec<u32>,
    /// All of it.
    pub json: Value,
}

/// The configuration (LUKS2 §3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Length of the JSON area in bytes.
    pub json_size: u64,
    /// Length of the keyslots area in bytes.
    pub keyslots_size: u64,
    /// Flags for activation, such as `allow-discards`.
    pub flags: Vec<String>,
    /// What a reader must know to touch this volume.
    pub requirements: Vec<String>,
}

impl Metadata {
    /// The typed view of a header's JSON; each object for itself. References are checked by `validate`.
    pub(crate) fn from_json(json: &Value) -> Result<Self, Error> {
        let root = Object::new(json, "")?;
        Ok(Self {
            config: config(&Object::new(root.value("config")?, "config")?)?,
            keyslots: objects(&root, "keyslots", keyslot)?,
            segments: objects(&root, "segments", segment)?,
            digests: objects(&root, "digests", digest)?,
            tokens: objects(&root, "tokens", token)?,
        })
    }

    /// The digest of the key that a keyslot stores.
    pub fn digest_of_keyslot(&self, id: u32) -> Option<(u32, &Digest)> {
        self.digests
            .iter()
            .find(|(_, digest)| digest.keyslots.contains(&id))
            .map(|(id, digest)| (*id, digest))
    }

    /// The digest of the key that a segment is encrypted with.
    pub fn digest_of_segment(&self, id: u32) -> Option<(u32, &Digest)> {
        self.digests
            .iter()
            .find(|(_, digest)| digest.segments.contains(&id))
            .map(|(id, digest)| (*id, digest))
    }
}

fn objects<T>(
    root: &Object<'_>,
    name: &str,
    read: impl Fn(&Object<'_>) -> Result<T, Error>,
) -> Result<BTreeMap<u32, T>, Error> {
    numbered(root, name)?
        .into_iter()
        .map(|(id, value)| Ok((id, read(&Object::new(value, &format!("{name}.{id}"))?)?)))
        .collect()
}

fn keyslot(object: &Object<'_>) -> Result<Keyslot, Error> {
    let kind = match object.text("type")? {
        "luks2" => Ok(luks2_keyslot(object)?),
        other => Err(other.to_owned()),
    };
    let area = match object.optional("area") {
        None if kind.is_err() => None,
        _ => area(
            &Object::new(object.value("area")?, &object.at("area"))?,
            kind.is_ok(),
        )?,
    };
    let priority = if object.optional("priority").is_some() {
        object.int("priority")?
    } else {
        1
    };
    if priority > 2 {
        return Err(Error::corrupt(object.at("priority"), "not 0, 1 or 2"));
    }
    Ok(Keyslot {
        key_size: object.int("key_size")?,
        priority,
        area,
        kind,
    })
}

fn luks2_keyslot(object: &Object<'_>) -> Result<Luks2Keyslot, Error> {
    let af_path = object.at("af");
    let af = Object::new(object.value("af")?, &af_path)?;
    if af.text("type")? != "luks1" {
        return Err(Error::corrupt(af.at("type"), "not luks1"));
    }
    let kdf_path = object.at("kdf");
    Ok(Luks2Keyslot {
        kdf: kdf(&Object::new(object.value("kdf")?, &kdf_path)?)?,
        stripes: af.int("stripes")?,
        stripes_hash: af.text("hash")?.to_owned(),
    })
}

fn kdf(object: &Object<'_>) -> Result<Kdf, Error> {
    let salt = || object.base64("salt");
    let argon2 = |variant| -> Result<Kdf, Error> {
        let cost = Argon2Cost {
            time: object.int("time")?,
            memory_kib: object.int("memory")?,
            lanes: object.int("cpus")?,
        };
        Ok(Kdf::Argon2 {
            variant,
            cost,
            salt: salt()?,
        })
    };
    match object.text("type")? {
        "pbkdf2" => Ok(Kdf::Pbkdf2 {
            hash: object.text("hash")?.to_owned(),
            iterations: object.int("iterations")?,
            salt: salt()?,
        }),
        "argon2i" => argon2(Argon2Variant::I),
        "argon2id" => argon2(Argon2Variant::Id),
        other => Ok(Kdf::Unknown {
            kind: other.to_owned(),
        }),
    }
}

/// A keyslot's area; the kind `none` takes no room.
fn area(object: &Object<'_>, must_be_raw: bool) -> Result<Option<Area>, Error> {
    let kind = object.text("type")?;
    if must_be_raw && kind != "raw" {
        return Err(Error::corrupt(object.at("type"), "not raw"));
    }
    if object.optional("offset").is_none() && !must_be_raw {
        return Ok(None);
    }
    let (offset, size) = (object.long("offset")?, object.long("size")?);
    let end = offset
        .checked_add(size)
        .ok_or_else(|| Error::corrupt(object.at("size"), "runs past 2^64"))?;
    let raw = kind == "raw";
    Ok(Some(Area {
        kind: kind.to_owned(),
        bytes: offset..end,
        encryption: if raw {
            object.text("encryption")?.to_owned()
        } else {
            String::new()
        },
        key_size: if raw { object.int("key_size")? } else { 0 },
    }))
}

fn segment(object: &Object<'_>) -> Result<Segment, Error> {
    let kind = object.text("type")?;
    let crypt = kind == "crypt";
    Ok(Segment {
        kind: kind.to_owned(),
        offset: object.long("offset")?,
        size: match object.text("size")? {
            "dynamic" => SegmentSize::Dynamic,
            _ => SegmentSize::Bytes(object.long("size")?),
        },
        encryption: if crypt {
            object.text("encryption")?.to_owned()
        } else {
            String::new()
        },
        iv_tweak: if crypt { object.long("iv_tweak")? } else { 0 },
        sector_size: if crypt { object.int("sector_size")? } else { 0 },
        members: object.names().map(str::to_owned).collect(),
    })
}

fn digest(object: &Object<'_>) -> Result<Digest, Error> {
    let kind = object.text("type")?;
    let known = kind == "pbkdf2";
    Ok(Digest {
        kind: kind.to_owned(),
        keyslots: object.references("keyslots")?,
        segments: object.references("segments")?,
        hash: if known {
            object.text("hash")?.to_owned()
        } else {
            String::new()
        },
        iterations: if known { object.int("iterations")? } else { 0 },
        salt: if known {
            object.base64("salt")?
        } else {
            Vec::new()
        },
        value: if known {
            object.base64("digest")?
        } else {
            Vec::new()
        },
    })
}

fn token(object: &Object<'_>) -> Result<Token, Error> {
    Ok(Token {
        kind: object.text("type")?.to_owned(),
        keyslots: object.references("keyslots")?,
        json: object.json(),
    })
}

fn config(object: &Object<'_>) -> Result<Config, Error> {
    let requirements = match object.optional("requirements") {
        None => Vec::new(),
        Some(value) => {
            let path = object.at("requirements");
            let requirements = Object::new(value, &path)?;
            if let Some(other) = requirements.names().find(|name| *name != "mandatory") {
                return Err(Error::corrupt(
                    requirements.at(other),
                    "a kind of requirement that there is not",
                ));
            }
            requirements.texts("mandatory")?
        }
    };
    Ok(Config {
        json_size: object.long("json_size")?,
        keyslots_size: object.long("keyslots_size")?,
        flags: object.texts("flags")?,
        requirements,
    })
}
