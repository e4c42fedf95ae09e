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
mod aliases;
mod authority;
mod conditions;
mod deletion;
mod durability;
mod encryption;
mod grant_lists;
mod grant_use;
mod grants;
mod keys;
mod policies;
mod records;
mod states;
mod support;
