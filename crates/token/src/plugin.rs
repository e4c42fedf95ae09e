//! The ABI `CRYPTSETUP_TOKEN_1.0`. There is no `cryptsetup_token_open_pin`: no volume of Kluis has a PIN, and libcryptsetup takes a
//! missing one for just that. No panic leaves any of these functions.
#![expect(
    unsafe_code,
    reason = "libcryptsetup calls these functions with raw pointers, and frees memory of C's malloc"
)]
#![expect(
    unreachable_pub,
    reason = "libcryptsetup reaches them by their symbols, and no crate does"
)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{Ordering, compiler_fence};

use crate::agent;
use crate::exchange::{self, Answer, Refusal};
use crate::libcryptsetup::{CryptDevice, Volume, text};
use crate::metadata;

/// The plugin's version, which libcryptsetup only logs.
const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"unknown",
    };

/// Which plugin this is, for libcryptsetup's debug log.
#[unsafe(no_mangle)]
pub extern "C" fn cryptsetup_token_version() -> *const c_char {
    VERSION.as_ptr()
}

/// Gets the passphrase of the token's keyslot: 0, or a negative errno as [`Refusal::errno`] has them.
///
/// # Safety
/// libcryptsetup's: `cd` is a handle that is valid for the call; `buffer` and `buffer_len` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_open(
    cd: *mut CryptDevice,
    _token: c_int,
    buffer: *mut *mut c_char,
    buffer_len: *mut usize,
    _usrptr: *mut c_void,
) -> c_int {
    guarded(Refusal::Denied.errno(), || {
        // SAFETY: the caller's.
        let volume = unsafe { Volume::new(cd) };
        let (Some(volume), false, false) = (volume, buffer.is_null(), buffer_len.is_null()) else {
            return -libc::EINVAL;
        };
        match open(&volume) {
            Ok((passphrase, len)) => {
                // SAFETY: neither is null, and the caller says that both can be written.
                unsafe {
                    *buffer = passphrase;
                    *buffer_len = len;
                }
                0
            }
            Err((refusal, words)) => {
                volume.error(words.as_bytes());
                refusal.errno()
            }
        }
    })
}

/// Wipes and frees what [`cryptsetup_token_open`] gave.
///
/// # Safety
/// `buffer` is null, or came from there with this length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_buffer_free(buffer: *mut c_void, buffer_len: usize) {
    if !buffer.is_null() {
        // SAFETY: the caller's; it was written in full when it was given.
        unsafe {
            wipe(std::slice::from_raw_parts_mut(buffer.cast(), buffer_len));
            libc::free(buffer);
        }
    }
}

/// Whether a token's JSON is one that Kluis writes: 0, or `-EINVAL`.
///
/// # Safety
/// `json` is null or a text that ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_validate(
    _cd: *mut CryptDevice,
    json: *const c_char,
) -> c_int {
    guarded(-libc::EINVAL, || {
        // SAFETY: the caller's.
        match unsafe { text(json) } {
            Some(json) if metadata::is_valid(json) => 0,
            _ => -libc::EINVAL,
        }
    })
}

/// Prints what `cryptsetup luksDump` shows of a token.
///
/// # Safety
/// `cd` is a handle that is valid for the call; `json` is null or a text that ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cryptsetup_token_dump(cd: *mut CryptDevice, json: *const c_char) {
    guarded((), || {
        // SAFETY: the caller's.
        if let (Some(volume), Some(json)) = unsafe { (Volume::new(cd), text(json)) } {
            volume.print(&metadata::describe(json));
        }
    });
}

fn guarded<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}

/// Asks the agent, and moves the passphrase into memory that libcryptsetup may free.
fn open(volume: &Volume<'_>) -> Result<(*mut c_char, usize), (Refusal, String)> {
    let not_ours = |why: &str| (Refusal::NotOurs, why.to_owned());
    if volume.is_detached() {
        return Err(not_ours(
            "the header lies apart from the volume, which is not how kluis makes them",
        ));
    }
    let (Some(device), Some(uuid), Some(header)) =
        (volume.device_name(), volume.uuid(), volume.header())
    else {
        return Err(not_ours("libcryptsetup does not say what it is opening"));
    };
    // The agent stands in another folder.
    let device = std::path::absolute(OsStr::from_bytes(device))
        .map_err(|_| not_ours("the folder that this was called in is gone"))?;
    let request = exchange::request(device.as_os_str().as_bytes(), uuid, header)
        .ok_or_else(|| not_ours("the header or the device's name is longer than any of kluis"))?;
    let answer = agent::ask(
        Path::new(agent::SOCKET),
        Path::new(agent::PROGRAM),
        &request,
    )?;
    match Answer::read(answer.bytes()) {
        Answer::Passphrase(passphrase) => handed_over(passphrase),
        Answer::Refused(refusal, words) => Err((
            refusal,
            String::from_utf8_lossy(words).trim_end().to_owned(),
        )),
    }
}

fn handed_over(passphrase: &[u8]) -> Result<(*mut c_char, usize), (Refusal, String)> {
    // SAFETY: malloc(3) takes any length; what it gives is checked, is as long as asked for, and overlaps nothing.
    unsafe {
        let buffer: *mut c_char = libc::malloc(passphrase.len()).cast();
        if buffer.is_null() {
            return Err((Refusal::Memory, "no memory for a passphrase".to_owned()));
        }
        std::ptr::copy_nonoverlapping(passphrase.as_ptr(), buffer.cast(), passphrase.len());
        Ok((buffer, passphrase.len()))
    }
}

/// A buffer of fixed size, never moved to a larger one, that is wiped when it goes.
pub(crate) struct Wiped<const N: usize> {
    all: Box<[u8; N]>,
    len: usize,
}

impl<const N: usize> Wiped<N> {
    pub(crate) fn new() -> Self {
        Self {
            all: Box::new([0; N]),
            len: 0,
        }
    }

    /// What was filled.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.all.get(..self.len).unwrap_or_default()
    }

    /// What is left to fill.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.all.get_mut(self.len..).unwrap_or_default()
    }

    /// Says that so much of the room was filled.
    pub(crate) fn advance(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(N);
    }
}

impl<const N: usize> Drop for Wiped<N> {
    fn drop(&mut self) {
        wipe(self.all.as_mut_slice());
    }
}

/// Zeroes, even though nobody will read it again.
fn wipe(bytes: &mut [u8]) {
    for byte in bytes {
        // SAFETY: a reference can be written through.
        unsafe { std::ptr::write_volatile(byte, 0) }
    }
    compiler_fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_that_is_none_is_refused() {
        let mut buffer = std::ptr::null_mut();
        let mut len = 0;
        // SAFETY: null is what is tested, and both places can be written.
        let code = unsafe {
            cryptsetup_token_open(
                std::ptr::null_mut(),
                0,
                &raw mut buffer,
                &raw mut len,
                std::ptr::null_mut(),
            )
        };
        assert_eq!(code, -libc::EINVAL);
        // SAFETY: null is allowed.
        unsafe { cryptsetup_token_buffer_free(std::ptr::null_mut(), 0) };
        // SAFETY: null is allowed.
        let valid = unsafe { cryptsetup_token_validate(std::ptr::null_mut(), std::ptr::null()) };
        assert_eq!(valid, -libc::EINVAL);
    }

    #[test]
    fn a_panic_becomes_the_answer_that_it_stands_for() {
        assert_eq!(guarded(-1, || unreachable!("on purpose")), -1);
    }

    #[test]
    fn what_is_handed_over_is_the_passphrase_and_is_freed() {
        let Ok((buffer, len)) = handed_over(b"correct horse") else {
            unreachable!("no memory");
        };
        // SAFETY: it was just given, with this length.
        unsafe {
            assert_eq!(
                std::slice::from_raw_parts(buffer.cast::<u8>(), len),
                b"correct horse"
            );
            cryptsetup_token_buffer_free(buffer.cast(), len);
        }
    }

    #[test]
    fn a_buffer_is_filled_to_its_end_and_no_further() {
        let mut buffer = Wiped::<4>::new();
        buffer.room()[..3].copy_from_slice(b"abc");
        buffer.advance(3);
        assert_eq!(buffer.bytes(), b"abc");
        buffer.advance(9);
        assert_eq!(buffer.bytes(), b"abc\0");
        assert!(buffer.room().is_empty());
    }
}
