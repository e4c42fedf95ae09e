//! The seeds' posts that the service alone makes true, each played by its own script in `tests/seeds`.

use std::path::Path;
use std::process::Command;

use crate::daemon::{KLUISD, facts, succeed, workspace};

fn play(post: &str) {
    let programs = Path::new(KLUISD).parent().unwrap();
    let mut script = Command::new(workspace().join("tests/seeds").join(post));
    succeed(script.arg(programs).env("KLUIS_FACTS", facts()));
}

#[test]
fn signatures_verify_locally_with_openssl_as_seed_003_prints_it() {
    play("003/verify-with-openssl");
}

#[test]
fn files_are_signed_and_verified_as_seed_003_prints_it() {
    play("003/digital-signing");
}

#[test]
fn roles_that_only_encrypt_and_only_decrypt_are_isolated_as_seed_003_has_it() {
    play("003/encrypt-only-decrypt-only");
}

#[test]
fn a_post_quantum_client_is_served_as_seed_003_has_it() {
    play("003/post-quantum-tls");
}

#[test]
fn a_quota_that_is_nearly_used_up_is_heard_of_as_seed_003_has_it() {
    play("003/quota-alarm");
}
