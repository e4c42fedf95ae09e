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
//! | `keypair`, `public_key` | key pairs of every kind: made, read and written |
//! | `signature`, `oaep`, `agreement`, `kem`, `transport` | what is done with one |
//! | `pkey` | the calls into AWS-LC for them |
//! | `property` | what holds of any bytes, for tests and fuzzers |
//! | `sign` | Ed25519 and RSA PKCS#1 v1.5 signatures |
//! | `process` | keeping the process's memory out of core dumps and debuggers |
//!
//! `unsafe` is found in `memory`, `arena`, `evp`, `pkey` and the one call in `kdf` that has to write its output in place.

mod agreement;
mod arena;
mod error;
mod evp;
mod gcm;
mod hash;
mod kdf;
mod kem;
mod key_wrap;
mod keypair;
mod mac;
mod memory;
mod oaep;
mod pkey;
mod process;
pub mod property;
mod public_key;
pub mod random;
mod secret;
mod sign;
mod signature;
mod transport;
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
pub use keypair::{KeyPair, KeyPairSpec};
pub use mac::{MacAlgorithm, hmac, hmac_sha256, hmac_sha256_verify, hmac_verify};
pub use oaep::Oaep;
pub use process::harden;
pub use public_key::PublicKey;
pub use secret::{Secret, SecretBytes};
pub use sign::{Ed25519Key, RsaKey, ed25519_verify, rsa_pkcs1_sha256_verify};
pub use signature::{Message, Sha2, SigningAlgorithm};
pub use transport::TransportAlgorithm;
pub use wrap::WrappingKey;
pub use xts::{XtsCipher, XtsKey};
