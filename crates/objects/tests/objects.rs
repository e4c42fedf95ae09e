//! Buckets and objects, as S3 has them, over the simulator's store and a real folder.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "tests, with tables of cases"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use objects::{
    Body, BodySource, Condition, Conditions, DeleteObjects, GetObject, GotObject, ListObjects,
    ListVersion, Listing, Objects, Operation, PutObject, RangeRequest, Response, names,
};
use policy::{Layers, Principal};
use store::{Fault, Memory, Store};
use trail::{Draft, DraftFacts, Entry, OUTBOX_PREFIX, Record};
use wire::checksum::ChecksumAlgorithm;
use wire::{ApiError, Scope};

const ACCOUNT: &str = "111122223333";
/// `printf hello | md5sum`
const HELLO_ETAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

struct World {
    store: Arc<Memory>,
    objects: Objects,
    folder: tempfile::TempDir,
    scope: Scope,
}

impl World {
    async fn new() -> Self {
        let store = Arc::new(Memory::new());
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(Arc::clone(&store) as Arc<dyn Store>, folder.path())
            .await
            .unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let scope = Scope {
            account: ACCOUNT.into(),
            region: "eu-west-1".into(),
            now,
        };
        Self {
            store,
            objects,
            folder,
            scope,
        }
    }

    async fn with_bucket() -> Self {
        let world = Self::new().await;
        world.ok(create("bucket")).await;
        world
    }

    /// All the way: asks, authorizes (as root), executes. The record comes with the answer.
    async fn run(&self, operation: Operation) -> (Result<Response, ApiError>, Entry) {
        let asks = match self.objects.asks(&operation, &self.scope) {
            Ok(asks) => asks,
            Err(error) => {
                let record = Draft::new(DraftFacts::example()).failed(
                    error.code,
                    &error.message,
                    Vec::new(),
                );
                return (Err(error), Entry::Unwritten(record));
            }
        };
        let facts = DraftFacts {
            event_name: operation.name().into(),
            request_parameters: Some(operation.request_parameters()),
            ..DraftFacts::example()
        };
        let root = Arc::new(Principal::root(ACCOUNT));
        let authorized = policy::authorize(
            operation,
            &asks,
            root,
            &Layers::default(),
            &policy::Context::new(),
        )
        .unwrap();
        let executed = self
            .objects
            .execute(authorized, &self.scope, Draft::new(facts))
            .await;
        (executed.answer, executed.entry)
    }

    async fn ok(&self, operation: Operation) -> Response {
        self.run(operation).await.0.unwrap()
    }

    async fn err(&self, operation: Operation) -> (&'static str, u16) {
        let error = self.run(operation).await.0.unwrap_err();
        (error.code, error.status)
    }

    async fn get(&self, get: GetObject) -> GotObject {
        match self.ok(Operation::GetObject(get)).await {
            Response::GetObject(got) => *got,
            other => panic!("{other:?}"),
        }
    }

    async fn list(&self, list: ListObjects) -> Listing {
        match self.ok(Operation::ListObjects(list)).await {
            Response::ListObjects(listing) => listing,
            other => panic!("{other:?}"),
        }
    }

    fn bodies(&self) -> usize {
        count(&self.folder.path().join("bodies"))
    }
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

fn create(bucket: &str) -> Operation {
    Operation::CreateBucket {
        bucket: bucket.into(),
        location: None,
    }
}

fn put_in(bucket: &str, key: &str, body: impl Into<Body>) -> PutObject {
    PutObject {
        bucket: bucket.into(),
        key: key.into(),
        body: body.into(),
        content_length: None,
        content_md5: None,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        conditions: Conditions::default(),
    }
}

fn put(key: &str, body: &'static str) -> Operation {
    Operation::PutObject(put_in("bucket", key, Bytes::from(body)))
}

fn if_absent(key: &str, body: &'static str) -> Operation {
    let conditions = Conditions {
        if_none_match: Some(Condition::parse("*")),
        ..Conditions::default()
    };
    Operation::PutObject(PutObject {
        conditions,
        ..put_in("bucket", key, Bytes::from(body))
    })
}

fn if_match(key: &str, etag: &str) -> Operation {
    let conditions = Conditions {
        if_match: Some(Condition::parse(etag)),
        ..Conditions::default()
    };
    Operation::PutObject(PutObject {
        conditions,
        ..put_in("bucket", key, Bytes::from("new"))
    })
}

fn get(key: &str) -> GetObject {
    GetObject {
        bucket: "bucket".into(),
        key: key.into(),
        sees_absence: true,
        ..GetObject::default()
    }
}

fn delete(key: &str) -> Operation {
    Operation::DeleteObject {
        bucket: "bucket".into(),
        key: key.into(),
    }
}

fn list() -> ListObjects {
    ListObjects {
        version: ListVersion::V2,
        bucket: "bucket".into(),
        prefix: None,
        delimiter: None,
        max_keys: None,
        start_after: None,
        token: None,
    }
}

async fn text(mut got: GotObject) -> String {
    let mut all = Vec::new();
    while let Some(chunk) = got.body.next().await.unwrap() {
        all.extend_from_slice(&chunk);
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn what_is_put_comes_back_with_all_that_was_said_of_it() {
    let world = World::with_bucket().await;
    let mut operation = put_in("bucket", "a/../b", Bytes::from("hello"));
    operation
        .headers
        .insert("content-type".into(), "text/plain".into());
    operation.metadata.insert("color".into(), "blue".into());
    operation.content_length = Some(5);
    let Response::PutObject(done) = world.ok(Operation::PutObject(operation)).await else {
        panic!()
    };
    assert_eq!(done.etag, HELLO_ETAG);
    let got = world.get(get("a/../b")).await;
    assert_eq!(
        (got.head.size, got.head.etag.as_str(), got.range),
        (5, HELLO_ETAG, None)
    );
    assert_eq!(got.head.headers["content-type"], "text/plain");
    assert_eq!(got.head.metadata["color"], "blue");
    assert_eq!(got.head.last_modified, world.scope.now);
    assert_eq!(text(got).await, "hello");
    let Response::HeadObject(head, None) = world.ok(Operation::HeadObject(get("a/../b"))).await
    else {
        panic!()
    };
    assert_eq!(head.etag, HELLO_ETAG);
}

#[tokio::test]
async fn no_name_becomes_a_files_name() {
    let world = World::with_bucket().await;
    for key in [
        "../../escape",
        "/etc/passwd",
        "nul\0",
        "new\nline",
        ".",
        "é",
    ] {
        world.ok(put(key, "x")).await;
        assert_eq!(text(world.get(get(key)).await).await, "x");
    }
    for file in std::fs::read_dir(world.folder.path().join("bodies")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(
            name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{name}"
        );
    }
    assert_eq!(
        (world.bodies(), count(&world.folder.path().join("incoming"))),
        (6, 0)
    );
}

#[tokio::test]
async fn names_follow_s3s_rules() {
    let world = World::with_bucket().await;
    for bad in [
        "ab",
        "Upper",
        "a_b",
        "-ab",
        "ab-",
        "a..b",
        "192.168.0.1",
        "xn--ab",
        "ab/cd",
        "ab-s3alias",
        "é-bucket",
    ] {
        assert_eq!(
            world.err(create(bad)).await,
            ("InvalidBucketName", 400),
            "{bad}"
        );
    }
    assert_eq!(
        world.err(create(&"a".repeat(64))).await.0,
        "InvalidBucketName"
    );
    for good in ["abc", "my.bucket-1", "1st"] {
        names::check_bucket(good).unwrap();
    }
    world.ok(put(&"k".repeat(1024), "x")).await;
    assert_eq!(
        world.err(put(&"k".repeat(1025), "x")).await,
        ("KeyTooLongError", 400)
    );
    assert_eq!(world.err(put("", "x")).await, ("InvalidArgument", 400));
}

#[tokio::test]
async fn buckets_are_made_listed_found_and_removed() {
    let world = World::with_bucket().await;
    assert_eq!(
        world.err(create("bucket")).await,
        ("BucketAlreadyOwnedByYou", 409)
    );
    let elsewhere = Operation::CreateBucket {
        bucket: "other".into(),
        location: Some("us-west-2".into()),
    };
    assert_eq!(
        world.err(elsewhere).await.0,
        "IllegalLocationConstraintException"
    );
    let here = Operation::CreateBucket {
        bucket: "another".into(),
        location: Some("eu-west-1".into()),
    };
    world.ok(here).await;
    let Response::ListBuckets(buckets) = world.ok(Operation::ListBuckets).await else {
        panic!()
    };
    let names: Vec<_> = buckets.iter().map(|bucket| bucket.name.as_str()).collect();
    assert_eq!(names, ["another", "bucket"]);
    let location = world
        .ok(Operation::GetBucketLocation {
            bucket: "bucket".into(),
        })
        .await;
    assert!(
        matches!(location, Response::GetBucketLocation { location: Some(region) } if region == "eu-west-1")
    );

    let remove = || Operation::DeleteBucket {
        bucket: "bucket".into(),
    };
    world.ok(put("a", "x")).await;
    assert_eq!(world.err(remove()).await, ("BucketNotEmpty", 409));
    world.ok(delete("a")).await;
    world.ok(remove()).await;
    assert_eq!(world.err(remove()).await, ("NoSuchBucket", 404));
    for operation in [
        Operation::HeadBucket {
            bucket: "bucket".into(),
        },
        Operation::GetObject(get("a")),
        put("a", "x"),
        delete("a"),
        Operation::ListObjects(list()),
    ] {
        assert_eq!(world.err(operation).await, ("NoSuchBucket", 404));
    }
    assert_eq!(world.bodies(), 0);
}

#[tokio::test]
async fn another_accounts_bucket_is_denied() {
    let mut world = World::with_bucket().await;
    world.ok(put("a", "x")).await;
    world.scope.account = "999999999999".into();
    assert_eq!(
        world.err(Operation::GetObject(get("a"))).await,
        ("AccessDenied", 403)
    );
    assert_eq!(world.err(put("b", "y")).await, ("AccessDenied", 403));
    assert_eq!(
        world.err(create("bucket")).await,
        ("BucketAlreadyExists", 409)
    );
    let Response::ListBuckets(buckets) = world.ok(Operation::ListBuckets).await else {
        panic!()
    };
    assert!(buckets.is_empty());
}

#[tokio::test]
async fn what_is_missing_is_denied_to_whoever_may_not_list() {
    let world = World::with_bucket().await;
    let blind = || GetObject {
        sees_absence: false,
        ..get("missing")
    };
    assert_eq!(
        world.err(Operation::GetObject(get("missing"))).await,
        ("NoSuchKey", 404)
    );
    assert_eq!(
        world.err(Operation::GetObject(blind())).await,
        ("AccessDenied", 403)
    );
    assert_eq!(
        world.err(Operation::HeadObject(blind())).await,
        ("AccessDenied", 403)
    );
    let ask = world
        .objects
        .listing_ask(&Operation::GetObject(blind()), &world.scope)
        .unwrap();
    assert_eq!(
        (ask.action.as_str(), ask.resource.as_str()),
        ("s3:ListBucket", "arn:aws:s3:::bucket")
    );
}

#[tokio::test]
async fn if_none_match_never_overwrites() {
    let world = World::with_bucket().await;
    world.ok(if_absent("a", "first")).await;
    assert_eq!(
        world.err(if_absent("a", "second")).await,
        ("PreconditionFailed", 412)
    );
    assert_eq!(text(world.get(get("a")).await).await, "first");
    assert_eq!(world.bodies(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_put_if_none_match_one_wins() {
    let world = Arc::new(World::with_bucket().await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                world
                    .run(if_absent("a", "x"))
                    .await
                    .0
                    .map_err(|error| error.code)
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(code) => assert_eq!(code, "PreconditionFailed"),
        }
    }
    assert_eq!((won, world.bodies()), (1, 1));
}

#[tokio::test]
async fn if_match_overwrites_only_what_was_seen() {
    let world = World::with_bucket().await;
    assert_eq!(
        world.err(if_match("a", HELLO_ETAG)).await,
        ("NoSuchKey", 404)
    );
    world.ok(put("a", "hello")).await;
    assert_eq!(
        world.err(if_match("a", "\"0123\"")).await,
        ("PreconditionFailed", 412)
    );
    world.ok(if_match("a", HELLO_ETAG)).await;
    assert_eq!(text(world.get(get("a")).await).await, "new");
}

#[tokio::test]
async fn conditional_reads_answer_as_http_says() {
    let world = World::with_bucket().await;
    world.ok(put("a", "hello")).await;
    let (before, at) = (
        world.scope.now - SignedDuration::from_secs(1),
        world.scope.now,
    );
    let tag = |tag| Some(Condition::parse(tag));
    let none = Conditions::default;
    for (conditions, wanted) in [
        (
            Conditions {
                if_match: tag(HELLO_ETAG),
                ..none()
            },
            "ok",
        ),
        (
            Conditions {
                if_match: tag("*"),
                ..none()
            },
            "ok",
        ),
        (
            Conditions {
                if_match: tag("\"x\", \"y\""),
                ..none()
            },
            "PreconditionFailed",
        ),
        (
            Conditions {
                if_none_match: tag("\"x\""),
                ..none()
            },
            "ok",
        ),
        (
            Conditions {
                if_none_match: tag(&format!("\"x\", W/{HELLO_ETAG}")),
                ..none()
            },
            "NotModified",
        ),
        (
            Conditions {
                if_modified_since: Some(at),
                ..none()
            },
            "NotModified",
        ),
        (
            Conditions {
                if_modified_since: Some(before),
                ..none()
            },
            "ok",
        ),
        (
            Conditions {
                if_unmodified_since: Some(before),
                ..none()
            },
            "PreconditionFailed",
        ),
        (
            Conditions {
                if_unmodified_since: Some(at),
                ..none()
            },
            "ok",
        ),
        // The entity tag outranks the time.
        (
            Conditions {
                if_match: tag(HELLO_ETAG),
                if_unmodified_since: Some(before),
                ..none()
            },
            "ok",
        ),
        (
            Conditions {
                if_none_match: tag("\"x\""),
                if_modified_since: Some(at),
                ..none()
            },
            "ok",
        ),
    ] {
        let request = GetObject {
            conditions: conditions.clone(),
            ..get("a")
        };
        let found = match world.run(Operation::GetObject(request)).await.0 {
            Ok(Response::GetObject(_)) => "ok",
            Ok(Response::NotModified(_)) => "NotModified",
            Ok(other) => panic!("{other:?}"),
            Err(error) => error.code,
        };
        assert_eq!(found, wanted, "{conditions:?}");
    }
}

#[tokio::test]
async fn ranges_are_parts_of_the_object() {
    let world = World::with_bucket().await;
    world.ok(put("a", "0123456789")).await;
    for (header, wanted) in [
        ("bytes=0-3", Ok(("0123", "bytes 0-3/10"))),
        ("bytes=7-", Ok(("789", "bytes 7-9/10"))),
        ("bytes=8-99", Ok(("89", "bytes 8-9/10"))),
        ("bytes=-3", Ok(("789", "bytes 7-9/10"))),
        ("bytes=-99", Ok(("0123456789", "bytes 0-9/10"))),
        ("bytes=10-", Err("InvalidRange")),
        ("bytes=-0", Err("InvalidRange")),
    ] {
        let request = GetObject {
            range: RangeRequest::parse(header),
            ..get("a")
        };
        assert!(request.range.is_some());
        match (world.run(Operation::GetObject(request)).await.0, wanted) {
            (Ok(Response::GetObject(got)), Ok((wanted, content_range))) => {
                assert_eq!(got.range.unwrap().header(), content_range);
                assert_eq!(got.body.remaining(), got.range.unwrap().len());
                assert_eq!(text(*got).await, wanted, "{header}");
            }
            (Err(error), Err(code)) => assert_eq!((error.code, error.status), (code, 416)),
            (found, _) => panic!("{header}: {found:?}"),
        }
    }
    for ignored in [
        "bytes=5-2",
        "bytes=a-b",
        "bytes=+1-2",
        "chars=0-1",
        "bytes=0-1,3-4",
        "bytes=-",
        "bytes",
    ] {
        assert_eq!(RangeRequest::parse(ignored), None, "{ignored}");
    }
}

/// A body in pieces that ends in a fault, or with a checksum.
struct Pieces(Vec<Result<Bytes, ApiError>>);

#[async_trait]
impl BodySource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        if self.0.is_empty() {
            Ok(None)
        } else {
            self.0.remove(0).map(Some)
        }
    }

    fn checksum(&self) -> Option<(ChecksumAlgorithm, Vec<u8>)> {
        Some((ChecksumAlgorithm::Crc32, vec![0x36, 0x10, 0xa6, 0x86]))
    }
}

#[tokio::test]
async fn a_body_that_fails_leaves_nothing() {
    let world = World::with_bucket().await;
    world.ok(put("a", "old")).await;
    let cut = Pieces(vec![
        Ok(Bytes::from("hel")),
        Err(ApiError::sender("IncompleteBody", 400, "")),
    ]);
    let wrong_md5 = PutObject {
        content_md5: Some([0; 16]),
        ..put_in("bucket", "a", Bytes::from("hello"))
    };
    let wrong_length = PutObject {
        content_length: Some(6),
        ..put_in("bucket", "a", Bytes::from("hello"))
    };
    for (put, code) in [
        (put_in("bucket", "a", Body::new(cut)), "IncompleteBody"),
        (wrong_md5, "BadDigest"),
        (wrong_length, "IncompleteBody"),
        (
            PutObject {
                content_length: Some(6 << 30),
                ..put_in("bucket", "a", Bytes::new())
            },
            "EntityTooLarge",
        ),
    ] {
        assert_eq!(world.err(Operation::PutObject(put)).await, (code, 400));
    }
    assert_eq!(text(world.get(get("a")).await).await, "old");
    assert_eq!(
        (world.bodies(), count(&world.folder.path().join("incoming"))),
        (1, 0)
    );
}

#[tokio::test]
async fn a_checksum_is_kept_and_returned() {
    let world = World::with_bucket().await;
    let pieces = Pieces(vec![Ok(Bytes::from("hel")), Ok(Bytes::from("lo"))]);
    world
        .ok(Operation::PutObject(put_in(
            "bucket",
            "a",
            Body::new(pieces),
        )))
        .await;
    let got = world.get(get("a")).await;
    let checksum = got.head.checksum.clone().unwrap();
    assert_eq!(
        (checksum.algorithm.as_str(), checksum.value.as_str()),
        ("CRC32", "NhCmhg==")
    );
    assert_eq!(checksum.header_name(), Some("x-amz-checksum-crc32"));
    assert_eq!(text(got).await, "hello");
}

#[tokio::test]
async fn an_object_that_is_being_read_outlives_its_deletion() {
    let world = World::with_bucket().await;
    world.ok(put("a", "old")).await;
    let reading = world.get(get("a")).await;
    world.ok(put("a", "newer")).await;
    let second = world.get(get("a")).await;
    world.ok(delete("a")).await;
    assert_eq!(world.bodies(), 0);
    assert_eq!(
        (text(reading).await, text(second).await),
        ("old".into(), "newer".into())
    );
    assert_eq!(
        world.err(Operation::GetObject(get("a"))).await.0,
        "NoSuchKey"
    );
    world.ok(delete("a")).await;
}

#[tokio::test]
async fn bytes_that_changed_on_disk_are_not_served_as_the_object() {
    let world = World::with_bucket().await;
    world.ok(put("a", "hello")).await;
    let file = std::fs::read_dir(world.folder.path().join("bodies"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for damaged in ["jello", "hell"] {
        std::fs::write(&file, damaged).unwrap();
        let mut got = world.get(get("a")).await;
        got.body.next().await.unwrap_err();
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        world.err(Operation::GetObject(get("a"))).await,
        ("InternalError", 500)
    );
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let world = World::with_bucket().await;
    for key in ["a", "b", "c"] {
        world.ok(put(key, "x")).await;
    }
    let keys = |keys: &[&str]| DeleteObjects {
        bucket: "bucket".into(),
        keys: keys.iter().map(|k| (*k).into()).collect(),
    };
    let operation = Operation::DeleteObjects(keys(&["a", "c", "missing", "a"]));
    let Response::DeleteObjects(deleted) = world.ok(operation).await else {
        panic!()
    };
    let deleted: Vec<_> = deleted.iter().map(|deleted| deleted.key.as_str()).collect();
    assert_eq!(deleted, ["a", "c", "missing", "a"]);
    assert_eq!(world.list(list()).await.objects.len(), 1);
    assert_eq!(world.bodies(), 1);
    assert_eq!(
        world.err(Operation::DeleteObjects(keys(&[]))).await,
        ("MalformedXML", 400)
    );
    assert_eq!(
        world
            .err(Operation::DeleteObjects(keys(&["k"; 1001])))
            .await,
        ("MalformedXML", 400)
    );
}

/// The listing that S3's documentation defines, by brute force over all keys.
fn expected(keys: &[&str], prefix: &str, delimiter: &str) -> Vec<String> {
    let mut shown = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let end = key[prefix.len()..]
            .find(delimiter)
            .filter(|_| !delimiter.is_empty());
        let name = end
            .map_or(*key, |end| &key[..prefix.len() + end + delimiter.len()])
            .to_owned();
        if shown.last() != Some(&name) {
            shown.push(name);
        }
    }
    shown
}

#[tokio::test]
async fn lists_in_pages_of_any_size_show_everything_once() {
    let world = World::with_bucket().await;
    let mut keys = vec![
        "a",
        "a/",
        "a/1",
        "a/2",
        "a/b/c",
        "a/\u{10FFFF}",
        "a/\u{10FFFF}/x",
        "a/\u{10FFFF}y",
        "a0",
        "b/1",
        "b/2",
        "c",
        "d/e/f",
        "é/x",
        "z",
    ];
    keys.sort_unstable();
    for key in &keys {
        world.ok(put(key, "x")).await;
    }
    for version in [ListVersion::V1, ListVersion::V2] {
        for (prefix, delimiter) in [
            ("", ""),
            ("", "/"),
            ("a", "/"),
            ("a/", "/"),
            ("b", ""),
            ("x", "/"),
            ("", "1"),
        ] {
            for max_keys in [1, 2, 3, 1000] {
                let mut request = ListObjects {
                    version,
                    prefix: Some(prefix.into()),
                    delimiter: Some(delimiter.into()),
                    max_keys: Some(max_keys),
                    ..list()
                };
                let mut shown = Vec::new();
                for _ in 0..40 {
                    let page = world.list(request.clone()).await;
                    let mut names: Vec<_> = page
                        .objects
                        .iter()
                        .map(|object| object.key.clone())
                        .collect();
                    names.extend(page.common_prefixes);
                    names.sort();
                    assert!(names.len() <= max_keys as usize);
                    let last = names.last().cloned();
                    shown.extend(names);
                    if !page.is_truncated {
                        break;
                    }
                    match version {
                        ListVersion::V2 => request.token = Some(page.next_token.unwrap()),
                        ListVersion::V1 => request.start_after = page.next_marker.or(last),
                    }
                }
                let wanted = expected(&keys, prefix, delimiter);
                assert_eq!(
                    shown, wanted,
                    "{version:?} {prefix:?} {delimiter:?} {max_keys}"
                );
            }
        }
    }
    let behind = world
        .list(ListObjects {
            start_after: Some("b/2".into()),
            ..list()
        })
        .await;
    assert_eq!(behind.objects[0].key, "c");
    assert_eq!(
        world
            .list(ListObjects {
                max_keys: Some(0),
                ..list()
            })
            .await,
        Listing::default()
    );
    let bad = ListObjects {
        token: Some("!".into()),
        ..list()
    };
    assert_eq!(
        world.err(Operation::ListObjects(bad)).await,
        ("InvalidArgument", 400)
    );
}

#[tokio::test]
async fn a_change_is_committed_with_its_record_and_a_read_is_not() {
    let world = World::with_bucket().await;
    for operation in [
        put("a", "x"),
        delete("a"),
        create("second"),
        Operation::DeleteBucket {
            bucket: "second".into(),
        },
    ] {
        let name = operation.name();
        let (answer, entry) = world.run(operation).await;
        answer.unwrap();
        let Entry::InStore(record) = entry else {
            panic!("{name}: {entry:?}")
        };
        let key = store::Key::new(trail::outbox_key(record.event_id())).unwrap();
        let waiting = world.store.get(&key).await.unwrap().unwrap();
        assert_eq!(Record::from_bytes(waiting.value.to_vec()).unwrap(), record);
    }
    let before = world
        .store
        .scan(OUTBOX_PREFIX, None, 100)
        .await
        .unwrap()
        .len();
    world.ok(put("a", "x")).await;
    let (_, read) = world.run(Operation::GetObject(get("a"))).await;
    let (_, failed) = world.run(if_absent("a", "x")).await;
    assert_eq!(
        world
            .store
            .scan(OUTBOX_PREFIX, None, 100)
            .await
            .unwrap()
            .len(),
        before + 1
    );
    let Entry::Unwritten(read) = read else {
        panic!()
    };
    let text = String::from_utf8(read.bytes().to_vec()).unwrap();
    assert!(
        text.contains(r#""requestParameters":{"bucketName":"bucket","key":"a"}"#),
        "{text}"
    );
    assert!(text.contains("arn:aws:s3:::bucket/a"), "{text}");
    let Entry::Unwritten(failed) = failed else {
        panic!()
    };
    assert!(
        String::from_utf8(failed.bytes().to_vec())
            .unwrap()
            .contains(r#""errorCode":"PreconditionFailed""#)
    );
}

#[tokio::test]
async fn a_store_that_fails_leaves_object_and_bodies_as_they_were() {
    let world = World::with_bucket().await;
    world.ok(put("a", "old")).await;
    for fault in [Fault::Full, Fault::Unavailable] {
        world.store.inject(fault);
        assert_eq!(
            world.err(put("a", "new")).await,
            ("ServiceUnavailable", 503)
        );
    }
    world.store.inject(Fault::Conflict);
    world.ok(put("b", "x")).await;
    assert_eq!(text(world.get(get("a")).await).await, "old");
    assert_eq!(world.bodies(), 2);
}

/// The crash between commit and answer: whichever body the record names is there, and no other is left.
#[tokio::test]
async fn after_a_crash_the_folder_follows_the_store() {
    for (fault, wanted) in [
        (Fault::CrashBeforeCommit, "old"),
        (Fault::CrashAfterCommit, "new"),
    ] {
        let mut world = World::with_bucket().await;
        world.ok(put("a", "old")).await;
        world.store.inject(fault);
        assert_eq!(world.err(put("a", "new")).await.1, 503);
        std::fs::write(world.folder.path().join("incoming/torn"), "half").unwrap();
        world.store.reopen();
        let store = Arc::clone(&world.store) as Arc<dyn Store>;
        world.objects = Objects::open(store, world.folder.path()).await.unwrap();
        assert_eq!(text(world.get(get("a")).await).await, wanted, "{fault:?}");
        assert_eq!(
            (world.bodies(), count(&world.folder.path().join("incoming"))),
            (1, 0)
        );
    }
}

#[tokio::test]
async fn every_operation_asks_for_what_s3_asks() {
    let world = World::with_bucket().await;
    let listing = ListObjects {
        prefix: Some("p".into()),
        delimiter: Some("/".into()),
        max_keys: Some(7),
        ..list()
    };
    let bucket = || "bucket".to_owned();
    for (operation, action, resource) in [
        (Operation::ListBuckets, "s3:ListAllMyBuckets", "*"),
        (create("bucket"), "s3:CreateBucket", "arn:aws:s3:::bucket"),
        (
            Operation::HeadBucket { bucket: bucket() },
            "s3:ListBucket",
            "arn:aws:s3:::bucket",
        ),
        (
            Operation::DeleteBucket { bucket: bucket() },
            "s3:DeleteBucket",
            "arn:aws:s3:::bucket",
        ),
        (
            Operation::GetBucketLocation { bucket: bucket() },
            "s3:GetBucketLocation",
            "arn:aws:s3:::bucket",
        ),
        (put("a/b", ""), "s3:PutObject", "arn:aws:s3:::bucket/a/b"),
        (
            Operation::GetObject(get("a/b")),
            "s3:GetObject",
            "arn:aws:s3:::bucket/a/b",
        ),
        (
            Operation::HeadObject(get("a/b")),
            "s3:GetObject",
            "arn:aws:s3:::bucket/a/b",
        ),
        (delete("a/b"), "s3:DeleteObject", "arn:aws:s3:::bucket/a/b"),
        (
            Operation::ListObjects(listing),
            "s3:ListBucket",
            "arn:aws:s3:::bucket",
        ),
    ] {
        let asks = world.objects.asks(&operation, &world.scope).unwrap();
        assert_eq!(asks.len(), 1);
        assert_eq!(
            (asks[0].action.as_str(), asks[0].resource.as_str()),
            (action, resource)
        );
        if let Operation::ListObjects(_) = operation {
            for (key, value) in [
                ("s3:prefix", "p"),
                ("s3:delimiter", "/"),
                ("s3:max-keys", "7"),
            ] {
                assert_eq!(asks[0].context.get(key), [value]);
            }
        }
    }
    let both = DeleteObjects {
        bucket: bucket(),
        keys: vec!["a".into(), "b".into()],
    };
    let asks = world
        .objects
        .asks(&Operation::DeleteObjects(both), &world.scope)
        .unwrap();
    let resources: Vec<_> = asks.iter().map(|ask| ask.resource.as_str()).collect();
    assert_eq!(
        resources,
        ["arn:aws:s3:::bucket/a", "arn:aws:s3:::bucket/b"]
    );
}
