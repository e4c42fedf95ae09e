//! The simulator's faults do what they say.
#![expect(clippy::unwrap_used, reason = "tests")]

use store::{Fault, Key, Memory, Store, StoreError, Transaction};

fn key() -> Key {
    Key::new("a").unwrap()
}

fn put() -> Transaction {
    Transaction::new().put(key(), "1")
}

#[tokio::test(flavor = "current_thread")]
async fn faults_that_write_nothing_pass_and_the_store_goes_on() {
    let store = Memory::new();
    store.inject(Fault::Full);
    store.inject(Fault::Unavailable);
    store.inject(Fault::Conflict);
    assert_eq!(store.commit(put()).await, Err(StoreError::Full));
    assert!(matches!(
        store.commit(put()).await,
        Err(StoreError::Unavailable { .. })
    ));
    assert_eq!(
        store.commit(put()).await,
        Err(StoreError::Conflict { key: key() })
    );
    assert_eq!(store.get(&key()).await.unwrap(), None);
    store.commit(put()).await.unwrap();
    assert!(store.get(&key()).await.unwrap().is_some());
}

#[tokio::test(flavor = "current_thread")]
async fn a_crash_before_the_commit_leaves_nothing() {
    let store = Memory::new();
    store.inject(Fault::CrashBeforeCommit);
    assert!(matches!(
        store.commit(put()).await,
        Err(StoreError::OutcomeUnknown { .. })
    ));
    assert!(matches!(
        store.get(&key()).await,
        Err(StoreError::Unavailable { .. })
    ));
    store.reopen();
    assert_eq!(store.get(&key()).await.unwrap(), None);
}

#[tokio::test(flavor = "current_thread")]
async fn a_crash_after_the_commit_leaves_it_done() {
    let store = Memory::new();
    store.inject(Fault::CrashAfterCommit);
    assert!(matches!(
        store.commit(put()).await,
        Err(StoreError::OutcomeUnknown { .. })
    ));
    store.reopen();
    assert_eq!(store.get(&key()).await.unwrap().unwrap().value, "1");
}
