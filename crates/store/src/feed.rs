//! The recent commits, in memory, for whoever watches.
//!
//! There is one bounded history for all watchers and a cursor in each, so that a slow watcher costs nothing: when the
//! history has moved past its cursor it is told that it lagged, and reads the store again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::transaction::Write;
use crate::{Key, Revision};

/// A record that a commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record.
    pub key: Key,
    /// Its new value; `None` when it was deleted.
    pub value: Option<Bytes>,
}

/// The changes of one commit, each key once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The commit's number.
    pub revision: Revision,
    /// What it changed, as far as the watch's prefix goes, in the order of the keys.
    pub changes: Vec<Change>,
}

/// Why a [`Watch`] has no next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// Commits were missed. Read the store again; the watch goes on after `resumes_after`, which is no later than
    /// what a read made from now on sees.
    #[error(
        "the watch fell behind and missed commits; read the store again (it goes on after revision {resumes_after})"
    )]
    Lagged {
        /// The watch now shows what comes after this.
        resumes_after: Revision,
    },
    /// The store was closed.
    #[error("the store was closed")]
    Closed,
}

/// Commits kept for watchers: at most this many,
const HISTORY_COMMITS: usize = 4096;
/// and at most this many bytes of keys and values.
const HISTORY_BYTES: usize = 16 << 20;

/// The history that a store publishes to. Dropping or closing it closes every watch.
#[derive(Debug)]
pub(crate) struct Feed {
    history: Arc<Mutex<History>>,
    latest: watch::Sender<Latest>,
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    revision: Revision,
    closed: bool,
}

#[derive(Debug)]
struct History {
    commits: VecDeque<Arc<Commit>>,
    bytes: usize,
    /// Everything after this revision is in `commits`.
    complete_after: Revision,
}

impl Feed {
    pub(crate) fn new(current: Revision) -> Self {
        let history = History {
            commits: VecDeque::new(),
            bytes: 0,
            complete_after: current,
        };
        Self {
            history: Arc::new(Mutex::new(history)),
            latest: watch::Sender::new(Latest {
                revision: current,
                closed: false,
            }),
        }
    }

    /// Publishes a durable commit. Revisions must grow from call to call.
    pub(crate) fn publish(&self, revision: Revision, writes: Vec<Write>) {
        let mut changes: Vec<Change> = writes
            .into_iter()
            .map(|write| Change {
                key: write.key,
                value: write.value,
            })
            .collect();
        // The last write to a key counts: a stable sort of the reversed list puts it first.
        changes.reverse();
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        changes.dedup_by(|later, first| later.key == first.key);
        lock(&self.history).push(Commit { revision, changes });
        self.latest.send_modify(|latest| latest.revision = revision);
    }

    /// Tells every watch that nothing more will come.
    pub(crate) fn close(&self) {
        self.latest.send_modify(|latest| latest.closed = true);
    }

    pub(crate) fn watch(&self, prefix: &str, after: Revision) -> Watch {
        let latest = self.latest.subscribe();
        Watch {
            prefix: prefix.to_owned(),
            cursor: after,
            history: Arc::clone(&self.history),
            latest,
        }
    }
}

impl History {
    fn push(&mut self, commit: Commit) {
        self.bytes += size(&commit);
        self.commits.push_back(Arc::new(commit));
        while self.commits.len() > HISTORY_COMMITS || self.bytes > HISTORY_BYTES {
            let Some(oldest) = self.commits.pop_front() else {
                break;
            };
            self.bytes -= size(&oldest);
            self.complete_after = oldest.revision;
        }
    }
}

fn size(commit: &Commit) -> usize {
    commit
        .changes
        .iter()
        .map(|change| change.key.as_str().len() + change.value.as_ref().map_or(0, Bytes::len))
        .sum()
}

fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    // Nothing in this file panics while it holds the lock half changed.
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The commits after a revision, one by one, as far as they touch a prefix.
#[derive(Debug)]
pub struct Watch {
    prefix: String,
    cursor: Revision,
    history: Arc<Mutex<History>>,
    latest: watch::Receiver<Latest>,
}

impl Watch {
    /// The next commit; waits until there is one. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`WatchError::Lagged`] once, when commits were missed, after which the watch goes on;
    /// [`WatchError::Closed`] when the store is gone and everything it committed was shown.
    pub async fn next(&mut self) -> Result<Commit, WatchError> {
        loop {
            let closed = self.latest.borrow_and_update().closed;
            if let Some(commit) = self.advance()? {
                return Ok(commit);
            }
            if closed || self.latest.changed().await.is_err() {
                // Commits published between the look and the closing are still shown.
                return self.advance()?.ok_or(WatchError::Closed);
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Commit>, WatchError> {
        let latest = self.latest.borrow().revision;
        let history = lock(&self.history);
        if self.cursor < history.complete_after {
            self.cursor = latest.max(history.complete_after);
            return Err(WatchError::Lagged {
                resumes_after: self.cursor,
            });
        }
        let start = history
            .commits
            .partition_point(|commit| commit.revision <= self.cursor);
        for commit in history.commits.range(start..) {
            self.cursor = commit.revision;
            let changes: Vec<Change> = commit
                .changes
                .iter()
                .filter(|change| change.key.as_str().starts_with(&self.prefix))
                .cloned()
                .collect();
            if !changes.is_empty() {
                return Ok(Some(Commit {
                    revision: commit.revision,
                    changes,
                }));
            }
        }
        Ok(None)
    }
}
