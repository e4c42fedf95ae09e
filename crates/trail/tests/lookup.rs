//! Look-ups, from memory and from old segments.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use trail::{
    Attribute, Draft, DraftFacts, Entry, LookupError, Node, Options, Query, Record, Resource,
    Trail, Unauthenticated,
};

const KEY_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234";

fn options() -> Options {
    let mut options = Options::new(Node::new("node-1").unwrap(), "111122223333", "eu-west-1");
    options.segment_bytes = 20_000;
    options
}

/// The record that comes `n`th, a second after the one before.
fn nth(n: i64) -> Record {
    let session = json!({
        "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/machine/i-0123", "accessKeyId": "ASIAX",
    });
    let mut facts = DraftFacts::example();
    facts.event_time = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(n);
    if n % 10 == 0 {
        facts.identity = session.into();
        facts.event_name = "GenerateDataKey".into();
    }
    if n % 25 == 0 {
        facts.identity = json!({ "type": "Root", "arn": "arn:aws:iam::111122223333:root" }).into();
        facts.event_source = "s3.amazonaws.com".into();
        facts.read_only = false;
        let bucket = Resource::new("arn:aws:s3:::bucket", "111122223333", "AWS::S3::Bucket");
        return Draft::new(facts).failed("AccessDenied", "no", vec![bucket]);
    }
    Draft::new(facts).succeeded(
        None,
        vec![Resource::new(KEY_ARN, "111122223333", "AWS::KMS::Key")],
    )
}

async fn filled(folder: &std::path::Path, count: i64) -> Trail {
    let trail = Trail::open(folder, options()).unwrap();
    for n in 1..=count {
        assert!(trail.append(Entry::Unwritten(nth(n))).await.unwrap().is_new);
    }
    trail
}

async fn all(trail: &Trail, mut query: Query) -> Vec<u64> {
    let mut found = Vec::new();
    for _ in 0..100 {
        let page = trail.lookup(query.clone()).await.unwrap();
        found.extend(page.found.iter().map(|found| found.sequence));
        query.token = page.next;
        if query.token.is_none() {
            return found;
        }
    }
    unreachable!("the pages never end");
}

fn by(attribute: Attribute) -> Query {
    Query {
        attribute: Some(attribute),
        limit: 3,
        ..Query::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attribute_finds_its_records_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let trail = filled(folder.path(), 60).await;
    let tens: Vec<u64> = vec![60, 50, 40, 30, 20, 10];
    let roots: Vec<u64> = vec![50, 25];
    let sessions: Vec<u64> = vec![60, 40, 30, 20, 10];
    let keys: Vec<u64> = (1..=60).rev().filter(|n| n % 25 != 0).collect();
    for (attribute, wanted) in [
        (Attribute::EventName("GenerateDataKey".into()), &tens),
        (Attribute::EventSource("s3.amazonaws.com".into()), &roots),
        (Attribute::ReadOnly(false), &roots),
        (Attribute::ReadOnly(true), &keys),
        (Attribute::Username("root".into()), &roots),
        (Attribute::Username("i-0123".into()), &sessions),
        (Attribute::AccessKeyId("ASIAX".into()), &sessions),
        (Attribute::ResourceType("AWS::S3::Bucket".into()), &roots),
        (Attribute::ResourceName("bucket".into()), &roots),
        (Attribute::ResourceName(KEY_ARN.into()), &keys),
        (Attribute::ResourceName("1234".into()), &keys),
        (Attribute::ResourceName("234".into()), &Vec::new()),
        (Attribute::Username("nobody".into()), &Vec::new()),
    ] {
        assert_eq!(
            &all(&trail, by(attribute.clone())).await,
            wanted,
            "{attribute:?}"
        );
    }
    let one = trail
        .lookup(Query {
            limit: 1,
            ..Query::default()
        })
        .await
        .unwrap()
        .found
        .remove(0);
    let id = Attribute::EventId(one.record.event_id().to_string());
    assert_eq!(all(&trail, by(id)).await, [60]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_finds_what_it_did_and_what_was_done_to_what_it_owns() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(folder.path(), options()).unwrap();
    let (one, other, third) = ("111122223333", "444455556666", "000000000001");
    for (caller, owner) in [(one, one), (other, other), (other, one)] {
        let facts = DraftFacts {
            recipient_account: caller.to_owned(),
            ..DraftFacts::example()
        };
        let key = Resource::new(KEY_ARN, owner, "AWS::KMS::Key");
        let record = Draft::new(facts).succeeded(None, vec![key]);
        assert!(trail.append(Entry::Unwritten(record)).await.unwrap().is_new);
    }
    let of = |account: &str| Query {
        account: Some(account.to_owned()),
        limit: 1,
        ..Query::default()
    };
    assert_eq!(all(&trail, of(one)).await, [3, 1]);
    assert_eq!(all(&trail, of(other)).await, [3, 2]);
    assert!(all(&trail, of(third)).await.is_empty());
    // Nor does a token of one look-up serve another account's.
    let token = trail.lookup(of(one)).await.unwrap().next;
    let borrowed = Query { token, ..of(other) };
    assert_eq!(trail.lookup(borrowed).await, Err(LookupError::Token));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_are_inclusive() {
    let folder = tempfile::tempdir().unwrap();
    let trail = filled(folder.path(), 20).await;
    let at = |second| Some(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second));
    assert_eq!(
        all(
            &trail,
            Query {
                start: at(5),
                end: at(7),
                ..Query::default()
            }
        )
        .await,
        [7, 6, 5]
    );
    assert_eq!(
        all(
            &trail,
            Query {
                start: at(19),
                ..Query::default()
            }
        )
        .await,
        [20, 19]
    );
    assert_eq!(
        all(
            &trail,
            Query {
                end: at(1),
                ..Query::default()
            }
        )
        .await,
        [1]
    );
}

/// Opening reads the last two segments into memory; what is older comes from the files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_records_come_from_their_segments() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 120).await);
    assert!(folder.path().join("00000004.jsonl").exists());
    let trail = Trail::open(folder.path(), options()).unwrap();
    assert_eq!(
        all(&trail, Query::default()).await,
        (1..=120).rev().collect::<Vec<_>>()
    );
    assert_eq!(
        all(&trail, by(Attribute::Username("root".into()))).await,
        [100, 75, 50, 25]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_stay_in_place_while_records_come_in() {
    let folder = tempfile::tempdir().unwrap();
    let trail = filled(folder.path(), 10).await;
    let first = trail
        .lookup(Query {
            limit: 4,
            ..Query::default()
        })
        .await
        .unwrap();
    assert!(
        trail
            .append(Entry::Unwritten(nth(11)))
            .await
            .unwrap()
            .is_new
    );
    let second = trail
        .lookup(Query {
            limit: 4,
            token: first.next,
            ..Query::default()
        })
        .await
        .unwrap();
    assert_eq!(
        second
            .found
            .iter()
            .map(|found| found.sequence)
            .collect::<Vec<_>>(),
        [6, 5, 4, 3]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_another_lookup_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trail = filled(folder.path(), 10).await;
    let token = trail
        .lookup(Query {
            limit: 4,
            ..Query::default()
        })
        .await
        .unwrap()
        .next;
    let other = Query {
        token,
        ..by(Attribute::ReadOnly(true))
    };
    assert_eq!(trail.lookup(other).await, Err(LookupError::Token));
    for token in [
        "",
        "!",
        "AAAA",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let query = Query {
            token: Some(token.into()),
            ..Query::default()
        };
        assert_eq!(
            trail.lookup(query).await,
            Err(LookupError::Token),
            "{token}"
        );
    }
}

#[test]
fn unauthenticated_requests_are_counted_and_their_file_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let strangers = Unauthenticated::new(folder.path(), 6000);
    for n in 1..=500 {
        strangers.note(&nth(n));
    }
    assert_eq!(strangers.seen(), 500);
    let sizes = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len());
    assert!(sizes.sum::<u64>() <= 6000);
    let text = fs::read_to_string(folder.path().join("unauthenticated.jsonl")).unwrap();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["event"]["eventVersion"], "1.11");
    }
    assert!(
        (1..=20).contains(&text.lines().count()),
        "a sample, not all"
    );
}
