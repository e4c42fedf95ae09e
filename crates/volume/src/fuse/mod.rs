//! The engine for machines without device-mapper: a daemon exports the decrypted view as a file, a loop device makes a disk of it.
//!
//! ```text
//! file system → /dev/loopN → RUN/NAME/volume → /dev/fuse → daemon: AES-XTS → file or block device
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `sectors` | the decrypted view: any byte range, whole sectors underneath; no I/O of its own |
//! | `backing` | the file or block device that holds the ciphertext |
//! | `protocol` | FUSE's requests and answers as bytes; no I/O |
//! | `device` | `/dev/fuse`: mount, connections |
//! | `serve` | requests in, bytes of the view out, on several threads |
//! | `daemon`, `process` | the process that serves one volume, and what it must be to do so |
//! | `handover`, `spawn` | how it is started, told the key, and reports back |
//! | `record` | what a daemon tells of itself where its files in `/run` are lost |
//! | `run_dir`, `stack` | what there is of a volume: its files in `/run`, its mount and loop device |
//!
//! What a synced write promises: the loop device turns a flush into fsync, the daemon into fdatasync of the backing, and nothing is held
//! back in between. So the daemon may be killed at any instant: I/O fails until [`Engine::close`] and [`Engine::open`], and what was
//! synced is there. There is no swap on such a volume: the daemon would wait for itself.

mod backing;
mod buffer;
mod daemon;
mod device;
mod handover;
mod kmsg;
mod process;
mod protocol;
mod record;
mod run_dir;
pub mod sectors;
mod serve;
mod spawn;
mod stack;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub use daemon::daemon_main;

use crate::engine::{Active, Changed, Engine, EngineError, EngineKind, Health, LuksKind, Mapping};
use crate::host::HostError;
use crate::linux::is_mounted;
use handover::Handover;
use run_dir::{RunDir, State};

/// The program's hidden first argument that makes it a daemon; the second is the volume's name, for those who look at `ps`.
pub const DAEMON_ARGUMENT: &str = "fuse-daemon";
/// Where the views are, unless told otherwise.
pub const RUN_DIR: &str = "/run/kluis";
/// The file system's type in the mount table.
const MOUNT_TYPE: &str = "fuse.kluis";

/// The engine.
#[derive(Debug, Clone)]
pub struct Fuse {
    program: PathBuf,
    run_dir: PathBuf,
}

/// Whether a daemon lives of which too little is written down.
fn is_stray(dir: &RunDir) -> bool {
    let is_lost = dir.read_state().is_none() || !dir.is_alive();
    // The kernel refuses to open what a dead daemon showed.
    is_lost && File::open(dir.volume()).is_ok()
}

impl Fuse {
    /// An engine whose daemons run `program`, usually the caller's own executable: it must call [`daemon_main`] when its first argument is
    /// [`DAEMON_ARGUMENT`]. The views are below `run_dir`, usually [`RUN_DIR`].
    pub fn new(program: impl Into<PathBuf>, run_dir: impl Into<PathBuf>) -> Self {
        Fuse {
            program: program.into(),
            run_dir: run_dir.into(),
        }
    }

    fn bring_up(&self, mapping: &Mapping<'_>, dir: &RunDir) -> Result<PathBuf, EngineError> {
        let backing = mapping
            .backing
            .canonicalize()
            .map_err(|error| failed(mapping.backing.display(), error))?;
        let key = mapping.key.danger_expose();
        let state = state_of(mapping, &backing, key.len());
        dir.create(&state)
            .map_err(|error| failed(self.run_dir.display(), error))?;
        let handover = Handover {
            name: mapping.name.to_owned(),
            run_dir: self.run_dir.clone(),
            backing,
            payload: mapping.payload.clone(),
            sector_size: mapping.sector_size,
            iv_start: mapping.iv_start,
            read_only: mapping.read_only,
            key_len: key.len(),
            state,
        };
        spawn::spawn(&self.program, &handover, key)?;
        let device = stack::attach(&dir.volume(), mapping)?;
        link(&device, &dir.device()).map_err(|error| failed(dir.device().display(), error))?;
        Ok(device)
    }
}

impl Engine for Fuse {
    fn kind(&self) -> EngineKind {
        EngineKind::Fuse
    }

    fn available(&self) -> Result<(), EngineError> {
        let missing = |missing: &str| {
            Err(EngineError::Unavailable {
                engine: EngineKind::Fuse,
                missing: missing.to_owned(),
            })
        };
        if !Path::new("/dev/fuse").exists() {
            return missing(
                "there is no /dev/fuse; load the module fuse (modprobe fuse), or give the container that device",
            );
        }
        if !Path::new("/dev/loop-control").exists() {
            return missing(
                "there is no /dev/loop-control; load the module loop (modprobe loop), or give the container that device",
            );
        }
        Ok(())
    }

    fn needs_block_device(&self) -> bool {
        false
    }

    fn open(&self, mapping: &Mapping<'_>) -> Result<PathBuf, EngineError> {
        self.available()?;
        let dir = RunDir::new(&self.run_dir, mapping.name);
        let _lock = dir
            .lock()
            .map_err(|error| failed(self.run_dir.display(), error))?;
        if self.find(mapping.name)?.is_some() {
            return Err(EngineError::Busy {
                what: format!("the volume {}", mapping.name),
                by: "a mapping of that name".to_owned(),
            });
        }
        self.bring_up(mapping, &dir).inspect_err(|_| {
            if let Err(error) = stack::take_down(&dir) {
                tracing::warn!(
                    "cleaning up after a failed open of {}: {error}",
                    mapping.name
                );
            }
        })
    }

    fn close(&self, name: &str) -> Result<Changed, EngineError> {
        let dir = RunDir::new(&self.run_dir, name);
        if !self.run_dir.exists() {
            return Ok(Changed::No);
        }
        let _lock = dir
            .lock()
            .map_err(|error| failed(self.run_dir.display(), error))?;
        let changed = if self.find(name)?.is_some() {
            Changed::Yes
        } else {
            Changed::No
        };
        if is_stray(&dir) {
            // So that its end can be waited for. One that does not answer is closed all the same.
            let _ = record::renew(&dir.volume());
        }
        stack::take_down(&dir)?;
        Ok(changed)
    }

    fn adopt(&self, name: &str) -> Result<Changed, EngineError> {
        let dir = RunDir::new(&self.run_dir, name);
        let _lock = dir
            .lock()
            .map_err(|error| failed(self.run_dir.display(), error))?;
        let volume = dir.volume();
        let on_volume = |error| failed(volume.display(), error);
        record::renew(&volume).map_err(on_volume)?;
        if let Some(device) = stack::loops_over(&volume).map_err(on_volume)?.first() {
            link(device, &dir.device()).map_err(on_volume)?;
        }
        Ok(Changed::Yes)
    }

    fn find(&self, name: &str) -> Result<Option<Active>, EngineError> {
        let dir = RunDir::new(&self.run_dir, name);
        let volume = dir.volume();
        stack::settle(&dir);
        let loops = stack::loops_over(&volume).map_err(|error| failed("/sys/block", error))?;
        let mounted = is_mounted(&volume, MOUNT_TYPE).map_err(refused)?;
        if loops.is_empty() && !mounted {
            return Ok(None);
        }
        let mut state = dir.read_state();
        let is_stray = !loops.is_empty() && mounted && is_stray(&dir);
        if is_stray && state.is_none() {
            state = record::ask(&volume).ok();
        }
        let health = match (loops.first(), mounted, dir.is_alive()) {
            _ if is_stray => Health::Stray(format!(
                "its daemon lives, and its records in {} are lost",
                self.run_dir.display()
            )),
            (_, _, false) => Health::Dead("its daemon has died".to_owned()),
            (None, ..) => Health::Dead("its loop device is gone".to_owned()),
            (_, false, _) => Health::Dead(format!("{} is no longer mounted", volume.display())),
            _ => Health::Serving,
        };
        Ok(Some(active(
            state,
            loops.into_iter().next().unwrap_or(volume),
            health,
        )))
    }
}

/// What is known of a mapping. Without a readable state only the kernel's part is.
fn active(state: Option<State>, device: PathBuf, health: Health) -> Active {
    let luks = state.as_ref().and_then(State::luks_kind);
    match state {
        Some(state) => Active {
            engine: EngineKind::Fuse,
            device,
            backing: state.backing,
            uuid: Some(state.uuid),
            luks,
            cipher: state.cipher,
            key_bits: state.key_bits,
            payload: state.payload,
            sector_size: state.sector_size,
            read_only: state.read_only,
            discards: false,
            health,
        },
        None => Active {
            engine: EngineKind::Fuse,
            device,
            backing: PathBuf::new(),
            uuid: None,
            luks: None,
            cipher: String::new(),
            key_bits: 0,
            payload: 0..0,
            sector_size: 0,
            read_only: false,
            discards: false,
            health: match health {
                Health::Serving => Health::Dead("its state file is gone".to_owned()),
                other => other,
            },
        },
    }
}

fn state_of(mapping: &Mapping<'_>, backing: &Path, key_len: usize) -> State {
    State {
        uuid: mapping.uuid,
        luks: match mapping.luks {
            LuksKind::V1 => 1,
            LuksKind::V2 => 2,
        },
        backing: backing.to_owned(),
        payload: mapping.payload.clone(),
        sector_size: mapping.sector_size,
        cipher: mapping.cipher.to_string(),
        key_bits: u32::try_from(key_len * 8).unwrap_or(u32::MAX),
        read_only: mapping.read_only,
    }
}

/// Makes a link, in place of one that a killed run has left.
fn link(device: &Path, name: &Path) -> io::Result<()> {
    match std::fs::remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(device, name)
}

fn failed(what: impl std::fmt::Display, source: io::Error) -> EngineError {
    match source.kind() {
        io::ErrorKind::PermissionDenied => EngineError::Denied {
            what: what.to_string(),
        },
        _ => EngineError::Failed {
            what: what.to_string(),
            source,
        },
    }
}

/// What the host says in the terms of an engine.
fn refused(error: HostError) -> EngineError {
    match error {
        HostError::Busy { what, by } => EngineError::Busy { what, by },
        HostError::Denied { what } => EngineError::Denied { what },
        HostError::Memory { what } => EngineError::Memory { what },
        HostError::Unsupported { what, why } => EngineError::Unsupported { what, why },
        HostError::Io { what, source } => EngineError::Failed { what, source },
        other => EngineError::Failed {
            what: "the view".to_owned(),
            source: io::Error::other(other.to_string()),
        },
    }
}
