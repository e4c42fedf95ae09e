//! Keys in the kernel's keyrings: a volume key for as long as device-mapper needs to fetch it, and a machine's secret for as long as a
//! boot's other processes may ask for it.
#![expect(unsafe_code, reason = "add_key(2) and keyctl(2) have no safe wrapper")]

use std::ffi::{CStr, CString};
use std::io;
use std::time::Duration;

use crypto::SecretBytes;

/// `KEY_SPEC_THREAD_KEYRING`.
const THREAD_KEYRING: i32 = -1;
/// `KEY_SPEC_USER_KEYRING`: one for each user, whatever its sessions; a system service's session keyring is its own.
const USER_KEYRING: i32 = -4;
/// `KEYCTL_REVOKE`.
const KEYCTL_REVOKE: i32 = 3;
/// `KEYCTL_SETPERM`.
const KEYCTL_SETPERM: i32 = 5;
/// `KEYCTL_LINK`.
const KEYCTL_LINK: i32 = 8;
/// `KEYCTL_UNLINK`.
const KEYCTL_UNLINK: i32 = 9;
/// `KEYCTL_SEARCH`.
const KEYCTL_SEARCH: i32 = 10;
/// `KEYCTL_READ`.
const KEYCTL_READ: i32 = 11;
/// `KEYCTL_SET_TIMEOUT`.
const KEYCTL_SET_TIMEOUT: i32 = 15;
/// `KEY_POS_ALL`, and of the owner `KEY_USR_VIEW`, `KEY_USR_READ` and `KEY_USR_SEARCH`: group and others nothing. The owner's other
/// processes do not possess the key, because their session keyrings are their own.
const PERMISSIONS: u32 = 0x3f00_0000 | 0x000b_0000;
/// The kernel's bound on the payload of a `logon` key is 32767 bytes; a volume key has 32 or 64.
const PAYLOAD_MAX: usize = 64;

/// A key in this thread's keyring. Dropping it revokes and unlinks it; what has been read from it stays where it was
/// put. It is tied to the thread that made it.
///
/// It is of type `logon`: the kernel's own users can read its payload, no program can. It lies in the calling
/// thread's keyring, so that it is gone with the thread whatever happens, and nobody else can look it up.
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
        if !description.contains(':') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self {
            serial: add_key(c"logon", description, payload)?,
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

/// Keeps a secret in this user's keyring, for `time` at the most, in place of one of the same description.
///
/// # Errors
/// The system's, as of [`LogonKey::add`]; then nothing is kept.
pub(super) fn keep(description: &str, secret: &SecretBytes, time: Duration) -> io::Result<()> {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1);
    // In the thread's keyring it is this thread's to set up; nobody finds it before it has its end and its permissions.
    let serial = add_key(c"user", description, secret.danger_expose())?;
    let kept = set_up(serial, seconds);
    // SAFETY: the operation takes numbers only. It may fail: then the key goes with the thread, or at its time.
    unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_UNLINK, serial, THREAD_KEYRING);
    }
    kept
}

fn set_up(serial: i32, seconds: u32) -> io::Result<()> {
    // SAFETY: these operations take numbers only.
    let results = unsafe {
        [
            libc::syscall(libc::SYS_keyctl, KEYCTL_SET_TIMEOUT, serial, seconds),
            libc::syscall(libc::SYS_keyctl, KEYCTL_SETPERM, serial, PERMISSIONS),
        ]
    };
    if results.iter().any(|result| *result < 0) {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the operation takes numbers only.
    match unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_LINK, serial, USER_KEYRING) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A secret that was kept and whose time is not over.
///
/// # Errors
/// The system's; `ENOKEY` and `EKEYEXPIRED` are `None`.
pub(super) fn kept(description: &str) -> io::Result<Option<SecretBytes>> {
    let description = CString::new(description)?;
    // SAFETY: both strings end with NUL.
    let serial = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_SEARCH,
            USER_KEYRING,
            c"user".as_ptr(),
            description.as_ptr(),
            0,
        )
    };
    if serial < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ENOKEY | libc::EKEYEXPIRED | libc::EKEYREVOKED) => Ok(None),
            _ => Err(error),
        };
    }
    let mut bytes = [0; PAYLOAD_MAX];
    // SAFETY: the kernel writes at most `bytes.len()` bytes, and returns how many there are.
    let len = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_READ,
            serial,
            bytes.as_mut_ptr(),
            bytes.len(),
        )
    };
    let read = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
    // Whatever its length, the buffer is wiped with it.
    let secret = SecretBytes::from_slice_wiping(&mut bytes).map_err(io::Error::other)?;
    Ok((1..=PAYLOAD_MAX)
        .contains(&read)
        .then(|| secret.truncated(read)))
}

/// Adds a key to this thread's keyring.
fn add_key(kind: &CStr, description: &str, payload: &[u8]) -> io::Result<i32> {
    if payload.is_empty() || payload.len() > PAYLOAD_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let description = CString::new(description)?;
    // SAFETY: both strings end with NUL, and the kernel reads exactly `payload.len()` bytes of the payload.
    let serial = unsafe {
        libc::syscall(
            libc::SYS_add_key,
            kind.as_ptr(),
            description.as_ptr(),
            payload.as_ptr(),
            payload.len(),
            THREAD_KEYRING,
        )
    };
    match i32::try_from(serial) {
        Ok(serial @ 1..) => Ok(serial),
        _ => Err(io::Error::last_os_error()),
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

    #[test]
    fn what_is_kept_is_found_by_another_thread_until_its_time_is_over() {
        let description = format!("kluis-test:kept-{}", std::process::id());
        let secret = crypto::SecretBytes::random(32).unwrap();
        assert!(kept(&description).unwrap().is_none());

        keep(&description, &secret, Duration::from_secs(1)).unwrap();

        let name = description.clone();
        let found = std::thread::spawn(move || kept(&name).unwrap())
            .join()
            .unwrap()
            .unwrap();
        assert!(found.ct_eq(&secret));
        std::thread::sleep(Duration::from_millis(2100));
        assert!(kept(&description).unwrap().is_none());
    }

    #[test]
    fn what_is_kept_again_takes_the_place_of_what_was() {
        let description = format!("kluis-test:again-{}", std::process::id());
        let first = crypto::SecretBytes::random(32).unwrap();
        let second = crypto::SecretBytes::random(32).unwrap();
        keep(&description, &first, Duration::from_secs(5)).unwrap();
        keep(&description, &second, Duration::from_secs(2)).unwrap();
        assert!(kept(&description).unwrap().unwrap().ct_eq(&second));
    }
}
