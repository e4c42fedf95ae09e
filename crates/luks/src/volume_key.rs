//! The key that encrypts a volume's sectors.

use crypto::SecretBytes;

/// The key that encrypts a volume's sectors, in locked memory: 32 bytes for AES-128-XTS, 64 for AES-256-XTS.
pub struct VolumeKey(SecretBytes);

impl VolumeKey {
    /// Takes over bytes that are a volume key already.
    pub const fn new(bytes: SecretBytes) -> Self {
        Self(bytes)
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no bytes, which no valid key has.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key itself, for the engine that is to use it.
    pub fn danger_expose(&self) -> &[u8] {
        self.0.danger_expose()
    }
}

impl std::fmt::Debug for VolumeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VolumeKey({} bytes)", self.0.len())
    }
}
