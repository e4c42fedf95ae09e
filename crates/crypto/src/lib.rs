//! Secrets and primitives: the one crate that names a primitive library. It never knows what a key is for.
//!
//! | file | noun |
//! |---|---|
//! | `memory` | a run of locked pages between two guards |
//! | `arena` | fixed-size slots handed out of such pages |
//! | `secret` | [`Secret`] and [`SecretBytes`], the only places a secret lives |
//! | `random` | the operating system's and AWS-LC's random bytes |
//! | `hash`, `mac`, `kdf` | digests, HMAC, HKDF, PBKDF2, Argon2, SP 800-108 |
//! | `key_wrap` | AES key wrap with padding |
//! | `gcm`, `wrap` | AES-256-GCM under a key that is used once; records wrapped under a long-lived key |
//! | `xts`, `evp` | AES-XTS over the sectors of a disk, and the calls into AWS-LC for it |
//! | `sign` | Ed25519 and RSA PKCS#1 v1.5 signatures |
//! | `process` | keeping the process's memory out of core dumps and debuggers |
//!
//! `unsafe` is found in `memory`, `arena`, `evp` and the one call in `kdf` that has to write its output in place.

mod arena;
mod error;
mod evp;
mod gcm;
mod hash;
mod kdf;
mod key_wrap;
mod mac;
mod memory;
mod process;
pub mod random;
mod secret;
mod sign;
mod wrap;
mod xts;

pub use arena::locked;
pub use error::Error;
pub use gcm::{open_once, seal_once};
pub use hash::{Digest, HashAlgorithm, Hasher, sha256};
pub use kdf::{
    Argon2Cost, Argon2Variant, argon2, hkdf_sha256_expand, hkdf_sha256_extract, kbkdf_hmac_sha256,
    pbkdf2,
};
pub use key_wrap::{aes_key_unwrap, aes_key_wrap};
pub use mac::{MacAlgorithm, hmac, hmac_sha256, hmac_sha256_verify, hmac_verify};
pub use process::harden;
pub use secret::{Secret, SecretBytes};
pub use sign::{Ed25519Key, RsaKey, ed25519_verify, rsa_pkcs1_sha256_verify};
pub use wrap::WrappingKey;
pub use xts::{XtsCipher, XtsKey};
