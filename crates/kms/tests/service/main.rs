//! The key service from outside: typed requests in, answers and records out, over the simulated store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::needless_pass_by_value,
    unreachable_pub,
    reason = "a test that cannot go on fails"
)]

mod accounts;
mod agreement;
mod aliases;
mod authority;
mod conditions;
mod data_key_pairs;
mod deletion;
mod durability;
mod encapsulation;
mod encryption;
mod grants;
mod import;
mod keys;
mod last_usage;
mod macs;
mod multi_region;
mod openssl;
mod policies;
mod public_key;
mod records;
mod reencrypt;
mod rotation;
mod rsa;
mod signing;
mod specs;
mod states;
mod support;
mod tags;
mod usages;
