//! A key of AWS-LC's EVP interface: the public half of a pair, or both halves. aws-lc-rs covers no more than parts of
//! what is done with one here (no digests for Ed25519ph, no mu for ML-DSA, no PKCS#8 of its own), so all of it goes this way.
//!
//! The private half lies on AWS-LC's heap as long as this does, and is wiped when it goes.
#![expect(unsafe_code, reason = "EVP is C")]

mod context;
mod exchange;
mod inspection;
mod signing;

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use aws_lc_sys::{
    CBB, CBB_finish, CBB_init_fixed, CBS, CBS_init, EC_KEY_set_conv_form, EC_KEY_set_enc_flags,
    EVP_PKEY, EVP_PKEY_EC, EVP_PKEY_ED25519, EVP_PKEY_KEM, EVP_PKEY_PQDSA, EVP_PKEY_RSA,
    EVP_PKEY_free, EVP_PKEY_get0_EC_KEY, EVP_marshal_private_key, EVP_marshal_public_key,
    EVP_parse_private_key, EVP_parse_public_key, point_conversion_form_t,
};

use crate::{Error, SecretBytes};
use context::Context;
pub(crate) use exchange::Padding;

/// The longest public half in DER: that of ML-DSA-87 has 2614 bytes.
const SPKI_MAX: usize = 4096;

/// What tells one kind of key from another, in AWS-LC's numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsa { bits: c_int },
    Ec { curve: c_int },
    Ed25519,
    MlDsa { parameters: c_int },
    MlKem { parameters: c_int },
}

impl Kind {
    const fn id(self) -> c_int {
        match self {
            Self::Rsa { .. } => EVP_PKEY_RSA,
            Self::Ec { .. } => EVP_PKEY_EC,
            Self::Ed25519 => EVP_PKEY_ED25519,
            Self::MlDsa { .. } => EVP_PKEY_PQDSA,
            Self::MlKem { .. } => EVP_PKEY_KEM,
        }
    }
}

/// An owned reference to an `EVP_PKEY`.
pub(crate) struct Pkey(NonNull<EVP_PKEY>);

// SAFETY: a key is a heap object without ties to a thread, and its reference count is atomic.
unsafe impl Send for Pkey {}
// SAFETY: nothing here changes a key once it is made, and AWS-LC documents such a key as usable by several threads at
// once (what RSA's blinding changes, it locks).
unsafe impl Sync for Pkey {}

impl Pkey {
    /// A new key pair.
    pub(crate) fn generate(kind: Kind) -> Result<Self, Error> {
        Context::for_generation(kind)?.generate()
    }

    /// Reads a `SubjectPublicKeyInfo`; none where it is not one, whole and nothing after it, of a kind that AWS-LC knows.
    pub(crate) fn from_spki(der: &[u8]) -> Option<Self> {
        Self::parse(der, EVP_parse_public_key)
    }

    /// Reads a PKCS#8 private key; none where it is not one, whole and nothing after it, or its parts contradict each other.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let key = Self::parse(der, EVP_parse_private_key)?;
        // SAFETY: the key is whole and nobody else's yet, and AWS-LC answers null where it is none of a curve.
        unsafe {
            let curve = EVP_PKEY_get0_EC_KEY(key.as_ptr());
            if !curve.is_null() {
                // How it was written would else decide how it is written again.
                EC_KEY_set_enc_flags(curve, 0);
                EC_KEY_set_conv_form(
                    curve,
                    point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                );
            }
        }
        Some(key)
    }

    fn parse(der: &[u8], parser: unsafe extern "C" fn(*mut CBS) -> *mut EVP_PKEY) -> Option<Self> {
        let mut input = MaybeUninit::<CBS>::uninit();
        // SAFETY: CBS_init writes the whole of `input`, which borrows `der` no longer than this function does; a key
        // that comes back is owned by the one who asked.
        unsafe {
            CBS_init(input.as_mut_ptr(), der.as_ptr(), der.len());
            let key = Self::owned(parser(input.as_mut_ptr()))?;
            (input.assume_init().len == 0).then_some(key)
        }
    }

    /// Takes over a reference that AWS-LC handed out.
    ///
    /// # Safety
    /// `key` is null or a reference that nobody else frees.
    unsafe fn owned(key: *mut EVP_PKEY) -> Option<Self> {
        NonNull::new(key).map(Self)
    }

    /// The public half as a `SubjectPublicKeyInfo` in DER.
    pub(crate) fn spki(&self) -> Result<Vec<u8>, Error> {
        let mut out = vec![0; SPKI_MAX];
        let len = self
            .marshal(EVP_marshal_public_key, &mut out)
            .ok_or(Error::Library("SubjectPublicKeyInfo"))?;
        out.truncate(len);
        Ok(out)
    }

    /// The private half as PKCS#8 in DER, written in place; none for one that came as an expanded key without its seed,
    /// which AWS-LC reads and does not write.
    pub(crate) fn pkcs8(&self) -> Result<Option<SecretBytes>, Error> {
        let mut len = None;
        let whole = SecretBytes::build(SecretBytes::MAX, |out| {
            len = self.marshal(EVP_marshal_private_key, out);
            Ok::<_, Error>(())
        })?;
        // Copied, since a secret that is cut keeps the slot that it has.
        let written = len.and_then(|len| whole.danger_expose().get(..len));
        written.map(SecretBytes::copy_of).transpose()
    }

    fn marshal(
        &self,
        writer: unsafe extern "C" fn(*mut CBB, *const EVP_PKEY) -> c_int,
        out: &mut [u8],
    ) -> Option<usize> {
        let mut output = MaybeUninit::<CBB>::uninit();
        let mut len = 0;
        // SAFETY: CBB_init_fixed writes the whole of `output` and makes it write within `out` alone, which outlives it; a
        // fixed CBB owns nothing that would have to be freed where writing fails.
        let ok = unsafe {
            CBB_init_fixed(output.as_mut_ptr(), out.as_mut_ptr(), out.len()) == 1
                && writer(output.as_mut_ptr(), self.as_ptr()) == 1
                && CBB_finish(output.as_mut_ptr(), ptr::null_mut(), &raw mut len) == 1
        };
        ok.then_some(len)
    }

    const fn as_ptr(&self) -> *mut EVP_PKEY {
        self.0.as_ptr()
    }
}

impl Drop for Pkey {
    fn drop(&mut self) {
        // SAFETY: this reference is owned and given back once.
        unsafe { EVP_PKEY_free(self.as_ptr()) };
    }
}
