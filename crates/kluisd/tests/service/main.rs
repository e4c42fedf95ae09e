//! The whole service as a black box: the built `kluisd` on a free port in a temporary folder, spoken to by botocore (the AWS CLI's own)
//! and by hand-made requests. What a test says over the wire is in `tests/clients`, one script a test.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod accounts;
mod authority;
mod certificate;
mod clients;
mod command_line;
mod config;
mod daemon;
mod durability;
mod full;
mod health;
mod machines;
mod malformed;
mod objects;
mod old_kernel;
mod packaging;
mod quotas;
mod seeds;
mod start;
mod story;
mod tls;
