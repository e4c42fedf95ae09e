//! One operation with a key being set up: an `EVP_PKEY_CTX`.

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use aws_lc_sys::{
    EVP_MD, EVP_PKEY_CTX, EVP_PKEY_CTX_free, EVP_PKEY_CTX_kem_set_params, EVP_PKEY_CTX_new,
    EVP_PKEY_CTX_new_id, EVP_PKEY_CTX_pqdsa_set_params, EVP_PKEY_CTX_set_ec_paramgen_curve_nid,
    EVP_PKEY_CTX_set_rsa_keygen_bits, EVP_PKEY_keygen, EVP_PKEY_keygen_init, EVP_sha1, EVP_sha256,
    EVP_sha384, EVP_sha512,
};

use super::{Kind, Pkey};
use crate::{Error, HashAlgorithm};

/// An owned `EVP_PKEY_CTX`. It holds a reference to its key.
pub(super) struct Context(NonNull<EVP_PKEY_CTX>);

/// A step of setting up, as AWS-LC has them.
type Step = unsafe extern "C" fn(*mut EVP_PKEY_CTX) -> c_int;

impl Context {
    /// For an operation with `key` that needs no beginning.
    pub(super) fn new(key: &Pkey) -> Result<Self, Error> {
        // SAFETY: the key is whole, and the context takes a reference of its own; no engine is named.
        Self::owned(unsafe { EVP_PKEY_CTX_new(key.as_ptr(), ptr::null_mut()) })
    }

    /// For an operation with `key` that `step` begins.
    pub(super) fn begun(key: &Pkey, step: Step) -> Result<Self, Error> {
        let context = Self::new(key)?;
        // SAFETY: the context is whole, and a step only looks at the kind of its key.
        let began = unsafe { step(context.as_ptr()) };
        done(began, "the beginning of an operation")?;
        Ok(context)
    }

    /// For making a key of `kind`.
    pub(super) fn for_generation(kind: Kind) -> Result<Self, Error> {
        // SAFETY: an id that AWS-LC does not know yields null; no engine is named.
        let context = Self::owned(unsafe { EVP_PKEY_CTX_new_id(kind.id(), ptr::null_mut()) })?;
        let raw = context.as_ptr();
        // SAFETY: the context is whole and for keys of this kind.
        let ok = unsafe {
            EVP_PKEY_keygen_init(raw) == 1
                && 1 == match kind {
                    Kind::Rsa { bits } => EVP_PKEY_CTX_set_rsa_keygen_bits(raw, bits),
                    Kind::Ec { curve } => EVP_PKEY_CTX_set_ec_paramgen_curve_nid(raw, curve),
                    Kind::MlDsa { parameters } => EVP_PKEY_CTX_pqdsa_set_params(raw, parameters),
                    Kind::MlKem { parameters } => EVP_PKEY_CTX_kem_set_params(raw, parameters),
                    Kind::Ed25519 => 1,
                }
        };
        done(ok.into(), "the parameters of a key")?;
        Ok(context)
    }

    /// Makes the key that [`Self::for_generation`] described.
    pub(super) fn generate(&self) -> Result<Pkey, Error> {
        let mut key = ptr::null_mut();
        // SAFETY: the context is whole; a null `key` makes AWS-LC hand out a new one, which is owned here.
        unsafe {
            done(
                EVP_PKEY_keygen(self.as_ptr(), &raw mut key),
                "key generation",
            )?;
            Pkey::owned(key).ok_or(Error::Library("key generation"))
        }
    }

    fn owned(context: *mut EVP_PKEY_CTX) -> Result<Self, Error> {
        NonNull::new(context)
            .map(Self)
            .ok_or(Error::Library("key context"))
    }

    pub(super) const fn as_ptr(&self) -> *mut EVP_PKEY_CTX {
        self.0.as_ptr()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is owned and freed once; freeing wipes what it held.
        unsafe { EVP_PKEY_CTX_free(self.as_ptr()) };
    }
}

/// AWS-LC's 1 for "done"; anything else is its own fault, since what comes from outside is looked at before.
pub(super) fn done(returned: c_int, what: &'static str) -> Result<(), Error> {
    if returned == 1 {
        Ok(())
    } else {
        Err(Error::Library(what))
    }
}

/// AWS-LC's table of a hash.
pub(super) fn table_of(hash: HashAlgorithm) -> *const EVP_MD {
    // SAFETY: these return statics.
    unsafe {
        match hash {
            HashAlgorithm::Sha1 => EVP_sha1(),
            HashAlgorithm::Sha256 => EVP_sha256(),
            HashAlgorithm::Sha384 => EVP_sha384(),
            HashAlgorithm::Sha512 => EVP_sha512(),
        }
    }
}
