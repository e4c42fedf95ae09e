//! From the system's error numbers to whose fault it is.

use std::io;

use crate::host::HostError;

/// Sorts a failed call; `what` is what was tried and on what.
pub(super) fn host_error(what: impl Into<String>, source: io::Error) -> HostError {
    let what = what.into();
    match source.raw_os_error() {
        Some(libc::ENOENT) => HostError::NotFound { what },
        Some(libc::EEXIST) => HostError::Exists { what },
        Some(libc::EACCES | libc::EPERM) => HostError::Denied { what },
        Some(libc::EROFS) => HostError::ReadOnly { what },
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => HostError::Full { what },
        Some(libc::EBUSY | libc::ETXTBSY) => HostError::Busy {
            what,
            by: "another program".into(),
        },
        Some(libc::ENOMEM) => HostError::Memory { what },
        _ => HostError::Io { what, source },
    }
}

/// For `map_err`: [`host_error`] about a path.
pub(super) fn about(path: &std::path::Path) -> impl FnOnce(io::Error) -> HostError {
    let what = path.display().to_string();
    move |source| host_error(what, source)
}
