//! The engine's directory, `/run/kluis` unless told otherwise, and what lies in it for each volume.
//!
//! ```text
//! RUN/lock           held while a volume is opened or closed
//! RUN/NAME/volume    the decrypted view: a FUSE mount upon an empty file
//! RUN/NAME/state     what is served, for those who ask later
//! RUN/NAME/daemon    locked by the daemon for as long as it lives, with its process id
//! ```
//!
//! Whether a volume is active is read from the kernel (mount table, loop devices, that lock), never from the files alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engine::LuksKind;

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The header's UUID.
    pub(crate) uuid: Uuid,
    /// 1 or 2.
    pub(crate) luks: u8,
    /// What holds the ciphertext.
    pub(crate) backing: PathBuf,
    /// Bytes of the backing.
    pub(crate) payload: Range<u64>,
    /// Bytes.
    pub(crate) sector_size: u32,
    /// As dm-crypt spells it.
    pub(crate) cipher: String,
    /// The volume key's size.
    pub(crate) key_bits: u32,
    /// Whether writes are refused.
    pub(crate) read_only: bool,
}

impl State {
    /// Which LUKS.
    pub(crate) fn luks_kind(&self) -> Option<LuksKind> {
        match self.luks {
            1 => Some(LuksKind::V1),
            2 => Some(LuksKind::V2),
            _ => None,
        }
    }
}

/// One volume's directory.
#[derive(Debug, Clone)]
pub(crate) struct RunDir {
    run_dir: PathBuf,
    dir: PathBuf,
}

impl RunDir {
    /// That of the volume `name`.
    pub(crate) fn new(run_dir: &Path, name: &str) -> Self {
        RunDir {
            run_dir: run_dir.to_owned(),
            dir: run_dir.join(name),
        }
    }

    /// The decrypted view.
    pub(crate) fn volume(&self) -> PathBuf {
        self.dir.join("volume")
    }

    /// A link to the loop device, for who wants a device by a name that stays.
    pub(crate) fn device(&self) -> PathBuf {
        self.dir.join("device")
    }

    fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    fn daemon(&self) -> PathBuf {
        self.dir.join("daemon")
    }

    /// Waits until no other process opens or closes a volume here, and keeps them out while the result lives.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn lock(&self) -> io::Result<File> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.run_dir)?;
        let file = private().open(self.run_dir.join("lock"))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    /// Makes the directory with the mount point and the state in it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn create(&self, state: &State) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)?;
        private().open(self.volume())?;
        self.write_state(state)
    }

    /// Writes down what is served.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn write_state(&self, state: &State) -> io::Result<()> {
        let new = self.dir.join("state.new");
        private()
            .truncate(true)
            .open(&new)?
            .write_all(&serde_json::to_vec(state)?)?;
        fs::rename(new, self.state())
    }

    /// What is served, if the file is there and whole.
    pub(crate) fn read_state(&self) -> Option<State> {
        serde_json::from_slice(&fs::read(self.state()).ok()?).ok()
    }

    /// Called by the daemon: marks it as alive until the result is dropped, which a death does too.
    ///
    /// # Errors
    /// `ResourceBusy` where a daemon lives already; what the system says otherwise.
    pub(crate) fn mark_alive(&self) -> io::Result<File> {
        let mut file = private().open(self.daemon())?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| {
            match errno {
                rustix::io::Errno::WOULDBLOCK => io::ErrorKind::ResourceBusy.into(),
                other => io::Error::from(other),
            }
        })?;
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(file)
    }

    /// Whether a daemon lives.
    pub(crate) fn is_alive(&self) -> bool {
        let Ok(file) = File::open(self.daemon()) else {
            return false;
        };
        // A shared lock, so that two who ask do not take each other for the daemon.
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared)
            == Err(rustix::io::Errno::WOULDBLOCK)
    }

    /// The process of the daemon, if it lives.
    pub(crate) fn living(&self) -> Option<u32> {
        let number = fs::read_to_string(self.daemon()).ok()?;
        number.trim().parse().ok().filter(|_| self.is_alive())
    }

    /// Removes what [`RunDir::create`] made and the daemon left.
    ///
    /// # Errors
    /// What the system says, but for files that are not there.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}
