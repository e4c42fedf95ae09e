//! Bodies, coming in and going out, never whole in memory.

use std::fmt;
use std::io;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use crypto::{HashAlgorithm, Hasher};
use futures_util::{Stream, stream};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use wire::ApiError;
use wire::checksum::ChecksumAlgorithm;

/// Bytes of an object that are read at a time.
const CHUNK_LEN: usize = 256 << 10;

/// Where an object's bytes come from: the gate's decoded and verified payload.
#[async_trait]
pub trait BodySource: Send {
    /// The next bytes; `None` when the body has ended and everything that the request said of it was right.
    ///
    /// # Errors
    /// The caller's fault in S3's words: a digest that does not match, a body that was cut.
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError>;

    /// The checksum that the client sent and that was verified; asked after the end.
    fn checksum(&self) -> Option<(ChecksumAlgorithm, Vec<u8>)> {
        None
    }
}

/// An object's bytes, on their way in.
pub struct Body(Box<dyn BodySource>);

impl Body {
    /// A body that is read from `source`.
    pub fn new(source: impl BodySource + 'static) -> Self {
        Self(Box::new(source))
    }

    pub(crate) fn source(&mut self) -> &mut dyn BodySource {
        &mut *self.0
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::new(InMemory(Some(bytes)))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

struct InMemory(Option<Bytes>);

#[async_trait]
impl BodySource for InMemory {
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        Ok(self.0.take())
    }
}

/// An object's bytes, on their way out. The file is open already: deleting the object does not tear it.
#[derive(Debug)]
pub struct ObjectBody {
    file: File,
    left: u64,
    /// Of a body that is read whole: what its hash must be at the end.
    check: Option<Check>,
}

struct Check {
    hasher: Hasher,
    sha256: [u8; 32],
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Check")
    }
}

impl ObjectBody {
    /// `length` bytes from where `file` stands; `sha256` is theirs, when they are the whole object.
    pub(crate) fn new(file: File, length: u64, sha256: Option<[u8; 32]>) -> Self {
        let check = sha256.map(|sha256| Check {
            hasher: HashAlgorithm::Sha256.new_hasher(),
            sha256,
        });
        Self {
            file,
            left: length,
            check,
        }
    }

    /// The bytes still to come.
    pub fn remaining(&self) -> u64 {
        self.left
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read, is shorter than it was, or (read whole) is not what was stored: then the last
    /// bytes are withheld, so that the client sees a body that was cut and not a wrong one.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(self.left)
            .unwrap_or(CHUNK_LEN)
            .min(CHUNK_LEN);
        let mut chunk = BytesMut::zeroed(wanted);
        self.file.read_exact(&mut chunk).await?;
        self.left -= wanted as u64;
        if let Some(check) = &mut self.check {
            check.hasher.update(&chunk);
        }
        if self.left == 0
            && let Some(check) = self.check.take()
            && check.hasher.finish().as_ref() != check.sha256
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the object's bytes are not those that were stored",
            ));
        }
        Ok(Some(chunk.freeze()))
    }

    /// The bytes as a stream.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::try_unfold(self, |mut body| async move {
            Ok(body.next().await?.map(|chunk| (chunk, body)))
        })
    }
}
