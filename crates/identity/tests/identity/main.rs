//! What IAM and STS do here, in sentences.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "JSON is written where it is used"
)]

mod access_keys;
mod accounts;
mod authentication;
mod authority;
mod durability;
mod managed_policies;
mod policies;
mod roles;
mod sessions;
mod story;
mod trail_records;
mod users;
mod words;
