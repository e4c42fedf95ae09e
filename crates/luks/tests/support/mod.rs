//! The vocabulary of these tests: devices in memory and on disk, and the tools that are asked for a second opinion.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

pub mod evil;
pub mod evil_luks1;
pub mod recipes;
pub mod squeeze;
pub mod vectors;

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crypto::{Argon2Cost, SecretBytes};
use luks::luks2::FormatOptions;
use luks::{AreaWrite, Error, Header, KdfChoice, Profile, Read, Step, VolumeKey, luks2};

pub const PASSPHRASE: &[u8] = b"correct horse";
pub const MIB: u64 = 1 << 20;
pub const FAST: KdfChoice = KdfChoice::MACHINE_SECRET;
pub const FAST_ARGON2: KdfChoice = KdfChoice::Argon2id(Argon2Cost {
    time: 4,
    memory_kib: 32,
    lanes: 1,
});

/// A device in memory; only its first bytes are kept, the rest reads as zero.
#[derive(Clone)]
pub struct Device {
    pub bytes: Vec<u8>,
    pub len: u64,
}

impl Device {
    pub fn blank(len: u64) -> Self {
        Self {
            bytes: Vec::new(),
            len,
        }
    }

    pub fn of_file(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        Self {
            len: bytes.len() as u64,
            bytes,
        }
    }

    pub fn at(&self, range: Range<u64>) -> Vec<u8> {
        let mut out = vec![0; usize::try_from(range.end - range.start).unwrap()];
        let start = usize::try_from(range.start).unwrap().min(self.bytes.len());
        let have = &self.bytes[start..(start + out.len()).min(self.bytes.len())];
        out[..have.len()].copy_from_slice(have);
        out
    }

    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let start = usize::try_from(offset).unwrap();
        self.bytes
            .resize(self.bytes.len().max(start + bytes.len()), 0);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
    }

    pub fn put(&mut self, area: &AreaWrite) {
        self.write(area.offset, &area.bytes);
    }

    pub fn apply(&mut self, steps: &[Step]) {
        for step in steps {
            if let Step::Write { offset, bytes } = step {
                self.write(*offset, bytes);
            }
        }
    }

    pub fn read(&self, profile: Profile) -> Result<Read, Error> {
        let mut source = |offset: u64, len: usize| Ok(self.at(offset..offset + len as u64));
        Header::read(&mut source, self.len, profile)
    }

    pub fn header(&self) -> Header {
        self.read(Profile::Strict).unwrap().header
    }

    pub fn luks2(&self) -> luks2::Header {
        match self.header() {
            Header::V2(header) => header,
            Header::V1(_) => panic!("LUKS1"),
        }
    }

    pub fn unlock(&self, passphrase: &[u8]) -> Result<VolumeKey, Error> {
        unlock_any(&self.header(), self, passphrase)
    }

    pub fn save(&self, path: &Path) {
        let mut file = std::fs::File::create(path).unwrap();
        file.write_all(&self.bytes).unwrap();
        file.set_len(self.len).unwrap();
    }
}

pub fn unlock_any(header: &Header, device: &Device, passphrase: &[u8]) -> Result<VolumeKey, Error> {
    let mut last = Err(Error::NoKeyslot(0));
    for id in header.keyslot_ids() {
        last = header.unlock(id, passphrase, &device.at(header.keyslot_area(id)?));
        if !matches!(last, Err(Error::WrongPassphrase { .. })) {
            return last;
        }
    }
    last
}

/// The volume key that [`PASSPHRASE`] opens, in hexadecimal.
pub fn key_in_hex(device: &Device) -> Option<String> {
    let header = device.read(Profile::Strict).ok()?.header;
    let key = unlock_any(&header, device, PASSPHRASE).ok()?;
    Some(hex::encode(key.danger_expose()))
}

/// A volume key that is the same in every run.
pub fn volume_key(len: u8) -> VolumeKey {
    VolumeKey::new(
        SecretBytes::copy_of(&(0..len).map(|byte| byte ^ 0x5A).collect::<Vec<_>>()).unwrap(),
    )
    .unwrap()
}

/// A volume of 24 MiB with one keyslot for [`PASSPHRASE`].
pub fn formatted(kdf: KdfChoice) -> Device {
    formatted_with(&FormatOptions::new(24 * MIB).unwrap(), &volume_key(64), kdf)
}

pub fn formatted_with(options: &FormatOptions, key: &VolumeKey, kdf: KdfChoice) -> Device {
    let mut device = Device::blank(options.device_len);
    let mut header = luks2::Header::format(options, key).unwrap();
    let (_, area) = header.add_keyslot(PASSPHRASE, key, kdf, None).unwrap();
    device.put(&area);
    device.apply(&header.commit().unwrap());
    device
}

/// Runs a tool that the tests cannot do without.
pub fn run(program: &str, args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(args)
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for these tests (apt install cryptsetup-bin qemu-utils): {error}"));
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

/// As [`run`], and it must succeed.
pub fn must(program: &str, args: &[&str], stdin: &[u8]) -> Vec<u8> {
    let output = run(program, args, stdin);
    assert!(
        output.status.success(),
        "{program} {args:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A folder of its own that goes with the test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("luks-").tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn sparse(&self, name: &str, len: u64) -> PathBuf {
        let path = self.path(name);
        std::fs::File::create(&path).unwrap().set_len(len).unwrap();
        path
    }
}
