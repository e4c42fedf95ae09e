//! S3 as its clients use it.

use crate::daemon::{Folder, Transport};

#[test]
fn objects_are_kept_listed_and_given_back_over_tls() {
    let folder = Folder::new();
    folder.serve(Transport::Tls).run("objects.py");
}

/// Without TLS botocore signs its chunks' trailer differently, and every other body as well.
#[test]
fn objects_are_kept_listed_and_given_back_over_plain_http() {
    let folder = Folder::new();
    folder.serve(Transport::Plain).run("objects.py");
}
