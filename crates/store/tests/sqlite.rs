//! What only the file can get wrong: being reopened, held twice, of another version, damaged or torn.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use store::{Key, Revision, Sqlite, Store, StoreError, Transaction};

fn key(n: usize) -> Key {
    Key::new(format!("record/{n:04}")).unwrap()
}

fn value(n: usize) -> Vec<u8> {
    format!("value {n} ").repeat(20).into_bytes()
}

/// Commits records `0..count`, one by one.
async fn fill(store: &Sqlite, count: usize) {
    for n in 0..count {
        store
            .commit(Transaction::new().put(key(n), value(n)))
            .await
            .unwrap();
    }
}

async fn made_and_closed(path: &Path, count: usize) {
    let store = Sqlite::open(path).unwrap();
    fill(&store, count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kluis.db");
    made_and_closed(&path, 3).await;
    let store = Sqlite::open(&path).unwrap();
    assert_eq!(store.revision().await.unwrap(), Revision(3));
    for n in 0..3 {
        let record = store.get(&key(n)).await.unwrap().unwrap();
        assert_eq!(
            (record.value.to_vec(), record.revision),
            (value(n), Revision(n as u64 + 1))
        );
    }
    let next = store
        .commit(Transaction::new().delete(key(0)))
        .await
        .unwrap();
    assert_eq!(next, Revision(4), "revisions go on where they stood");
    store.integrity().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path().join("kluis.db")).unwrap();
    fill(&store, 1).await;
    let mut names = Vec::new();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        names.push(file.file_name().into_string().unwrap());
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.path()
        );
    }
    names.sort();
    assert_eq!(
        names,
        ["kluis.db", "kluis.db-shm", "kluis.db-wal", "kluis.db.lock"]
    );
}

#[test]
fn a_store_is_held_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kluis.db");
    let first = Sqlite::open(&path).unwrap();
    assert!(matches!(Sqlite::open(&path), Err(StoreError::InUse { .. })));
    drop(first);
    Sqlite::open(&path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kluis.db");
    made_and_closed(&path, 1).await;
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(
        Sqlite::open(&path).unwrap_err(),
        StoreError::Newer {
            found: 2,
            supported: 1
        }
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage");
    fs::write(
        &garbage,
        b"not a database, but long enough to look like one".repeat(100),
    )
    .unwrap();
    let foreign = folder.path().join("foreign");
    Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    for path in [garbage, foreign] {
        let before = fs::read(&path).unwrap();
        assert!(
            matches!(Sqlite::open(&path), Err(StoreError::Corrupt { .. })),
            "{path:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_folder_that_is_not_there_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/kluis.db");
    assert!(matches!(
        Sqlite::open(missing),
        Err(StoreError::Unavailable { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_changed_on_disk_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kluis.db");
    made_and_closed(&path, 3).await;
    let change = "UPDATE record SET value = ?1 WHERE key = ?2";
    Connection::open(&path)
        .unwrap()
        .execute(change, (&b"Enabled"[..], key(1).as_str().as_bytes()))
        .unwrap();

    let store = Sqlite::open(&path).unwrap();
    assert!(matches!(
        store.get(&key(1)).await,
        Err(StoreError::Corrupt { .. })
    ));
    assert!(matches!(
        store.scan("", None, 9).await,
        Err(StoreError::Corrupt { .. })
    ));
    assert!(matches!(
        store.integrity().await,
        Err(StoreError::Corrupt { .. })
    ));
    assert_eq!(store.get(&key(2)).await.unwrap().unwrap().value, value(2));
    store
        .commit(Transaction::new().put(key(1), "mended"))
        .await
        .unwrap();
    store.integrity().await.unwrap();
}

/// Damage anywhere in the file is either harmless or a typed error; it never changes what is read, and never panics.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_never_read_as_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kluis.db");
    made_and_closed(&path, 150).await;
    let sound = fs::read(&path).unwrap();
    let mut noticed = 0;
    for round in 0..120_usize {
        let mut bytes = sound.clone();
        // Spread over the file without a random source: the golden ratio's multiples are even and never repeat.
        let place = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) % bytes.len();
        match round % 3 {
            0 => bytes[place] ^= 1 << (round % 8),
            1 => bytes.truncate(place.max(1)),
            _ => bytes[place / 512 * 512..(place / 512 + 1) * 512].fill(0),
        }
        let copy = folder.path().join("damaged.db");
        fs::write(&copy, &bytes).unwrap();
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("damaged.db{suffix}")));
        }
        noticed += usize::from(!read_back_is_sound(&copy, 150).await);
    }
    assert!(noticed > 40, "only {noticed} of 120 damages were noticed");
}

/// Whether all is there; panics when something was read that was never written.
async fn read_back_is_sound(path: &Path, count: usize) -> bool {
    let store = match Sqlite::open(path) {
        Ok(store) => store,
        Err(
            StoreError::Corrupt { .. } | StoreError::Newer { .. } | StoreError::Unavailable { .. },
        ) => return false,
        Err(error) => panic!("{error:?}"),
    };
    let mut sound = true;
    for n in 0..count {
        match store.get(&key(n)).await {
            Ok(Some(record)) => assert_eq!(record.value, value(n)),
            Ok(None) | Err(StoreError::Corrupt { .. } | StoreError::Unavailable { .. }) => {
                sound = false;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    sound
}

/// The log cut anywhere, as a crash leaves it: what opens is a prefix of the commits, whole ones only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_log_loses_only_its_tail() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (
        folder.path().join("kluis.db"),
        folder.path().join("kluis.db-wal"),
    );
    let store = Sqlite::open(&path).unwrap();
    fill(&store, 20).await;
    let (database, full) = (fs::read(&path).unwrap(), fs::read(&log).unwrap());
    drop(store);

    let mut seen = Vec::new();
    for part in 0..=40 {
        let torn = folder.path().join(format!("torn{part}.db"));
        fs::write(&torn, &database).unwrap();
        let length = full.len() * part / 40;
        fs::write(
            folder.path().join(format!("torn{part}.db-wal")),
            &full[..length],
        )
        .unwrap();
        let store = Sqlite::open(&torn).unwrap();
        let revision = usize::try_from(store.revision().await.unwrap().0).unwrap();
        let records = store.scan("", None, 100).await.unwrap();
        let wanted: Vec<Key> = (0..revision).map(key).collect();
        assert_eq!(
            records.into_iter().map(|(key, _)| key).collect::<Vec<_>>(),
            wanted
        );
        seen.push(revision);
    }
    assert!(seen.is_sorted());
    assert_eq!((seen[0], seen[40]), (0, 20));
}
