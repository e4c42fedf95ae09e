//! The folder of bodies: received apart, hashed, synced, moved into place; opened; removed; swept.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crypto::{HashAlgorithm, Hasher};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;
use wire::ApiError;

use crate::{Body, faults};

/// The longest object, in bytes: S3's for one `PutObject`.
pub(crate) const MAX_OBJECT_LEN: u64 = 5 << 30;

/// The name of a body's file: random, and never taken from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BodyId(Uuid);

impl fmt::Display for BodyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// A body that is in place and that no object has yet; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) id: BodyId,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) sha256: [u8; 32],
    file: Temporary,
}

impl Received {
    /// An object has it now.
    pub(crate) fn keep(mut self) {
        self.file.0 = None;
    }
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            remove(&path);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Content {
    incoming: PathBuf,
    bodies: PathBuf,
}

impl Content {
    /// Opens the folder, or makes it, and removes what was being received.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let content = Self {
            incoming: folder.join("incoming"),
            bodies: folder.join("bodies"),
        };
        for folder in [folder, &content.incoming, &content.bodies] {
            if !folder.is_dir() {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(folder)?;
            }
        }
        fs::File::open(folder)?.sync_all()?;
        for file in fs::read_dir(&content.incoming)? {
            fs::remove_file(file?.path())?;
        }
        Ok(content)
    }

    /// Removes every body that is not in `used`; how many.
    pub(crate) fn sweep(&self, used: &HashSet<BodyId>) -> io::Result<usize> {
        let mut removed = 0;
        for file in fs::read_dir(&self.bodies)? {
            let file = file?;
            let id = file
                .file_name()
                .to_str()
                .and_then(|name| Uuid::try_parse(name).ok())
                .map(BodyId);
            if !id.is_some_and(|id| used.contains(&id)) {
                fs::remove_file(file.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Reads `body` to its end into a file of its own, and puts that, durably, in its place.
    pub(crate) async fn receive(&self, body: &mut Body) -> Result<Received, ApiError> {
        let id = BodyId(Uuid::new_v4());
        let incoming = self.incoming.join(id.to_string());
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&incoming)
            .await;
        let mut file = file.map_err(|error| faults::io(&error))?;
        let mut temporary = Temporary(Some(incoming.clone()));
        let mut hashes = Hashes {
            size: 0,
            md5: Md5::new(),
            sha256: HashAlgorithm::Sha256.new_hasher(),
        };
        while let Some(chunk) = body.source().next().await? {
            hashes.update(&chunk)?;
            file.write_all(&chunk)
                .await
                .map_err(|error| faults::io(&error))?;
        }
        file.flush().await.map_err(|error| faults::io(&error))?;
        file.sync_all().await.map_err(|error| faults::io(&error))?;
        drop(file);

        let place = self.path(id);
        let put = async {
            tokio::fs::rename(&incoming, &place).await?;
            temporary.0 = Some(place.clone());
            File::open(&self.bodies).await?.sync_all().await
        };
        put.await.map_err(|error| faults::io(&error))?;
        let (size, md5, sha256) = hashes.finish();
        Ok(Received {
            id,
            size,
            md5,
            sha256,
            file: temporary,
        })
    }

    /// Opens a body; `None` when it is gone.
    pub(crate) async fn read(&self, id: BodyId) -> io::Result<Option<File>> {
        match File::open(self.path(id)).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a body that no object has any more. What fails here is swept at the next opening.
    pub(crate) fn remove(&self, id: BodyId) {
        remove(&self.path(id));
    }

    fn path(&self, id: BodyId) -> PathBuf {
        self.bodies.join(id.to_string())
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "a body that nothing refers to stays until the next start");
        }
        _ => {}
    }
}

struct Hashes {
    size: u64,
    md5: Md5,
    sha256: Hasher,
}

impl Hashes {
    fn update(&mut self, chunk: &[u8]) -> Result<(), ApiError> {
        self.size = self.size.saturating_add(chunk.len() as u64);
        if self.size > MAX_OBJECT_LEN {
            return Err(faults::entity_too_large());
        }
        self.md5.update(chunk);
        self.sha256.update(chunk);
        Ok(())
    }

    fn finish(self) -> (u64, [u8; 16], [u8; 32]) {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.sha256.finish().as_ref());
        (self.size, self.md5.finalize().into(), sha256)
    }
}
