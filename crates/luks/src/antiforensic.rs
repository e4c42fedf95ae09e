//! The anti-forensic split (LUKS1 §2.4): a key blown up to thousands of stripes that are all needed to get it back,
//! so that overwriting any part of a keyslot area destroys it.
//!
//! Split and encryption are done together, a few sectors at a time in locked memory: the stripes in the clear are
//! the key, and never lie anywhere whole.

use crypto::{HashAlgorithm, SecretBytes, XtsKey, random};

use crate::Error;
use crate::limits::STRIPES;

/// The unit in which key material is encrypted.
const SECTOR: usize = 512;
/// How much is in the clear at a time, in bytes: whole sectors and whole stripes.
const CHUNK: usize = 4096;

/// The length in bytes of the encrypted stripes of a key, before alignment.
pub(crate) fn material_len(key_len: usize) -> usize {
    key_len * STRIPES as usize
}

/// Splits `key` into stripes and encrypts them.
pub(crate) fn split(key: &[u8], hash: HashAlgorithm, area_key: &XtsKey) -> Result<Vec<u8>, Error> {
    let mut encrypted = Vec::with_capacity(material_len(key.len()));
    let mut mixed = SecretBytes::build(key.len(), |_| Ok::<_, Error>(()))?;
    let mut cipher = area_key.encryptor()?;
    let total = material_len(key.len());
    while encrypted.len() < total {
        let len = CHUNK.min(total - encrypted.len());
        let first_sector = (encrypted.len() / SECTOR) as u64;
        let stripes_after = (total - encrypted.len() - len) / key.len();
        let chunk = SecretBytes::build(len, |chunk| {
            random::fill(chunk)?;
            let stripes_in = len / key.len();
            for (index, stripe) in chunk.chunks_exact_mut(key.len()).enumerate() {
                if stripes_after == 0 && index + 1 == stripes_in {
                    xor_into(stripe, mixed.danger_expose(), key);
                } else {
                    mixed = diffused(&mixed, stripe, hash)?;
                }
            }
            Ok::<_, Error>(cipher.sectors(chunk, SECTOR, first_sector)?)
        })?;
        encrypted.extend_from_slice(chunk.danger_expose());
    }
    Ok(encrypted)
}

/// Decrypts stripes and merges them. `area` has at least [`material_len`] bytes of `key_len`.
pub(crate) fn merge(
    area: &[u8],
    key_len: usize,
    hash: HashAlgorithm,
    area_key: &XtsKey,
) -> Result<SecretBytes, Error> {
    let material = area.get(..material_len(key_len)).ok_or_else(|| {
        Error::misuse(
            "keyslot area",
            "fewer bytes were handed in than its stripes take",
        )
    })?;
    let mut cipher = area_key.decryptor()?;
    let mut mixed = SecretBytes::build(key_len, |_| Ok::<_, Error>(()))?;
    let mut stripes_left = STRIPES;
    for (index, encrypted) in material.chunks(CHUNK).enumerate() {
        let first_sector = (index * CHUNK / SECTOR) as u64;
        let chunk = SecretBytes::build(encrypted.len(), |chunk| {
            chunk.copy_from_slice(encrypted);
            Ok::<_, Error>(cipher.sectors(chunk, SECTOR, first_sector)?)
        })?;
        for stripe in chunk.danger_expose().chunks_exact(key_len) {
            stripes_left -= 1;
            mixed = if stripes_left == 0 {
                xored(&mixed, stripe)?
            } else {
                diffused(&mixed, stripe, hash)?
            };
        }
    }
    Ok(mixed)
}

fn xor_into(out: &mut [u8], a: &[u8], b: &[u8]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = a ^ b;
    }
}

fn xored(mixed: &SecretBytes, stripe: &[u8]) -> Result<SecretBytes, Error> {
    SecretBytes::build(mixed.len(), |out| {
        xor_into(out, mixed.danger_expose(), stripe);
        Ok(())
    })
}

/// H(mixed ⊕ stripe): each digest-sized block hashed with its number, the last one cut (LUKS1 §2.4, `H1`).
fn diffused(mixed: &SecretBytes, stripe: &[u8], hash: HashAlgorithm) -> Result<SecretBytes, Error> {
    let both = xored(mixed, stripe)?;
    SecretBytes::build(both.len(), |out| {
        let blocks = both.danger_expose().chunks(hash.output_len());
        for ((number, block), out) in (0_u32..).zip(blocks).zip(out.chunks_mut(hash.output_len())) {
            let digest = hash.digest(&[&number.to_be_bytes(), block]);
            let digest = digest.as_ref().get(..out.len()).unwrap_or_default();
            out.copy_from_slice(digest);
        }
        Ok(())
    })
}
