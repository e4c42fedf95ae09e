//! LUKS1 and LUKS2 bytes to types and back, sans-IO. It never knows files, devices or a key service.
//!
//! A header is read once into memory ([`Header::read`]), checked under a [`Profile`], and used from that copy: what a
//! caller unlocks and maps is what was checked. Changes are made to the copy and come out as ordered writes
//! ([`luks2::Header::commit`]) that leave the old or the new header readable wherever they are cut off.
//!
//! Not trusted: every byte of the header. [`Profile::Strict`] is the allow-list under which volumes are opened;
//! [`Profile::Permissive`] holds a header to the specification only, so that it can be shown.
//!
//! Sources: *LUKS2 On-Disk Format Specification* 1.1.1, *LUKS1 On-Disk Format Specification* 1.2.3, and cryptsetup
//! 2.6's own validation where the documents are silent.

mod antiforensic;
mod cipher;
mod error;
mod header;
mod kdf;
pub mod limits;
pub mod luks1;
pub mod luks2;
pub mod property;
mod step;
mod volume_key;

pub use error::{Error, Fault};
pub use header::{Copy, Header, OtherCopy, Payload, Profile, Read, ReadError, Source, Which};
pub use kdf::{Kdf, KdfChoice};
pub use step::{AreaWrite, Step};
pub use volume_key::VolumeKey;
