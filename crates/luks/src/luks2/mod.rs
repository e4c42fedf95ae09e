//! LUKS2: two copies of a binary header, each followed by a JSON area, then the keyslots area, then data.
//!
//! | file | noun |
//! |---|---|
//! | `binary` | the 4096-byte binary header and its checksum |
//! | `json` | text to a JSON value without duplicate members |
//! | `field` | typed members of that value, each refusal naming its path |
//! | `metadata` | the typed view: keyslots, segments, digests, tokens, config |
//! | `validate` | the specification's rules across objects |
//! | `strict` | the allow-list |
//! | `disk` | two copies read, and which one is used |
//! | `header` | the header in memory |
//! | `format` | a new one |
//! | `keyslot` | unlock, add, change, kill |
//! | `token` | tokens and labels |
//! | `commit` | ordered writes |

mod binary;
mod commit;
pub(crate) mod disk;
mod field;
mod format;
mod header;
mod json;
mod keyslot;
mod metadata;
mod strict;
mod token;
mod validate;

pub use format::FormatOptions;
pub use header::Header;
pub use keyslot::Change;
pub use metadata::{
    Area, Config, Digest, Keyslot, Luks2Keyslot, Metadata, Segment, SegmentSize, Token,
};

pub(crate) use binary::{Binary, MAGIC_PRIMARY};
