//! What is asked of libcryptsetup about the volume that it is opening. Facts of libcryptsetup.h of 2.4 and later.
#![expect(
    unsafe_code,
    reason = "libcryptsetup is C: a handle of its own, and texts that live as long as that"
)]

use std::ffi::{CStr, CString, c_char, c_int};
use std::marker::PhantomData;

/// `struct crypt_device`, of which only pointers are known here.
#[expect(
    unreachable_pub,
    reason = "the entries that libcryptsetup calls are public, and so is what they are called with"
)]
#[repr(C)]
pub struct CryptDevice {
    _private: [u8; 0],
}

// By the name of the file: its development package, which has the other name, is not needed.
#[link(name = "libcryptsetup.so.12", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn crypt_get_device_name(cd: *mut CryptDevice) -> *const c_char;
    fn crypt_get_metadata_device_name(cd: *mut CryptDevice) -> *const c_char;
    fn crypt_get_uuid(cd: *mut CryptDevice) -> *const c_char;
    fn crypt_dump_json(cd: *mut CryptDevice, json: *mut *const c_char, flags: u32) -> c_int;
    fn crypt_log(cd: *mut CryptDevice, level: c_int, message: *const c_char);
}

/// `CRYPT_LOG_NORMAL`
const LOG_NORMAL: c_int = 0;
/// `CRYPT_LOG_ERROR`
const LOG_ERROR: c_int = 1;

/// The volume that libcryptsetup is opening.
pub(crate) struct Volume<'a> {
    device: *mut CryptDevice,
    of_the_call: PhantomData<&'a CryptDevice>,
}

impl<'a> Volume<'a> {
    /// # Safety
    /// `device` is the handle that libcryptsetup passed, and used no longer than the call that it was passed to.
    pub(crate) unsafe fn new(device: *mut CryptDevice) -> Option<Self> {
        (!device.is_null()).then_some(Self {
            device,
            of_the_call: PhantomData,
        })
    }

    /// The device or file that holds the volume.
    pub(crate) fn device_name(&self) -> Option<&'a [u8]> {
        // SAFETY: the handle is valid, and the text it answers with lives as long as it.
        unsafe { text(crypt_get_device_name(self.device)) }
    }

    /// Whether its header lies elsewhere, which no volume of Kluis has.
    pub(crate) fn is_detached(&self) -> bool {
        // SAFETY: as above.
        unsafe { text(crypt_get_metadata_device_name(self.device)) }.is_some()
    }

    /// The UUID as the header has it.
    pub(crate) fn uuid(&self) -> Option<&'a [u8]> {
        // SAFETY: as above.
        unsafe { text(crypt_get_uuid(self.device)) }
    }

    /// The header's JSON as libcryptsetup has it in memory: what it will open the volume by.
    pub(crate) fn header(&self) -> Option<&'a [u8]> {
        let mut json = std::ptr::null();
        // SAFETY: the handle is valid; where it succeeds, the text lives until the header is changed, which no plugin's call does.
        unsafe { (crypt_dump_json(self.device, &raw mut json, 0) == 0).then(|| text(json)) }
            .flatten()
    }

    /// Tells a person what went wrong, as libcryptsetup's other errors are told.
    pub(crate) fn error(&self, words: &[u8]) {
        self.log(LOG_ERROR, "kluis: ", words, "\n");
    }

    /// Prints.
    pub(crate) fn print(&self, words: &str) {
        self.log(LOG_NORMAL, "", words.as_bytes(), "");
    }

    fn log(&self, level: c_int, before: &str, words: &[u8], after: &str) {
        let plain: String = String::from_utf8_lossy(words)
            .chars()
            .map(|c| {
                if c.is_control() && !"\n\t".contains(c) {
                    ' '
                } else {
                    c
                }
            })
            .collect();
        if let Ok(message) = CString::new(format!("{before}{plain}{after}")) {
            // SAFETY: the handle is valid, and libcryptsetup copies the text.
            unsafe { crypt_log(self.device, level, message.as_ptr()) }
        }
    }
}

/// # Safety
/// `from` is null, or a text that ends with a NUL and lives for `'a`.
pub(crate) unsafe fn text<'a>(from: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: the caller's.
    (!from.is_null()).then(|| unsafe { CStr::from_ptr(from) }.to_bytes())
}
