//! A configuration's reference, from the types that parse it: their JSON schema to Markdown and to a manual page.
//! It never knows what a key means.
//!
//! | file | noun |
//! |---|---|
//! | `table` | the tables and keys of a schema |
//! | `markdown`, `man` | how they are printed |
//! | `section` | a part of a document that is written by a program |

mod man;
mod markdown;
mod section;
mod table;

pub use man::Page;
pub use section::{Section, Stale};
pub use table::{Key, Reference, Table};
