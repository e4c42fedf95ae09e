//! An image, its key and an engine, cleaned up whatever happens.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crypto::{SecretBytes, XtsKey};
use luks::VolumeKey;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use uuid::Uuid;
use volume::engine::{Cipher, Engine, EngineError, Health, LuksKind, Mapping};
use volume::fuse::Fuse;

pub(crate) const NAME: &str = "secretfs";
const MIB: u64 = 1 << 20;

pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) engine: Fuse,
    pub(crate) key: Vec<u8>,
    pub(crate) payload: Range<u64>,
    pub(crate) sector_size: u32,
    pub(crate) read_only: bool,
}

impl Fixture {
    /// An image of random-looking bytes in memory: a mebibyte that is not the volume's, then `mib` that are.
    pub(crate) fn new(sector_size: u32, mib: u64) -> Self {
        Self::in_folder("/dev/shm", sector_size, mib)
    }

    /// The same on whatever `folder` is on.
    pub(crate) fn in_folder(folder: &str, sector_size: u32, mib: u64) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("volume-fuse-")
            .tempdir_in(folder)
            .unwrap();
        File::create(dir.path().join("image"))
            .unwrap()
            .set_len((mib + 1) * MIB)
            .unwrap();
        let engine = Fuse::new(std::env::current_exe().unwrap(), dir.path().join("run"));
        let key = (0..64).map(|at: u8| at.wrapping_mul(37) ^ 0x5a).collect();
        Fixture {
            dir,
            engine,
            key,
            payload: MIB..(mib + 1) * MIB,
            sector_size,
            read_only: false,
        }
    }

    pub(crate) fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The decrypted view, as the daemon exports it.
    pub(crate) fn view(&self) -> PathBuf {
        self.dir.path().join("run").join(NAME).join("volume")
    }

    pub(crate) fn open(&self) -> Result<PathBuf, EngineError> {
        let key = VolumeKey::new(SecretBytes::copy_of(&self.key).unwrap()).unwrap();
        self.engine.open(&Mapping {
            name: NAME,
            uuid: Uuid::from_u128(7),
            luks: LuksKind::V2,
            backing: &self.image(),
            read_only: self.read_only,
            discards: false,
            payload: self.payload.clone(),
            sector_size: self.sector_size,
            iv_start: 0,
            cipher: Cipher::AesXtsPlain64,
            key: &key,
        })
    }

    pub(crate) fn opened(&self) -> PathBuf {
        self.open().unwrap()
    }

    pub(crate) fn close(&self) {
        let _ = self.engine.close(NAME).unwrap();
    }

    pub(crate) fn health(&self) -> Option<Health> {
        self.engine.find(NAME).unwrap().map(|active| active.health)
    }

    /// What is in the image at `at` of the payload, decrypted without the engine.
    pub(crate) fn decrypted(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        File::open(self.image())
            .unwrap()
            .read_exact_at(&mut bytes, self.payload.start + at)
            .unwrap();
        let key = XtsKey::new(&self.key).unwrap();
        key.decryptor()
            .unwrap()
            .sectors(&mut bytes, self.sector_size as usize, at / 512)
            .unwrap();
        bytes
    }

    pub(crate) fn daemon_pid(&self) -> i32 {
        let file =
            fs::read_to_string(self.dir.path().join("run").join(NAME).join("daemon")).unwrap();
        file.trim().parse().unwrap()
    }

    pub(crate) fn signal_daemon(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_raw(self.daemon_pid()).unwrap(), signal).unwrap();
    }

    /// Kills the daemon as the OOM killer would.
    pub(crate) fn kill_daemon(&self) {
        self.signal_daemon(Signal::KILL);
        self.wait_until(|health| matches!(health, Some(Health::Dead(_)) | None));
    }

    /// Waits for what must come soon.
    pub(crate) fn wait_until(&self, wanted: impl Fn(Option<Health>) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !wanted(self.health()) {
            assert!(Instant::now() < deadline, "still {:?}", self.health());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path("mnt")).output();
        if let Err(error) = self.engine.close(NAME) {
            eprintln!("cleaning up: {error}");
        }
    }
}

/// Bytes in which no two sectors are the same.
pub(crate) fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(len).collect()
}

pub(crate) fn read(path: &Path, at: u64, len: usize) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; len];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Writes through the page cache and has it synced.
pub(crate) fn write_synced(path: &Path, at: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads past the device's own page cache.
pub(crate) fn read_direct(device: &Path, at: u64, len: usize) -> std::io::Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(device)?;
    let mut memory = vec![0; len + 4096];
    let start = memory.as_ptr().align_offset(4096);
    file.read_exact_at(&mut memory[start..start + len], at)?;
    Ok(memory[start..start + len].to_vec())
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
