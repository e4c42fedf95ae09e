//! Nobody does anything without leave, and nothing goes unrecorded: for every operation that there is.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use objects::{DeleteObjects, GetObject, ListObjects, Operation, PutObject};
use serde_json::json;

use crate::daemon::{Folder, Transport, rest};

/// The operation's name in S3's model. A new operation does not compile until it is here, and fails the test until the script has a case.
fn s3_name(operation: &Operation) -> &'static str {
    match operation {
        Operation::ListBuckets => "ListBuckets",
        Operation::CreateBucket { .. } => "CreateBucket",
        Operation::HeadBucket { .. } => "HeadBucket",
        Operation::DeleteBucket { .. } => "DeleteBucket",
        Operation::GetBucketLocation { .. } => "GetBucketLocation",
        Operation::PutObject(PutObject { .. }) => "PutObject",
        Operation::GetObject(GetObject { .. }) => "GetObject",
        Operation::HeadObject(_) => "HeadObject",
        Operation::DeleteObject { .. } => "DeleteObject",
        Operation::DeleteObjects(DeleteObjects { .. }) => "DeleteObjects",
        Operation::ListObjects(ListObjects { .. }) => "ListObjects or ListObjectsV2",
    }
}

/// What [`s3_name`] can say.
const S3: [&str; 12] = [
    "ListBuckets",
    "CreateBucket",
    "HeadBucket",
    "DeleteBucket",
    "GetBucketLocation",
    "PutObject",
    "GetObject",
    "HeadObject",
    "DeleteObject",
    "DeleteObjects",
    "ListObjects",
    "ListObjectsV2",
];

#[test]
fn every_operation_is_refused_unsigned_and_without_leave_and_is_audited() {
    let _: fn(&Operation) -> &'static str = s3_name;
    let mut operations: BTreeMap<&str, Vec<&str>> = wire::SERVICES
        .iter()
        .map(|service| {
            let names = service.operations.iter().map(|operation| operation.name);
            (service.name, names.collect())
        })
        .collect();
    operations.insert("s3", S3.to_vec());
    let folder = Folder::new();
    let daemon = folder.serve(Transport::Plain);

    let mut client = daemon
        .client("authority.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client
        .stdin
        .take()
        .unwrap()
        .write_all(json!(operations).to_string().as_bytes())
        .unwrap();
    let said = rest(&mut client);

    assert!(client.wait().unwrap().success(), "{said}");
}
