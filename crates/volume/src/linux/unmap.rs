//! Taking a mapping of device-mapper away, with its node.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::linux::dm::{Control, DIRECTORY, Info};
use crate::linux::udev::Cookie;
use crate::linux::users;

/// How long a holder that no process shows is waited for: udev and its like look at every new device for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// What became of a mapping that was to go.
pub(super) enum Unmapped {
    /// It is gone.
    Yes,
    /// There was none, or not one of the caller's.
    NotThere,
    /// It is in use, by whom where that can be told.
    Busy(String),
}

/// Removes the mapping of that name, if `is_own` takes it for the caller's.
///
/// # Errors
/// The kernel's.
pub(super) fn unmap(
    control: &Control,
    name: &str,
    is_own: impl Fn(&Info) -> bool,
) -> io::Result<Unmapped> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Some(info) = control.status(name)?.filter(&is_own) else {
            return Ok(Unmapped::NotThere);
        };
        let cookie = Cookie::new();
        match control.remove(name, cookie.event()) {
            Ok(()) => {
                cookie.wait();
                remove_node(name);
                return Ok(Unmapped::Yes);
            }
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                return Ok(Unmapped::NotThere);
            }
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                let by = users::of_device(info.device);
                if by.is_some() || Instant::now() >= deadline {
                    let by = by.unwrap_or_else(|| "another program".into());
                    return Ok(Unmapped::Busy(by));
                }
                thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Takes away what was begun and cannot be finished; what fails here is found by the next run.
pub(super) fn abandon(control: &Control, name: &str) {
    let cookie = Cookie::new();
    if control.remove(name, cookie.event()).is_ok() {
        cookie.wait();
    }
}

/// Takes away the node where no udev has; what it names is gone.
fn remove_node(name: &str) {
    let path = Path::new(DIRECTORY).join(name);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "the node of a mapping that is gone could not be removed");
    }
}
