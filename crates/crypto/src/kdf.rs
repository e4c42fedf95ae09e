//! Keys from keys (HKDF, SP 800-108) and keys from passphrases (PBKDF2, Argon2). Every one writes its output in place.
#![expect(
    unsafe_code,
    reason = "aws-lc-rs keeps HKDF-Extract's output to itself"
)]

use std::num::NonZeroU32;

use ::argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::hkdf;
use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use zeroize::Zeroize;

use crate::{Error, HashAlgorithm, Secret};

/// HKDF-Extract with SHA-256 (RFC 5869 §2.2): the pseudorandom key.
///
/// # Errors
/// [`Error::SecretMemory`] where the system has no memory for it.
pub fn hkdf_sha256_extract(salt: &[u8], ikm: &[u8]) -> Result<Secret<32>, Error> {
    Secret::build(|out| {
        let mut written = 0;
        // SAFETY: `out` has the 32 bytes that SHA-256 writes, and the inputs are slices with their own lengths.
        let ok = unsafe {
            aws_lc_sys::HKDF_extract(
                out.as_mut_ptr(),
                &raw mut written,
                aws_lc_sys::EVP_sha256(),
                ikm.as_ptr(),
                ikm.len(),
                salt.as_ptr(),
                salt.len(),
            )
        };
        if ok == 1 && written == out.len() {
            Ok(())
        } else {
            Err(Error::Library("HKDF-Extract"))
        }
    })
}

/// HKDF-Expand with SHA-256 (RFC 5869 §2.3); `info` is the concatenation of its parts.
///
/// # Errors
/// [`Error::TooLong`] for more than 255 × 32 bytes; [`Error::SecretMemory`] without memory.
pub fn hkdf_sha256_expand<const N: usize>(
    prk: &Secret<32>,
    info: &[&[u8]],
) -> Result<Secret<N>, Error> {
    const MAX: usize = 255 * 32;
    if N > MAX {
        return Err(Error::TooLong {
            what: "an HKDF output",
            actual: N,
            max: MAX,
        });
    }
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, prk.danger_expose());
    Secret::build(|out| {
        prk.expand(info, OutputLen(N))
            .and_then(|okm| okm.fill(out))
            .map_err(|_| Error::Library("HKDF-Expand"))
    })
}

struct OutputLen(usize);

impl hkdf::KeyType for OutputLen {
    fn len(&self) -> usize {
        self.0
    }
}

/// SP 800-108r1 §4.1, counter mode with HMAC-SHA256, one block: `HMAC(key, 1₃₂ ‖ label ‖ 0x00 ‖ context ‖ 256₃₂)`,
/// numbers big-endian, `context` the concatenation of its parts.
///
/// The label must not hold a zero byte: it ends at the first.
///
/// # Errors
/// [`Error::SecretMemory`] where the system has no memory for it; [`Error::Label`] for a label with a zero byte.
pub fn kbkdf_hmac_sha256(
    key: &Secret<32>,
    label: &[u8],
    context: &[&[u8]],
) -> Result<Secret<32>, Error> {
    if label.contains(&0) {
        return Err(Error::Label);
    }
    let algorithm = get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256)
        .ok_or(Error::Library("KBKDF"))?;
    let context = context.concat();
    let info = [label, &[0], &context, &256_u32.to_be_bytes()].concat();
    Secret::build(|out| {
        kbkdf_ctr_hmac(algorithm, key.danger_expose(), &info, out)
            .map_err(|_| Error::Library("KBKDF"))
    })
}

/// PBKDF2 with HMAC (SP 800-132, RFC 8018 §5.2).
///
/// # Errors
/// [`Error::Length`] for an empty output; [`Error::TooLong`] for one beyond the algorithm's bound.
pub fn pbkdf2(
    hash: HashAlgorithm,
    password: &[u8],
    salt: &[u8],
    iterations: NonZeroU32,
    out: &mut [u8],
) -> Result<(), Error> {
    const MAX: usize = 1 << 20;
    if out.is_empty() {
        return Err(Error::Length {
            what: "a PBKDF2 output",
            expected: "some",
            actual: 0,
        });
    }
    if out.len() > MAX {
        return Err(Error::TooLong {
            what: "a PBKDF2 output",
            actual: out.len(),
            max: MAX,
        });
    }
    let algorithm = match hash {
        HashAlgorithm::Sha1 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA1,
        HashAlgorithm::Sha256 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
        HashAlgorithm::Sha384 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA384,
        HashAlgorithm::Sha512 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA512,
    };
    aws_lc_rs::pbkdf2::derive(algorithm, iterations, salt, password, out);
    Ok(())
}

/// Which Argon2 (RFC 9106). Argon2d leaks its input through the cache and is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argon2Variant {
    /// Argon2i: only to read what others wrote.
    I,
    /// Argon2id.
    Id,
}

/// What an Argon2 hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Passes over the memory, at least 1.
    pub time: u32,
    /// Memory in KiB, at least 8 for each lane.
    pub memory_kib: u32,
    /// Lanes (and threads), at least 1.
    pub lanes: u32,
}

/// Argon2 version 1.3 (RFC 9106). Its memory is asked of the system with a chance to refuse, and wiped.
///
/// # Errors
/// [`Error::Argon2Memory`] where the system has not that much; [`Error::Argon2Cost`] for costs, a salt under 8 bytes
/// or an output under 4 bytes that the algorithm does not take.
pub fn argon2(
    variant: Argon2Variant,
    cost: Argon2Cost,
    password: &[u8],
    salt: &[u8],
    out: &mut [u8],
) -> Result<(), Error> {
    let params = Params::new(cost.memory_kib, cost.time, cost.lanes, Some(out.len()))
        .map_err(argon2_error)?;
    let mut blocks = Blocks::allocate(params.block_count(), cost.memory_kib)?;
    let algorithm = match variant {
        Argon2Variant::I => Algorithm::Argon2i,
        Argon2Variant::Id => Algorithm::Argon2id,
    };
    Argon2::new(algorithm, Version::V0x13, params)
        .hash_password_into_with_memory(password, salt, out, &mut blocks.0)
        .map_err(argon2_error)
}

/// Argon2's working memory, wiped when it goes: its last blocks hold what the output is made of.
struct Blocks(Vec<Block>);

impl Blocks {
    fn allocate(count: usize, kib: u32) -> Result<Self, Error> {
        let mut blocks = Vec::new();
        blocks
            .try_reserve_exact(count)
            .map_err(|_| Error::Argon2Memory { kib })?;
        blocks.resize(count, Block::new());
        Ok(Self(blocks))
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

fn argon2_error(error: ::argon2::Error) -> Error {
    use ::argon2::Error as E;
    Error::Argon2Cost(match error {
        E::MemoryTooLittle => "less than 8 KiB of memory for each lane",
        E::MemoryTooMuch => "that much memory",
        E::TimeTooSmall => "fewer passes than one",
        E::ThreadsTooFew => "fewer lanes than one",
        E::ThreadsTooMany => "more lanes than 2^24",
        E::SaltTooShort => "a salt under 8 bytes",
        E::OutputTooShort => "an output under 4 bytes",
        E::PwdTooLong | E::SaltTooLong | E::OutputTooLong => "an input or output over 4 GiB",
        _ => "these parameters",
    })
}
