//! A disk that fills: a typed error, nothing half written, and the store goes on when there is room again.
//!
//! The disk is a small tmpfs in a mount namespace of its own, where this test binary runs again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use store::{Key, Sqlite, Store, StoreError, Transaction};

const CHILD: &str = "KLUIS_STORE_FULL_CHILD";

fn key(n: usize) -> Key {
    Key::new(format!("{n:06}")).unwrap()
}

/// Commits until there is no room; how many were acknowledged.
async fn fill(store: &Sqlite) -> usize {
    for n in 0..100_000 {
        match store
            .commit(
                Transaction::new()
                    .put(key(n), vec![7; 2000])
                    .put(Key::new("last").unwrap(), "x"),
            )
            .await
        {
            Ok(_) => {}
            Err(StoreError::Full) => return n,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("the disk never filled");
}

async fn assert_holds(store: &Sqlite, count: usize) {
    let records = store.scan("0", None, usize::MAX).await.unwrap();
    assert_eq!(records.len(), count);
    assert!(
        records
            .iter()
            .enumerate()
            .all(|(n, (found, _))| *found == key(n))
    );
}

async fn fills_and_recovers(folder: &Path) {
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![1; 256 << 10]).unwrap();
    let store = Sqlite::open(folder.join("kluis.db")).unwrap();
    let count = fill(&store).await;
    assert!(count > 10);
    assert_holds(&store, count).await;
    assert_eq!(
        store
            .commit(Transaction::new().put(key(count), vec![7; 9000]))
            .await,
        Err(StoreError::Full)
    );

    fs::remove_file(&ballast).unwrap();
    store
        .commit(Transaction::new().put(key(count), vec![7; 2000]))
        .await
        .unwrap();
    assert_holds(&store, count + 1).await;
    drop(store);
    let store = Sqlite::open(folder.join("kluis.db")).unwrap();
    store.integrity().await.unwrap();
    assert_holds(&store, count + 1).await;
}

/// Runs on the small disk, when started for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    if let Some(folder) = std::env::var_os(CHILD) {
        fills_and_recovers(&PathBuf::from(folder)).await;
    }
}

#[test]
fn a_full_disk_is_a_typed_error_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m,mode=700 none \"$0\" && exec \"$1\" --exact child --test-threads=1";
    let namespace = |rights: &[&str], script: &str| {
        Command::new("unshare")
            .args(rights)
            .args(["--mount", "--propagation", "private", "sh", "-c", script])
            .arg(folder.path())
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, folder.path())
            .output()
    };
    let probe = "mount -t tmpfs none \"$0\"";
    for rights in [&[][..], &["--user", "--map-root-user"][..]] {
        if namespace(rights, probe).is_ok_and(|probe| probe.status.success()) {
            let output = namespace(rights, script).unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stdout)
            );
            return;
        }
    }
    eprintln!(
        "skipped: no rights to mount a small disk here, neither as root nor in a user namespace"
    );
}
