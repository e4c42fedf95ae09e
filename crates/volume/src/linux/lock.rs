//! One run at a time for each volume: a lock on a file that the kernel gives up when its holder dies.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::host::{HostError, Lock};
use crate::linux::failure::about;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

struct FileLock {
    _file: File,
}

impl Lock for FileLock {}

/// Takes the lock `FOLDER/NAME.lock`, waiting at most `wait`. The file stays: removing it would let two hold it.
pub(super) fn take(folder: &Path, name: &str, wait: Duration) -> Result<Box<dyn Lock>, HostError> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(about(folder)(error));
        }
        _ => {}
    }
    let path = folder.join(format!("{name}.lock"));
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .map_err(about(&path))?;
    let deadline = Instant::now() + wait;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Box::new(FileLock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR)
                if Instant::now() < deadline =>
            {
                thread::sleep(PAUSE);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(HostError::Busy {
                    what: format!("the volume {name}"),
                    by: "another run of kluis".into(),
                });
            }
            Err(error) => return Err(about(&path)(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_free_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let first = take(folder.path(), "data", Duration::ZERO).unwrap();
        assert!(matches!(
            take(folder.path(), "data", Duration::ZERO),
            Err(HostError::Busy { .. })
        ));
        assert!(take(folder.path(), "other", Duration::ZERO).is_ok());
        drop(first);
        assert!(take(folder.path(), "data", Duration::ZERO).is_ok());
    }

    #[test]
    fn a_lock_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let first = take(folder.path(), "data", Duration::ZERO).unwrap();
        let path = folder.path().to_owned();
        let second = thread::spawn(move || take(&path, "data", Duration::from_secs(10)).is_ok());
        thread::sleep(Duration::from_millis(20));
        drop(first);
        assert!(second.join().unwrap());
    }
}
