//! The embedded store: one SQLite file.
//!
//! Why write-ahead logging with `synchronous=FULL`: a commit costs one fsync, readers never wait for the writer, and
//! the log is in the data's own folder. Every connection sets it for itself, since SQLite does not keep it in the
//! file. Checkpoints are run here and not by SQLite, which ignores their failures: an fsync that failed once may
//! succeed the next time without having written anything, so any I/O error ends the handle, and the next opening
//! replays the log.

mod failure;
mod reader;
mod schema;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use async_trait::async_trait;

use self::failure::Failure;
use self::reader::Readers;
use self::writer::{Queue, Writer};
use crate::feed::Feed;
use crate::{Key, Result, Revision, Store, StoreError, Transaction, Versioned, Watch};

/// A store in one SQLite file, held by one process at a time.
///
/// A commit that is dropped while it waits may still take place. Dropping the store finishes what was queued and
/// waits for it; give it to [`tokio::task::spawn_blocking`] where that matters.
#[derive(Debug)]
pub struct Sqlite {
    queue: Option<Queue>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    health: Arc<Health>,
    /// Held for its lock.
    _lock: File,
}

/// What writer, readers and handle know of each other.
#[derive(Debug)]
struct Health {
    feed: Feed,
    /// Set once, by the failure that ended the handle.
    failed: OnceLock<String>,
}

impl Health {
    fn check(&self) -> Result<()> {
        match self.failed.get() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Unavailable {
                reason: reason.clone(),
            }),
        }
    }

    fn fail(&self, reason: &str) {
        if self
            .failed
            .set(format!(
                "it stopped after a failure and must be opened again: {reason}"
            ))
            .is_ok()
        {
            tracing::error!(reason, "the store stopped");
        }
        self.feed.close();
    }
}

impl Sqlite {
    /// Opens the store at `path`, or makes it (readable by its owner only), and checks its structure.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process holds it; [`StoreError::Newer`] when a later version made it;
    /// [`StoreError::Corrupt`] when it is damaged or no Kluis store; [`StoreError::Full`] and
    /// [`StoreError::Unavailable`] when the file system says so.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let lock = lock(path)?;
        create(path).map_err(|error| environment(path, &error))?;
        let connection = schema::open_writer(path).map_err(Failure::before_commit)?;
        let revision = schema::prepare(&connection)?;

        let health = Arc::new(Health {
            feed: Feed::new(revision),
            failed: OnceLock::new(),
        });
        let readers = Arc::new(Readers::new(path.to_owned(), Arc::clone(&health)));
        let (queue, jobs) = writer::queue();
        let writer = Writer::new(connection, revision, Arc::clone(&health));
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(jobs))
            .map_err(|error| environment(path, &error))?;
        Ok(Self {
            queue: Some(queue),
            writer: Some(writer),
            readers,
            health,
            _lock: lock,
        })
    }

    /// Reads the whole store and checks its structure and the checksum of every record.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the first damage found, [`StoreError::Unavailable`].
    pub async fn integrity(&self) -> Result<()> {
        self.readers.read(schema::integrity).await
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
        self.health.feed.close();
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, key: &Key) -> Result<Option<Versioned>> {
        let key = key.clone();
        self.readers
            .read(move |connection| reader::get(connection, &key))
            .await
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.readers
            .read(move |connection| reader::scan(connection, &prefix, after.as_ref(), limit))
            .await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Revision> {
        transaction.validate()?;
        self.health.check()?;
        let stopped = || StoreError::Unavailable {
            reason: "its writer has stopped; open it again".into(),
        };
        self.queue
            .as_ref()
            .ok_or_else(stopped)?
            .commit(transaction)
            .await
    }

    async fn revision(&self) -> Result<Revision> {
        self.readers.read(schema::revision).await
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.health.feed.watch(prefix, after)
    }
}

/// Takes the lock beside the store: closing any other handle on the file itself would drop SQLite's own locks.
fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let open = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name);
    let file = open.map_err(|error| environment(&name, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: path.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(environment(&name, &error)),
    }
}

/// Makes the empty file, so that SQLite finds it (and makes its log) with the owner's mode, and its name durable.
fn create(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(file) => {
            file.sync_all()?;
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn environment(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Unavailable {
            reason: format!("{}: {error}", path.display()),
        },
    }
}
