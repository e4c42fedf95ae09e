//! What a daemon tells of itself to whoever has lost what was written down of it. It is asked over the file that it shows, by two ioctls: who may
//! open that is root, and who answers is what serves it.
#![expect(unsafe_code, reason = "the two ioctls")]

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::path::Path;

use rustix::ioctl::{NoArg, Opcode, Updater, ioctl, opcode};

use super::run_dir::{RunDir, State};

/// The longest answer: a path and a few numbers.
pub(crate) const ANSWER_MAX: usize = 8192;
/// What is served?
pub(crate) const TELL: Opcode = opcode::read::<[u8; ANSWER_MAX]>(b'K', 1);
/// Write that down anew.
pub(crate) const RECORD: Opcode = opcode::none(b'K', 2);

/// The daemon's side.
pub(crate) struct Teller {
    run_dir: RunDir,
    state: State,
}

impl Teller {
    pub(crate) fn new(run_dir: RunDir, state: State) -> Self {
        Teller { run_dir, state }
    }

    /// What is served, as bytes.
    ///
    /// # Errors
    /// `InvalidData` where that is longer than an answer may be.
    pub(crate) fn tell(&self) -> io::Result<Vec<u8>> {
        let text = serde_json::to_vec(&self.state)?;
        if text.len() > ANSWER_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(text)
    }

    /// Writes it down, and that there is a daemon.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn record(&self) -> io::Result<()> {
        self.run_dir.write_state(&self.state)?;
        match self.run_dir.mark_alive() {
            Ok(mark) => {
                // The kernel lets go of it when the process ends.
                let _ = ManuallyDrop::new(mark);
                Ok(())
            }
            // It was not lost.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Asks whoever serves `volume` what it is.
///
/// # Errors
/// What the system says; `InvalidData` for an answer that is none.
pub(crate) fn ask(volume: &Path) -> io::Result<State> {
    let file = File::open(volume)?;
    let mut text = [0; ANSWER_MAX];
    // SAFETY: TELL says in its number that it writes up to ANSWER_MAX bytes, which is how many there are.
    unsafe { ioctl(&file, Updater::<TELL, [u8; ANSWER_MAX]>::new(&mut text))? };
    let len = text
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(ANSWER_MAX);
    Ok(serde_json::from_slice(&text[..len])?)
}

/// Has whoever serves `volume` write its records anew.
///
/// # Errors
/// What the system says.
pub(crate) fn renew(volume: &Path) -> io::Result<()> {
    let file = File::open(volume)?;
    // SAFETY: RECORD has no argument.
    unsafe { ioctl(&file, NoArg::<RECORD>::new())? };
    Ok(())
}
