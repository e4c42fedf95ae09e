//! A volume's life: desired and observed to plan to applied, over two ports, with two engines.
//! The only place with ioctls. It never knows HTTP or a vendor.
//!
//! | file | noun |
//! |---|---|
//! | `config` | `volumes.toml` |
//! | `ports` | what is asked of a key service and of an object store |
//! | `host` | what is asked of the machine |
//! | `engine` | what is asked of an engine |
//! | `target` | a configured volume with its backing settled |
//! | `raid0` | several disks as one backing |
//! | `observe` | what is there now |
//! | `plan` | what to do about it: pure |
//! | `apply` | the one place that does it |
//! | `binding` | how a header is tied to its secret |
//! | `header` | a header in hand |
//! | `secrets`, `retry` | the secrets of one run |
//! | `mount_point` | what protects a bare mount point |
//! | `state` | root-owned state |
//! | `advice` | the page of refusals, and what may be recommended (tests) |
//! | `signatures` | what is on a raw device |
//! | `unit_name` | paths as systemd's names, which bound where a volume may be mounted |
//! | `verbs` | seal, up, down, status, rekey, erase, release, check, header; token-open, enroll-root, open-root, root-config |
//! | `linux`, `fuse` | the machine, and the engine for machines without device-mapper |
//! | `sim` | a machine and services in memory that fail as told |
//!
//! The order on opening, which the types keep: the header is read once and held to the allow-list → the secret is
//! unwrapped → the header's mac is verified → a keyslot is opened → its digest is compared → the view is mapped.

#[cfg(test)]
mod advice;
mod apply;
pub mod binding;
pub mod config;
mod decrypted;
pub mod engine;
mod error;
pub mod fuse;
mod header;
pub mod host;
pub mod linux;
mod mount_point;
mod observe;
pub mod plan;
pub mod ports;
mod raid0;
pub mod retry;
mod secrets;
pub mod signatures;
pub mod sim;
mod state;
mod target;
pub mod unit_name;
pub mod verbs;

pub use apply::{Progress, Silent};
pub use error::{Error, ExitCode};
pub use raid0::{CHUNK, MEMBERS, Stripe};
pub use retry::{Wait, Waiting};
pub use verbs::{Kluis, Occasion};
