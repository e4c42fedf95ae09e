//! Opening a LUKS1 keyslot (LUKS1 §4.2).

use std::num::NonZeroU32;

use super::Header;
use crate::kdf::{Kdf, check_hash, key_matches};
use crate::{Error, VolumeKey, antiforensic};

impl Header {
    /// Opens a keyslot; see [`crate::Header::unlock`].
    ///
    /// # Errors
    /// As there.
    pub fn unlock(&self, id: u32, passphrase: &[u8], area: &[u8]) -> Result<VolumeKey, Error> {
        self.check_strict(self.device_len)?;
        let keyslot = self.active(id)?;
        let hash = check_hash(&self.binary.hash, "hashSpec")?;
        let kdf = Kdf::Pbkdf2 {
            hash: self.binary.hash.clone(),
            iterations: keyslot.iterations,
            salt: keyslot.salt.clone(),
        };
        let area_key = match kdf.derive(passphrase, self.volume_key_len()) {
            // A derived key with equal halves is no key that was ever used.
            Err(Error::Crypto(crypto::Error::EqualHalves)) => {
                return Err(Error::WrongPassphrase { keyslot: id });
            }
            derived => derived?,
        };
        let key = antiforensic::merge(area, self.volume_key_len(), hash, &area_key)?;
        let iterations = NonZeroU32::new(self.binary.digest_iterations)
            .ok_or_else(|| Error::weak("mkDigestIterations", "there are none"))?;
        if !key_matches(
            key.danger_expose(),
            hash,
            &self.binary.digest_salt,
            iterations,
            &self.binary.digest,
        )? {
            return Err(Error::WrongPassphrase { keyslot: id });
        }
        VolumeKey::new(key)
    }
}
