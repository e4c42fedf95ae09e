//! A machine in memory, and the two services: everything that can go wrong, on demand and repeatably.
//!
//! [`Machine`] implements [`Host`](crate::host::Host): block devices and files whose writes are recorded, may tear, and are only durable after a flush; mappings
//! that really encrypt; mounts; root-owned state. It can be killed at its n-th change ([`Machine::kill_at`]) — after which every
//! call fails until [`Machine::restart`] — or cut from power ([`Machine::power_cut`]). [`Keys`] and [`Objects`] are the services.
//!
//! Secrets in here are test data: the simulated key service and engines keep them in ordinary memory.

mod disk;
mod engine;
mod exchange;
mod files;
mod host;
mod mount_point;
mod services;
mod stripe;
mod world;

pub use disk::Disk;
pub use engine::SimEngine;
pub use services::{Call, Fault, Keys, Objects};
pub use world::{Kill, Machine};
