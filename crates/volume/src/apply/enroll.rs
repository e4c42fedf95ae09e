//! Enrolling a volume that another program made: a keyslot and a token beside those that are there → both header copies
//! synced → reopened through them. Nothing that was there is changed, so what opened the volume before opens it after.

use crate::binding::State;
use crate::engine::Changed;
use crate::error::Error;
use crate::header;
use crate::host::{Access, HostError};

use super::Applier;

impl Applier<'_, '_> {
    pub(super) fn enroll(&mut self) -> Result<Changed, Error> {
        let place = self.place();
        let volume = self.target.name.clone();
        let no_header = || {
            Error::from(HostError::NotFound {
                what: format!("the header of {place}"),
            })
        };
        let no_secret = || Error::Misuse("no secret was fetched".to_owned());
        let secret = self.secret.clone().ok_or_else(no_secret)?;
        let opener = self.opener.take().ok_or_else(no_secret)?;
        let mut header = self.header.take().ok_or_else(no_header)?;
        let device = self.host.open(self.identity()?, Access::Shared)?;

        let key = header
            .unlock_with(&*device, &opener, None)
            .map_err(|error| match error {
                Error::Header {
                    source: luks::Error::WrongPassphrase { .. },
                    ..
                } => Error::WrongPassphrase {
                    place: place.clone(),
                },
                other => other,
            })?;
        drop(opener);
        let (keyslot, area) = header.add_keyslot(&secret, &key.key, &place)?;
        header::write(&*device, &[area.into(), luks::Step::Flush])?;
        // The file system is there: mkfs never runs.
        let blob = self.blob.clone();
        header.bind(&volume, &secret, blob, keyslot, 1, State::Ready, &place)?;
        let steps = header.commit(&place)?;
        header::write(&*device, &steps)?;

        // From the device again: what the next boot will find.
        device.flush()?;
        device.drop_caches()?;
        let header = match header::read(&*device)? {
            Ok(header) => header,
            Err(problem) => return Err(problem.into_error(place)),
        };
        let (_, token) = header.token().ok_or_else(no_header)?;
        if !header.verify(&volume, &secret, &token)? {
            return Err(Error::Mac { volume, place });
        }
        let _ = header.unlock(&*device, &secret, token.keyslot)?;
        self.header = Some(header);
        Ok(Changed::Yes)
    }
}
