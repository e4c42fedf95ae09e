//! The named bounds: what the formats allow, and what [`Profile::Strict`](crate::Profile::Strict) accepts.

/// The unit of LUKS1's offsets, of `plain64` and of key material.
pub const SECTOR: u64 = 512;
/// Alignment of LUKS2 keyslot areas in bytes (LUKS2 §3.2).
pub const AREA_ALIGNMENT: u64 = 4096;
/// Length of a LUKS2 binary header in bytes (LUKS2 §2.1).
pub const BINARY_HEADER: u64 = 4096;
/// The sizes a LUKS2 header may have, binary header and JSON area together, and so the places of its secondary.
pub const HEADER_SIZES: [u64; 9] = [
    0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000,
];
/// The largest keyslots area in bytes.
pub const MAX_KEYSLOTS_SIZE: u64 = 128 << 20;
/// The most keyslots, tokens, segments or digests of a LUKS2 header, each.
pub const MAX_OBJECTS: u32 = 32;
/// The only number of anti-forensic stripes that either format uses.
pub const STRIPES: u32 = 4000;

/// The fewest PBKDF2 iterations accepted: cryptsetup's own minimum.
pub const MIN_PBKDF2_ITERATIONS: u32 = 1000;
/// The most PBKDF2 iterations accepted of a keyslot: under a minute on a slow core.
pub const MAX_PBKDF2_ITERATIONS: u32 = 100_000_000;
/// The most PBKDF2 iterations accepted of a digest, which cryptsetup gives an eighth of a second.
pub const MAX_DIGEST_ITERATIONS: u32 = 20_000_000;
/// The most memory accepted of an Argon2 keyslot in KiB: cryptsetup's own maximum, 4 GiB.
pub const MAX_ARGON2_MEMORY_KIB: u32 = 4 << 20;
/// The most lanes accepted of an Argon2 keyslot.
pub const MAX_ARGON2_LANES: u32 = 16;
/// The least memory × passes accepted, in KiB: cryptsetup's minima of 32 KiB and 4 passes.
pub const MIN_ARGON2_WORK_KIB: u64 = 32 * 4;
/// The most memory × passes accepted, in KiB: 128 GiB passed through, about a minute.
pub const MAX_ARGON2_WORK_KIB: u64 = 128 << 20;
/// The lengths a salt may have in bytes.
pub const SALT_LEN: std::ops::RangeInclusive<usize> = 16..=64;
/// The longest passphrase in bytes: cryptsetup's bound on interactive ones is 512; key files may be longer.
pub const MAX_PASSPHRASE: usize = crypto::SecretBytes::MAX;
/// The longest other LUKS2 sector than 512 bytes.
pub const LARGE_SECTOR: u32 = 4096;
