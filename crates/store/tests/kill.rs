//! SIGKILL at random instants, over and over on one store: what was acknowledged is there, whole, and it opens by
//! itself. The child is this test binary run again.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use store::{Key, Sqlite, Store, Transaction};

const CHILD: &str = "KLUIS_STORE_KILL_CHILD";
const WRITERS: usize = 4;
const ROUNDS: usize = 12;

fn key(writer: usize, n: u64, half: &str) -> Key {
    Key::new(format!("{writer}/{n:08}/{half}")).unwrap()
}

/// How many pairs a writer has in the store; every pair must be whole and in its place.
async fn pairs(store: &Sqlite, writer: usize) -> u64 {
    let records = store
        .scan(&format!("{writer}/"), None, usize::MAX)
        .await
        .unwrap();
    assert_eq!(records.len() % 2, 0, "half a transaction");
    for (n, pair) in records.chunks(2).enumerate() {
        let n = n as u64;
        assert_eq!(
            (&pair[0].0, &pair[1].0),
            (&key(writer, n, "a"), &key(writer, n, "b"))
        );
        assert_eq!(pair[0].1.revision, pair[1].1.revision);
    }
    records.len() as u64 / 2
}

/// Writes pairs for ever, and says each on stdout once it is acknowledged.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Arc::new(Sqlite::open(path).unwrap());
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let store = Arc::clone(&store);
            writers.push(tokio::spawn(async move {
                for n in pairs(&store, writer).await.. {
                    let pair = Transaction::new()
                        .expect_absent(key(writer, n, "a"))
                        .put(key(writer, n, "a"), vec![1; 300])
                        .put(key(writer, n, "b"), vec![2; 300]);
                    store.commit(pair).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "done {writer} {n}").unwrap();
                    out.flush().unwrap();
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

/// Runs a child, kills it after `instant`; how many pairs each writer was told are done.
fn run_and_kill(path: &Path, instant: Duration) -> [u64; WRITERS] {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
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
    let mut done = [0; WRITERS];
    for line in out.lines().map_while(Result::ok) {
        // A line cut by the kill was acknowledged all the same, but cannot be read.
        let mut words = line.split(' ').skip_while(|word| *word != "done").skip(1);
        if let (Some(writer), Some(n)) = (words.next(), words.next())
            && let (Ok(writer), Ok(n)) = (writer.parse::<usize>(), n.parse::<u64>())
        {
            done[writer] = done[writer].max(n + 1);
        }
    }
    killer.join().unwrap();
    done
}

#[test]
fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kluis.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut acknowledged = [0; WRITERS];
    for round in 0..ROUNDS {
        let instant = Duration::from_millis(20 + (round as u64 * 61) % 170);
        for (all, new) in acknowledged.iter_mut().zip(run_and_kill(&path, instant)) {
            *all = new.max(*all);
        }
        let store = Sqlite::open(&path).unwrap();
        runtime.block_on(async {
            store.integrity().await.unwrap();
            for (writer, done) in acknowledged.iter().enumerate() {
                assert!(
                    pairs(&store, writer).await >= *done,
                    "writer {writer} lost acknowledged pairs"
                );
            }
        });
    }
    assert!(
        acknowledged.iter().sum::<u64>() > 0,
        "no child got as far as one commit"
    );
}
