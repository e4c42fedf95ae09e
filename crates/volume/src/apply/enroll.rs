//! Enrolling a volume that another program made: a keyslot and a token beside those that are there → both header copies
//! synced → reopened through them. Nothing that was there is changed, so what opened the volume before opens it after.

use crate::binding::State;
use crate::engine::Changed;
use crate::error::Error;
use crate::header;
use crate::host::Access;

use super::Applier;
use super::reopen::not_his;

impl Applier<'_, '_> {
    pub(super) fn enroll(&mut self) -> Result<Changed, Error> {
        let place = self.place();
        let volume = self.target.name.clone();
        let no_secret = || Error::Misuse("no secret was fetched".to_owned());
        let secret = self.secret.clone().ok_or_else(no_secret)?;
        let opener = self.opener.take().ok_or_else(no_secret)?;
        let mut header = self.header.take().ok_or_else(|| self.no_header())?;
        let device = self.host.open(self.identity()?, Access::Shared)?;

        let key = header
            .unlock_with(&*device, &opener, None)
            .map_err(|error| not_his(error, &place))?;
        drop(opener);
        let (keyslot, area) = header.add_keyslot(&secret, &key.key, &place)?;
        header::write(&*device, &[area.into(), luks::Step::Flush])?;
        // The file system is there: mkfs never runs.
        let blob = self.blob.clone();
        header.bind(&volume, &secret, blob, keyslot, 1, State::Ready, &place)?;
        let steps = header.commit(&place)?;
        header::write(&*device, &steps)?;

        let (header, _) = self.reopen(&*device, &secret)?;
        self.header = Some(header);
        Ok(Changed::Yes)
    }
}
