//! The ciphertext blob: what Encrypt gives out and Decrypt takes back. It says by itself which key and which version of its
//! backing key made it, and nothing of it can be changed without Decrypt noticing.
//!
//! ```text
//! offset  bytes  what
//!  0      1      magic, 0x4b
//!  1      1      format, 1
//!  2      1      algorithm, 1: KBKDF-HMAC-SHA256 and AES-256-GCM
//!  3      1      form of the key id: 0 single-Region, 1 multi-Region
//!  4      16     key id
//! 20      5      account, big-endian
//! 25      4      version of the backing key, big-endian, from 1
//! 29      16     nonce
//! 45      1      length n of the region's name
//! 46      n      region
//! 46+n    …      ciphertext and its 16-byte tag
//!
//! K   = SP 800-108 counter-mode HMAC-SHA256(backing key, "kluis/kms/encrypt/v1", nonce ‖ key ARN ‖ version)
//! aad = the header above, bytes 0 to 46+n ‖ the canonical encryption context
//! ```
//!
//! K is used for one message, so the number of messages under a key has no bound that anyone can reach. For a key
//! of `us-east-1` the overhead is 71 bytes: 103 for a data key of 32.

use std::fmt;

use crypto::{Secret, SecretBytes};
use uuid::Uuid;

use crate::limits;
use crate::names::{AccountId, KeyArn, KeyId, Region};

const LABEL: &[u8] = b"kluis/kms/encrypt/v1";
const MAGIC: u8 = 0x4b;
const FORMAT: u8 = 1;
const ALGORITHM: u8 = 1;
const NONCE_LEN: usize = 16;
const TAG_LEN: usize = 16;
/// The header's length before the region's name.
const FIXED_LEN: usize = 46;
/// The longest blob that Encrypt makes, in bytes.
pub const MAX_LEN: usize = FIXED_LEN + limits::REGION_BYTES + limits::PLAINTEXT_BYTES + TAG_LEN;

/// Which of a key's backing keys: 1 for the first, one more with each rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackingVersion(u32);

impl BackingVersion {
    /// The version that a key is made with.
    pub const FIRST: Self = Self(1);

    /// The version with this number, which is not zero.
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 {
            None
        } else {
            Some(Self(number))
        }
    }

    /// The one after it; none after the last there can be.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The bytes are no blob of this service, or do not open. There is one such answer and no more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ciphertext that this key and context open")]
pub struct BadCiphertext;

/// A blob taken apart, not yet authenticated: what it says of itself is a claim.
pub struct Blob<'a> {
    key: KeyArn,
    version: BackingVersion,
    nonce: [u8; NONCE_LEN],
    header: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Blob<'a> {
    /// Takes a blob apart.
    ///
    /// # Errors
    /// [`BadCiphertext`] for anything that [`seal`] could not have made.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BadCiphertext> {
        if bytes.len() > MAX_LEN {
            return Err(BadCiphertext);
        }
        let (fixed, rest) = bytes
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(BadCiphertext)?;
        let mut fields = Fields(fixed);
        if fields.take::<3>()? != [MAGIC, FORMAT, ALGORITHM] {
            return Err(BadCiphertext);
        }
        let form = fields.take::<1>()?;
        let uuid = Uuid::from_bytes(fields.take()?);
        let id = match form {
            [0] => KeyId::single_region(uuid),
            [1] => KeyId::multi_region(uuid),
            _ => return Err(BadCiphertext),
        };
        let account = fields
            .take::<5>()?
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        let account = AccountId::from_number(account).ok_or(BadCiphertext)?;
        let version =
            BackingVersion::new(u32::from_be_bytes(fields.take()?)).ok_or(BadCiphertext)?;
        let nonce = fields.take()?;
        let [region_len] = fields.take::<1>()?;
        let (region, sealed) = rest
            .split_at_checked(usize::from(region_len))
            .ok_or(BadCiphertext)?;
        let region = region_named(region)?;
        // One byte of plaintext at least, as the API has it.
        if sealed.len() <= TAG_LEN {
            return Err(BadCiphertext);
        }
        let header = bytes
            .get(..FIXED_LEN + usize::from(region_len))
            .ok_or(BadCiphertext)?;
        Ok(Self {
            key: KeyArn {
                region,
                account,
                id,
            },
            version,
            nonce,
            header,
            sealed,
        })
    }

    /// The key that the blob says made it.
    pub fn key(&self) -> &KeyArn {
        &self.key
    }

    /// The version of the backing key that the blob says made it.
    pub fn version(&self) -> BackingVersion {
        self.version
    }

    /// The plaintext. `context` is the canonical encryption context.
    ///
    /// # Errors
    /// [`BadCiphertext`] when blob, context or backing key is not the one that it was sealed with.
    pub fn open(&self, backing: &Secret<32>, context: &[u8]) -> Result<SecretBytes, BadCiphertext> {
        let key = message_key(backing, &self.nonce, &self.key, self.version)
            .map_err(|_| BadCiphertext)?;
        crypto::open_once(key, &[self.header, context].concat(), self.sealed)
            .map_err(|_| BadCiphertext)
    }
}

impl fmt::Debug for Blob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("key", &self.key)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Encrypts `plaintext` under a version of a key. `context` is the canonical encryption context.
///
/// # Errors
/// Those of `crypto`: no memory for a secret, no randomness.
pub fn seal(
    backing: &Secret<32>,
    key: &KeyArn,
    version: BackingVersion,
    context: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, crypto::Error> {
    seal_with_nonce(
        crypto::random::bytes()?,
        backing,
        key,
        version,
        context,
        plaintext,
    )
}

fn seal_with_nonce(
    nonce: [u8; NONCE_LEN],
    backing: &Secret<32>,
    key: &KeyArn,
    version: BackingVersion,
    context: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, crypto::Error> {
    let header = header(&nonce, key, version);
    let message_key = message_key(backing, &nonce, key, version)?;
    let sealed = crypto::seal_once(message_key, &[&header, context].concat(), plaintext)?;
    Ok([header, sealed].concat())
}

fn header(nonce: &[u8; NONCE_LEN], key: &KeyArn, version: BackingVersion) -> Vec<u8> {
    let [_, _, _, account @ ..] = key.account.number().to_be_bytes();
    let region = key.region.as_str().as_bytes();
    // `Region` is never longer than REGION_BYTES, which fits.
    let region_len = u8::try_from(region.len()).unwrap_or(u8::MAX);
    let mut out = Vec::with_capacity(FIXED_LEN + region.len());
    out.extend([MAGIC, FORMAT, ALGORITHM, u8::from(key.id.is_multi_region())]);
    out.extend(key.id.uuid().as_bytes());
    out.extend(account);
    out.extend(version.number().to_be_bytes());
    out.extend(nonce);
    out.push(region_len);
    out.extend(region);
    out
}

/// The key of one message.
fn message_key(
    backing: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    key: &KeyArn,
    version: BackingVersion,
) -> Result<Secret<32>, crypto::Error> {
    crypto::kbkdf_hmac_sha256(
        backing,
        LABEL,
        &[
            nonce,
            key.to_string().as_bytes(),
            &version.number().to_be_bytes(),
        ],
    )
}

fn region_named(bytes: &[u8]) -> Result<Region, BadCiphertext> {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|name| name.parse().ok())
        .ok_or(BadCiphertext)
}

/// The header's fields, taken off the front one by one.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BadCiphertext> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(BadCiphertext)?;
        self.0 = rest;
        Ok(*field)
    }
}

#[cfg(test)]
#[path = "ciphertext/tests.rs"]
mod tests;
