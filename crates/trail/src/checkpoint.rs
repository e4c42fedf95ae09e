//! Signed statements of how far the chain had come, so that cutting the log is found out.
//!
//! A checkpoint is a line of JSON in `checkpoints.jsonl`. What is signed (Ed25519) is
//!
//! ```text
//! "kluis/trail/checkpoint/v1" ‖ 0x00 ‖ len(node) ‖ node ‖ seq ‖ h_seq ‖ time
//! ```
//!
//! with lengths, `seq` and the time (seconds since 1970) as 8 bytes, big endian.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ChainHash, Node};

/// The file's name, in the trail's folder and in the folder of copies.
pub(crate) const FILE: &str = "checkpoints.jsonl";
const LABEL: &[u8] = b"kluis/trail/checkpoint/v1\0";

/// Who signs checkpoints, how often, and where copies go.
#[derive(Debug)]
pub struct CheckpointOptions {
    /// The signing key.
    pub key: crypto::Ed25519Key,
    /// A second folder for them, best on another machine's disk; it must exist.
    pub copies: Option<PathBuf>,
    /// A checkpoint after this many records,
    pub every_records: u64,
    /// or after this long, when there were any.
    pub every: Duration,
}

impl CheckpointOptions {
    /// A checkpoint every 1000 records or 5 minutes, without copies.
    pub fn new(key: crypto::Ed25519Key) -> Self {
        Self {
            key,
            copies: None,
            every_records: 1000,
            every: Duration::from_mins(5),
        }
    }
}

/// An Ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    pub(crate) node: String,
    #[serde(rename = "seq")]
    pub(crate) sequence: u64,
    pub(crate) chain: String,
    /// Seconds since 1970.
    pub(crate) time: i64,
    pub(crate) signature: String,
}

impl Checkpoint {
    pub(crate) fn sign(
        key: &crypto::Ed25519Key,
        node: &Node,
        sequence: u64,
        chain: ChainHash,
        time: Timestamp,
    ) -> Result<Self, crypto::Error> {
        let message = message(node.as_str(), sequence, chain, time.as_second());
        let signature = hex::encode(key.sign(&message)?);
        Ok(Self {
            node: node.to_string(),
            sequence,
            chain: chain.to_string(),
            time: time.as_second(),
            signature,
        })
    }

    /// The chain hash that it vouches for, when `key` signed it.
    pub(crate) fn verify(&self, key: &PublicKey) -> Option<ChainHash> {
        let chain = ChainHash::from_hex(&self.chain)?;
        let signature = hex::decode(&self.signature).ok()?;
        let message = message(&self.node, self.sequence, chain, self.time);
        crypto::ed25519_verify(&key.0, &message, &signature).ok()?;
        // One spelling only: what can be changed without a trace would weaken what "unchanged" means.
        (hex::encode(signature) == self.signature).then_some(chain)
    }

    fn line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

fn message(node: &str, sequence: u64, chain: ChainHash, time: i64) -> Vec<u8> {
    let (node, mut message) = (node.as_bytes(), LABEL.to_vec());
    message.extend_from_slice(&(node.len() as u64).to_be_bytes());
    message.extend_from_slice(node);
    message.extend_from_slice(&sequence.to_be_bytes());
    message.extend_from_slice(&chain.0);
    message.extend_from_slice(&time.to_be_bytes());
    message
}

/// Appends a checkpoint durably to the file in `folder`.
pub(crate) fn append(folder: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let path = folder.join(FILE);
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)?;
    let length = file.metadata()?.len();
    let written = file
        .write_all(&checkpoint.line()?)
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a line would stand before the next one.
        file.set_len(length)?;
        return Err(error);
    }
    if is_new {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The checkpoints in a file's bytes, each with its line number. A last line without its line feed was torn by a
/// crash and is no checkpoint; anything else that cannot be read is `Err` with its line number.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<(u64, Checkpoint)>, u64> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        if !line.ends_with(b"\n") {
            break;
        }
        let checkpoint: Checkpoint = serde_json::from_slice(line).map_err(|_| number)?;
        // One spelling only, as of the signature's hex.
        if checkpoint.line().ok().as_deref() != Some(line) {
            return Err(number);
        }
        found.push((number, checkpoint));
    }
    Ok(found)
}

/// The file's bytes; none when there is no file.
pub(crate) fn read(folder: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Cuts a torn last line.
pub(crate) fn mend(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    if whole < bytes.len() {
        let file = OpenOptions::new().write(true).open(folder.join(FILE))?;
        file.set_len(whole as u64)?;
        file.sync_all()?;
    }
    Ok(())
}
