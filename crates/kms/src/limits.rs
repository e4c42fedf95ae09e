//! Every bound of the key service, by name. Where AWS documents the number it is AWS's
//! (API reference and "Quotas" of the KMS developer guide); the rest are ours, and say why.

use std::ops::RangeInclusive;

/// Plaintext that Encrypt accepts, and a message that Sign and `GenerateMac` accept, in bytes.
pub const PLAINTEXT_BYTES: usize = 4096;
/// Length of a data key or of random bytes, at most.
pub const GENERATED_BYTES: usize = 1024;
/// A key policy document, in bytes.
pub const POLICY_BYTES: usize = 32 * 1024;
/// An encryption context, keys and values together, in bytes.
pub const CONTEXT_BYTES: usize = 8192;
/// Tags on one key.
pub const TAGS_PER_KEY: usize = 50;
/// A tag's key, in characters.
pub const TAG_KEY_CHARS: usize = 128;
/// A tag's value, in characters.
pub const TAG_VALUE_CHARS: usize = 256;
/// Aliases that may point at one key.
pub const ALIASES_PER_KEY: usize = 50;
/// An alias name, `alias/` included, in characters.
pub const ALIAS_CHARS: usize = 256;
/// Keys in one account and region.
pub const KEYS_PER_REGION: usize = 100_000;
/// Grants on one key.
pub const GRANTS_PER_KEY: usize = 50_000;
/// Encryption context pairs in a grant constraint.
pub const CONSTRAINT_PAIRS: usize = 8;
/// A value in the encryption context of a grant constraint, in characters.
pub const CONSTRAINT_VALUE_CHARS: usize = 384;
/// Key pairs that are made at the same time.
pub const PAIRS_AT_ONCE: usize = 2;
/// A region's name, in bytes: the longest of AWS's is 16, and the ciphertext format has one byte for the length.
pub const REGION_BYTES: usize = 32;

/// Days from one automatic rotation to the next.
pub const ROTATION_DAYS: RangeInclusive<u16> = 90..=2560;
/// The same, when the caller names none.
pub const ROTATION_DAYS_DEFAULT: i32 = 365;
/// Rotations on demand that one key may have. AWS began with ten; its current model speaks of 25.
pub const ROTATIONS_ON_DEMAND: usize = 10;
/// Days that imported material may be kept before it expires, if it expires at all.
pub const IMPORT_DAYS_MAX: u16 = 365;
/// Hours for which the parameters of an import hold.
pub const IMPORT_TOKEN_HOURS: i64 = 24;

/// Days that a key waits for its deletion, at least.
pub const DELETION_DAYS_MIN: i64 = 7;
/// Days that a key waits for its deletion, at most, and when the caller names none.
pub const DELETION_DAYS_MAX: i64 = 30;

/// Keys on a page of `ListKeys` when the caller asks for no number.
pub const KEYS_PAGE: usize = 100;
/// Aliases on a page of `ListAliases` when the caller asks for no number.
pub const ALIASES_PAGE: usize = 50;
/// Aliases on a page of `ListAliases`, at most, whatever the caller asks for.
pub const ALIASES_PAGE_MAX: usize = 100;
/// Grants on a page of `ListGrants` and `ListRetirableGrants` when the caller asks for no number.
pub const GRANTS_PAGE: usize = 50;
/// Grants on such a page, at most, whatever the caller asks for.
pub const GRANTS_PAGE_MAX: usize = 100;
/// Grants that one transaction deletes with their key: the store bounds transactions, and other writers wait for them.
pub const GRANTS_PER_TRANSACTION: usize = 1000;
/// Materials on a page of `ListKeyRotations` when the caller asks for no number.
pub const ROTATIONS_PAGE: usize = 100;
/// Items on any page, at most, whatever the caller asks for.
pub const PAGE_MAX: usize = 1000;
/// Last uses that one transaction writes down.
pub const USES_BATCH: usize = 1000;
/// Records that one read of the store fetches while the service starts.
pub const LOAD_PAGE: usize = 1000;
