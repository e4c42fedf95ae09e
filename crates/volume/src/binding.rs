//! How a volume's header is tied to its secret (design: Constructions). Pure: bytes in, bytes out.
//!
//! ```text
//! PRK        = HKDF-Extract-SHA256(salt = "kluis/luks2/v1", S)          S: 32 random bytes, or the shared passphrase
//! passphrase = base64url(HKDF-Expand(PRK, "pass\0" ‖ uuid, 32))         token mode only, 43 characters
//! Kmac       = HKDF-Expand(PRK, "header\0" ‖ uuid, 32)
//! mac        = HMAC-SHA256(Kmac, fields)
//! ```
//!
//! `uuid` is the header's UUID as text. Each field is preceded by its length in bytes (32 bits, big-endian), numbers are
//! decimal text, and a list is its count followed by its members: no two headers have the same field bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{Secret, SecretBytes};

pub mod property;
mod token;

pub use token::{State, TOKEN_TYPE, TOKEN_VERSION, Token, TokenError};

const SALT: &[u8] = b"kluis/luks2/v1";
/// What a secret that `seal` makes begins with; exactly this form gets PBKDF2's minimum.
pub const SHARED_PREFIX: &str = "kluis1-";
/// The length of 32 bytes in base64url without padding.
const ENCODED_LEN: usize = 43;
/// The longest passphrase that cryptsetup reads from a pipe.
pub const PASSPHRASE_MAX: usize = 512;

/// A volume's secret, ready for use. It opens volumes; it never leaves locked memory.
#[derive(Debug)]
pub struct VolumeSecret {
    prk: Secret<32>,
    /// The passphrase of every volume that shares it; `None` when each volume derives its own.
    shared: Option<SecretBytes>,
    /// Whether more was given than is used.
    is_cut: bool,
}

/// Why bytes that a key service unwrapped cannot be a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A machine's secret of the wrong length.
    #[error(
        "the key service answered with a secret of {0} bytes where a machine's has 32; the header's blob is not one that Kluis made"
    )]
    Length(usize),
    /// Nothing before the first line end.
    #[error(
        "the shared secret is empty; put another object in place (kluis seal) and run this again"
    )]
    Empty,
    /// More than cryptsetup would read.
    #[error(
        "the shared secret is longer than the {PASSPHRASE_MAX} bytes that cryptsetup reads; put a shorter one in place"
    )]
    TooLong,
    /// More than one line, or bytes that a shell drops.
    #[error(
        "the shared secret has NULs, or bytes after its first line end: the seed's script and cryptsetup cut them off, and what is left is weaker than it looks; nothing was made under it. Put one without them in another place (kluis seal), and set `secret` to that"
    )]
    Cut,
    /// No memory that can be locked, or the library failed.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
}

impl VolumeSecret {
    /// A machine's own secret: token mode.
    ///
    /// # Errors
    /// [`SecretError::Length`] unless it has 32 bytes.
    pub fn machine(secret: &SecretBytes) -> Result<Self, SecretError> {
        if secret.len() != 32 {
            return Err(SecretError::Length(secret.len()));
        }
        let prk = crypto::hkdf_sha256_extract(SALT, secret.danger_expose())?;
        Ok(Self {
            prk,
            shared: None,
            is_cut: false,
        })
    }

    /// A shared secret: seed mode. The passphrase is what the seed's script hands to cryptsetup: `$(…)` drops NULs and
    /// trailing line ends, `echo` adds one, and cryptsetup reads up to the first.
    ///
    /// # Errors
    /// [`SecretError::Empty`], [`SecretError::TooLong`].
    pub fn shared(plaintext: &SecretBytes) -> Result<Self, SecretError> {
        let bytes = plaintext.danger_expose();
        let kept = || {
            bytes
                .iter()
                .copied()
                .filter(|&byte| byte != 0)
                .take_while(|&byte| byte != b'\n')
        };
        let len = kept().count();
        match len {
            0 => return Err(SecretError::Empty),
            1..=PASSPHRASE_MAX => {}
            _ => return Err(SecretError::TooLong),
        }
        let passphrase = SecretBytes::build::<crypto::Error>(len, |out| {
            out.iter_mut().zip(kept()).for_each(|(to, from)| *to = from);
            Ok(())
        })?;
        // Line ends at the end are no part of it anywhere.
        let is_whole = bytes.starts_with(passphrase.danger_expose())
            && bytes[len..].iter().all(|&byte| byte == b'\n');
        let prk = crypto::hkdf_sha256_extract(SALT, passphrase.danger_expose())?;
        Ok(Self {
            prk,
            shared: Some(passphrase),
            is_cut: !is_whole,
        })
    }

    /// The passphrase of a volume's keyslot.
    ///
    /// # Errors
    /// [`crypto::Error`] when there is no memory for it.
    pub fn passphrase(&self, uuid: &str) -> Result<SecretBytes, crypto::Error> {
        if let Some(shared) = &self.shared {
            return SecretBytes::copy_of(shared.danger_expose());
        }
        let derived: Secret<32> =
            crypto::hkdf_sha256_expand(&self.prk, &[b"pass\0", uuid.as_bytes()])?;
        encode(&derived, "")
    }

    /// Whether more was given than is used, so that no keyslot is made under it.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the passphrase holds 256 random bits, so that there is nothing for a KDF to stretch.
    pub fn is_random(&self) -> bool {
        self.shared
            .as_ref()
            .is_none_or(|secret| is_sealed_form(secret.danger_expose()))
    }

    /// Whether two are the same secret, in constant time.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.prk.ct_eq(&other.prk)
    }

    /// The mac over a header's stable fields.
    ///
    /// # Errors
    /// [`crypto::Error`] when there is no memory for the key.
    pub fn mac(&self, fields: &Fields<'_>) -> Result<[u8; 32], crypto::Error> {
        let key = self.mac_key(fields.uuid)?;
        Ok(crypto::hmac_sha256(
            key.danger_expose(),
            &[&fields.encode()],
        ))
    }

    /// Whether a header's mac is the one of its fields.
    ///
    /// # Errors
    /// [`crypto::Error`] when there is no memory for the key.
    pub fn verify(&self, fields: &Fields<'_>, mac: &[u8]) -> Result<bool, crypto::Error> {
        let key = self.mac_key(fields.uuid)?;
        Ok(crypto::hmac_sha256_verify(
            key.danger_expose(),
            &[&fields.encode()],
            mac,
        ))
    }

    fn mac_key(&self, uuid: &str) -> Result<Secret<32>, crypto::Error> {
        crypto::hkdf_sha256_expand(&self.prk, &[b"header\0", uuid.as_bytes()])
    }
}

/// A fresh shared secret in the form that `seal` stores: `kluis1-` and 32 random bytes in base64url.
///
/// # Errors
/// [`crypto::Error`] when there is no randomness or memory.
pub fn new_shared_secret() -> Result<SecretBytes, crypto::Error> {
    encode(&Secret::random()?, SHARED_PREFIX)
}

/// Whether it is exactly the form that `seal` makes. A canonical check: the last character of 43 carries 4 bits.
fn is_sealed_form(secret: &[u8]) -> bool {
    let Some(encoded) = secret.strip_prefix(SHARED_PREFIX.as_bytes()) else {
        return false;
    };
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    encoded.len() == ENCODED_LEN
        && encoded.iter().all(is_base64url)
        && encoded
            .last()
            .is_some_and(|last| b"AEIMQUYcgkosw048".contains(last))
}

fn encode(secret: &Secret<32>, prefix: &str) -> Result<SecretBytes, crypto::Error> {
    SecretBytes::build(prefix.len() + ENCODED_LEN, |out| {
        let (head, tail) = out.split_at_mut(prefix.len());
        head.copy_from_slice(prefix.as_bytes());
        match URL_SAFE_NO_PAD.encode_slice(secret.danger_expose(), tail) {
            Ok(ENCODED_LEN) => Ok(()),
            _ => Err(crypto::Error::Library("base64url")),
        }
    })
}

/// The fields of a header that its mac covers: what a mapping is made from, and what decides whether mkfs may run.
/// Sequence ids, checksums, other keyslots and others' tokens are left out, so that recovery keyslots can be added.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// The header's UUID as text.
    pub uuid: &'a str,
    /// The volume's name in the configuration: two volumes' headers cannot be swapped.
    pub volume: &'a str,
    /// The one segment.
    pub segment: SegmentFields<'a>,
    /// The digest of the volume key.
    pub digest: DigestFields<'a>,
    /// `config.requirements.mandatory`.
    pub requirements: &'a [String],
    /// `config.flags`.
    pub flags: &'a [String],
    /// How often the wrapping was replaced.
    pub generation: u64,
    /// Whether mkfs is still to run.
    pub state: State,
}

/// A segment's members as the JSON area spells them.
#[derive(Clone, Debug)]
pub struct SegmentFields<'a> {
    /// `crypt`.
    pub kind: &'a str,
    /// Bytes from the start of the device.
    pub offset: u64,
    /// Bytes, or `None` for "dynamic".
    pub size: Option<u64>,
    /// In 512-byte sectors.
    pub iv_tweak: u64,
    /// `aes-xts-plain64`.
    pub encryption: &'a str,
    /// Bytes.
    pub sector_size: u32,
}

/// A digest's members.
#[derive(Clone, Debug)]
pub struct DigestFields<'a> {
    /// `pbkdf2`.
    pub kind: &'a str,
    /// `sha256`.
    pub hash: &'a str,
    /// Its cost.
    pub iterations: u32,
    /// Its salt.
    pub salt: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

impl Fields<'_> {
    fn encode(&self) -> Vec<u8> {
        let mut out = Prefixed(Vec::with_capacity(512));
        out.text(self.uuid);
        out.text(self.volume);
        out.text(self.segment.kind);
        out.number(self.segment.offset);
        match self.segment.size {
            Some(size) => out.number(size),
            None => out.text("dynamic"),
        }
        out.number(self.segment.iv_tweak);
        out.text(self.segment.encryption);
        out.number(u64::from(self.segment.sector_size));
        out.text(self.digest.kind);
        out.text(self.digest.hash);
        out.number(u64::from(self.digest.iterations));
        out.bytes(self.digest.salt);
        out.bytes(self.digest.value);
        out.list(self.requirements);
        out.list(self.flags);
        out.number(self.generation);
        out.text(self.state.name());
        out.0
    }
}

struct Prefixed(Vec<u8>);

impl Prefixed {
    fn bytes(&mut self, bytes: &[u8]) {
        // A header's fields are bounded by its JSON area, at most 4 MiB.
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.text(&number.to_string());
    }

    fn list(&mut self, items: &[String]) {
        self.number(items.len() as u64);
        for item in items {
            self.text(item);
        }
    }
}

#[cfg(test)]
mod tests;
