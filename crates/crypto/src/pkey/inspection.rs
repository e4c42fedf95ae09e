//! What a key that was read turns out to be.

use std::ptr::NonNull;

use aws_lc_sys::{
    BIGNUM, BN_free, BN_new, BN_num_bits, BN_sub, EC_GROUP_get_curve_name,
    EC_KEY_decoded_from_explicit_params, EC_KEY_get0_group, EVP_PKEY_EC, EVP_PKEY_ED25519,
    EVP_PKEY_KEM, EVP_PKEY_PQDSA, EVP_PKEY_RSA, EVP_PKEY_bits, EVP_PKEY_get0_EC_KEY,
    EVP_PKEY_get0_RSA, EVP_PKEY_id, EVP_PKEY_kem_get_type, EVP_PKEY_pqdsa_get_type, RSA,
    RSA_get0_e, RSA_get0_factors,
};

use super::{Kind, Pkey};
use crate::Error;

impl Pkey {
    /// What kind of key it is, if it is one of those that are named here.
    pub(crate) fn kind(&self) -> Option<Kind> {
        // SAFETY: the key is whole; EVP_PKEY_id says which member it holds, and only that one is asked for.
        unsafe {
            let key = self.as_ptr();
            Some(match EVP_PKEY_id(key) {
                EVP_PKEY_RSA => Kind::Rsa {
                    bits: EVP_PKEY_bits(key),
                },
                EVP_PKEY_EC => Kind::Ec {
                    curve: EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key))),
                },
                EVP_PKEY_ED25519 => Kind::Ed25519,
                EVP_PKEY_PQDSA => Kind::MlDsa {
                    parameters: EVP_PKEY_pqdsa_get_type(key),
                },
                EVP_PKEY_KEM => Kind::MlKem {
                    parameters: EVP_PKEY_kem_get_type(key),
                },
                _ => return None,
            })
        }
    }

    /// Whether it came with the parameters of its curve spelled out, which AWS-LC takes where they are nearly a known curve's.
    pub(crate) fn spells_out_its_curve(&self) -> bool {
        // SAFETY: the key is whole, and AWS-LC answers null where it is none of a curve.
        unsafe {
            let curve = EVP_PKEY_get0_EC_KEY(self.as_ptr());
            !curve.is_null() && EC_KEY_decoded_from_explicit_params(curve) == 1
        }
    }

    /// How many bits an RSA key's public exponent has; none for any other key.
    pub(crate) fn exponent_bits(&self) -> Option<u32> {
        // SAFETY: the exponent of an RSA key that was read or made is set.
        self.rsa()
            .map(|rsa| unsafe { BN_num_bits(RSA_get0_e(rsa.as_ptr())) })
    }

    /// How many bits the distance of an RSA key's primes has; none where they are not there.
    pub(crate) fn prime_distance_bits(&self) -> Result<Option<u32>, Error> {
        let Some(rsa) = self.rsa() else {
            return Ok(None);
        };
        let (mut p, mut q) = (std::ptr::null(), std::ptr::null());
        // SAFETY: the key is whole; both numbers stay the key's.
        unsafe { RSA_get0_factors(rsa.as_ptr(), &raw mut p, &raw mut q) };
        if p.is_null() || q.is_null() {
            return Ok(None);
        }
        let distance = Number::new()?;
        // SAFETY: all three numbers are whole.
        unsafe {
            if BN_sub(distance.0.as_ptr(), p, q) != 1 {
                return Err(Error::Library("the distance of two primes"));
            }
            Ok(Some(BN_num_bits(distance.0.as_ptr())))
        }
    }

    fn rsa(&self) -> Option<NonNull<RSA>> {
        // SAFETY: the key is whole, and AWS-LC answers null where it is none of RSA.
        NonNull::new(unsafe { EVP_PKEY_get0_RSA(self.as_ptr()) })
    }
}

/// An owned `BIGNUM`.
struct Number(NonNull<BIGNUM>);

impl Number {
    fn new() -> Result<Self, Error> {
        // SAFETY: what comes back is checked before use, and owned here.
        NonNull::new(unsafe { BN_new() })
            .map(Self)
            .ok_or(Error::Library("a number"))
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: the number is owned and freed once; freeing wipes it.
        unsafe { BN_free(self.0.as_ptr()) };
    }
}
