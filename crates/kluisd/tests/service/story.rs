//! The one story that the product stands on: a machine that may fetch one object and unwrap with one key, and nothing else.

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
