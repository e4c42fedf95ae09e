//! A header that was just written, read and opened again: what the next boot will find, even of what a killed run had left in a cache.

use crate::binding::{Token, VolumeSecret};
use crate::error::Error;
use crate::header::{self, Snapshot};
use crate::host::{Device, HostError};

use super::Applier;

/// With the newest token and its number.
pub(super) type Reopened = (Snapshot, (u32, Token));

impl Applier<'_, '_> {
    /// Reads the header from the device, verifies its newest token and opens that one's keyslot.
    pub(super) fn reopen(
        &self,
        device: &dyn Device,
        secret: &VolumeSecret,
    ) -> Result<Reopened, Error> {
        let place = self.place();
        let volume = self.target.name.clone();
        device.flush()?;
        device.drop_caches()?;
        let header = match header::read(device)? {
            Ok(header) => header,
            Err(problem) => return Err(problem.into_error(place)),
        };
        let (newest, token) = header.token().ok_or_else(|| self.no_header())?;
        if !header.verify(&volume, secret, &token)? {
            return Err(Error::Mac { volume, place });
        }
        let _ = header.unlock(device, secret, token.keyslot)?;
        Ok((header, (newest, token)))
    }

    pub(super) fn no_header(&self) -> Error {
        HostError::NotFound {
            what: format!("the header of {}", self.place()),
        }
        .into()
    }
}

/// What is said where a passphrase that a person gave opens nothing.
pub(super) fn not_his(error: Error, place: &str) -> Error {
    if error.is_wrong_passphrase() {
        Error::WrongPassphrase {
            place: place.to_owned(),
        }
    } else {
        error
    }
}
