//! What the opener tells the daemon, and what the daemon reports back: two pipes, no arguments and no environment.
//!
//! The key goes through the first pipe, from locked memory through the kernel's to locked memory. Both ends are the same executable, so
//! the form is of no concern to anyone else.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::PathBuf;

use crypto::SecretBytes;
use serde::{Deserialize, Serialize};

use super::run_dir::State;
use crate::engine::{EngineError, EngineKind};

/// The most that a description or a report may take; each is a few hundred bytes and two paths.
const TEXT_MAX: usize = 64 * 1024;

/// What the daemon serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Handover {
    /// The volume's name.
    pub(crate) name: String,
    /// The engine's directory.
    pub(crate) run_dir: PathBuf,
    /// What holds the ciphertext; absolute.
    pub(crate) backing: PathBuf,
    /// Bytes of the backing.
    pub(crate) payload: Range<u64>,
    /// Bytes.
    pub(crate) sector_size: u32,
    /// The first sector's initialisation vector, in 512-byte sectors.
    pub(crate) iv_start: u64,
    /// Whether writes are refused.
    pub(crate) read_only: bool,
    /// Bytes of the key that follow.
    pub(crate) key_len: usize,
    /// What was written down of it, for who has lost that.
    pub(crate) state: State,
}

impl Handover {
    /// Sends this and then the key.
    ///
    /// # Errors
    /// `BrokenPipe` where the daemon has gone.
    pub(crate) fn send(&self, key: &[u8], mut to: impl Write) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let len = u32::try_from(text.len()).map_err(io::Error::other)?;
        to.write_all(&len.to_le_bytes())?;
        to.write_all(&text)?;
        to.write_all(key)
    }

    /// Receives what [`Handover::send`] sent.
    ///
    /// # Errors
    /// `UnexpectedEof` where the opener went away before it had sent everything; `InvalidData` for anything else.
    pub(crate) fn receive(mut from: impl Read) -> io::Result<(Self, SecretBytes)> {
        let mut len = [0; 4];
        from.read_exact(&mut len)?;
        let len = u32::from_le_bytes(len) as usize;
        if len > TEXT_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = vec![0; len];
        from.read_exact(&mut text)?;
        let handover: Handover = serde_json::from_slice(&text)?;
        let key = SecretBytes::build(handover.key_len, |key| {
            from.read_exact(key).map_err(ReceiveError::Pipe)
        })?;
        Ok((handover, key))
    }
}

/// Lets the two ways to fail share [`SecretBytes::build`].
enum ReceiveError {
    Pipe(io::Error),
    Memory(crypto::Error),
}

impl From<crypto::Error> for ReceiveError {
    fn from(error: crypto::Error) -> Self {
        ReceiveError::Memory(error)
    }
}

impl From<ReceiveError> for io::Error {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Pipe(error) => error,
            ReceiveError::Memory(error) => io::Error::new(io::ErrorKind::OutOfMemory, error),
        }
    }
}

/// How the daemon's start went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The view is mounted and served.
    Ready,
    /// There is no view, and the daemon is gone.
    Failed(Failure),
}

/// Why there is no view, in the terms of [`EngineError`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What was tried, and on what.
    pub(crate) what: String,
    /// What the system said.
    pub(crate) message: String,
    /// Its number, where it has one.
    pub(crate) errno: Option<i32>,
    /// Which error.
    pub(crate) class: Class,
}

/// The [`EngineError`] that a [`Failure`] becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Class {
    /// Something that the machine lacks.
    Unavailable,
    /// Claimed by somebody.
    Busy,
    /// Not permitted.
    Denied,
    /// Parameters that are refused.
    Unsupported,
    /// No memory.
    Memory,
    /// Anything else.
    Failed,
}

impl Failure {
    /// Sorts an error of the system.
    pub(crate) fn new(what: impl Into<String>, error: &io::Error) -> Self {
        let class = match error.kind() {
            io::ErrorKind::ResourceBusy => Class::Busy,
            io::ErrorKind::PermissionDenied => Class::Denied,
            io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Class::Unsupported,
            io::ErrorKind::OutOfMemory => Class::Memory,
            _ => Class::Failed,
        };
        Failure {
            what: what.into(),
            message: error.to_string(),
            errno: error.raw_os_error(),
            class,
        }
    }

    /// The same in another class.
    pub(crate) fn with_class(self, class: Class) -> Self {
        Failure { class, ..self }
    }
}

impl From<Failure> for EngineError {
    fn from(
        Failure {
            what,
            message,
            errno,
            class,
        }: Failure,
    ) -> Self {
        match class {
            Class::Unavailable => EngineError::Unavailable {
                engine: EngineKind::Fuse,
                missing: format!("{what}: {message}"),
            },
            Class::Busy => EngineError::Busy {
                what,
                by: "another program".to_owned(),
            },
            Class::Denied => EngineError::Denied { what },
            Class::Unsupported => EngineError::Unsupported { what, why: message },
            Class::Memory => EngineError::Memory { what },
            Class::Failed => {
                let source =
                    errno.map_or_else(|| io::Error::other(message), io::Error::from_raw_os_error);
                EngineError::Failed { what, source }
            }
        }
    }
}

impl Report {
    /// Tells the opener.
    ///
    /// # Errors
    /// `BrokenPipe` where it has gone.
    pub(crate) fn send(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(&serde_json::to_vec(self)?)?;
        to.flush()
    }

    /// Reads a report up to the end of the pipe. `None` where the daemon ended without one.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handover() -> Handover {
        Handover {
            name: "secretfs".to_owned(),
            run_dir: "/run/kluis".into(),
            backing: "/var/lib/kluis/secretfs.img".into(),
            payload: 16 << 20..2 << 30,
            sector_size: 4096,
            iv_start: 0,
            read_only: false,
            key_len: 64,
            state: State {
                uuid: uuid::Uuid::from_u128(7),
                luks: 2,
                backing: "/var/lib/kluis/secretfs.img".into(),
                payload: 16 << 20..2 << 30,
                sector_size: 4096,
                cipher: "aes-xts-plain64".to_owned(),
                key_bits: 512,
                read_only: false,
            },
        }
    }

    #[test]
    fn arrives_as_it_was_sent() {
        let mut pipe = Vec::new();
        handover().send(&[7; 64], &mut pipe).unwrap();
        let (received, key) = Handover::receive(&pipe[..]).unwrap();
        assert_eq!(received, handover());
        assert_eq!(key.danger_expose(), [7; 64]);
    }

    #[test]
    fn an_opener_that_dies_at_any_byte_is_noticed() {
        let mut pipe = Vec::new();
        handover().send(&[7; 64], &mut pipe).unwrap();
        for len in 0..pipe.len() {
            let error = Handover::receive(&pipe[..len]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut to {len}");
        }
    }

    #[test]
    fn a_failure_keeps_its_class_and_its_words() {
        let failure = Failure::new("/dev/sdb", &io::Error::from_raw_os_error(libc::EBUSY));
        let mut pipe = Vec::new();
        Report::Failed(failure.clone()).send(&mut pipe).unwrap();
        assert_eq!(Report::parse(&pipe), Some(Report::Failed(failure.clone())));
        assert_eq!(
            EngineError::from(failure).to_string(),
            "/dev/sdb is in use by another program"
        );
    }
}
