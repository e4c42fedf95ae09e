//! `kluis seal`: make a shared secret, have the key service wrap it, put it in its place (the seed's steps 1 and 2).

use super::Kluis;
use crate::config::KeySource;
use crate::error::Error;
use crate::ports::{ObjectUri, Put};

/// What `seal` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The volume.
    pub volume: String,
    /// The key that wraps it.
    pub key: String,
    /// Where it lies.
    pub uri: ObjectUri,
    /// Whether it is new; an object that was there is never overwritten.
    pub put: Put,
}

impl Kluis<'_> {
    /// Seals a secret for a volume of seed mode.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]; [`Error::Misuse`] for a volume without `secret`; the services' errors.
    pub fn seal(&self, name: &str) -> Result<Sealed, Error> {
        let chosen = self.chosen(&[name.to_owned()])?.into_iter().next();
        let (volume, _) =
            chosen.ok_or_else(|| Error::Misuse(format!("there is no volume {name}")))?;
        match &volume.key {
            KeySource::Seed { key, secret } => {
                let put = self.secrets().seal(key, secret)?;
                Ok(Sealed {
                    volume: name.to_owned(),
                    key: key.clone(),
                    uri: secret.clone(),
                    put,
                })
            }
            KeySource::Token { .. } => Err(Error::Misuse(format!(
                "volume {name} has no `secret` in the configuration, so there is nothing to seal: its secret is made by kluis up {name} and lies wrapped in its header"
            ))),
            KeySource::Ephemeral => Err(Error::Misuse(format!(
                "volume {name} is ephemeral; its key is never stored, so there is nothing to seal"
            ))),
        }
    }
}
