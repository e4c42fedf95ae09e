//! Requests that nobody signed: counted, sampled into a small file, never in the chain. A stranger must not be able to
//! fill the disk that everything waits for, nor slow down what is signed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Record;

const FILE: &str = "unauthenticated.jsonl";
const OLD_FILE: &str = "unauthenticated.old.jsonl";
/// Records written in one second; more are counted.
const SAMPLES_PER_SECOND: u32 = 10;
/// The longest record that is written; longer ones are counted.
const MAX_SAMPLE_LEN: usize = 8 << 10;

/// The sampler: two files that take turns, each at most half of the bound.
#[derive(Debug)]
pub struct Unauthenticated {
    folder: PathBuf,
    file_bytes: u64,
    state: Mutex<Sampler>,
}

#[derive(Debug)]
struct Sampler {
    seen: u64,
    written: u64,
    second_began: Instant,
    in_second: u32,
}

impl Unauthenticated {
    /// A sampler whose files, in `folder`, have at most `max_bytes` together.
    pub fn new(folder: impl Into<PathBuf>, max_bytes: u64) -> Self {
        let state = Sampler {
            seen: 0,
            written: 0,
            second_began: Instant::now(),
            in_second: 0,
        };
        Self {
            folder: folder.into(),
            file_bytes: max_bytes / 2,
            state: Mutex::new(state),
        }
    }

    /// Counts a request and perhaps writes its record. Nothing waits for the disk's sync, and a disk that fails is no
    /// reason to fail: the request is refused in any case.
    pub fn note(&self, record: &Record) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen += 1;
        if !state.takes(Instant::now()) || record.bytes().len() > MAX_SAMPLE_LEN {
            return;
        }
        let (seen, written) = (state.seen, state.written + 1);
        let mut line = format!(r#"{{"seen":{seen},"written":{written},"event":"#).into_bytes();
        line.extend_from_slice(record.bytes());
        line.extend_from_slice(b"}\n");
        match write(&self.folder, self.file_bytes, &line) {
            Ok(()) => state.written = written,
            Err(error) => {
                tracing::debug!(%error, "an unauthenticated request was counted and not sampled");
            }
        }
    }

    /// How many such requests there were since the process began.
    pub fn seen(&self) -> u64 {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .seen
    }
}

impl Sampler {
    fn takes(&mut self, now: Instant) -> bool {
        if now.duration_since(self.second_began) >= Duration::from_secs(1) {
            self.second_began = now;
            self.in_second = 0;
        }
        self.in_second += 1;
        self.in_second <= SAMPLES_PER_SECOND
    }
}

fn write(folder: &Path, file_bytes: u64, line: &[u8]) -> io::Result<()> {
    let path = folder.join(FILE);
    let length = fs::metadata(&path).map_or(0, |file| file.len());
    if length + line.len() as u64 > file_bytes {
        if length == 0 {
            return Err(io::Error::other("the bound leaves no room for one record"));
        }
        fs::rename(&path, folder.join(OLD_FILE))?;
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)?;
    let length = file.metadata()?.len();
    let written = file.write_all(line);
    if written.is_err() {
        file.set_len(length)?;
    }
    written
}
