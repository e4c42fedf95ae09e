//! A volume key in the kernel's keyring, for as long as device-mapper needs to fetch it.
//!
//! The key is of type `logon`: the kernel's own users can read its payload, no program can. It lies in the calling
//! thread's keyring, so that it is gone with the thread whatever happens, and nobody else can look it up.
#![expect(unsafe_code, reason = "add_key(2) and keyctl(2) have no safe wrapper")]

use std::ffi::CString;
use std::io;

/// `KEY_SPEC_THREAD_KEYRING`.
const THREAD_KEYRING: i32 = -1;
/// `KEYCTL_REVOKE`.
const KEYCTL_REVOKE: i32 = 3;
/// `KEYCTL_UNLINK`.
const KEYCTL_UNLINK: i32 = 9;
/// The kernel's bound on the payload of a `logon` key is 32767 bytes; a volume key has 32 or 64.
const PAYLOAD_MAX: usize = 64;

/// A key in this thread's keyring. Dropping it revokes and unlinks it; what has been read from it stays where it was
/// put. It is tied to the thread that made it.
pub(super) struct LogonKey {
    serial: i32,
    _of_this_thread: std::marker::PhantomData<*const ()>,
}

impl LogonKey {
    /// Adds a key under a description of the form `service:name`, which `logon` keys must have.
    ///
    /// # Errors
    /// The system's: `EDQUOT` when the user's keys take too much memory, `ENOSYS` in a kernel without keyrings,
    /// `EPERM` where a seccomp filter (most containers) forbids the call; invalid input for a description or payload
    /// that is no such key's.
    pub(super) fn add(description: &str, payload: &[u8]) -> io::Result<Self> {
        if payload.is_empty() || payload.len() > PAYLOAD_MAX || !description.contains(':') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let description = CString::new(description)?;
        // SAFETY: both strings end with NUL, and the kernel reads exactly `payload.len()` bytes of the payload.
        let serial = unsafe {
            libc::syscall(
                libc::SYS_add_key,
                c"logon".as_ptr(),
                description.as_ptr(),
                payload.as_ptr(),
                payload.len(),
                THREAD_KEYRING,
            )
        };
        let Ok(serial @ 1..) = i32::try_from(serial) else {
            return Err(io::Error::last_os_error());
        };
        Ok(Self {
            serial,
            _of_this_thread: std::marker::PhantomData,
        })
    }
}

impl Drop for LogonKey {
    fn drop(&mut self) {
        // Unlinking the last reference makes the kernel wipe and free the payload, but not before its collector runs;
        // revoking makes the key unusable at once. Neither can be helped if it fails, and the thread's end does it too.
        // SAFETY: both operations take numbers only.
        unsafe {
            libc::syscall(libc::SYS_keyctl, KEYCTL_REVOKE, self.serial);
            libc::syscall(libc::SYS_keyctl, KEYCTL_UNLINK, self.serial, THREAD_KEYRING);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks a key up as dm-crypt does.
    fn found(description: &str) -> bool {
        let description = CString::new(description).unwrap();
        // SAFETY: both strings end with NUL; the null pointer says that nothing is to be called to make the key.
        let serial = unsafe {
            libc::syscall(
                libc::SYS_request_key,
                c"logon".as_ptr(),
                description.as_ptr(),
                std::ptr::null::<libc::c_char>(),
                0,
            )
        };
        serial > 0
    }

    #[test]
    fn a_key_is_found_while_it_lives_and_not_after() {
        let description = "kluis-test:a-key-that-lives";
        let secret = crypto::SecretBytes::random(64).unwrap();
        assert!(!found(description));
        let key = LogonKey::add(description, secret.danger_expose()).unwrap();
        assert!(found(description));
        let elsewhere = std::thread::spawn(move || found(description));
        assert!(!elsewhere.join().unwrap(), "no other thread finds it");
        drop(key);
        assert!(!found(description));
    }

    #[test]
    fn what_can_be_no_volume_key_is_refused() {
        assert!(LogonKey::add("kluis-test:empty", &[]).is_err());
        assert!(LogonKey::add("kluis-test:long", &[1; PAYLOAD_MAX + 1]).is_err());
        assert!(LogonKey::add("without-a-service", &[1]).is_err());
    }
}
