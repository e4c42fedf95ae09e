//! The one writer: a thread that makes many waiting transactions durable with one fsync.
//!
//! The checks of a transaction come before its writes, so that one that fails has written nothing and the others of
//! its group go on. Only the environment can make a write fail, and that rolls the whole group back.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use super::{Health, reader, schema};
use crate::{Check, Expect, Result, Revision, StoreError, Transaction};

/// Transactions that wait; whoever comes later waits outside.
const MAX_QUEUED: usize = 1024;
/// Transactions in one SQLite commit.
const MAX_GROUP: usize = 256;
/// Bytes in one SQLite commit.
const MAX_GROUP_BYTES: usize = 32 << 20;
/// Commits between two checkpoints,
const CHECKPOINT_COMMITS: usize = 1000;
/// or bytes.
const CHECKPOINT_BYTES: usize = 8 << 20;

#[derive(Debug)]
struct Job {
    transaction: Transaction,
    answer: oneshot::Sender<Result<Revision>>,
}

#[derive(Debug)]
pub(super) struct Queue(mpsc::Sender<Job>);

pub(super) struct Jobs(mpsc::Receiver<Job>);

pub(super) fn queue() -> (Queue, Jobs) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED);
    (Queue(sender), Jobs(receiver))
}

impl Queue {
    pub(super) async fn commit(&self, transaction: Transaction) -> Result<Revision> {
        let (answer, answered) = oneshot::channel();
        let stopped = || StoreError::Unavailable {
            reason: "its writer has stopped; open it again".into(),
        };
        self.0
            .send(Job {
                transaction,
                answer,
            })
            .await
            .map_err(|_| stopped())?;
        // The writer answers every job it takes; without an answer it died in the middle.
        let died = StoreError::OutcomeUnknown {
            reason: "its writer died; open it again".into(),
        };
        answered.await.unwrap_or(Err(died))
    }
}

impl Jobs {
    /// Waits for a job and takes those that wait behind it. `None` when the queue is closed and empty.
    fn next_group(&mut self) -> Option<Vec<Job>> {
        let first = self.0.blocking_recv()?;
        let mut bytes = first.transaction.len();
        let mut group = vec![first];
        while group.len() < MAX_GROUP && bytes < MAX_GROUP_BYTES {
            let Ok(job) = self.0.try_recv() else { break };
            bytes += job.transaction.len();
            group.push(job);
        }
        Some(group)
    }
}

pub(super) struct Writer {
    connection: Connection,
    revision: Revision,
    health: Arc<Health>,
    commits_since_checkpoint: usize,
    bytes_since_checkpoint: usize,
}

/// How far a group got before it failed.
enum GroupError {
    /// Nothing of it is durable.
    Before(Failure),
    /// It may be durable.
    During(String),
}

impl Writer {
    pub(super) fn new(connection: Connection, revision: Revision, health: Arc<Health>) -> Self {
        Self {
            connection,
            revision,
            health,
            commits_since_checkpoint: 0,
            bytes_since_checkpoint: 0,
        }
    }

    pub(super) fn run(mut self, mut jobs: Jobs) {
        while let Some(group) = jobs.next_group() {
            self.commit(group);
            if self.health.failed.get().is_none() {
                self.checkpoint_if_due();
            }
        }
    }

    fn commit(&mut self, group: Vec<Job>) {
        if let Err(error) = self.health.check() {
            return answer_all(group, &error);
        }
        match self.attempt(&group) {
            Ok(outcomes) => self.publish(group, outcomes),
            // Without room for all there may be room for some: a deletion, say.
            Err(GroupError::Before(Failure::Full)) if group.len() > 1 => {
                for job in group {
                    self.commit(vec![job]);
                }
            }
            Err(GroupError::Before(Failure::Fatal(reason))) => {
                self.health.fail(&reason);
                answer_all(group, &StoreError::Unavailable { reason });
            }
            Err(GroupError::Before(failure)) => answer_all(group, &failure.into()),
            Err(GroupError::During(reason)) => {
                self.health.fail(&reason);
                answer_all(group, &StoreError::OutcomeUnknown { reason });
            }
        }
    }

    /// One SQLite transaction for the group: an outcome for each, durable when this returns.
    fn attempt(&self, group: &[Job]) -> Result<Vec<Result<Revision>>, GroupError> {
        let outcomes = self.apply(group);
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(failure) => return Err(self.roll_back(failure)),
        };
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => Ok(outcomes),
            // SQLite reports no room only while it writes the log, before the frame that would make it a commit.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
                Err(self.roll_back(Failure::Full))
            }
            Err(error) => Err(GroupError::During(error.to_string())),
        }
    }

    /// Rolls back, where SQLite has not done so by itself; what cannot be rolled back ends the handle.
    fn roll_back(&self, failure: Failure) -> GroupError {
        if self.connection.is_autocommit() {
            return GroupError::Before(failure);
        }
        match self.connection.execute_batch("ROLLBACK") {
            Ok(()) => GroupError::Before(failure),
            Err(error) => GroupError::Before(Failure::Fatal(error.to_string())),
        }
    }

    fn apply(&self, group: &[Job]) -> Result<Vec<Result<Revision>>, Failure> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut revision = self.revision;
        let mut outcomes = Vec::with_capacity(group.len());
        for job in group {
            let outcome = self.apply_one(&job.transaction, revision)?;
            if let Ok(new) = outcome {
                revision = new;
            }
            outcomes.push(outcome);
        }
        if revision != self.revision {
            schema::set_revision(&self.connection, revision)?;
        }
        Ok(outcomes)
    }

    fn apply_one(
        &self,
        transaction: &Transaction,
        current: Revision,
    ) -> Result<Result<Revision>, Failure> {
        for check in transaction.checks() {
            match self.holds(check) {
                Ok(true) => {}
                Ok(false) => {
                    return Ok(Err(StoreError::Conflict {
                        key: check.key.clone(),
                    }));
                }
                // A damaged record fails whoever asks for it, and nobody else.
                Err(Failure::Corrupt(place)) => return Ok(Err(StoreError::Corrupt { place })),
                Err(failure) => return Err(failure),
            }
        }
        if transaction.is_read_only() {
            return Ok(Ok(current));
        }
        let revision = Revision(current.0 + 1);
        for write in transaction.writes() {
            let key = write.key.as_str().as_bytes();
            if let Some(value) = &write.value {
                let sum = schema::checksum(key, value, schema::as_sql(revision));
                let sql = "INSERT OR REPLACE INTO record (key, value, revision, sum) VALUES (?1, ?2, ?3, ?4)";
                let mut statement = self.connection.prepare_cached(sql)?;
                statement.execute((key, &value[..], schema::as_sql(revision), &sum[..]))?;
            } else {
                self.connection
                    .prepare_cached("DELETE FROM record WHERE key = ?1")?
                    .execute([key])?;
            }
        }
        Ok(Ok(revision))
    }

    fn holds(&self, check: &Check) -> Result<bool, Failure> {
        let key = check.key.as_str();
        if check.expect == Expect::NonePrefixed {
            let sql = "SELECT 1 FROM record WHERE key >= ?1 AND key < ?2 LIMIT 1";
            let mut statement = self.connection.prepare_cached(sql)?;
            return Ok(!statement.exists((key.as_bytes(), reader::prefix_end(key)))?);
        }
        let mut statement = self
            .connection
            .prepare_cached("SELECT revision FROM record WHERE key = ?1")?;
        let found: Option<i64> = statement
            .query_row([key.as_bytes()], |row| row.get(0))
            .optional()?;
        Ok(match check.expect {
            Expect::Absent => found.is_none(),
            Expect::Present => found.is_some(),
            Expect::Revision(revision) => found == Some(schema::as_sql(revision)),
            Expect::NonePrefixed => false,
        })
    }

    /// Tells watchers first, so that whoever has an answer can see its change in the watch.
    fn publish(&mut self, group: Vec<Job>, outcomes: Vec<Result<Revision>>) {
        for (job, outcome) in group.into_iter().zip(outcomes) {
            if let Ok(revision) = outcome
                && revision > self.revision
            {
                self.revision = revision;
                self.commits_since_checkpoint += 1;
                self.bytes_since_checkpoint += job.transaction.len();
                self.health
                    .feed
                    .publish(revision, job.transaction.into_writes());
            }
            answer(job.answer, outcome);
        }
    }

    fn checkpoint_if_due(&mut self) {
        if self.commits_since_checkpoint < CHECKPOINT_COMMITS
            && self.bytes_since_checkpoint < CHECKPOINT_BYTES
        {
            return;
        }
        self.commits_since_checkpoint = 0;
        self.bytes_since_checkpoint = 0;
        let result = self
            .connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match result.map_err(Failure::from) {
            Ok(()) => {}
            // The log keeps everything until there is room to move it.
            Err(Failure::Full) => {
                tracing::warn!("no room for a checkpoint of the store; its log grows");
            }
            Err(Failure::Corrupt(reason) | Failure::Fatal(reason)) => self.health.fail(&reason),
        }
    }
}

fn answer_all(group: Vec<Job>, error: &StoreError) {
    for job in group {
        answer(job.answer, Err(error.clone()));
    }
}

fn answer(to: oneshot::Sender<Result<Revision>>, outcome: Result<Revision>) {
    // Whoever asked may have gone; the transaction took place all the same.
    drop(to.send(outcome));
}
