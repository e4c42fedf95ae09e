//! The one writer: a thread that makes many waiting records durable with one sync.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::chain::{self, Walk};
use crate::checkpoint::{self, Checkpoint};
use crate::disk::Disk;
use crate::error::is_full;
use crate::log::{Options, Shared};
use crate::{ChainHash, Draft, DraftFacts, EventId, Record, TrailError};

#[cfg(test)]
mod tests;

/// Records that wait; whoever comes later waits outside.
const MAX_QUEUED: usize = 4096;
/// Records in one sync.
const MAX_BATCH: usize = 1024;
/// Bytes in one sync.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// Bytes of memory that are kept from one sync to the next.
const MAX_SPARE_BYTES: usize = 1 << 20;

/// The sequence number, and whether the record is new.
type Answer = Result<(u64, bool), TrailError>;

#[derive(Debug)]
struct Job {
    record: Record,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
pub(crate) struct Queue(mpsc::Sender<Job>);

pub(crate) struct Jobs(mpsc::Receiver<Job>);

pub(crate) fn queue() -> (Queue, Jobs) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED);
    (Queue(sender), Jobs(receiver))
}

impl Queue {
    pub(crate) async fn append(&self, record: Record) -> Answer {
        let stopped = || TrailError::Poisoned {
            reason: "its writer has stopped".into(),
        };
        let (answer, answered) = oneshot::channel();
        self.0
            .send(Job { record, answer })
            .await
            .map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// What woke the writer.
enum Wake {
    Jobs(Vec<Job>),
    Checkpoint,
    Closed,
}

impl Jobs {
    /// Waits for a record and takes those that wait behind it, or for the time of the next checkpoint.
    fn wait(&mut self, clock: Option<&tokio::runtime::Runtime>, due: Option<Instant>) -> Wake {
        let first = match (clock, due) {
            (Some(clock), Some(due)) => {
                let wait = async { tokio::time::timeout_at(due.into(), self.0.recv()).await };
                match clock.block_on(wait) {
                    Ok(first) => first,
                    Err(_) => return Wake::Checkpoint,
                }
            }
            _ => self.0.blocking_recv(),
        };
        let Some(first) = first else {
            return Wake::Closed;
        };
        let mut bytes = first.record.bytes().len();
        let mut jobs = vec![first];
        while jobs.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
            let Ok(job) = self.0.try_recv() else { break };
            bytes += job.record.bytes().len();
            jobs.push(job);
        }
        Wake::Jobs(jobs)
    }
}

pub(crate) struct Writer {
    disk: Box<dyn Disk>,
    shared: Arc<Shared>,
    options: Options,
    /// The current segment's durable length, in bytes.
    length: u64,
    /// While there is no room: how many records were refused.
    refused: Option<u64>,
    /// The last record that a checkpoint vouches for.
    vouched_for: u64,
    checkpoint_due: Option<Instant>,
    /// What the last batch was written from, empty: memory of this size is slow to get and to give back each time.
    spare: Vec<u8>,
}

/// Lines that become durable together.
struct Batch {
    walk: Walk,
    bytes: Vec<u8>,
    records: Vec<(u64, ChainHash, Record)>,
    ids: HashMap<EventId, u64>,
}

impl Writer {
    pub(crate) fn new(
        mut disk: Box<dyn Disk>,
        shared: Arc<Shared>,
        options: Options,
        length: u64,
        vouched_for: u64,
    ) -> Self {
        if let Err(error) = disk.keep_reserve() {
            tracing::warn!(%error, "no room for the trail's reserve");
        }
        Self {
            disk,
            shared,
            options,
            length,
            refused: None,
            vouched_for,
            checkpoint_due: None,
            spare: Vec::new(),
        }
    }

    pub(crate) fn run(mut self, mut jobs: Jobs) {
        let clock = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let clock = clock
            .inspect_err(|error| tracing::warn!(%error, "no checkpoints by time"))
            .ok();
        loop {
            match jobs.wait(clock.as_ref(), self.checkpoint_due) {
                Wake::Jobs(jobs) => self.append(jobs),
                Wake::Checkpoint => self.checkpoint(),
                Wake::Closed => return self.checkpoint(),
            }
        }
    }

    fn append(&mut self, jobs: Vec<Job>) {
        match self.try_append(&jobs) {
            Ok(answers) => {
                for (job, answer) in jobs.into_iter().zip(answers) {
                    // Whoever asked may have gone; the record is durable all the same.
                    drop(job.answer.send(Ok(answer)));
                }
                self.checkpoint_if_due();
            }
            Err(error) => {
                if error == TrailError::Full {
                    self.refuse(jobs.len() as u64);
                }
                for job in jobs {
                    drop(job.answer.send(Err(error.clone())));
                }
            }
        }
    }

    fn try_append(&mut self, jobs: &[Job]) -> Result<Vec<(u64, bool)>, TrailError> {
        self.shared.check()?;
        let mut batch = self.batch();
        if let Some(refused) = self.refused {
            // Only when there is room for the reserve again, so that the log does not flutter at the edge.
            self.disk.keep_reserve().map_err(|_| TrailError::Full)?;
            batch.push(&self.options, self.notice("TrailResumed", refused));
        }
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let known = self.shared.state().sequence_of(job.record.event_id());
            answers.push(
                match known.or_else(|| batch.ids.get(&job.record.event_id()).copied()) {
                    Some(sequence) => (sequence, false),
                    None => (batch.push(&self.options, job.record.clone()), true),
                },
            );
        }
        self.write(batch)?;
        self.refused = None;
        Ok(answers)
    }

    fn batch(&mut self) -> Batch {
        let position = self.shared.state().position;
        let walk = Walk {
            sequence: position.sequence,
            chain: position.chain,
        };
        Batch {
            walk,
            bytes: std::mem::take(&mut self.spare),
            records: Vec::new(),
            ids: HashMap::new(),
        }
    }

    /// Makes a batch durable, or leaves the log as it was, or poisons it.
    fn write(&mut self, batch: Batch) -> Result<(), TrailError> {
        if batch.records.is_empty() {
            return Ok(());
        }
        if self.length >= self.options.segment_bytes {
            self.begin_segment()?;
        }
        if let Err(error) = self.disk.append(&batch.bytes) {
            if !is_full(&error) {
                return Err(self.shared.poison(format!("writing: {error}")));
            }
            // Nobody was told of the part that was written.
            return match self.disk.truncate(self.length) {
                Ok(()) => Err(TrailError::Full),
                Err(error) => Err(self
                    .shared
                    .poison(format!("cutting a part of a record: {error}"))),
            };
        }
        // After a failed sync the kernel may have thrown the pages away and call them clean: not even "full" passes.
        if let Err(error) = self.disk.sync() {
            return Err(self.shared.poison(format!("syncing: {error}")));
        }
        self.length += batch.bytes.len() as u64;
        let mut state = self.shared.state();
        for (sequence, chain, record) in batch.records {
            state.add(sequence, chain, record);
        }
        drop(state);
        self.spare = batch.bytes;
        self.spare.clear();
        // One batch of long records does not keep their memory for ever.
        self.spare.shrink_to(MAX_SPARE_BYTES);
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), TrailError> {
        let (number, first) = {
            let state = self.shared.state();
            (state.segments.len() as u64 + 1, state.position.sequence + 1)
        };
        match self.disk.begin_segment(number) {
            Ok(()) => {}
            Err(error) if is_full(&error) => return Err(TrailError::Full),
            Err(error) => {
                return Err(self
                    .shared
                    .poison(format!("beginning segment {number}: {error}")));
            }
        }
        self.shared.state().segments.push(first);
        self.length = 0;
        Ok(())
    }

    /// Notes, in the room kept back for it, that records are refused; counts them from then on.
    fn refuse(&mut self, records: u64) {
        let is_first = self.refused.is_none();
        *self.refused.get_or_insert(0) += records;
        if !is_first {
            return;
        }
        if let Err(error) = self.disk.release_reserve() {
            tracing::warn!(%error, "the trail's reserve cannot be released");
        }
        let mut batch = self.batch();
        batch.push(&self.options, self.notice("TrailFull", records));
        if let Err(error) = self.write(batch) {
            tracing::error!(%error, "the trail is full and cannot even say so");
        }
    }

    /// A record of what the trail itself did.
    fn notice(&self, name: &str, refused: u64) -> Record {
        Draft::of_service(DraftFacts {
            identity: json!({ "type": "AWSService", "invokedBy": "trail.kluis.internal" }).into(),
            event_time: Timestamp::now(),
            event_source: "trail.kluis.internal".into(),
            event_name: name.into(),
            region: self.options.region.clone(),
            source_ip: "trail.kluis.internal".into(),
            user_agent: None,
            request_id: uuid::Uuid::new_v4().to_string(),
            recipient_account: self.options.account.clone(),
            read_only: false,
            management: true,
            request_parameters: None,
            additional_event_data: Some(json!({ "recordsRefused": refused })),
            tls: None,
        })
        .succeeded(None, Vec::new())
    }

    fn checkpoint_if_due(&mut self) {
        let Some(keeping) = &self.options.checkpoints else {
            return;
        };
        let behind = self.shared.state().position.sequence - self.vouched_for;
        if behind >= keeping.every_records {
            self.checkpoint();
        } else if behind > 0 && self.checkpoint_due.is_none() {
            self.checkpoint_due = Instant::now().checked_add(keeping.every);
        }
    }

    /// Signs how far the chain has come. A checkpoint that cannot be written is tried again later: records are
    /// durable without it.
    fn checkpoint(&mut self) {
        self.checkpoint_due = None;
        let Some(keeping) = &self.options.checkpoints else {
            return;
        };
        let position = self.shared.state().position;
        if position.sequence == self.vouched_for {
            return;
        }
        let node = &self.options.node;
        let signed = Checkpoint::sign(
            &keeping.key,
            node,
            position.sequence,
            position.chain,
            Timestamp::now(),
        );
        let written = signed
            .map_err(|error| error.to_string())
            .and_then(|checkpoint| {
                let folders = [Some(&self.shared.folder), keeping.copies.as_ref()];
                folders.into_iter().flatten().try_for_each(|folder| {
                    let append = checkpoint::append(folder, &checkpoint);
                    append.map_err(|error| format!("{}: {error}", folder.display()))
                })
            });
        match written {
            Ok(()) => self.vouched_for = position.sequence,
            Err(reason) => {
                tracing::warn!(reason, "a checkpoint of the trail could not be written");
                self.checkpoint_due = Instant::now().checked_add(keeping.every);
            }
        }
    }
}

impl Batch {
    fn push(&mut self, options: &Options, record: Record) -> u64 {
        self.walk.sequence += 1;
        self.walk.chain = self
            .walk
            .chain
            .next(&options.node, self.walk.sequence, record.bytes());
        chain::encode(
            &mut self.bytes,
            &options.node,
            self.walk.sequence,
            self.walk.chain,
            &record,
        );
        self.ids.insert(record.event_id(), self.walk.sequence);
        self.records
            .push((self.walk.sequence, self.walk.chain, record));
        self.walk.sequence
    }
}
