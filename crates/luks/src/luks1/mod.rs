//! LUKS1: one binary header of 592 bytes with eight keyslots (LUKS1 §2), read only. cryptsetup before 2.1 wrote it by
//! default, and qemu writes nothing else.

mod binary;
mod header;
mod keyslot;

pub use binary::Keyslot;
pub use header::Header;

pub(crate) use binary::{HEADER_LEN, is_luks1};
