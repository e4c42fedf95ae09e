//! The machine: Linux's block devices, mappings, mounts and files, behind [`crate::host::Host`] and
//! [`crate::engine::Engine`]. The one place with ioctls; every one of them is in `ioctl`, every other call that has no
//! safe wrapper is in `keyring` or `udev`.
//!
//! | file | noun |
//! |---|---|
//! | `host` | [`LinuxHost`], which only hands on |
//! | `identity`, `device` | which backing a path is; an open one |
//! | `uses`, `users` | what keeps a backing from being taken; who keeps something busy |
//! | `loopdev` | loop devices |
//! | `dm`, `crypt_target`, `crypt`, `keyring`, `udev` | device-mapper's protocol; the crypt target's line; the engine; its key; its links |
//! | `stripe` | several disks as one device |
//! | `mounts`, `mount_point`, `mkfs`, `swap` | the mount table; the folder beneath a mount; making file systems; swap |
//! | `root`, `accounts` | whose the root of a mounted volume is; users and groups by name |
//! | `files`, `machine_id`, `lock` | files and state that last; the machine's name; one run at a time |
//! | `node`, `ioctl`, `failure` | device numbers and nodes; the system call; whose fault an error is |

mod accounts;
mod crypt;
mod crypt_target;
mod device;
mod dm;
mod failure;
mod files;
mod host;
mod identity;
mod ioctl;
mod keyring;
mod lock;
pub mod loopdev;
mod machine_id;
mod mkfs;
mod mount_point;
mod mounts;
mod node;
pub mod property;
mod room;
mod root;
mod stripe;
mod swap;
mod udev;
mod unmap;
mod users;
mod uses;
mod xfs;

pub use crypt::DmCrypt;
pub use host::LinuxHost;
pub(crate) use mounts::is_mounted;
