//! A volume's life: desired and observed to plan to applied, over two ports, with two engines.
//! The only place with ioctls. It never knows HTTP or a vendor.

pub mod engine;
pub mod fuse;
pub mod host;
pub mod linux;
pub mod ports;
pub mod signatures;
