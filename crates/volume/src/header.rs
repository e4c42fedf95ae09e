//! A volume's header in hand: read once from the device, checked against the allow-list, and used from that copy.
//! Between `luks`, which knows the format, and `binding`, which knows what ties a header to its secret.

use std::io;
use std::ops::Range;
use std::path::Path;

use crypto::SecretBytes;
use luks::luks2::{FormatOptions, SegmentSize};
use luks::{AreaWrite, Fault, Header, KdfChoice, Profile, Step, VolumeKey};
use uuid::Uuid;

use crate::binding::{SecretError, State, Token, TokenError, VolumeSecret};
use crate::config::KeySource;
use crate::engine::LuksKind;
use crate::error::Error;
use crate::host::{Access, Device, Host, HostError, Identity};
use crate::observe::{HeaderFacts, Unusable};
use crate::plan::EPHEMERAL_SUBSYSTEM;
use crate::target::Target;

mod bound;

/// Where the data of a new volume begins.
pub(crate) const DATA_OFFSET: u64 = FormatOptions::DATA_OFFSET;
/// The length of a new volume key: AES-256-XTS.
const KEY_LEN: usize = 64;
/// The most that a keyslot's area may have: 64 bytes of key in 4000 stripes are 256 kB; LUKS1's are no larger.
const AREA_MAX: u64 = 1 << 20;

/// A header as read or made.
#[derive(Debug)]
pub(crate) struct Snapshot {
    header: Header,
    copies: Copies,
    /// Of the device, when it was read.
    device_len: u64,
}

/// What the two copies of a header are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copies {
    /// Both valid, or there is but one.
    Whole,
    /// The other one is what an interrupted write leaves: it is written again without asking.
    Torn {
        /// Whether it is the one at the start of the device.
        primary: bool,
    },
    /// The other one is not valid, and what lies there may be somebody's.
    Damaged {
        /// Whether it is the one at the start of the device.
        primary: bool,
    },
}

impl Copies {
    fn of(copy: &luks::Copy) -> Self {
        let primary = copy.lacks_primary();
        if copy.is_left_by_a_write() {
            Self::Torn { primary }
        } else if copy.needs_repair() {
            Self::Damaged { primary }
        } else {
            Self::Whole
        }
    }

    /// Whether there is no valid header at the start of the device.
    pub(crate) fn lack_primary(self) -> bool {
        matches!(
            self,
            Self::Torn { primary: true } | Self::Damaged { primary: true }
        )
    }
}

/// Why there is no usable header.
#[derive(Debug)]
pub(crate) struct Problem(luks::Error);

impl Problem {
    pub(crate) fn is_not_luks(&self) -> bool {
        matches!(self.0, luks::Error::NotLuks)
    }

    pub(crate) fn unusable(&self) -> Unusable {
        match self.0.fault() {
            Fault::Unsupported if self.0.field() == Some("config.requirements") => {
                Unusable::Reencrypting
            }
            Fault::Unsupported | Fault::Weak => Unusable::NotOpenedHere,
            _ => Unusable::Damaged,
        }
    }

    pub(crate) fn into_error(self, place: String) -> Error {
        Error::Header {
            place,
            source: self.0,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A keyslot that opened.
#[derive(Debug)]
pub(crate) struct Unlocked {
    pub(crate) keyslot: u32,
    pub(crate) key: VolumeKey,
}

/// A header that is made and not written.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) header: Snapshot,
    pub(crate) key: VolumeKey,
    pub(crate) steps: Vec<Step>,
}

impl Made {
    /// What will be written where.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.steps.iter().filter_map(|step| match step {
            Step::Write { offset, bytes } => Some((*offset, bytes.as_slice())),
            Step::Flush => None,
        })
    }
}

/// Reads the header under the allow-list. The outer error is the machine's, the inner one the header's.
pub(crate) fn read(device: &dyn Device) -> Result<Result<Snapshot, Problem>, Error> {
    read_as(device, Profile::Strict)
}

/// Reads the header so that it can be shown.
pub(crate) fn read_to_show(device: &dyn Device) -> Result<Result<Snapshot, Problem>, Error> {
    read_as(device, Profile::Permissive)
}

fn read_as(device: &dyn Device, profile: Profile) -> Result<Result<Snapshot, Problem>, Error> {
    let mut failed = None;
    let mut source = |offset: u64, len: usize| {
        let mut bytes = vec![0; len];
        device
            .read_at(offset, &mut bytes)
            .map(|()| bytes)
            .map_err(|error| {
                let words = error.to_string();
                failed = Some(error);
                io::Error::other(words)
            })
    };
    let device_len = device.size();
    let outcome = Header::read(&mut source, device_len, profile);
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(match outcome {
        Ok(read) => Ok(Snapshot {
            header: read.header,
            copies: Copies::of(&read.copy),
            device_len,
        }),
        Err(luks::Error::Crypto(error)) => return Err(error.into()),
        Err(error) => Err(Problem(error)),
    })
}

/// Reads a header out of a backup.
pub(crate) fn read_backup(bytes: &[u8], device_len: u64) -> Result<Snapshot, Problem> {
    let mut source = |offset: u64, len: usize| {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let end = start.saturating_add(len).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    };
    Header::read(&mut source, device_len, Profile::Strict)
        .map(|read| Snapshot {
            header: read.header,
            copies: Copies::of(&read.copy),
            device_len,
        })
        .map_err(Problem)
}

/// The largest header that is backed up or restored: LUKS2's areas are 16 MiB by default, 4 MiB and 128 MiB at most.
pub(crate) const BACKUP_MAX: u64 = 160 << 20;

/// The UUID of the header in a backup; `None` where there is none that can be read.
///
/// # Errors
/// The machine's, when the file is not there or cannot be read.
pub(crate) fn backup_uuid(host: &dyn Host, file: &Path) -> Result<Option<Uuid>, Error> {
    let bytes = host.read_file(file, BACKUP_MAX)?;
    // Of the device it is not known how long it was.
    let found = read_backup(&bytes, u64::MAX >> 1);
    Ok(found.ok().map(|snapshot| snapshot.uuid()))
}

/// The label of the header on a disk, as a hint; `None` when it cannot be had for whatever reason.
pub(crate) fn label_of(host: &dyn Host, disk: &Identity) -> Option<String> {
    let device = host.open(disk, Access::Read).ok()?;
    match read(&*device) {
        Ok(Ok(snapshot)) => Some(snapshot.facts().label),
        _ => None,
    }
}

/// Carries out a header's steps.
pub(crate) fn write(device: &dyn Device, steps: &[Step]) -> Result<(), HostError> {
    steps.iter().try_for_each(|step| match step {
        Step::Write { offset, bytes } => device.write_at(*offset, bytes),
        Step::Flush => device.flush(),
    })
}

/// Makes the header of a new volume in state provisioning: with a keyslot and a token, or ephemeral with neither secret.
pub(crate) fn format(
    target: &Target,
    device: &Identity,
    secret: Option<&VolumeSecret>,
    blob: Option<Vec<u8>>,
) -> Result<Made, Error> {
    let place = device.stable_name.as_str();
    let key = VolumeKey::random(KEY_LEN).map_err(fault(place))?;
    let is_ephemeral = target.key == KeySource::Ephemeral;
    let mut options = FormatOptions::new(device.size).map_err(fault(place))?;
    options.label.clone_from(&target.name);
    if is_ephemeral {
        EPHEMERAL_SUBSYSTEM.clone_into(&mut options.subsystem);
    }
    let header = luks::luks2::Header::format(&options, &key).map_err(fault(place))?;
    let mut header = Snapshot {
        header: Header::V2(header),
        copies: Copies::Whole,
        device_len: device.size,
    };
    let mut steps = Vec::new();
    if is_ephemeral {
        let token = Token {
            keyslot: None,
            blob: None,
            generation: 1,
            state: State::Provisioning,
            mac: None,
        };
        header
            .v2(place)?
            .add_token(token.to_json())
            .map_err(fault(place))?;
    } else {
        let secret = secret.ok_or_else(|| Error::Misuse("no secret was fetched".to_owned()))?;
        let (keyslot, area) = header.add_keyslot(secret, &key, place)?;
        header.bind(
            &target.name,
            secret,
            blob,
            keyslot,
            1,
            State::Provisioning,
            place,
        )?;
        steps.extend([area.into(), Step::Flush]);
    }
    steps.extend(header.commit(place)?);
    Ok(Made { header, key, steps })
}

fn fault(place: &str) -> impl Fn(luks::Error) -> Error {
    let place = place.to_owned();
    move |error| match error {
        luks::Error::Crypto(error) => Error::Crypto(error),
        source => Error::Header {
            place: place.clone(),
            source,
        },
    }
}

impl Snapshot {
    fn v2(&mut self, place: &str) -> Result<&mut luks::luks2::Header, Error> {
        match &mut self.header {
            Header::V2(header) => Ok(header),
            Header::V1(_) => Err(Error::Misuse(format!(
                "{place} has a LUKS1 header, which is not changed"
            ))),
        }
    }

    /// Whether something must be done before it may be used: a re-encryption that has not ended, say.
    pub(crate) fn has_requirements(&self) -> bool {
        match &self.header {
            Header::V1(_) => false,
            Header::V2(header) => !header.requirements().is_empty(),
        }
    }

    /// Where and how the data lies, in words that are the same for the same.
    pub(crate) fn segment(&self) -> Option<String> {
        let Header::V2(header) = &self.header else {
            return None;
        };
        let segment = header.segment()?;
        let size = match segment.size {
            SegmentSize::Dynamic => "dynamic".to_owned(),
            SegmentSize::Bytes(bytes) => bytes.to_string(),
        };
        Some(format!(
            "{} {} {size} {} {} {}",
            segment.kind, segment.offset, segment.iv_tweak, segment.encryption, segment.sector_size
        ))
    }

    /// By what its volume key is known: the digest, with its salt.
    pub(crate) fn key_digest(&self) -> Option<[u8; 32]> {
        match &self.header {
            Header::V1(_) => None,
            Header::V2(header) => {
                let digest = header.digest()?;
                Some(crypto::sha256(&[&digest.salt, &digest.value]))
            }
        }
    }

    /// The header itself, to be shown.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn kind(&self) -> LuksKind {
        match self.header {
            Header::V1(_) => LuksKind::V1,
            Header::V2(_) => LuksKind::V2,
        }
    }

    /// Whether another reader of the same header has the same metadata.
    pub(crate) fn has_metadata(&self, json: &[u8]) -> bool {
        match &self.header {
            Header::V1(_) => false,
            Header::V2(header) => serde_json::from_slice::<serde_json::Value>(json)
                .is_ok_and(|other| other == *header.json()),
        }
    }

    pub(crate) fn uuid(&self) -> Uuid {
        self.header.uuid()
    }

    /// The UUID of the file system that is made in the volume: what has it was begun by whoever wrote this very header.
    pub(crate) fn file_system_uuid(&self) -> Uuid {
        let digest = crypto::sha256(&[b"kluis file system", self.uuid().as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn uuid_text(&self) -> String {
        self.uuid().to_string()
    }

    pub(crate) fn facts(&self) -> HeaderFacts {
        let (label, subsystem) = match &self.header {
            Header::V1(_) => (String::new(), String::new()),
            Header::V2(header) => (header.label().to_owned(), header.subsystem().to_owned()),
        };
        let token_error = self
            .tokens_or_not()
            .find_map(|(_, token)| token.err())
            .map(|error| error.to_string());
        let token = self.token().map(|(_, token)| token);
        let keyslots = match &self.header {
            Header::V1(header) => header.keyslot_ids().len(),
            Header::V2(header) => header.metadata().keyslots.len(),
        };
        HeaderFacts {
            kind: self.kind(),
            label,
            subsystem,
            keyslots,
            token,
            token_error,
            copies: self.copies,
        }
    }

    fn tokens_or_not(&self) -> impl Iterator<Item = (u32, Result<Token, TokenError>)> {
        let tokens = match &self.header {
            Header::V1(_) => None,
            Header::V2(header) => Some(&header.metadata().tokens),
        };
        tokens
            .into_iter()
            .flatten()
            .filter_map(|(id, token)| Some((*id, Token::from_json(&token.json)?)))
    }

    /// Kluis's tokens, the newest first: two while a rekey is under way.
    pub(crate) fn tokens(&self) -> Vec<(u32, Token)> {
        let mut tokens: Vec<(u32, Token)> = self
            .tokens_or_not()
            .filter_map(|(id, token)| Some((id, token.ok()?)))
            .collect();
        tokens.sort_by_key(|(_, token)| std::cmp::Reverse(token.generation));
        tokens
    }

    /// The newest of Kluis's tokens.
    pub(crate) fn token(&self) -> Option<(u32, Token)> {
        self.tokens().into_iter().next()
    }

    /// Opens a keyslot: the one named, or without a token each in turn.
    pub(crate) fn unlock(
        &self,
        device: &dyn Device,
        secret: &VolumeSecret,
        keyslot: Option<u32>,
    ) -> Result<Unlocked, Error> {
        let passphrase = self.passphrase(secret)?;
        self.unlock_with(device, &passphrase, keyslot)
    }

    /// The passphrase of the header's keyslots under a volume's secret.
    pub(crate) fn passphrase(&self, secret: &VolumeSecret) -> Result<SecretBytes, Error> {
        Ok(secret.passphrase(&self.uuid_text())?)
    }

    /// The same with a passphrase that a person gave.
    pub(crate) fn unlock_with(
        &self,
        device: &dyn Device,
        passphrase: &SecretBytes,
        keyslot: Option<u32>,
    ) -> Result<Unlocked, Error> {
        let candidates = keyslot.map_or_else(|| self.header.keyslot_ids(), |id| vec![id]);
        let mut last = luks::Error::WrongPassphrase { keyslot: 0 };
        for id in candidates {
            match self.try_keyslot(device, id, passphrase.danger_expose())? {
                Ok(key) => return Ok(Unlocked { keyslot: id, key }),
                Err(luks::Error::Crypto(error)) => return Err(error.into()),
                Err(error) => last = error,
            }
        }
        Err(Error::Header {
            place: "the volume".to_owned(),
            source: last,
        })
    }

    fn try_keyslot(
        &self,
        device: &dyn Device,
        id: u32,
        passphrase: &[u8],
    ) -> Result<Result<VolumeKey, luks::Error>, Error> {
        let area = match self.header.keyslot_area(id) {
            Ok(area) => area,
            Err(error) => return Ok(Err(error)),
        };
        let len = area.end.saturating_sub(area.start);
        if len > AREA_MAX {
            return Ok(Err(luks::Error::NoKeyslot(id)));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        device.read_at(area.start, &mut bytes)?;
        Ok(self.header.unlock(id, passphrase, &bytes))
    }

    /// Where the data lies.
    pub(crate) fn payload(&self, device_len: u64, place: &str) -> Result<luks::Payload, Error> {
        self.header.payload(device_len).map_err(fault(place))
    }

    /// The encryption sector size; 512 when it cannot be told.
    pub(crate) fn sector_size(&self) -> u32 {
        self.header
            .payload(self.device_len)
            .map_or(512, |payload| payload.sector_size)
    }

    /// How many bytes from the start of the device hold header and keyslots.
    pub(crate) fn header_len(&self) -> u64 {
        self.header
            .payload(self.device_len)
            .map_or(DATA_OFFSET, |payload| payload.bytes.start)
    }

    /// How many bytes from the start of the device the two copies have, without key material.
    pub(crate) fn copies_len(&self) -> u64 {
        match &self.header {
            Header::V1(_) => 4096,
            Header::V2(header) => 2 * header.header_size(),
        }
    }

    /// The places of key material and headers within [`Snapshot::header_len`]: what a restore must write.
    pub(crate) fn areas(&self) -> Vec<Range<u64>> {
        self.header
            .keyslot_ids()
            .into_iter()
            .filter_map(|id| self.header.keyslot_area(id).ok())
            .collect()
    }

    /// Adds a keyslot under a volume's secret.
    pub(crate) fn add_keyslot(
        &mut self,
        secret: &VolumeSecret,
        key: &VolumeKey,
        place: &str,
    ) -> Result<(u32, AreaWrite), Error> {
        if secret.is_cut() {
            return Err(SecretError::Cut.into());
        }
        let passphrase = self.passphrase(secret)?;
        let kdf = if secret.is_random() {
            KdfChoice::MACHINE_SECRET
        } else {
            KdfChoice::PASSPHRASE
        };
        self.v2(place)?
            .add_keyslot(passphrase.danger_expose(), key, kdf, None)
            .map_err(fault(place))
    }

    /// Takes a keyslot out; `None` when it is not there any more.
    pub(crate) fn kill_keyslot(
        &mut self,
        id: u32,
        place: &str,
    ) -> Result<Option<AreaWrite>, Error> {
        match self.v2(place)?.kill_keyslot(id) {
            Ok(area) => Ok(Some(area)),
            Err(luks::Error::NoKeyslot(_)) => Ok(None),
            Err(error) => Err(fault(place)(error)),
        }
    }

    /// Takes a token out.
    pub(crate) fn remove_token(&mut self, id: u32, place: &str) -> Result<(), Error> {
        self.v2(place)?.remove_token(id).map_err(fault(place))
    }

    /// The writes that put the header on the device, both copies.
    pub(crate) fn commit(&mut self, place: &str) -> Result<Vec<Step>, Error> {
        self.v2(place)?.commit().map_err(fault(place))
    }
}
