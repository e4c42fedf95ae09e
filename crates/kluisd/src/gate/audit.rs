//! Step 7, audit: no answer without a durable record.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use store::{Key, Store, Transaction};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trail::{
    Appended, Draft, DraftFacts, Entry, Executed, Record, Trail, TrailError, Unauthenticated,
};
use wire::ApiError;

use crate::gauges::Gauges;

/// How many appended records may wait to be removed from the outbox. More only means a longer outbox, which a start drains.
const OUTBOX_BACKLOG: usize = 4096;
/// How many outbox rows one transaction removes or one scan reads.
const OUTBOX_BATCH: usize = 256;
/// How many bytes of strangers' requests are kept.
const STRANGERS_BYTES: u64 = 4 << 20;

/// The trail, the store's outbox of records that were committed together with what they tell of, and the sample of requests that nobody signed.
pub(crate) struct Auditor {
    trail: Trail,
    appended: mpsc::Sender<String>,
    sweeper: JoinHandle<()>,
    strangers: Unauthenticated,
    gauges: Arc<Gauges>,
}

impl Auditor {
    /// Drains what an earlier run left in the outbox, then stands ready. `folder` takes the sample of strangers' requests.
    ///
    /// # Errors
    /// The store cannot be read, or the trail cannot be written.
    pub(crate) async fn start(
        trail: Trail,
        store: Arc<dyn Store>,
        folder: &Path,
        gauges: Arc<Gauges>,
    ) -> anyhow::Result<Self> {
        drain(&trail, store.as_ref()).await?;
        let (appended, waiting) = mpsc::channel(OUTBOX_BACKLOG);
        let sweeper = tokio::spawn(sweep(waiting, store));
        Ok(Self {
            trail,
            appended,
            sweeper,
            strangers: Unauthenticated::new(folder, STRANGERS_BYTES),
            gauges,
        })
    }

    /// The trail itself, for look-ups.
    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Releases an operation's answer once its record is on disk.
    pub(crate) async fn settle<T>(&self, executed: Executed<T>) -> Result<T, ApiError> {
        let Executed { answer, entry } = executed;
        self.record(entry).await.map_err(withheld)?;
        Ok(answer)
    }

    /// Records a request that was refused before it was executed, and hands the refusal on.
    pub(crate) async fn refused<T>(&self, draft: Draft, error: ApiError) -> Result<T, ApiError> {
        let record = draft.failed(error.code, &error.message, Vec::new());
        self.record(Entry::Unwritten(record))
            .await
            .map_err(withheld)?;
        Err(error)
    }

    /// Counts, and perhaps samples, a request that nobody signed: a stranger must not fill the disk that everything waits for.
    pub(crate) fn stranger(&self, facts: DraftFacts, error: &ApiError) {
        self.strangers
            .note(&Draft::new(facts).failed(error.code, &error.message, Vec::new()));
    }

    /// Appends an entry, and returns once it is durable.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), TrailError> {
        let appended = {
            let _waiting = self.gauges.appending();
            self.trail.append(entry).await?
        };
        if let Some(key) = appended.outbox_key {
            // A full backlog leaves the row for the next start: appending twice is harmless, waiting here is not.
            let _ = self.appended.try_send(key);
        }
        Ok(())
    }

    /// Clears the outbox and signs a last checkpoint.
    pub(crate) async fn close(self) {
        let Self {
            trail,
            appended,
            sweeper,
            strangers: _,
            gauges: _,
        } = self;
        drop(appended);
        if let Err(error) = sweeper.await {
            tracing::error!(%error, "clearing the outbox failed; the next start clears it");
        }
        trail.close().await;
    }
}

/// The answer where there is no record. The operation may have happened; its record then waits in the store.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the shape that map_err wants"
)]
fn withheld(error: TrailError) -> ApiError {
    tracing::error!(%error, "the audit trail cannot be written; the answer is withheld");
    ApiError::internal_failure()
}

/// Appends what was committed but may not have reached the log before a crash. The log knows the ids that it has.
async fn drain(trail: &Trail, store: &dyn Store) -> anyhow::Result<()> {
    loop {
        let rows = store.scan(trail::OUTBOX_PREFIX, None, OUTBOX_BATCH).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut done = Transaction::new();
        for (key, row) in rows {
            let record = Record::from_bytes(row.value.as_ref())
                .with_context(|| format!("the record {} in the store is damaged", key.as_str()))?;
            let _: Appended = trail.append(Entry::InStore(record)).await?;
            done = done.delete(key);
        }
        store.commit(done).await?;
    }
}

/// Removes outbox rows that the log has, many at a time and off every request's way.
async fn sweep(mut appended: mpsc::Receiver<String>, store: Arc<dyn Store>) {
    let mut keys = Vec::with_capacity(OUTBOX_BATCH);
    while appended.recv_many(&mut keys, OUTBOX_BATCH).await > 0 {
        let done = keys
            .drain(..)
            .filter_map(|key| Key::new(key).ok())
            .fold(Transaction::new(), Transaction::delete);
        if let Err(error) = store.commit(done).await {
            tracing::warn!(%error, "records stay in the outbox until the next start");
        }
    }
}
