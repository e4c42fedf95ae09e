//! Binding a header anew whose volume key another program replaced (`cryptsetup reencrypt`): the secret opens a keyslot of it, or a passphrase that its
//! owner has does and the secret gets one → the mac is made over
//! what is there now → both copies synced → reopened. Whoever confirms it says that it was he who replaced the key: of a header that was put there by
//! somebody else, what is checked here is that it lies over the same data in the same way and that this volume's secret opens it.

use crate::engine::Changed;
use crate::error::Error;
use crate::header;
use crate::host::Access;
use crate::state::{Made, Place};

use super::Applier;
use super::reopen::not_his;

impl Applier<'_, '_> {
    pub(super) fn rebind(&mut self) -> Result<Changed, Error> {
        let place = self.place();
        let volume = self.target.name.clone();
        let secret = self
            .secret
            .clone()
            .ok_or_else(|| Error::Misuse("no secret was fetched".to_owned()))?;
        let mut header = self.header.take().ok_or_else(|| self.no_header())?;
        let (_, token) = header.token().ok_or_else(|| self.no_header())?;
        let device = self.host.open(self.identity()?, Access::Shared)?;
        let is_bound = header.verify(&volume, &secret, &token)?
            && token.keyslot.is_some()
            && header.unlock(&*device, &secret, token.keyslot).is_ok();
        if is_bound {
            return self.record_refilled();
        }
        let known: Option<Made> = Place::made(&volume).read(self.host)?;
        let is_moved = known.is_some_and(|known| {
            known.uuid != header.uuid()
                || known
                    .segment
                    .is_some_and(|segment| Some(segment) != header.segment())
        });
        if is_moved {
            return Err(Error::NotRebound { volume, place });
        }
        // Opening compares the key with the digest.
        let keyslot = match (header.unlock(&*device, &secret, None), self.opener.take()) {
            (Ok(opened), _) => opened.keyslot,
            (Err(error), Some(opener)) if error.is_wrong_passphrase() => {
                let opened = header.unlock_with(&*device, &opener, None);
                let opened = opened.map_err(|error| not_his(error, &place))?;
                let (keyslot, area) = header.add_keyslot(&secret, &opened.key, &place)?;
                header::write(&*device, &[area.into(), luks::Step::Flush])?;
                keyslot
            }
            (Err(error), None) if error.is_wrong_passphrase() => {
                return Err(Error::NoKeyslotOfOurs { volume, place });
            }
            (Err(error), _) => return Err(error),
        };
        header.rebind(&volume, &secret, keyslot, &place)?;
        let steps = header.commit(&place)?;
        header::write(&*device, &steps)?;

        let (header, _) = self.reopen(&*device, &secret)?;
        let uuid = header.uuid();
        self.header = Some(header);
        self.remember(uuid, true)?;
        let _ = self.record_refilled()?;
        Ok(Changed::Yes)
    }
}
