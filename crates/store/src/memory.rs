//! The simulator: a store in memory that fails when told to.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::feed::Feed;
use crate::{
    Check, Expect, Key, Result, Revision, Store, StoreError, Transaction, Versioned, Watch,
};

/// A failure that [`Memory::inject`] puts before the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// [`StoreError::Full`]; nothing is written.
    Full,
    /// [`StoreError::Unavailable`]; nothing is written.
    Unavailable,
    /// [`StoreError::Conflict`] on the transaction's first key, as if somebody else had been faster.
    Conflict,
    /// The store fails before the transaction is durable, and stays failed until [`Memory::reopen`].
    CrashBeforeCommit,
    /// The store fails after the transaction is durable and before it can say so, and stays failed until
    /// [`Memory::reopen`].
    CrashAfterCommit,
}

/// A store in memory, for tests: it keeps the port's contract but for outliving the process, and injects faults.
#[derive(Debug)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    records: BTreeMap<Key, Versioned>,
    revision: Revision,
    faults: VecDeque<Fault>,
    crashed: bool,
    feed: Feed,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty store without faults.
    pub fn new() -> Self {
        let revision = Revision::ZERO;
        let (records, faults) = (BTreeMap::new(), VecDeque::new());
        Self {
            state: Mutex::new(State {
                records,
                revision,
                faults,
                crashed: false,
                feed: Feed::new(revision),
            }),
        }
    }

    /// Lets a coming commit fail: faults are used up one for each commit, in the order injected.
    pub fn inject(&self, fault: Fault) {
        self.lock().faults.push_back(fault);
    }

    /// Opens a crashed store again, with what was durable. Watches of before are closed, and faults forgotten.
    pub fn reopen(&self) {
        let mut state = self.lock();
        state.crashed = false;
        state.faults.clear();
        state.feed = Feed::new(state.revision);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.lock();
        if state.crashed {
            return Err(StoreError::Unavailable {
                reason: "it crashed; open it again".into(),
            });
        }
        Ok(state)
    }
}

impl State {
    fn holds(&self, check: &Check) -> bool {
        let found = self.records.get(&check.key);
        match check.expect {
            Expect::Absent => found.is_none(),
            Expect::Present => found.is_some(),
            Expect::Revision(revision) => found.is_some_and(|record| record.revision == revision),
            Expect::NonePrefixed => self
                .records
                .range::<Key, _>(&check.key..)
                .next()
                .is_none_or(|(key, _)| !key.as_str().starts_with(check.key.as_str())),
        }
    }

    fn apply(&mut self, transaction: Transaction) -> Result<Revision> {
        if let Some(check) = transaction.checks().iter().find(|check| !self.holds(check)) {
            return Err(StoreError::Conflict {
                key: check.key.clone(),
            });
        }
        if transaction.is_read_only() {
            return Ok(self.revision);
        }
        self.revision.0 += 1;
        let revision = self.revision;
        for write in transaction.writes() {
            match &write.value {
                Some(value) => {
                    self.records.insert(
                        write.key.clone(),
                        Versioned {
                            value: value.clone(),
                            revision,
                        },
                    );
                }
                None => {
                    self.records.remove(&write.key);
                }
            }
        }
        self.feed.publish(revision, transaction.into_writes());
        Ok(revision)
    }

    fn crash(&mut self, reason: &str) -> StoreError {
        self.crashed = true;
        StoreError::OutcomeUnknown {
            reason: reason.into(),
        }
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>> {
        Ok(self.open()?.records.get(key).cloned())
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>> {
        let state = self.open()?;
        let from = match after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.clone()),
            _ => Key::new(prefix).map_or(Bound::Unbounded, Bound::Included),
        };
        let records = state.records.range((from, Bound::Unbounded));
        Ok(records
            .take_while(|(key, _)| key.as_str().starts_with(prefix))
            .take(limit)
            .map(|(key, record)| (key.clone(), record.clone()))
            .collect())
    }

    async fn commit(&self, transaction: Transaction) -> Result<Revision> {
        transaction.validate()?;
        let mut state = self.open()?;
        match state.faults.pop_front() {
            None => state.apply(transaction),
            Some(Fault::Full) => Err(StoreError::Full),
            Some(Fault::Unavailable) => Err(StoreError::Unavailable {
                reason: "a fault was injected".into(),
            }),
            Some(Fault::Conflict) => {
                let first = transaction.checks().first().map(|check| &check.key);
                match first.or_else(|| transaction.writes().first().map(|write| &write.key)) {
                    Some(key) => Err(StoreError::Conflict { key: key.clone() }),
                    None => state.apply(transaction),
                }
            }
            Some(Fault::CrashBeforeCommit) => {
                Err(state.crash("a crash before the commit was injected"))
            }
            Some(Fault::CrashAfterCommit) => {
                state.apply(transaction)?;
                Err(state.crash("a crash after the commit was injected"))
            }
        }
    }

    async fn revision(&self) -> Result<Revision> {
        Ok(self.open()?.revision)
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.lock().feed.watch(prefix, after)
    }
}
