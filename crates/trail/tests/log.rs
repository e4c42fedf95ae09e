//! Appending, reopening, recovering.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use trail::verify::verify;
use trail::{
    Appended, CheckpointOptions, Draft, DraftFacts, Entry, Node, Options, PublicKey, Record,
    Resource, Trail, TrailError, outbox_key,
};

const SEED: [u8; 32] = [7; 32];

fn key() -> crypto::Ed25519Key {
    let mut seed = SEED;
    let seed = crypto::Secret::build(|secret| {
        secret.copy_from_slice(&seed);
        seed.fill(0);
        Ok::<(), crypto::Error>(())
    });
    crypto::Ed25519Key::from_seed(&seed.unwrap()).unwrap()
}

fn public() -> PublicKey {
    PublicKey(key().public_key())
}

fn options() -> Options {
    let mut options = Options::new(Node::new("node-1").unwrap(), "111122223333", "eu-west-1");
    options.checkpoints = Some(CheckpointOptions::new(key()));
    options
}

fn small_segments() -> Options {
    Options {
        segment_bytes: 4000,
        ..options()
    }
}

fn record(name: &str) -> Record {
    let facts = DraftFacts {
        event_name: name.into(),
        ..DraftFacts::example()
    };
    Draft::new(facts).succeeded(
        None,
        vec![Resource::new(
            "arn:aws:kms:eu-west-1:1:key/k",
            "1",
            "AWS::KMS::Key",
        )],
    )
}

async fn append(trail: &Trail, record: Record) -> u64 {
    trail
        .append(Entry::Unwritten(record))
        .await
        .unwrap()
        .sequence
}

async fn filled(folder: &Path, options: Options, count: u64) {
    let trail = Trail::open(folder, options).unwrap();
    for n in 1..=count {
        assert!(append(&trail, record(&format!("Op{n}"))).await >= n);
    }
    trail.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(folder.path(), options()).unwrap();
    let record = record("Decrypt");
    append(&trail, record.clone()).await;
    let text = fs::read_to_string(folder.path().join("00000001.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (line["seq"].as_u64(), line["node"].as_str()),
        (Some(1), Some("node-1"))
    );
    assert_eq!(line["chain"], trail.position().chain.to_string());
    assert_eq!(
        line["event"],
        serde_json::from_slice::<serde_json::Value>(record.bytes()).unwrap()
    );
    assert!(
        text.contains(std::str::from_utf8(record.bytes()).unwrap()),
        "the exact bytes"
    );
}

/// The formula, spelled out once more by hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_is_the_one_in_the_design() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(folder.path(), options()).unwrap();
    let mut chain = [0; 32];
    for sequence in 1..=3_u64 {
        let record = record("Decrypt");
        append(&trail, record.clone()).await;
        let mut hashed = vec![0x01, 0, 0, 0, 0, 0, 0, 0, 6];
        hashed.extend_from_slice(b"node-1");
        hashed.extend_from_slice(&sequence.to_be_bytes());
        hashed.extend_from_slice(&chain);
        hashed.extend_from_slice(&(record.bytes().len() as u64).to_be_bytes());
        hashed.extend_from_slice(record.bytes());
        chain = crypto::sha256(&[&hashed]);
        assert_eq!(trail.position().chain.0, chain);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_goes_on_after_reopening_and_across_segments() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        filled(folder.path(), small_segments(), 8).await;
    }
    let report = verify(folder.path(), &public(), None).unwrap();
    assert_eq!(
        (report.records, report.vouched_for, report.checkpoints),
        (32, 32, 4)
    );
    assert!(
        folder.path().join("00000004.jsonl").exists(),
        "several segments"
    );
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.path()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_share_syncs_and_each_gets_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Arc::new(Trail::open(folder.path(), small_segments()).unwrap());
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let trail = Arc::clone(&trail);
            tokio::spawn(async move { append(&trail, record("Decrypt")).await })
        })
        .collect();
    let mut places = Vec::new();
    for task in tasks {
        places.push(task.await.unwrap());
    }
    places.sort_unstable();
    assert_eq!(places, (1..=200).collect::<Vec<_>>());
    drop(trail);
    assert_eq!(verify(folder.path(), &public(), None).unwrap().records, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_appended_twice_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let record = record("CreateKey");
    let trail = Trail::open(folder.path(), options()).unwrap();
    let outbox_key = Some(outbox_key(record.event_id()));
    let first = trail.append(Entry::InStore(record.clone())).await.unwrap();
    assert_eq!(
        first,
        Appended {
            sequence: 1,
            is_new: true,
            outbox_key: outbox_key.clone()
        }
    );
    trail.close().await;
    // The crash came before the store's copy was deleted; it is drained again.
    let waiting = Record::from_bytes(record.bytes()).unwrap();
    let trail = Trail::open(folder.path(), options()).unwrap();
    let again = trail.append(Entry::InStore(waiting)).await.unwrap();
    assert_eq!(
        again,
        Appended {
            sequence: 1,
            is_new: false,
            outbox_key
        }
    );
    assert_eq!(trail.position().sequence, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_last_line_is_cut_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000001.jsonl");
    filled(
        folder.path(),
        Options {
            checkpoints: None,
            ..options()
        },
        3,
    )
    .await;
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for length in (last..whole.len()).step_by(7).chain([whole.len() - 1]) {
        fs::write(&path, &whole[..length]).unwrap();
        let trail = Trail::open(folder.path(), options()).unwrap();
        assert_eq!(
            trail.position().sequence,
            2,
            "torn at {length} of {}",
            whole.len()
        );
        assert_eq!(append(&trail, record("Next")).await, 3);
        drop(trail);
        assert_eq!(verify(folder.path(), &public(), None).unwrap().records, 3);
        fs::remove_file(folder.path().join("checkpoints.jsonl")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anything_but_a_torn_tail_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000001.jsonl");
    filled(folder.path(), options(), 3).await;
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, whole.replacen("Op2", "Op9", 1)).unwrap();
    let error = Trail::open(folder.path(), options()).unwrap_err();
    let TrailError::Corrupt { place, .. } = error else {
        unreachable!("{error}")
    };
    let second = whole.lines().next().unwrap().len() as u64 + 1;
    assert_eq!(
        (place.file.as_str(), place.line, place.offset),
        ("00000001.jsonl", 2, second)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_cut_behind_a_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("00000001.jsonl");
    filled(folder.path(), options(), 3).await;
    let whole = fs::read_to_string(&path).unwrap();
    let cut: String = whole.split_inclusive('\n').take(2).collect();
    fs::write(&path, cut).unwrap();
    assert_eq!(
        Trail::open(folder.path(), options()).unwrap_err(),
        TrailError::Rewound { sequence: 3 }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_segment_and_another_node_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), small_segments(), 20).await;
    let other = Options {
        node: Node::new("node-2").unwrap(),
        ..small_segments()
    };
    assert!(matches!(
        Trail::open(folder.path(), other),
        Err(TrailError::Corrupt { .. })
    ));
    fs::remove_file(folder.path().join("00000002.jsonl")).unwrap();
    let error = Trail::open(folder.path(), small_segments()).unwrap_err();
    assert!(error.to_string().contains("00000002.jsonl"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_is_held_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(folder.path(), options()).unwrap();
    assert!(matches!(
        Trail::open(folder.path(), options()),
        Err(TrailError::InUse { .. })
    ));
    drop(trail);
    drop(Trail::open(folder.path(), options()).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_come_by_number_by_time_and_in_copy() {
    let folder = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let mut options = options();
    let keeping = options.checkpoints.as_mut().unwrap();
    keeping.copies = Some(copies.path().to_owned());
    keeping.every_records = 2;
    keeping.every = std::time::Duration::from_millis(20);
    let trail = Trail::open(folder.path(), options).unwrap();
    for _ in 0..3 {
        append(&trail, record("Decrypt")).await;
    }
    let path = copies.path().join("checkpoints.jsonl");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while fs::read_to_string(&path).map_or(0, |text| text.lines().count()) < 2 {
        assert!(
            std::time::Instant::now() < deadline,
            "the second checkpoint never came"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let report = verify(folder.path(), &public(), Some(copies.path())).unwrap();
    assert_eq!(report.vouched_for, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_checkpoint_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), options(), 2).await;
    let path = folder.path().join("checkpoints.jsonl");
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(br#"{"node":"node-1","se"#)
        .unwrap();
    filled(folder.path(), options(), 1).await;
    let report = verify(folder.path(), &public(), None).unwrap();
    assert_eq!((report.checkpoints, report.vouched_for), (2, 3));
}
