//! What policies say, in sentences.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]
#![expect(
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "tables of cases, and JSON written where it is used"
)]

mod binding;
mod differential;
mod documents;
mod evaluation;
mod grants;
mod operators;
mod properties;
mod resources;
mod variables;
mod words;
