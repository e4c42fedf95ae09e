//! Requests that are wrong: each gets AWS's code and status, and nothing changes.

use crate::daemon::{Folder, Transport};

#[test]
fn a_malformed_request_is_refused_in_awss_words_and_changes_nothing() {
    let folder = Folder::new();
    folder.serve(Transport::Plain).run("malformed.py");
}
