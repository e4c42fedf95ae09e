//! Diffie-Hellman on the curves (SP 800-56A §5.7.1.2): the raw shared secret, which nobody uses as a key without deriving
//! one from it.

use crate::pkey::Kind;
use crate::{Error, KeyPair, PublicKey, SecretBytes};

impl KeyPair {
    /// The x coordinate of the shared point, as long as the curve's field.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for a key that has no agreement, or a peer on another curve; [`Error::SecretMemory`] without
    /// memory; [`Error::Library`] where the library fails.
    pub fn agree(&self, peer: &PublicKey) -> Result<SecretBytes, Error> {
        let spec = self.spec();
        spec.must(matches!(spec.kind(), Kind::Ec { .. }), "key agreement")?;
        spec.must(peer.spec() == spec, "a peer's key on another curve")?;
        self.key().derive(peer.key())
    }
}
