//! One suite for every store: what the port promises, tried on each implementation.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use store::{
    Change, Key, Memory, Revision, Sqlite, Store, StoreError, Transaction, Versioned, WatchError,
};

/// A store and what must live as long as it.
struct Subject {
    store: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

fn memory() -> Subject {
    Subject {
        store: Arc::new(Memory::new()),
        _folder: None,
    }
}

fn sqlite() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path().join("kluis.db")).unwrap();
    Subject {
        store: Arc::new(store),
        _folder: Some(folder),
    }
}

fn run<F: Future<Output = ()>>(test: impl Fn(Arc<dyn Store>) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for subject in [memory(), sqlite()] {
        runtime.block_on(test(Arc::clone(&subject.store)));
    }
}

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

fn put(name: &str, value: &'static str) -> Transaction {
    Transaction::new().put(key(name), value)
}

async fn value(store: &dyn Store, name: &str) -> Option<Bytes> {
    store
        .get(&key(name))
        .await
        .unwrap()
        .map(|record| record.value)
}

async fn names(store: &dyn Store, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let after = after.map(key);
    let records = store.scan(prefix, after.as_ref(), limit).await.unwrap();
    records
        .into_iter()
        .map(|(key, _)| key.as_str().to_owned())
        .collect()
}

#[test]
fn an_empty_store_has_nothing_and_revision_zero() {
    run(|store| async move {
        assert_eq!(store.get(&key("a")).await.unwrap(), None);
        assert_eq!(names(&*store, "", None, 10).await, Vec::<String>::new());
        assert_eq!(store.revision().await.unwrap(), Revision::ZERO);
    });
}

#[test]
fn a_record_carries_the_revision_of_the_commit_that_wrote_it() {
    run(|store| async move {
        let first = store
            .commit(put("a", "1").put(key("b"), "1"))
            .await
            .unwrap();
        let second = store.commit(put("b", "2")).await.unwrap();
        assert!(second > first && first > Revision::ZERO);
        assert_eq!(
            store.get(&key("a")).await.unwrap(),
            Some(Versioned {
                value: "1".into(),
                revision: first
            })
        );
        assert_eq!(
            store.get(&key("b")).await.unwrap(),
            Some(Versioned {
                value: "2".into(),
                revision: second
            })
        );
        assert_eq!(store.revision().await.unwrap(), second);
    });
}

#[test]
fn a_failed_check_names_its_key_and_writes_nothing() {
    run(|store| async move {
        let revision = store.commit(put("taken", "1")).await.unwrap();
        let stale = Revision(revision.0 + 1);
        let other = || put("other", "x");
        for (transaction, at) in [
            (other().expect_absent(key("taken")), "taken"),
            (other().expect_present(key("missing")), "missing"),
            (other().expect(key("taken"), stale), "taken"),
            (other().expect(key("missing"), revision), "missing"),
            (other().expect_none_prefixed(key("tak")), "tak"),
            (other().expect_none_prefixed(key("taken")), "taken"),
            (
                other()
                    .expect_present(key("taken"))
                    .expect_absent(key("taken")),
                "taken",
            ),
        ] {
            assert_eq!(
                store.commit(transaction).await,
                Err(StoreError::Conflict { key: key(at) })
            );
        }
        assert_eq!(value(&*store, "other").await, None);
        assert_eq!(store.revision().await.unwrap(), revision);
    });
}

#[test]
fn checks_that_hold_let_the_writes_through() {
    run(|store| async move {
        let revision = store.commit(put("a", "1")).await.unwrap();
        let transaction = put("a", "2")
            .expect(key("a"), revision)
            .expect_present(key("a"))
            .expect_absent(key("b"))
            .expect_none_prefixed(key("a/"));
        store.commit(transaction).await.unwrap();
        assert_eq!(value(&*store, "a").await.unwrap(), "2");
    });
}

#[test]
fn checks_see_the_state_before_the_writes() {
    run(|store| async move {
        store
            .commit(put("a", "1").expect_absent(key("a")))
            .await
            .unwrap();
        store
            .commit(Transaction::new().expect_present(key("a")).delete(key("a")))
            .await
            .unwrap();
        assert_eq!(value(&*store, "a").await, None);
    });
}

#[test]
fn the_last_write_to_a_key_counts() {
    run(|store| async move {
        let mut watch = store.watch("", Revision::ZERO);
        store
            .commit(
                put("a", "1")
                    .put(key("a"), "2")
                    .put(key("b"), "1")
                    .delete(key("b")),
            )
            .await
            .unwrap();
        assert_eq!(value(&*store, "a").await.unwrap(), "2");
        assert_eq!(value(&*store, "b").await, None);
        let seen = watch.next().await.unwrap().changes;
        let wanted = [
            Change {
                key: key("a"),
                value: Some("2".into()),
            },
            Change {
                key: key("b"),
                value: None,
            },
        ];
        assert_eq!(seen, wanted);
    });
}

#[test]
fn deleting_what_is_not_there_is_no_error() {
    run(|store| async move {
        store
            .commit(Transaction::new().delete(key("a")))
            .await
            .unwrap();
        assert_eq!(value(&*store, "a").await, None);
    });
}

#[test]
fn a_transaction_without_writes_answers_the_current_revision() {
    run(|store| async move {
        let revision = store.commit(put("a", "1")).await.unwrap();
        assert_eq!(
            store
                .commit(Transaction::new().expect_present(key("a")))
                .await
                .unwrap(),
            revision
        );
        assert_eq!(store.commit(Transaction::new()).await.unwrap(), revision);
    });
}

#[test]
fn scans_are_ordered_by_bytes_and_bounded_by_prefix_and_limit() {
    run(|store| async move {
        let all = [
            "a",
            "a/",
            "a/1",
            "a/10",
            "a/2",
            "a/\u{10FFFF}",
            "a0",
            "b",
            "é",
        ];
        for name in all.iter().rev() {
            store.commit(put(name, "x")).await.unwrap();
        }
        assert_eq!(names(&*store, "", None, 100).await, all);
        assert_eq!(names(&*store, "a/", None, 100).await, &all[1..6]);
        assert_eq!(names(&*store, "a/", None, 2).await, ["a/", "a/1"]);
        assert_eq!(names(&*store, "a/", Some("a/1"), 2).await, ["a/10", "a/2"]);
        assert_eq!(names(&*store, "a/", Some("a/15"), 1).await, ["a/2"]);
        assert_eq!(
            names(&*store, "a/", Some("A"), 1).await,
            ["a/"],
            "before the prefix"
        );
        assert_eq!(
            names(&*store, "a/", Some("b"), 9).await,
            Vec::<String>::new(),
            "behind the prefix"
        );
        assert_eq!(names(&*store, "zz", None, 9).await, Vec::<String>::new());
        assert_eq!(names(&*store, "a", None, 0).await, Vec::<String>::new());
    });
}

#[test]
fn keys_and_values_may_hold_anything() {
    run(|store| async move {
        let odd = "nul\0, line\n, quote', percent%, \u{FEFF}";
        store
            .commit(Transaction::new().put(key(odd), vec![0_u8, 255, 10]))
            .await
            .unwrap();
        store
            .commit(Transaction::new().put(key("empty"), ""))
            .await
            .unwrap();
        assert_eq!(value(&*store, odd).await.unwrap(), vec![0_u8, 255, 10]);
        assert_eq!(value(&*store, "empty").await.unwrap(), "");
    });
}

#[test]
fn limits_are_refused_by_name() {
    assert_eq!(Key::new(""), Err(StoreError::InvalidKey { len: 0 }));
    assert!(Key::new("k".repeat(Key::MAX_LEN)).is_ok());
    assert_eq!(
        Key::new("k".repeat(Key::MAX_LEN + 1)),
        Err(StoreError::InvalidKey {
            len: Key::MAX_LEN + 1
        })
    );
    run(|store| async move {
        let long = Transaction::new().put(key("a"), vec![0; Transaction::MAX_VALUE_LEN + 1]);
        assert!(matches!(
            store.commit(long).await,
            Err(StoreError::TooLarge { .. })
        ));
        let many =
            (0..=Transaction::MAX_ITEMS).fold(Transaction::new(), |all, _| all.delete(key("a")));
        assert!(matches!(
            store.commit(many).await,
            Err(StoreError::TooLarge { .. })
        ));
        let heavy = (0..5).fold(Transaction::new(), |all, n| {
            all.put(key(&n.to_string()), vec![0; 4 << 20])
        });
        assert!(matches!(
            store.commit(heavy).await,
            Err(StoreError::TooLarge { .. })
        ));
        store
            .commit(Transaction::new().put(key("a"), vec![7; Transaction::MAX_VALUE_LEN]))
            .await
            .unwrap();
    });
}

#[test]
fn of_many_who_want_one_name_one_gets_it() {
    run(|store| async move {
        let mut tasks = Vec::new();
        for n in 0..50_u8 {
            let store = Arc::clone(&store);
            tasks.push(tokio::spawn(async move {
                store
                    .commit(
                        Transaction::new()
                            .expect_absent(key("name"))
                            .put(key("name"), vec![n]),
                    )
                    .await
            }));
        }
        let mut winners = Vec::new();
        for (n, task) in tasks.into_iter().enumerate() {
            match task.await.unwrap() {
                Ok(_) => winners.push(u8::try_from(n).unwrap()),
                Err(error) => assert_eq!(error, StoreError::Conflict { key: key("name") }),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(value(&*store, "name").await.unwrap(), winners);
    });
}

#[test]
fn counting_up_by_compare_and_set_loses_nothing() {
    run(|store| async move {
        store.commit(put("n", "0")).await.unwrap();
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let store = Arc::clone(&store);
            tasks.push(tokio::spawn(async move {
                let mut done = 0;
                while done < 10 {
                    let old = store.get(&key("n")).await.unwrap().unwrap();
                    let next = std::str::from_utf8(&old.value)
                        .unwrap()
                        .parse::<u32>()
                        .unwrap()
                        + 1;
                    let set = Transaction::new()
                        .expect(key("n"), old.revision)
                        .put(key("n"), next.to_string());
                    match store.commit(set).await {
                        Ok(_) => done += 1,
                        Err(error) => assert_eq!(error, StoreError::Conflict { key: key("n") }),
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(value(&*store, "n").await.unwrap(), "80");
    });
}

#[test]
fn a_watch_shows_every_commit_under_its_prefix_once_and_in_order() {
    run(|store| async move {
        let start = store.commit(put("a/0", "before")).await.unwrap();
        let mut watch = store.watch("a/", start);
        let one = store
            .commit(put("a/1", "x").put(key("b"), "y"))
            .await
            .unwrap();
        store.commit(put("b", "z")).await.unwrap();
        let two = store
            .commit(Transaction::new().delete(key("a/1")))
            .await
            .unwrap();
        let seen = watch.next().await.unwrap();
        assert_eq!(
            (seen.revision, seen.changes),
            (
                one,
                vec![Change {
                    key: key("a/1"),
                    value: Some("x".into())
                }]
            )
        );
        let seen = watch.next().await.unwrap();
        assert_eq!(
            (seen.revision, seen.changes),
            (
                two,
                vec![Change {
                    key: key("a/1"),
                    value: None
                }]
            )
        );
        let idle = tokio::time::timeout(Duration::from_millis(20), watch.next()).await;
        assert!(idle.is_err(), "nothing more was committed: {idle:?}");
    });
}

#[test]
fn a_waiting_watch_is_woken() {
    run(|store| async move {
        let mut watch = store.watch("a", Revision::ZERO);
        let waiting = tokio::spawn(async move { watch.next().await });
        tokio::task::yield_now().await;
        let revision = store.commit(put("a", "1")).await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap().revision, revision);
    });
}

#[test]
fn a_watch_that_falls_behind_is_told_and_goes_on() {
    run(|store| async move {
        let mut watch = store.watch("a", Revision::ZERO);
        for _ in 0..5 {
            // 5 × 4 MiB are more than the history keeps.
            store
                .commit(Transaction::new().put(key("a"), vec![1; Transaction::MAX_VALUE_LEN]))
                .await
                .unwrap();
        }
        let current = store.revision().await.unwrap();
        assert_eq!(
            watch.next().await,
            Err(WatchError::Lagged {
                resumes_after: current
            })
        );
        let next = store.commit(put("a", "2")).await.unwrap();
        assert_eq!(watch.next().await.unwrap().revision, next);
    });
}

#[test]
fn a_watch_ends_with_its_store() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for Subject { store, _folder } in [memory(), sqlite()] {
        runtime.block_on(async move {
            let mut watch = store.watch("", Revision::ZERO);
            let last = store.commit(put("a", "1")).await.unwrap();
            drop(store);
            assert_eq!(watch.next().await.unwrap().revision, last);
            assert_eq!(watch.next().await, Err(WatchError::Closed));
        });
    }
}

/// A step of the model test, over few keys so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(u8, Option<u8>)>, Option<(u8, bool)>),
    Scan(String, Option<u8>, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let writes = prop::collection::vec((0..12_u8, prop::option::of(any::<u8>())), 0..4);
    let check = prop::option::of((0..12_u8, any::<bool>()));
    prop_oneof![
        3 => (writes, check).prop_map(|(writes, check)| Step::Commit(writes, check)),
        1 => (prop::sample::select(vec!["", "k", "k1", "x"]), prop::option::of(0..12_u8), 0..9_usize)
            .prop_map(|(prefix, after, limit)| Step::Scan(prefix.to_owned(), after, limit)),
    ]
}

fn nth(n: u8) -> Key {
    key(&format!("k{n}"))
}

async fn agrees_with_a_map(store: Arc<dyn Store>, steps: &[Step]) {
    let mut model: BTreeMap<Key, u8> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Commit(writes, check) => {
                let mut transaction = Transaction::new();
                let mut holds = true;
                if let Some((n, absent)) = check {
                    holds = model.contains_key(&nth(*n)) != *absent;
                    transaction = if *absent {
                        transaction.expect_absent(nth(*n))
                    } else {
                        transaction.expect_present(nth(*n))
                    };
                }
                for (n, value) in writes {
                    transaction = match value {
                        Some(value) => transaction.put(nth(*n), vec![*value]),
                        None => transaction.delete(nth(*n)),
                    };
                    if holds {
                        match value {
                            Some(value) => drop(model.insert(nth(*n), *value)),
                            None => drop(model.remove(&nth(*n))),
                        }
                    }
                }
                match store.commit(transaction).await {
                    Ok(_) => assert!(holds),
                    Err(StoreError::Conflict { .. }) => assert!(!holds),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Scan(prefix, after, limit) => {
                let after = after.map(nth);
                let found = store.scan(prefix, after.as_ref(), *limit).await.unwrap();
                let found: Vec<_> = found
                    .into_iter()
                    .map(|(key, record)| (key, record.value[0]))
                    .collect();
                let wanted: Vec<_> = model
                    .iter()
                    .filter(|(key, _)| {
                        key.as_str().starts_with(prefix) && after.as_ref().is_none_or(|a| *key > a)
                    })
                    .take(*limit)
                    .map(|(key, value)| (key.clone(), *value))
                    .collect();
                assert_eq!(found, wanted);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_store_is_a_sorted_map(steps in prop::collection::vec(step(), 1..40)) {
        run(|store| agrees_with_a_map(store, &steps));
    }
}
