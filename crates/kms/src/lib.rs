//! The key service: keys, backing keys, states, aliases and key policies, with AWS KMS's semantics.
//!
//! A request comes typed from `wire`; [`Kms::asks`] says what leave it needs, `policy` mints the proof, and
//! [`Kms::execute`] carries it out and hands back the answer with its audit record. Keys are answered from memory;
//! what changes them is planned as a pure step and made durable with its record in one transaction.
//!
//! The boundary: this crate knows neither HTTP nor SQL, and nothing of who a caller is but what `policy` says.
//!
//! | file | noun |
//! |---|---|
//! | `service` | one request's way through |
//! | `operation` | the frame of an operation, and the table of all of them |
//! | `create`, `describe`, `aliases`, `encrypt`, `reencrypt`, `data_keys`, `random`, `policies`, `lifecycle`, `grants` | the operations, by family; `grants` is a folder with all of that noun |
//! | `signing`, `macs`, `public_key`, `agreement`, `encapsulation`, `data_key_pairs` | those of key pairs and HMAC keys |
//! | `rotation`, `rotations`, `import_parameters`, `import`, `multi_region`, `tags`, `description`, `last_usage` | and those of a key's life |
//! | `import_token`, `place` | imported material on its way: what proves where it is from, where it belongs |
//! | `unserved` | the operations that are not served, and the answer to them |
//! | `usage` | which request quota a request counts to |
//! | `states` | the table of key states |
//! | `specs` | the table of key specs, usages and algorithms |
//! | `desk` | what one request sees |
//! | `names`, `context`, `ciphertext` | what callers write and get: ARNs, encryption contexts, blobs |
//! | `key`, `backing`, `imported`, `schedule`, `keyring`, `uses` | keys in memory |
//! | `cipher`, `source`, `pairs` | what operations do with a key: encryption, what decryption is given, the halves of a pair |
//! | `record`, `load`, `commit` | keys in the store: their format, opening, changing |
//! | `sweep`, `rotate`, `events` | what the service does to keys by itself, and how it tells |
//! | `faults`, `limits` | every refusal, every bound |

mod agreement;
mod aliases;
mod backing;
mod cipher;
pub mod ciphertext;
mod commit;
pub mod context;
mod create;
mod data_key_pairs;
mod data_keys;
mod describe;
mod description;
mod desk;
mod encapsulation;
mod encrypt;
mod events;
mod faults;
mod grants;
mod import;
mod import_parameters;
mod import_token;
mod imported;
mod key;
mod keyring;
mod last_usage;
mod lifecycle;
pub mod limits;
mod load;
mod macs;
mod multi_region;
pub mod names;
mod operation;
mod page;
mod pairs;
mod parameters;
mod place;
mod policies;
mod public_key;
mod random;
mod record;
mod reencrypt;
mod rotate;
mod rotation;
mod rotations;
mod schedule;
mod service;
mod signing;
mod source;
mod specs;
mod states;
mod sweep;
mod tags;
mod unserved;
mod usage;
mod uses;

pub use load::OpenError;
pub use service::Kms;
pub use sweep::{SweepError, Swept};

pub(crate) use service::KEY_RESOURCE;
