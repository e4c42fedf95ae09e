//! Reads, each on a connection of its own, off the async workers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::{Health, schema};
use crate::{Key, Result, StoreError, Versioned};

/// The most reads at one time; later ones wait.
const MAX_READERS: usize = 4;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    health: Arc<Health>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, health: Arc<Health>) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_READERS));
        Self {
            path,
            idle: Mutex::new(Vec::new()),
            permits,
            health,
        }
    }

    /// Runs `read` on an idle connection.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.health.check()?;
        let unavailable = |reason: String| StoreError::Unavailable { reason };
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|closed| unavailable(closed.to_string()))?;
        let readers = Arc::clone(self);
        let run = move || {
            let connection = readers.take()?;
            let answer = read(&connection);
            // A connection that failed is not used again.
            if answer.is_ok() {
                readers
                    .idle
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(connection);
            }
            drop(permit);
            answer
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|error| unavailable(error.to_string()))?
    }

    fn take(&self) -> Result<Connection> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(connection) => Ok(connection),
            None => schema::open_reader(&self.path).map_err(Failure::before_commit),
        }
    }
}

pub(super) fn get(connection: &Connection, key: &Key) -> Result<Option<Versioned>> {
    let lift = Failure::before_commit;
    let sql = "SELECT key, value, revision, sum FROM record WHERE key = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(lift)?;
    let mut rows = statement.query([key.as_str().as_bytes()]).map_err(lift)?;
    match rows.next().map_err(lift)? {
        Some(row) => Ok(Some(schema::decode(row)?.1)),
        None => Ok(None),
    }
}

pub(super) fn scan(
    connection: &Connection,
    prefix: &str,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<(Key, Versioned)>> {
    let lift = Failure::before_commit;
    let from = match after {
        Some(after) if after.as_str() >= prefix => just_after(after),
        _ => prefix.as_bytes().to_vec(),
    };
    let sql = "SELECT key, value, revision, sum FROM record WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3";
    let mut statement = connection.prepare_cached(sql).map_err(lift)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement
        .query((from, prefix_end(prefix), limit))
        .map_err(lift)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(lift)? {
        records.push(schema::decode(row)?);
    }
    Ok(records)
}

/// The first byte string after a key.
fn just_after(key: &Key) -> Vec<u8> {
    let mut bytes = key.as_str().as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The first byte string after all that begin with `prefix`. UTF-8 has no byte 0xFF, so the last byte can be counted
/// up, and nothing lies beyond a lone 0xFF.
pub(super) fn prefix_end(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    match bytes.last_mut() {
        Some(last) => *last += 1,
        None => bytes.push(0xFF),
    }
    bytes
}
