//! The stories that the product stands on: who may what, and for how long.

use crate::daemon::{Folder, Transport};

#[test]
fn a_machine_may_what_its_role_and_the_key_policy_say_and_no_longer_than_they_say_it() {
    let folder = Folder::new();
    folder.serve(Transport::Plain).run("story.py");
}

#[test]
fn key_policies_bind_the_encryption_context_to_the_principal() {
    let folder = Folder::new();
    folder.serve(Transport::Plain).run("context.py");
}

#[test]
fn a_grant_lets_whom_it_names_until_it_ends() {
    let folder = Folder::new();
    folder.serve(Transport::Plain).run("grants.py");
}

#[test]
fn conditions_see_what_the_gate_knows_of_a_request() {
    let folder = Folder::new();
    folder.serve(Transport::Tls).run("conditions.py");
}
