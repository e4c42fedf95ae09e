//! The log: opened, appended to, looked up.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crate::checkpoint::CheckpointOptions;
use crate::disk::{Disk, Folder};
use crate::lookup::{self, LookupError, Page, Query};
use crate::recovery::{self, Recovered};
use crate::writer::{self, Queue, Writer};
use crate::{ChainHash, Entry, EventId, Node, Record, TrailError, outbox_key};

/// Records kept in memory for look-ups: at most this many,
const RECENT_RECORDS: usize = 16_384;
/// and at most this many bytes.
const RECENT_BYTES: usize = 32 << 20;
/// Event ids kept in memory, so that a record that is appended twice is written once. Records that wait in the store's
/// outbox must be fewer.
const RECENT_IDS: usize = 65_536;

/// How a trail is kept.
#[derive(Debug)]
pub struct Options {
    /// Whose chain it is. It must stay the same for the life of the folder.
    pub node: Node,
    /// The account that the trail's own notices name.
    pub account: String,
    /// The region that the trail's own notices name.
    pub region: String,
    /// A new segment begins when the current one has this many bytes.
    pub segment_bytes: u64,
    /// Signed checkpoints, unless they are done without.
    pub checkpoints: Option<CheckpointOptions>,
}

impl Options {
    /// Segments of 64 MiB, no checkpoints.
    pub fn new(node: Node, account: impl Into<String>, region: impl Into<String>) -> Self {
        let (account, region) = (account.into(), region.into());
        Self {
            node,
            account,
            region,
            segment_bytes: 64 << 20,
            checkpoints: None,
        }
    }
}

/// The record's place in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a record that waits in the store is deleted there once it is appended"]
pub struct Appended {
    /// Its sequence number.
    pub sequence: u64,
    /// False when the trail had it already, from an append before a crash.
    pub is_new: bool,
    /// For [`Entry::InStore`]: the key in the store that may now be deleted.
    pub outbox_key: Option<String>,
}

/// How far a chain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The last record's sequence number; 0 when there is none.
    pub sequence: u64,
    /// The last link.
    pub chain: ChainHash,
}

/// A trail that is open for appending, by one process at a time.
///
/// Dropping it finishes what was queued, signs a last checkpoint and waits for both; see [`Trail::close`].
#[derive(Debug)]
pub struct Trail {
    queue: Option<Queue>,
    writer: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    /// Held for its lock.
    _lock: File,
}

/// What the writer, look-ups and the handle know of each other.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    state: Mutex<State>,
    poison: OnceLock<String>,
}

/// The durable state of the log, as far as memory holds it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) position: Position,
    /// The first sequence number of each segment, in order.
    pub(crate) segments: Vec<u64>,
    /// The last records, oldest first.
    pub(crate) recent: VecDeque<(u64, Record)>,
    recent_bytes: usize,
    ids: HashMap<EventId, u64>,
    id_order: VecDeque<EventId>,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            position: Position {
                sequence: 0,
                chain: ChainHash::START,
            },
            segments: Vec::new(),
            recent: VecDeque::new(),
            recent_bytes: 0,
            ids: HashMap::new(),
            id_order: VecDeque::new(),
        }
    }

    /// Takes in a durable record.
    pub(crate) fn add(&mut self, sequence: u64, chain: ChainHash, record: Record) {
        self.position = Position { sequence, chain };
        self.ids.insert(record.event_id(), sequence);
        self.id_order.push_back(record.event_id());
        self.recent_bytes += record.bytes().len();
        self.recent.push_back((sequence, record));
        while self.recent.len() > RECENT_RECORDS || self.recent_bytes > RECENT_BYTES {
            let Some((_, oldest)) = self.recent.pop_front() else {
                break;
            };
            self.recent_bytes -= oldest.bytes().len();
        }
        while self.id_order.len() > RECENT_IDS {
            let Some(oldest) = self.id_order.pop_front() else {
                break;
            };
            self.ids.remove(&oldest);
        }
    }

    pub(crate) fn sequence_of(&self, id: EventId) -> Option<u64> {
        self.ids.get(&id).copied()
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn check(&self) -> Result<(), TrailError> {
        match self.poison.get() {
            None => Ok(()),
            Some(reason) => Err(TrailError::Poisoned {
                reason: reason.clone(),
            }),
        }
    }

    pub(crate) fn poison(&self, reason: String) -> TrailError {
        tracing::error!(reason, "the trail stopped");
        TrailError::Poisoned {
            reason: self.poison.get_or_init(|| reason).clone(),
        }
    }
}

impl Trail {
    /// Opens the trail in `folder`, or makes it. The last two segments are read and checked; [`verify`](crate::verify)
    /// checks them all. A last line without its end was never acknowledged and is cut.
    ///
    /// # Errors
    /// [`TrailError::Corrupt`] with the place, and [`TrailError::Rewound`], when the log is not what was written;
    /// [`TrailError::InUse`]; [`TrailError::Full`] and [`TrailError::Environment`] when the file system says so.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<Self, TrailError> {
        let folder = folder.as_ref();
        make_folder(folder)?;
        let lock = lock(folder)?;
        let mut recovered = recovery::recover(folder, &options)?;
        let io = |error| TrailError::io(folder, &error);
        let disk = match recovered.state.segments.len() as u64 {
            0 => {
                recovered.state.segments.push(1);
                Folder::begin(folder, 1).map_err(io)?
            }
            last => Folder::resume(folder, last).map_err(io)?,
        };
        Self::start(folder, options, recovered, Box::new(disk), lock)
    }

    /// The part of [`open`](Trail::open) that tests share, with a disk of their own.
    pub(crate) fn start(
        folder: &Path,
        options: Options,
        recovered: Recovered,
        disk: Box<dyn Disk>,
        lock: File,
    ) -> Result<Self, TrailError> {
        let state = Mutex::new(recovered.state);
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            state,
            poison: OnceLock::new(),
        });
        let (queue, jobs) = writer::queue();
        let writer = Writer::new(
            disk,
            Arc::clone(&shared),
            options,
            recovered.segment_length,
            recovered.vouched_for,
        );
        let writer = std::thread::Builder::new()
            .name("trail-writer".into())
            .spawn(move || writer.run(jobs))
            .map_err(|error| TrailError::io(folder, &error))?;
        Ok(Self {
            queue: Some(queue),
            writer: Some(writer),
            shared,
            _lock: lock,
        })
    }

    /// Appends the entry's record and returns when it is durable. A record that is there already, by its event id, is
    /// not written again. Dropping the future does not take the record back.
    ///
    /// # Errors
    /// [`TrailError::Full`] when there is no room, which passes; [`TrailError::Poisoned`] after any other failure of
    /// the disk, until the trail is opened again; [`TrailError::TooLong`].
    pub async fn append(&self, entry: Entry) -> Result<Appended, TrailError> {
        self.shared.check()?;
        let (record, outbox_key) = match entry {
            Entry::Unwritten(record) => (record, None),
            Entry::InStore(record) => {
                let key = outbox_key(record.event_id());
                (record, Some(key))
            }
        };
        if record.bytes().len() > Record::MAX_LEN {
            return Err(TrailError::TooLong {
                len: record.bytes().len(),
            });
        }
        let stopped = || TrailError::Poisoned {
            reason: "its writer has stopped".into(),
        };
        let (sequence, is_new) = self
            .queue
            .as_ref()
            .ok_or_else(stopped)?
            .append(record)
            .await?;
        Ok(Appended {
            sequence,
            is_new,
            outbox_key,
        })
    }

    /// How far the chain has come, durably.
    pub fn position(&self) -> Position {
        self.shared.state().position
    }

    /// The records that match `query`, newest first.
    ///
    /// # Errors
    /// [`LookupError`]: a malformed token, or a log that cannot be read.
    pub async fn lookup(&self, query: Query) -> Result<Page, LookupError> {
        let shared = Arc::clone(&self.shared);
        let looked_up = tokio::task::spawn_blocking(move || lookup::run(&shared, &query)).await;
        looked_up.unwrap_or_else(|error| {
            Err(LookupError::Unreadable {
                reason: error.to_string(),
            })
        })
    }

    /// Finishes what was queued and signs a last checkpoint.
    pub async fn close(self) {
        if let Err(error) = tokio::task::spawn_blocking(move || drop(self)).await {
            tracing::error!(%error, "closing the trail failed");
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the trail's writer panicked");
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), TrailError> {
    let io = |error| TrailError::io(folder, &error);
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).create(folder).map_err(io)?;
    let parent = fs::canonicalize(folder).map_err(io)?;
    File::open(parent.parent().unwrap_or(&parent))
        .and_then(|parent| parent.sync_all())
        .map_err(io)
}

fn lock(folder: &Path) -> Result<File, TrailError> {
    let path = folder.join("lock");
    let open = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let file = open.map_err(|error| TrailError::io(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TrailError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(TrailError::io(&path, &error)),
    }
}
