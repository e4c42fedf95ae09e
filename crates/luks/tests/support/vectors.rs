//! The vectors as they lie in the tree: what `vectors/README.md` says of the files and of their manifest.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A row of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub file: String,
    pub class: Class,
    /// The part of the header to blame; none where none is.
    pub field: Option<String>,
    pub wrong: String,
    pub source: String,
    /// How long the device is: what the file does not have of it is zeros.
    pub bytes: u64,
    pub passphrase: Option<String>,
    /// In hexadecimal.
    pub volume_key: Option<String>,
    /// Whether the header keeps to the format, so that it may be shown.
    pub shown: bool,
    /// What `cryptsetup open --test-passphrase` did when this was written.
    pub cryptsetup: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Opens,
    Repaired,
    Ambiguous,
    Damaged,
    NotOpenedHere,
    Evil,
    ReEncrypting,
    WrongPassphrase,
    NoHeader,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

pub fn manifest() -> Vec<Vector> {
    let text = std::fs::read(folder().join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A row on a line of its own, so that a change shows as one.
pub fn write_manifest(rows: &[Vector]) {
    let lines: Vec<String> = rows
        .iter()
        .map(|row| serde_json::to_string(row).unwrap())
        .collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    std::fs::write(folder().join("manifest.json"), text).unwrap();
}

/// The files that are there, as the manifest names them.
pub fn files() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for format in ["luks1", "luks2"] {
        for entry in std::fs::read_dir(folder().join(format)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            found.insert(format!("{format}/{name}"));
        }
    }
    found
}

/// The start of the device: all of it that is not zeros.
pub fn content(file: &str) -> Vec<u8> {
    let packed =
        std::fs::read(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&*packed)
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Packs without a name or a time, so that the same content is the same file.
pub fn write(file: &str, content: &[u8]) {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(content).unwrap();
    let path = folder().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, packed.finish().unwrap()).unwrap();
}
