//! Files beside the volumes: images, header backups, and the root-owned state that is believed across boots. What is
//! written here is durable when the call returns, the folder's entry included.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::SeekFrom;

use crate::engine::Changed;
use crate::host::HostError;
use crate::linux::failure::{about, host_error};

/// Only root reads and writes.
const PRIVATE: u32 = 0o600;
/// The largest piece of state: a header backup has its own place.
const STATE_MAX: u64 = 64 << 10;
/// How the name of a piece of state ends that is being written.
const UNFINISHED: &str = ".new";
/// Written at once when a file is overwritten.
const CHUNK: usize = 1 << 20;

/// Makes the names in a file's folder durable.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn create_new(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)
}

/// Makes a sparse file of `size` bytes. One of that size is left alone; a shorter one that is all hole is completed.
pub(super) fn create_sparse(path: &Path, size: u64) -> Result<Changed, HostError> {
    let file = match create_new(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::metadata(path).map_err(about(path))?;
            if there.is_file() && there.len() == size {
                return Ok(Changed::No);
            }
            let unlike = || HostError::WrongKind {
                what: path.display().to_string(),
                wanted: "a file of the configured size",
            };
            if !there.is_file() || there.len() > size {
                return Err(unlike());
            }
            let file = File::options()
                .read(true)
                .write(true)
                .open(path)
                .map_err(about(path))?;
            // A file system that cannot tell holes from data says that everything is data, save in an empty file.
            if rustix::fs::seek(&file, SeekFrom::Data(0)) != Err(rustix::io::Errno::NXIO) {
                return Err(unlike());
            }
            file
        }
        Err(error) => return Err(about(path)(error)),
    };
    file.set_len(size)
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder_of(path))
        .map_err(about(path))?;
    Ok(Changed::Yes)
}

/// Reads a file that a person named, at most `max` bytes of it.
pub(super) fn read(path: &Path, max: u64) -> Result<Vec<u8>, HostError> {
    let file = File::open(path).map_err(about(path))?;
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(about(path))?;
    if bytes.len() as u64 > max {
        return Err(HostError::TooLarge {
            what: path.display().to_string(),
            max,
        });
    }
    Ok(bytes)
}

/// Writes a file that is not there yet. After a failure it is not there either.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), HostError> {
    let mut file = create_new(path).map_err(about(path))?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder_of(path));
    written.map_err(|error| {
        let _ = fs::remove_file(path);
        about(path)(error)
    })
}

/// Overwrites a file with zeros and removes it. On most media the old blocks may survive all the same.
pub(super) fn remove(path: &Path) -> Result<Changed, HostError> {
    let file = match File::options()
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Changed::No),
        Err(error) => return Err(about(path)(error)),
    };
    let overwrite = || {
        let zeros = vec![0; CHUNK];
        let len = file.metadata()?.len();
        let mut at = 0;
        while at < len {
            let part = usize::try_from(len - at).unwrap_or(CHUNK).min(CHUNK);
            file.write_all_at(&zeros[..part], at)?;
            at += part as u64;
        }
        file.sync_all()
    };
    overwrite()
        .and_then(|()| fs::remove_file(path))
        .and_then(|()| sync_folder_of(path))
        .map_err(about(path))?;
    Ok(Changed::Yes)
}

/// The folder of what Kluis knows from one boot to the next. It is believed, so nobody but root may write it.
#[derive(Debug)]
pub(super) struct State {
    root: PathBuf,
}

impl State {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder of all pieces.
    pub(super) fn folder(&self) -> &Path {
        &self.root
    }

    /// The path of a piece, whose name must be of plain parts that lead nowhere else.
    fn path(&self, name: &str) -> Result<PathBuf, HostError> {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        if name.split('/').all(plain) {
            Ok(self.root.join(name))
        } else {
            Err(host_error(
                format!("the state {name:?}"),
                io::ErrorKind::InvalidInput.into(),
            ))
        }
    }

    /// The folders from the root down to a piece.
    fn folders(&self, path: &Path) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = path
            .ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(&self.root))
            .map(Path::to_owned)
            .collect();
        folders.reverse();
        folders
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        let path = self.path(name)?;
        for folder in self.folders(&path) {
            match fs::symlink_metadata(&folder) {
                Ok(there) => believed(&folder, &there)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(about(&folder)(error)),
            }
        }
        let file = match File::options()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
        {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(insecure(&path)),
            Err(error) => return Err(about(&path)(error)),
        };
        believed(&path, &file.metadata().map_err(about(&path))?)?;
        let mut bytes = Vec::new();
        file.take(STATE_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(about(&path))?;
        if bytes.len() as u64 > STATE_MAX {
            return Err(HostError::TooLarge {
                what: path.display().to_string(),
                max: STATE_MAX,
            });
        }
        Ok(Some(bytes))
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), HostError> {
        let path = self.path(name)?;
        for folder in self.folders(&path) {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(folder == self.root).mode(0o700);
            match builder.create(&folder) {
                Ok(()) => sync_folder_of(&folder).map_err(about(&folder))?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(about(&folder)(error)),
            }
            believed(
                &folder,
                &fs::symlink_metadata(&folder).map_err(about(&folder))?,
            )?;
        }
        // Whoever writes holds the volume's lock, so one name is enough; what a kill has left under it goes first.
        let mut fresh = path.clone().into_os_string();
        fresh.push(UNFINISHED);
        let fresh = PathBuf::from(fresh);
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(about(&fresh)(error));
            }
            _ => {}
        }
        write_new(&fresh, bytes)?;
        fs::rename(&fresh, &path)
            .and_then(|()| sync_folder_of(&path))
            .map_err(about(&path))
    }

    /// The names of the pieces in a folder, in order.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, HostError> {
        let path = self.path(folder)?;
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(about(&path)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(about(&path))?.file_name();
            // What a kill has left of a write is no piece.
            if let Some(name) = name.to_str().filter(|name| !name.ends_with(UNFINISHED)) {
                names.push(format!("{folder}/{name}"));
            }
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn remove(&self, name: &str) -> Result<Changed, HostError> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Ok(()) => sync_folder_of(&path)
                .map(|()| Changed::Yes)
                .map_err(about(&path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Changed::No),
            Err(error) => Err(about(&path)(error)),
        }
    }
}

fn insecure(path: &Path) -> HostError {
    HostError::Insecure {
        what: path.display().to_string(),
    }
}

/// Whether only root, or who runs this, can have written something.
fn believed(path: &Path, there: &fs::Metadata) -> Result<(), HostError> {
    let mine = there.uid() == 0 || there.uid() == rustix::process::geteuid().as_raw();
    let others_write = there.permissions().mode() & 0o022 != 0;
    if mine && !others_write && !there.is_symlink() {
        Ok(())
    } else {
        Err(insecure(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::new(folder.path().join("kluis"));
        (folder, state)
    }

    #[test]
    fn state_is_read_back_replaced_and_removed() {
        let (_folder, state) = state();
        assert_eq!(state.read("data/pin").unwrap(), None);
        state.write("data/pin", b"one").unwrap();
        state.write("data/pin", b"two").unwrap();
        assert_eq!(state.read("data/pin").unwrap().unwrap(), b"two");
        assert_eq!(state.remove("data/pin").unwrap(), Changed::Yes);
        assert_eq!(state.remove("data/pin").unwrap(), Changed::No);
        assert_eq!(state.read("data/pin").unwrap(), None);
    }

    #[test]
    fn a_kill_before_the_rename_leaves_the_old_state_and_no_obstacle() {
        let (_folder, state) = state();
        state.write("pin", b"old").unwrap();
        fs::write(state.root.join("pin.new"), b"half").unwrap();
        assert_eq!(state.read("pin").unwrap().unwrap(), b"old");
        state.write("pin", b"new").unwrap();
        assert_eq!(state.read("pin").unwrap().unwrap(), b"new");
    }

    #[test]
    fn state_that_others_can_write_is_not_believed() {
        let (_folder, state) = state();
        state.write("data/pin", b"one").unwrap();
        let path = state.root.join("data/pin");
        for (path, mode) in [(path.clone(), 0o620), (state.root.join("data"), 0o702)] {
            let before = fs::metadata(&path).unwrap().permissions();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(state.read("data/pin"), Err(HostError::Insecure { .. })),
                "{mode:o}"
            );
            fs::set_permissions(&path, before).unwrap();
        }
        let elsewhere = state.root.join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(
            matches!(state.read("data/pin"), Err(HostError::Insecure { .. })),
            "a link"
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let (_folder, state) = state();
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            ".hidden",
            "a b",
            "a\0",
        ] {
            assert!(state.read(name).is_err(), "{name:?}");
            assert!(state.write(name, b"x").is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_image_is_sparse_private_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        assert_eq!(create_sparse(&path, 1 << 30).unwrap(), Changed::Yes);
        assert_eq!(create_sparse(&path, 1 << 30).unwrap(), Changed::No);
        let there = fs::metadata(&path).unwrap();
        assert_eq!(
            (there.len(), there.blocks(), there.mode() & 0o777),
            (1 << 30, 0, 0o600)
        );
    }

    #[test]
    fn an_image_that_a_kill_left_short_is_completed_but_never_one_with_data() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        File::create(&path).unwrap();
        assert_eq!(create_sparse(&path, 1 << 20).unwrap(), Changed::Yes);
        fs::write(&path, "precious").unwrap();
        assert!(matches!(
            create_sparse(&path, 1 << 20),
            Err(HostError::WrongKind { .. })
        ));
        assert!(matches!(
            create_sparse(&path, 4),
            Err(HostError::WrongKind { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert!(matches!(
            create_sparse(folder.path(), 4),
            Err(HostError::WrongKind { .. })
        ));
        assert!(matches!(
            create_sparse(&folder.path().join("none/image"), 4),
            Err(HostError::NotFound { .. })
        ));
    }

    #[test]
    fn a_persons_file_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        write_new(&path, b"header").unwrap();
        assert!(matches!(
            write_new(&path, b"other"),
            Err(HostError::Exists { .. })
        ));
        assert_eq!(read(&path, 6).unwrap(), b"header");
        assert!(matches!(
            read(&path, 5),
            Err(HostError::TooLarge { max: 5, .. })
        ));
        assert_eq!(remove(&path).unwrap(), Changed::Yes);
        assert_eq!(remove(&path).unwrap(), Changed::No);
        assert!(matches!(read(&path, 5), Err(HostError::NotFound { .. })));
    }
}
