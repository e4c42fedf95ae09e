//! AES-XTS (IEEE 1619, SP 800-38E) over the sectors of a disk, with the tweak that dm-crypt calls `plain64`: the
//! sector's number in units of 512 bytes, little-endian, whatever the sector's size.
//!
//! aws-lc-rs does not offer XTS. AWS-LC's EVP does for 64-byte keys, four times as fast as the next best; for
//! 32-byte keys (AES-128), which AWS-LC leaves out, its ECB is whitened here. A context is set up once per thread
//! and direction, and only its tweak is set for each sector.

use subtle::ConstantTimeEq;

use crate::evp::{Algorithm, Context, Direction};
use crate::{Error, SecretBytes};

/// The unit in which `plain64` counts.
const IV_UNIT: usize = 512;
/// A sector is one data unit; LUKS has none larger.
const MAX_SECTOR: usize = 4096;
const BLOCK: usize = 16;

/// An AES-XTS key: 32 bytes for AES-128, 64 for AES-256.
#[derive(Debug)]
pub struct XtsKey(SecretBytes);

impl XtsKey {
    /// Takes a key of 32 or 64 bytes, the data key first and the tweak key second.
    ///
    /// # Errors
    /// [`Error::Length`] for any other length, [`Error::EqualHalves`] when both halves are the same,
    /// [`Error::SecretMemory`] without memory.
    pub fn new(key: &[u8]) -> Result<Self, Error> {
        if !matches!(key.len(), 32 | 64) {
            return Err(Error::Length {
                what: "an XTS key",
                expected: "32 or 64",
                actual: key.len(),
            });
        }
        let (data, tweak) = key.split_at(key.len() / 2);
        if data.ct_eq(tweak).into() {
            return Err(Error::EqualHalves);
        }
        Ok(Self(SecretBytes::copy_of(key)?))
    }

    /// A context that encrypts, for one thread.
    ///
    /// # Errors
    /// [`Error::Library`] where AWS-LC has no memory.
    pub fn encryptor(&self) -> Result<XtsCipher<'_>, Error> {
        XtsCipher::new(self, Direction::Encrypt)
    }

    /// A context that decrypts, for one thread.
    ///
    /// # Errors
    /// [`Error::Library`] where AWS-LC has no memory.
    pub fn decryptor(&self) -> Result<XtsCipher<'_>, Error> {
        XtsCipher::new(self, Direction::Decrypt)
    }
}

/// One direction of AES-XTS, set up. Its key schedule is on AWS-LC's heap, which wipes it when this goes; a program
/// that keeps one for long locks its memory (`mlockall`).
#[derive(Debug)]
pub struct XtsCipher<'key> {
    engine: Engine,
    /// Outliving the key would be harmless; the borrow keeps key and context in one place all the same.
    _key: &'key XtsKey,
}

#[derive(Debug)]
enum Engine {
    Aes256(Context),
    Aes128 { data: Context, tweak: Context },
}

impl<'key> XtsCipher<'key> {
    fn new(key: &'key XtsKey, direction: Direction) -> Result<Self, Error> {
        let bytes = key.0.danger_expose();
        let engine = if bytes.len() == 64 {
            Engine::Aes256(Context::new(Algorithm::Aes256Xts, direction, bytes)?)
        } else {
            let (data, tweak) = bytes.split_at(bytes.len() / 2);
            Engine::Aes128 {
                data: Context::new(Algorithm::Aes128Ecb, direction, data)?,
                tweak: Context::new(Algorithm::Aes128Ecb, Direction::Encrypt, tweak)?,
            }
        };
        Ok(Self { engine, _key: key })
    }

    /// Works on whole sectors in place. `first_iv_sector` is the number of the first one in units of 512 bytes.
    ///
    /// # Errors
    /// [`Error::Length`] for a sector size that is not a multiple of 512 up to 4096, or data that is not whole sectors;
    /// [`Error::SectorOverflow`] past sector 2^64; nothing has been changed then.
    pub fn sectors(
        &mut self,
        data: &mut [u8],
        sector_size: usize,
        first_iv_sector: u64,
    ) -> Result<(), Error> {
        if !(IV_UNIT..=MAX_SECTOR).contains(&sector_size) || !sector_size.is_multiple_of(IV_UNIT) {
            return Err(Error::Length {
                what: "a sector",
                expected: "a multiple of 512 up to 4096",
                actual: sector_size,
            });
        }
        if !data.len().is_multiple_of(sector_size) {
            return Err(Error::Length {
                what: "the data",
                expected: "whole sectors",
                actual: data.len(),
            });
        }
        first_iv_sector
            .checked_add((data.len() / IV_UNIT) as u64)
            .ok_or(Error::SectorOverflow)?;
        let step = (sector_size / IV_UNIT) as u64;
        let mut number = first_iv_sector;
        for sector in data.chunks_exact_mut(sector_size) {
            let iv = u128::from(number).to_le_bytes();
            match &mut self.engine {
                Engine::Aes256(context) => context.with_iv(&iv, sector)?,
                Engine::Aes128 { data, tweak } => whitened(data, tweak, iv, sector)?,
            }
            number = number.wrapping_add(step);
        }
        Ok(())
    }
}

/// XTS from ECB: each block between two XORs with its own mask. At most [`MAX_SECTOR`] bytes, whole blocks.
fn whitened(
    data: &mut Context,
    tweak: &mut Context,
    mut iv: [u8; BLOCK],
    sector: &mut [u8],
) -> Result<(), Error> {
    tweak.blocks(&mut iv)?;
    let first = u128::from_le_bytes(iv);
    xor_masks(first, sector);
    data.blocks(sector)?;
    xor_masks(first, sector);
    Ok(())
}

fn xor_masks(first: u128, sector: &mut [u8]) {
    let (blocks, _) = sector.as_chunks_mut::<BLOCK>();
    let mut mask = first;
    for block in blocks {
        *block = (u128::from_le_bytes(*block) ^ mask).to_le_bytes();
        // Times x in GF(2^128) modulo x^128 + x^7 + x^2 + x + 1, without a branch on the secret top bit.
        mask = (mask << 1) ^ ((mask >> 127) * 0x87);
    }
}
