//! SIGKILL at random instants, over and over on one trail: what was acknowledged is there, and it opens by itself. The
//! child is this test binary run again.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use trail::verify::verify;
use trail::{Draft, DraftFacts, Entry, Node, Options, PublicKey, Trail};

const CHILD: &str = "KLUIS_TRAIL_KILL_CHILD";
const WRITERS: usize = 8;
const ROUNDS: u64 = 10;

fn options() -> Options {
    let options = Options::new(Node::new("node-1").unwrap(), "111122223333", "eu-west-1");
    Options {
        segment_bytes: 200_000,
        ..options
    }
}

/// Appends for ever, and says each event id on stdout once it is acknowledged.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let trail = Arc::new(Trail::open(folder, options()).unwrap());
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let trail = Arc::clone(&trail);
                tokio::spawn(async move {
                    for _ in 0..u64::MAX {
                        let record = Draft::new(DraftFacts::example()).succeeded(None, Vec::new());
                        let id = record.event_id();
                        assert!(trail.append(Entry::Unwritten(record)).await.unwrap().is_new);
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "done {id}").unwrap();
                        out.flush().unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

/// Runs a child, kills it after `instant`; the event ids that were acknowledged.
fn run_and_kill(folder: &Path, instant: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let killer = std::thread::spawn(move || {
        std::thread::sleep(instant);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let ids = out.lines().map_while(Result::ok).filter_map(|line| {
        // A line cut by the kill was acknowledged all the same, but cannot be read.
        line.split("done ")
            .nth(1)
            .filter(|id| id.len() == 36)
            .map(str::to_owned)
    });
    let ids = ids.collect();
    killer.join().unwrap();
    ids
}

#[test]
fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        acknowledged.extend(run_and_kill(
            folder.path(),
            Duration::from_millis(20 + (round * 61) % 150),
        ));
        drop(Trail::open(folder.path(), options()).unwrap());
        let report = verify(folder.path(), &PublicKey([0; 32]), None).unwrap();
        assert!(report.records >= acknowledged.len() as u64);
    }
    assert!(
        !acknowledged.is_empty(),
        "no child got as far as one record"
    );
    let mut found = HashSet::new();
    for number in 1.. {
        let Ok(segment) = std::fs::read_to_string(folder.path().join(format!("{number:08}.jsonl")))
        else {
            break;
        };
        found.extend(
            segment
                .split("\"eventID\":\"")
                .skip(1)
                .map(|rest| rest[..36].to_owned()),
        );
    }
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(
        lost.is_empty(),
        "acknowledged and not in the trail: {lost:?}"
    );
}
