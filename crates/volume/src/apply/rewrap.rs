//! Rekey, of one volume: new keyslot and token → both header copies synced → reopened through them → the old keyslot
//! destroyed. While it runs the header has two tokens, so a kill anywhere leaves a volume that opens, and a run that
//! comes after knows which keyslot is the old one; recovery keyslots that others added are left alone.

use std::rc::Rc;

use crate::binding::{State, VolumeSecret};
use crate::engine::Changed;
use crate::error::Error;
use crate::header;
use crate::host::Access;

use super::Applier;

/// What a volume is to be wrapped with.
pub(crate) struct Adopt {
    /// The new secret.
    pub(crate) secret: Rc<VolumeSecret>,
    /// Its wrapped form, in token mode.
    pub(crate) blob: Option<Vec<u8>>,
}

impl Applier<'_, '_> {
    pub(super) fn rewrap(&mut self) -> Result<Changed, Error> {
        let place = self.place();
        let volume = self.target.name.clone();
        let adopt = self
            .adopt
            .take()
            .ok_or_else(|| Error::Misuse("no new secret was made".to_owned()))?;
        let device = self.host.open(self.identity()?, Access::Shared)?;
        let mut header = self.header.take().ok_or_else(|| self.no_header())?;
        let was_new = match header.token() {
            Some((_, token)) => header.verify(&volume, &adopt.secret, &token)?,
            None => false,
        };
        if !was_new {
            let old = self.secret.clone().ok_or_else(|| self.no_header())?;
            let key = header.unlock(
                &*device,
                &old,
                header.token().and_then(|(_, token)| token.keyslot),
            )?;
            if header.token().is_none() {
                // Bound first, under the old secret: the token names the keyslot that is to go.
                header.bind(&volume, &old, None, key.keyslot, 0, State::Ready, &place)?;
            }
            let state = header
                .token()
                .map_or(State::Ready, |(_, token)| token.state);
            let generation = header.token().map_or(0, |(_, token)| token.generation);
            let next = generation
                .checked_add(1)
                .ok_or_else(|| Error::Misuse("the header was wrapped anew too often".to_owned()))?;
            let (keyslot, area) = header.add_keyslot(&adopt.secret, &key.key, &place)?;
            header::write(&*device, &[area.into(), luks::Step::Flush])?;
            header.bind(
                &volume,
                &adopt.secret,
                adopt.blob.clone(),
                keyslot,
                next,
                state,
                &place,
            )?;
            let steps = header.commit(&place)?;
            header::write(&*device, &steps)?;
        }
        let (mut header, (newest, token)) = self.reopen(&*device, &adopt.secret)?;
        let old: Vec<(u32, Option<u32>)> = header
            .tokens()
            .into_iter()
            .filter(|(id, _)| *id != newest)
            .map(|(id, token)| (id, token.keyslot))
            .collect();
        if was_new && old.is_empty() {
            return Ok(Changed::No);
        }
        for (id, keyslot) in old {
            if let Some(keyslot) = keyslot.filter(|slot| Some(*slot) != token.keyslot) {
                let area = header.kill_keyslot(keyslot, &place)?;
                header::write(
                    &*device,
                    &area
                        .into_iter()
                        .map(luks::Step::from)
                        .chain([luks::Step::Flush])
                        .collect::<Vec<_>>(),
                )?;
            }
            header.remove_token(id, &place)?;
        }
        let steps = header.commit(&place)?;
        header::write(&*device, &steps)?;
        self.header = Some(header);
        Ok(Changed::Yes)
    }
}
