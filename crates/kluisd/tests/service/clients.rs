//! Clients that others wrote, as black boxes. What each does is its script in `tests/clients`.

use crate::daemon::{Daemon, Folder, Transport, serve, succeed};

/// The environment of clients that go together.
const CLIENTS: &str = "clients";
/// The environment of the encryption SDK's newest version, which its own command line does not bear.
const ENCRYPTION_SDK: &str = "encryption-sdk";

fn run(environment: &str, script: &str) {
    let folder = Folder::new();
    let daemon = folder.serve(Transport::Tls);
    succeed(&mut daemon.client_of(environment, script));
}

#[test]
fn boto3_calls_every_operation_that_is_served() {
    run(CLIENTS, "every_operation.py");
}

#[test]
fn the_encryption_sdk_encrypts_and_decrypts_under_keyrings() {
    run(ENCRYPTION_SDK, "encryption_sdk.py");
}

#[test]
fn the_encryption_sdks_command_line_and_sops_round_trip_files() {
    run(CLIENTS, "command_lines.py");
}

#[test]
fn what_the_service_makes_is_what_an_independent_implementation_makes() {
    run(CLIENTS, "independent.py");
}

#[test]
fn material_that_others_made_and_wrapped_does_what_it_does_with_them() {
    run(CLIENTS, "imported.py");
}

#[test]
fn every_constraint_of_awss_model_is_held_in_awss_words() {
    run(CLIENTS, "conformance.py");
}

#[test]
fn every_operation_works_across_accounts_where_aws_lets_it_and_nowhere_else() {
    let folder = Folder::new();
    let mut command = serve(&folder.data());
    command.args(["--account", "111122223333", "--account", "444455556666"]);
    let daemon = Daemon::start(command, folder.data());
    succeed(&mut daemon.client_of(CLIENTS, "across_accounts.py"));
}
