//! Key material that a small file can hold. An area is 4000 stripes, of which all but the last may be anything: here they are whatever zeros on
//! the disk decrypt to, and the last is what makes the volume key of them. It is a keyslot like any other, and all zeros but for its end.

use std::num::NonZeroU32;

use crypto::{HashAlgorithm, XtsKey};
use luks::{Header, Kdf};

use super::Device;

const SECTOR: usize = 512;
const STRIPES: usize = 4000;

/// A keyslot as the two formats describe it.
struct Slot {
    kdf: Kdf,
    hash: HashAlgorithm,
    area_key_len: usize,
    key_len: usize,
    offset: u64,
}

fn hash(name: &str) -> Option<HashAlgorithm> {
    Some(match name {
        "sha1" => HashAlgorithm::Sha1,
        "sha256" => HashAlgorithm::Sha256,
        "sha384" => HashAlgorithm::Sha384,
        "sha512" => HashAlgorithm::Sha512,
        _ => return None,
    })
}

/// The keyslot, if its area is under AES-XTS and its digests are known.
fn slot(header: &Header, device: &Device, id: u32) -> Option<Slot> {
    match header {
        Header::V2(header) => {
            let keyslot = header.metadata().keyslots.get(&id)?;
            let (kind, area) = (keyslot.kind.as_ref().ok()?, keyslot.area.as_ref()?);
            (area.encryption == "aes-xts-plain64").then_some(())?;
            if let Kdf::Pbkdf2 { hash: name, .. } = &kind.kdf {
                hash(name)?;
            }
            Some(Slot {
                kdf: kind.kdf.clone(),
                hash: hash(&kind.stripes_hash)?,
                area_key_len: area.key_size as usize,
                key_len: keyslot.key_size as usize,
                offset: area.bytes.start,
            })
        }
        Header::V1(header) => {
            (header.cipher() == "aes-xts-plain64").then_some(())?;
            let number =
                |at: u64| -> u32 { u32::from_be_bytes(device.at(at..at + 4).try_into().unwrap()) };
            let spec = device.at(72..104);
            let end = spec.iter().position(|byte| *byte == 0)?;
            let name = String::from_utf8(spec[..end].to_vec()).ok()?;
            let at = 208 + 48 * u64::from(id);
            Some(Slot {
                hash: hash(&name)?,
                kdf: Kdf::Pbkdf2 {
                    hash: name,
                    iterations: number(at + 4),
                    salt: device.at(at + 8..at + 40),
                },
                area_key_len: number(108) as usize,
                key_len: number(108) as usize,
                offset: u64::from(number(at + 40)) * SECTOR as u64,
            })
        }
    }
}

impl Slot {
    fn area_key(&self, passphrase: &[u8]) -> XtsKey {
        let mut key = vec![0; self.area_key_len];
        match &self.kdf {
            Kdf::Pbkdf2 {
                hash: name,
                iterations,
                salt,
            } => crypto::pbkdf2(
                hash(name).unwrap(),
                passphrase,
                salt,
                NonZeroU32::new(*iterations).unwrap(),
                &mut key,
            )
            .unwrap(),
            Kdf::Argon2 {
                variant,
                cost,
                salt,
            } => crypto::argon2(*variant, *cost, passphrase, salt, &mut key).unwrap(),
            other @ Kdf::Unknown { .. } => panic!("{other:?}"),
        }
        XtsKey::new(&key).unwrap()
    }

    /// LUKS1 §2.4's diffuser: each block hashed with its number.
    fn diffuse(&self, bytes: &[u8]) -> Vec<u8> {
        let block = self.hash.output_len();
        let pieces = bytes.chunks(block).zip(0_u32..).map(|(piece, number)| {
            let digest = self.hash.digest(&[&number.to_be_bytes(), piece]);
            digest.as_ref()[..piece.len()].to_vec()
        });
        pieces.collect::<Vec<_>>().concat()
    }

    /// The area's bytes for `key`.
    fn material(&self, passphrase: &[u8], key: &[u8]) -> Vec<u8> {
        let area_key = self.area_key(passphrase);
        let mut stripes = vec![0; self.key_len * STRIPES];
        area_key
            .decryptor()
            .unwrap()
            .sectors(&mut stripes, SECTOR, 0)
            .unwrap();
        let last = stripes.len() - self.key_len;
        let mut mixed = vec![0; self.key_len];
        for stripe in stripes[..last].chunks(self.key_len) {
            xor(&mut mixed, stripe);
            mixed = self.diffuse(&mixed);
        }
        xor(&mut mixed, key);
        stripes[last..].copy_from_slice(&mixed);
        area_key
            .encryptor()
            .unwrap()
            .sectors(&mut stripes, SECTOR, 0)
            .unwrap();
        stripes
    }
}

fn xor(into: &mut [u8], other: &[u8]) {
    for (byte, other) in into.iter_mut().zip(other) {
        *byte ^= other;
    }
}

/// Leaves of the device what its header says, and of each keyslot that `passphrases` open the least that opens it to `key`.
pub fn squeeze(header: &Header, device: &mut Device, key: &[u8], passphrases: &[(u32, &[u8])]) {
    let end = match header {
        Header::V1(_) => 592,
        Header::V2(header) => header.copies()[1].end,
    };
    device.bytes.truncate(usize::try_from(end).unwrap());
    for (id, passphrase) in passphrases {
        if let Some(slot) = slot(header, device, *id) {
            let material = slot.material(passphrase, key);
            device.write(slot.offset, &material);
        }
    }
    let used = device.bytes.iter().rposition(|byte| *byte != 0);
    device.bytes.truncate(used.map_or(0, |last| last + 1));
}
