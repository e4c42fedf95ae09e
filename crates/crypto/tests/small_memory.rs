//! A machine without the memory that a password hash asks for. Alone in its file, because the limit is the whole
//! process's.
#![allow(clippy::unwrap_used, reason = "tests")]

use crypto::{Argon2Cost, Argon2Variant, Error};
use rustix::process::{Resource, Rlimit, setrlimit};

#[test]
fn an_argon2_hash_that_finds_no_memory_is_an_error_and_not_the_end_of_the_process() {
    setrlimit(
        Resource::As,
        Rlimit {
            current: Some(1 << 30),
            maximum: Some(1 << 30),
        },
    )
    .unwrap();
    let cost = Argon2Cost {
        time: 1,
        memory_kib: 4 << 20,
        lanes: 1,
    };
    let outcome = crypto::argon2(
        Argon2Variant::Id,
        cost,
        b"password",
        b"somesalt",
        &mut [0; 32],
    );
    assert!(
        matches!(outcome, Err(Error::Argon2Memory { kib: 4_194_304 })),
        "{outcome:?}"
    );
}
