//! The one place that runs a plan: step by step, each reported. After a failure nothing more is done but closing what
//! this run had opened, so that no key stays in use for a volume that did not come up.

use std::path::PathBuf;
use std::rc::Rc;

use crypto::SecretBytes;
use uuid::Uuid;

use crate::binding::{State, VolumeSecret};
use crate::config::KeySource;
use crate::engine::{Changed, Engine, EngineKind, Mapping};
use crate::error::Error;
use crate::header::{self, Snapshot};
use crate::host::{Access, Device, Hold, Host, HostError, Identity, RootWanted, Unmount};
use crate::observe::{Content, Observed, observe};
use crate::plan::{IfOurs, Plan, Refusal, Step};
use crate::retry::Waiting;
use crate::secrets::Secrets;
use crate::state::{Intent, Made, Place};
use crate::target::Target;

mod content;
mod enroll;
mod erase;
mod guard;
pub(crate) mod kept;
mod raid0;
mod rebind;
mod reopen;
mod rewrap;
mod wipe;

pub(crate) use rewrap::Adopt;

/// Told of every step. Methods do nothing unless they are given something to do.
pub trait Progress {
    /// A step begins.
    fn begin(&mut self, volume: &str, step: &Step) {
        let _ = (volume, step);
    }

    /// A step is done.
    fn done(&mut self, volume: &str, step: &Step, changed: Changed) {
        let _ = (volume, step, changed);
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}

impl Waiting for Silent {}

/// The file systems that are mounted when they are found in a volume.
const MOUNTED: [&str; 5] = ["ext4", "xfs", "btrfs", "ext3", "ext2"];
/// What a run of one plan has in hand.
pub(crate) struct Applier<'r, 'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) secrets: &'r mut Secrets<'a>,
    pub(crate) target: &'r Target,
    pub(crate) observed: Observed,
    /// What the volume is wrapped with anew (rekey).
    pub(crate) adopt: Option<Adopt>,
    /// What still opens it (rekey in seed mode).
    pub(crate) previous: Option<Rc<VolumeSecret>>,
    /// The file that the configuration was read from.
    pub(crate) configuration: Option<PathBuf>,
    /// Where root-owned state lies.
    pub(crate) state_folder: PathBuf,
    /// What a person should know of what was done.
    pub(crate) notes: Vec<String>,
    /// A passphrase that opens the volume already (enroll-root).
    pub(crate) opener: Option<SecretBytes>,
    identity: Option<Identity>,
    claim: Option<Box<dyn Device>>,
    secret: Option<Rc<VolumeSecret>>,
    blob: Option<Vec<u8>>,
    header: Option<Snapshot>,
    key: Option<luks::VolumeKey>,
    mapped: Option<PathBuf>,
    /// The mapping on which a file system was just made, until it is mounted.
    held: Option<Box<dyn Hold>>,
    opened_by: Option<EngineKind>,
    has_assembled: bool,
    remains: Vec<String>,
    overwritten: Vec<[u8; 32]>,
}

impl<'r, 'a> Applier<'r, 'a> {
    pub(crate) fn new(
        host: &'a dyn Host,
        secrets: &'r mut Secrets<'a>,
        target: &'r Target,
        mut observed: Observed,
    ) -> Self {
        let header = observed.header.take();
        let identity = observed.identity.clone();
        let mapped = observed.active.as_ref().map(|active| active.device.clone());
        Self {
            host,
            secrets,
            target,
            observed,
            adopt: None,
            previous: None,
            configuration: None,
            state_folder: PathBuf::new(),
            notes: Vec::new(),
            opener: None,
            identity,
            claim: None,
            secret: None,
            blob: None,
            header,
            key: None,
            mapped,
            held: None,
            opened_by: None,
            has_assembled: false,
            remains: Vec::new(),
            overwritten: Vec::new(),
        }
    }

    /// Runs a plan.
    pub(crate) fn run(
        &mut self,
        plan: &Plan,
        progress: &mut dyn Progress,
    ) -> Result<Changed, Error> {
        let mut changed = Changed::No;
        for step in &plan.steps {
            progress.begin(&plan.volume, step);
            let outcome = self.step(step, plan);
            match outcome {
                Ok(outcome) => {
                    progress.done(&plan.volume, step, outcome);
                    if outcome == Changed::Yes {
                        changed = Changed::Yes;
                    }
                }
                Err(error) => {
                    self.abandon();
                    return Err(error);
                }
            }
        }
        if !self.remains.is_empty() {
            return Err(Error::Remains {
                volume: self.target.name.clone(),
                remains: std::mem::take(&mut self.remains),
            });
        }
        Ok(changed)
    }

    fn step(&mut self, step: &Step, plan: &Plan) -> Result<Changed, Error> {
        match step {
            Step::GuardMountPoint { at, .. } => Ok(self.guard_mount_point(at)),
            Step::ReleaseMountPoint { at } => Ok(self.release_mount_point(at)),
            Step::FetchSecret => self.fetch_secret(plan),
            Step::CreateFile { path, size } => self.create_file(path, *size),
            Step::Wipe { keep, .. } => self.wipe(*keep),
            Step::ClearUnfinished => self.clear_unfinished(),
            Step::Format => self.format(),
            Step::Unlock => self.unlock(),
            Step::RepairHeader { keep } => self.repair_header(*keep),
            Step::AttachLoop => self.attach_loop(),
            Step::Assemble { .. } => self.assemble(),
            Step::TakeApart => self.take_apart(),
            Step::Map { engine } => self.map(*engine),
            Step::MakeFileSystem { kind } => self.make_file_system(*kind),
            Step::ExpectContent => self.expect_content(),
            Step::MakeSwap => self.make_swap(),
            Step::SwapOn => Ok(self.host.swap_on(self.mapped()?)?),
            Step::SwapOff => Ok(self.host.swap_off(self.mapped()?)?),
            Step::MarkReady => self.mark_ready(),
            Step::Mount { at, root } => self.mount(at, *root),
            Step::SetRoot { at, wanted } => Ok(self.host.set_root(at, *wanted)?),
            Step::Unmount { at, dead } => Ok(self.host.unmount(
                at,
                if *dead {
                    Unmount::Detach
                } else {
                    Unmount::IfIdle
                },
            )?),
            Step::Adopt { engine } => Ok(self.engine(*engine)?.adopt(&self.target.name)?),
            Step::Unmap { engine } => self.unmap(*engine),
            Step::DetachLoop => Ok(self.host.detach_loop(self.target.backing.path())?),
            Step::DestroyHeader => self.destroy_header(),
            Step::Discard => self.discard(),
            Step::ReadBack => self.read_back(),
            Step::DeleteBackups { files } => self.delete_backups(files),
            Step::Rewrap => self.rewrap(),
            Step::Forget => self.forget(),
            Step::Enroll => self.enroll(),
            Step::Rebind => self.rebind(),
        }
    }

    /// The header that the run began with.
    pub(crate) fn header(&self) -> Option<&Snapshot> {
        self.header.as_ref()
    }

    /// The passphrase of the keyslot that a plan has unlocked.
    pub(crate) fn passphrase(&self) -> Result<SecretBytes, Error> {
        match (&self.header, &self.secret, &self.key) {
            (Some(header), Some(secret), Some(_)) => header.passphrase(secret),
            _ => Err(Error::Misuse(format!(
                "volume {} is not unlocked",
                self.target.name
            ))),
        }
    }

    /// Closes what this run opened. What fails here is left to the next run, which finds it.
    fn abandon(&mut self) {
        self.key = None;
        self.claim = None;
        self.held = None;
        if let Some(kind) = self.opened_by.take()
            && let Ok(engine) = self.engine(kind)
        {
            let _ = engine.close(&self.target.name);
        }
        self.abandon_stripe();
    }

    fn engine(&self, kind: EngineKind) -> Result<&'a dyn Engine, Error> {
        self.host
            .engines()
            .into_iter()
            .find(|engine| engine.kind() == kind)
            .ok_or_else(|| {
                Refusal::NoEngine {
                    reasons: vec![format!("the {kind} engine is not built in")],
                }
                .into()
            })
    }

    fn place(&self) -> String {
        self.identity.as_ref().map_or_else(
            || self.target.backing.path().display().to_string(),
            |identity| identity.stable_name.clone(),
        )
    }

    fn identity(&self) -> Result<&Identity, Error> {
        self.identity
            .as_ref()
            .ok_or_else(|| HostError::NotFound { what: self.place() }.into())
    }

    fn fetch_secret(&mut self, plan: &Plan) -> Result<Changed, Error> {
        let makes_header = plan.steps.contains(&Step::Format);
        match &self.target.key {
            KeySource::Ephemeral => {}
            KeySource::Seed { key, secret } => {
                let secret = self.secrets.shared_secret(key, secret)?;
                self.secret = Some(match &self.previous {
                    Some(previous) if !self.is_bound_to(&secret)? => Rc::clone(previous),
                    _ => secret,
                });
            }
            KeySource::Token { key } => {
                let blob = self
                    .header
                    .as_ref()
                    .and_then(Snapshot::token)
                    .and_then(|(_, token)| token.blob);
                let made = match blob.filter(|_| !makes_header) {
                    Some(blob) => {
                        let name = &self.target.name;
                        let found = self.secrets.machine_secret(name, key, &blob)?;
                        // What another process left is believed as far as the header's mac bears it out.
                        if found.is_kept && !self.is_bound_to(&found.secret)? {
                            self.secrets.machine_secret_anew(name, key, &blob)?
                        } else {
                            found
                        }
                    }
                    None => self
                        .secrets
                        .machine_secret_for_new(&self.target.name, key)?,
                };
                self.secret = Some(made.secret);
                self.blob = Some(made.blob);
            }
        }
        Ok(Changed::No)
    }

    /// Whether the header's newest token is under this secret.
    fn is_bound_to(&self, secret: &VolumeSecret) -> Result<bool, Error> {
        match self
            .header
            .as_ref()
            .and_then(|header| Some((header, header.token()?)))
        {
            Some((header, (_, token))) => header.verify(&self.target.name, secret, &token),
            None => Ok(false),
        }
    }

    fn create_file(&mut self, path: &std::path::Path, size: u64) -> Result<Changed, Error> {
        let changed = self.host.create_file(path, size)?;
        self.identity = self.target.backing.identify(self.host)?;
        Ok(changed)
    }

    /// Claims the device for this run alone, and looks again at what it holds now that nobody else can change it.
    fn claim(&mut self) -> Result<&dyn Device, Error> {
        if self.claim.is_none() {
            let identity = self.identity()?.clone();
            let device = self.host.open(&identity, Access::Exclusive)?;
            let now = observe(self.host, self.target)?;
            let was = &self.observed.content;
            let same =
                now.content == *was || (*was == Content::Missing && now.content == Content::Blank);
            if !same {
                return Err(Refusal::NotBlank {
                    volume: self.target.name.clone(),
                    device: identity.stable_name,
                    size: identity.size,
                    found: now.content.to_string(),
                    if_ours: IfOurs::Nothing,
                }
                .into());
            }
            self.claim = Some(device);
        }
        self.claim
            .as_deref()
            .ok_or_else(|| HostError::NotFound { what: self.place() }.into())
    }

    /// Writes a header. What is about to be written is said first in root-owned state, so that whatever part of it a kill
    /// leaves behind is known for what it is, and nothing else is ever taken for it.
    fn format(&mut self) -> Result<Changed, Error> {
        let identity = self.identity()?.clone();
        let mut made = header::format(
            self.target,
            &identity,
            self.secret.as_deref(),
            self.blob.clone(),
        )?;
        let fillings = self.fill_members(&mut made)?;
        let host = self.host;
        let intent = Place::intent(&self.target.name);
        let _ = self.claim()?;
        intent.write(host, &Intent::of(&identity, made.writes()))?;
        self.remember(made.header.uuid(), false)?;
        self.record_members(&fillings)?;
        let device = self.claim()?;
        header::write(device, &made.steps)?;
        self.claim = None;
        Place::erasing(&self.target.name).remove(host)?;
        Place::restoring(&self.target.name).remove(host)?;
        intent.remove(host)?;
        self.header = Some(made.header);
        self.key = Some(made.key);
        Ok(Changed::Yes)
    }

    /// Allow-list (when it was read) → Decrypt (before this) → mac → keyslot → digest.
    fn unlock(&mut self) -> Result<Changed, Error> {
        let place = self.place();
        let volume = self.target.name.clone();
        let secret = self
            .secret
            .clone()
            .ok_or_else(|| Error::Misuse("no secret was fetched".to_owned()))?;
        let header = self.header.as_ref().ok_or_else(|| HostError::NotFound {
            what: format!("the header of {place}"),
        })?;
        let keyslot = match header.token() {
            Some((_, token)) => {
                if !header.verify(&volume, &secret, &token)? {
                    // Where it says whose it is, that is most often all that has to be known.
                    let label = header.facts().label;
                    let place = if label.is_empty() || label == volume {
                        place
                    } else {
                        format!("{place}, labelled {label:?},")
                    };
                    return Err(Error::mac(self.target, place));
                }
                token.keyslot
            }
            None => None,
        };
        let is_verified = header.token().is_some();
        let device = self.host.open(self.identity()?, Access::Read)?;
        let opened = header.unlock(&*device, &secret, keyslot).map_err(|error| {
            match (error.is_wrong_passphrase(), is_verified) {
                // The secret is the right one: the mac says so.
                (true, true) => Error::KeyMaterial {
                    volume,
                    place,
                    is_alone: !matches!(self.observed.content, Content::Ambiguous(..)),
                },
                (true, false) => Error::WrongSecret { volume, place },
                (false, _) => error,
            }
        })?;
        self.key = Some(opened.key);
        if let (KeySource::Token { key }, Some(blob)) = (&self.target.key, &self.blob) {
            self.secrets.pin_machine(key, blob)?;
        }
        Ok(Changed::No)
    }

    /// Puts into root-owned state which header this volume has.
    fn remember(&self, uuid: Uuid, ready: bool) -> Result<(), Error> {
        let place = Place::made(&self.target.name);
        let known: Option<Made> = place.read(self.host)?;
        let segment = self.header.as_ref().and_then(Snapshot::segment);
        let made = Made {
            uuid,
            backing: self.target.backing.path().to_path_buf(),
            ready,
            segment,
            size: self.identity().ok().map(|identity| identity.size),
        };
        if known.as_ref() != Some(&made) {
            place.write(self.host, &made)?;
        }
        if ready && self.observed.restoring.is_some() {
            // A header that has opened is whole.
            Place::restoring(&self.target.name).remove(self.host)?;
        }
        Ok(())
    }

    /// Keeps the first `len` bytes of the device, and says where.
    fn keep(&mut self, what: &str, len: u64) -> Result<(), Error> {
        let name = kept::keep(self.host, &self.target.name, self.claim()?, len)?;
        let folder = self.state_folder.display();
        self.notes
            .push(format!("{what} is kept in {folder}/{name}"));
        Ok(())
    }

    fn repair_header(&mut self, keep: bool) -> Result<Changed, Error> {
        let _ = self.claim()?;
        let place = self.place();
        if keep {
            let len = self.header.as_ref().map_or(0, Snapshot::copies_len);
            self.keep("what lay in the place of the header's damaged copy", len)?;
        }
        let header = self.header.as_mut().ok_or_else(|| HostError::NotFound {
            what: format!("the header of {place}"),
        })?;
        let steps = header.commit(&place)?;
        header::write(self.claim()?, &steps)?;
        self.claim = None;
        Ok(Changed::Yes)
    }

    fn attach_loop(&mut self) -> Result<Changed, Error> {
        let before = self.host.find_loop(self.target.backing.path())?;
        let sector_size = self.header.as_ref().map_or(512, Snapshot::sector_size);
        let _ = self
            .host
            .attach_loop(self.target.backing.path(), sector_size, false)?;
        Ok(if before.is_some() {
            Changed::No
        } else {
            Changed::Yes
        })
    }

    fn map(&mut self, kind: EngineKind) -> Result<Changed, Error> {
        self.claim = None;
        let engine = self.engine(kind)?;
        let identity = self.identity()?.clone();
        let place = self.place();
        let backing = if engine.needs_block_device() {
            self.host
                .find_loop(&identity.path)?
                .unwrap_or_else(|| identity.path.clone())
        } else {
            identity.path.clone()
        };
        let (Some(header), Some(key)) = (&self.header, &self.key) else {
            return Err(Error::Misuse(format!(
                "volume {} is not unlocked",
                self.target.name
            )));
        };
        let payload = header.payload(identity.size, &place)?;
        let mapping = Mapping {
            name: &self.target.name,
            uuid: header.uuid(),
            luks: header.kind(),
            backing: &backing,
            read_only: false,
            discards: self.target.discard,
            payload: payload.bytes,
            sector_size: payload.sector_size,
            iv_start: payload.iv_start,
            cipher: crate::engine::Cipher::AesXtsPlain64,
            key,
        };
        self.mapped = Some(engine.open(&mapping)?);
        self.opened_by = Some(kind);
        // The engine has it now; nobody else needs it.
        self.key = None;
        Ok(Changed::Yes)
    }

    fn mapped(&self) -> Result<&PathBuf, Error> {
        self.mapped
            .as_ref()
            .ok_or_else(|| Error::Misuse(format!("volume {} is not open", self.target.name)))
    }

    fn mark_ready(&mut self) -> Result<Changed, Error> {
        let place = self.place();
        let device = self.host.open(self.identity()?, Access::Shared)?;
        let volume = &self.target.name;
        let header = self.header.as_mut().ok_or_else(|| HostError::NotFound {
            what: format!("the header of {place}"),
        })?;
        header.set_state(volume, self.secret.as_deref(), State::Ready, &place)?;
        let steps = header.commit(&place)?;
        header::write(&*device, &steps)?;
        let uuid = header.uuid();
        self.remember(uuid, true)?;
        Ok(Changed::Yes)
    }

    fn mount(&mut self, at: &std::path::Path, root: RootWanted) -> Result<Changed, Error> {
        let device = self.mapped()?.clone();
        let found = self.host.file_system_on(&device)?;
        let kind = found.as_ref().map(|found| found.kind.as_str());
        let Some(file_system) = kind.filter(|name| MOUNTED.contains(name)) else {
            let what = kind.map_or_else(
                || "no file system".to_owned(),
                |name| format!("{name}, which kluis does not mount"),
            );
            return Err(Error::NoFileSystem {
                volume: self.target.name.clone(),
                found: what,
            });
        };
        // A run that was killed may have left the header's last write in a cache. Were it lost after files have been
        // written here, the next run would read "provisioning" and make the file system again.
        self.host.open(self.identity()?, Access::Read)?.flush()?;
        // From here on there may be files in it.
        if let Some(header) = &self.header {
            self.remember(header.uuid(), true)?;
        }
        let options = &self.target.root.sorted;
        self.host.mount(&device, at, file_system, options, root)?;
        self.held = None;
        Ok(Changed::Yes)
    }

    fn unmap(&mut self, kind: EngineKind) -> Result<Changed, Error> {
        let changed = self.engine(kind)?.close(&self.target.name)?;
        self.mapped = None;
        Ok(changed)
    }
}
