//! A header's tie to its secret: the token, and the mac over the fields that must not change.

use luks::Header;
use luks::luks2::SegmentSize;

use crate::binding::{DigestFields, Fields, SegmentFields, State, Token, VolumeSecret};
use crate::error::Error;

use super::{Snapshot, fault};

impl Snapshot {
    /// Whether a token's mac is the one of this header under this secret and volume name.
    pub(crate) fn verify(
        &self,
        volume: &str,
        secret: &VolumeSecret,
        token: &Token,
    ) -> Result<bool, Error> {
        let Some(mac) = &token.mac else {
            return Ok(false);
        };
        self.with_fields(volume, token.generation, token.state, |fields| {
            secret.verify(fields, mac)
        })
        .unwrap_or(Ok(false))
        .map_err(Error::Crypto)
    }

    /// `None` for a header without the fields: LUKS1, or no segment or digest.
    fn with_fields<T>(
        &self,
        volume: &str,
        generation: u64,
        state: State,
        use_them: impl FnOnce(&Fields<'_>) -> T,
    ) -> Option<T> {
        let Header::V2(header) = &self.header else {
            return None;
        };
        let (segment, digest) = (header.segment()?, header.digest()?);
        let uuid = self.uuid_text();
        Some(use_them(&Fields {
            uuid: &uuid,
            volume,
            segment: SegmentFields {
                kind: &segment.kind,
                offset: segment.offset,
                size: match segment.size {
                    SegmentSize::Dynamic => None,
                    SegmentSize::Bytes(bytes) => Some(bytes),
                },
                iv_tweak: segment.iv_tweak,
                encryption: &segment.encryption,
                sector_size: segment.sector_size,
            },
            digest: DigestFields {
                kind: &digest.kind,
                hash: &digest.hash,
                iterations: digest.iterations,
                salt: &digest.salt,
                value: &digest.value,
            },
            requirements: header.requirements(),
            flags: header.flags(),
            generation,
            state,
        }))
    }

    /// Adds a token that binds the header to a secret.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the token's members, and each is its own type"
    )]
    pub(crate) fn bind(
        &mut self,
        volume: &str,
        secret: &VolumeSecret,
        blob: Option<Vec<u8>>,
        keyslot: u32,
        generation: u64,
        state: State,
        place: &str,
    ) -> Result<(), Error> {
        let mac = self.mac(volume, secret, generation, state, place)?;
        let token = Token {
            keyslot: Some(keyslot),
            blob,
            generation,
            state,
            mac: Some(mac),
        };
        self.v2(place)?
            .add_token(token.to_json())
            .map_err(fault(place))?;
        Ok(())
    }

    fn mac(
        &self,
        volume: &str,
        secret: &VolumeSecret,
        generation: u64,
        state: State,
        place: &str,
    ) -> Result<Vec<u8>, Error> {
        self.with_fields(volume, generation, state, |fields| secret.mac(fields))
            .ok_or_else(|| Error::Misuse(format!("{place} has no LUKS2 header to bind")))?
            .map(|mac| mac.to_vec())
            .map_err(Error::Crypto)
    }

    /// Writes a state into the newest token, with a mac unless the volume is ephemeral.
    pub(crate) fn set_state(
        &mut self,
        volume: &str,
        secret: Option<&VolumeSecret>,
        state: State,
        place: &str,
    ) -> Result<(), Error> {
        let (id, mut token) = self
            .token()
            .ok_or_else(|| Error::Misuse(format!("{place} has no kluis token")))?;
        token.mac = match (secret, &token.mac) {
            (Some(secret), _) => Some(self.mac(volume, secret, token.generation, state, place)?),
            (None, None) => None,
            (None, Some(_)) => return Err(Error::Misuse("no secret was fetched".to_owned())),
        };
        token.state = state;
        self.v2(place)?
            .set_token(id, token.to_json())
            .map_err(fault(place))
    }

    /// Binds the header, whose volume key or keyslots another program has replaced, by the newest token anew: to the keyslot that the secret opens.
    pub(crate) fn rebind(
        &mut self,
        volume: &str,
        secret: &VolumeSecret,
        keyslot: u32,
        place: &str,
    ) -> Result<(), Error> {
        let (id, mut token) = self
            .token()
            .ok_or_else(|| Error::Misuse(format!("{place} has no kluis token")))?;
        token.generation = token
            .generation
            .checked_add(1)
            .ok_or_else(|| Error::Misuse("the header was bound too often".to_owned()))?;
        token.keyslot = Some(keyslot);
        token.state = State::Ready;
        token.mac = Some(self.mac(volume, secret, token.generation, token.state, place)?);
        self.v2(place)?
            .set_token(id, token.to_json())
            .map_err(fault(place))
    }
}
