//! LUKS1 and LUKS2 bytes to types and back, sans-IO. It never knows files, devices or a key service.

mod volume_key;

pub use volume_key::VolumeKey;
