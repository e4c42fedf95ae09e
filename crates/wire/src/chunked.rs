//! `aws-chunked`, S3's own framing within a body: sizes, data, signatures of the chunks, trailing headers.
//!
//! ```text
//! 10000;chunk-signature=ad80…\r\n  <65536 bytes>  \r\n
//! 0;chunk-signature=b6c6…\r\n
//! x-amz-checksum-crc32c:sOO8/Q==\r\n
//! x-amz-trailer-signature:63bd…\r\n
//! \r\n
//! ```
//!
//! See the S3 API reference, "Signature calculations for the authorization header: transferring payload in multiple chunks", with and
//! without trailing headers.

use crypto::{HashAlgorithm, Hasher, sha256};
use thiserror::Error;

use crate::sigv4::{ChunkSigner, digest};

/// How long the line before a chunk may be: sixteen digits, a signature, and the names round them.
pub const CHUNK_LINE_MAX: usize = 256;

/// How long a trailing header may be, and all of them together.
pub const TRAILERS_MAX: usize = 8 * 1024;

/// The trailing header that signs the others.
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// What is wrong with a chunked payload.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChunkError {
    /// It breaks the framing.
    #[error("the chunked encoding is malformed: {0}")]
    Malformed(&'static str),
    /// It ends before its end.
    #[error("the body ended before the last chunk")]
    Truncated,
    /// A chunk's signature is not its own.
    #[error("the signature of a chunk does not match")]
    ChunkSignature,
    /// The trailing headers' signature is not theirs.
    #[error("the signature of the trailing headers does not match")]
    TrailerSignature,
}

/// Decodes `aws-chunked` as it comes, in pieces of any size.
///
/// What it yields is trustworthy only once [`ChunkDecoder::finish`] has said so: a chunk's signature is checked when the chunk is whole.
#[derive(Debug)]
#[must_use = "the payload is not verified before `finish`"]
pub struct ChunkDecoder {
    signer: Option<ChunkSigner>,
    has_trailer: bool,
    state: State,
    line: Vec<u8>,
    chunk: Option<OpenChunk>,
    trailers: Vec<(String, String)>,
    trailers_len: usize,
    trailer_signature: Option<[u8; 32]>,
}

#[derive(Debug)]
enum State {
    /// In the line before a chunk.
    Size,
    /// In a chunk, with so many bytes to come.
    Data(u64),
    /// Between a chunk's data and the next line.
    DataEnd,
    /// In the trailing headers, or the empty line that ends all.
    Trailer,
    /// After the end.
    Done,
    /// After an error, which is said again.
    Failed(ChunkError),
}

/// The chunk whose data is being read, where chunks are signed.
struct OpenChunk {
    signature: [u8; 32],
    hasher: Hasher,
}

impl std::fmt::Debug for OpenChunk {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("OpenChunk(…)")
    }
}

impl ChunkDecoder {
    /// For chunks that are signed.
    pub(crate) fn signed(signer: ChunkSigner, has_trailer: bool) -> Self {
        Self::new(Some(signer), has_trailer)
    }

    /// For chunks that are not signed, with trailing headers.
    pub fn unsigned() -> Self {
        Self::new(None, true)
    }

    fn new(signer: Option<ChunkSigner>, has_trailer: bool) -> Self {
        Self {
            signer,
            has_trailer,
            state: State::Size,
            line: Vec::new(),
            chunk: None,
            trailers: Vec::new(),
            trailers_len: 0,
            trailer_signature: None,
        }
    }

    /// Takes more of the body and hands each run of the payload's bytes to `yield_bytes`.
    ///
    /// # Errors
    ///
    /// For what the bytes show to be wrong; after that, the same error for ever.
    pub fn push(
        &mut self,
        mut input: &[u8],
        mut yield_bytes: impl FnMut(&[u8]),
    ) -> Result<(), ChunkError> {
        while !input.is_empty() {
            let step = self.step(input, &mut yield_bytes);
            let used = step.inspect_err(|error| self.state = State::Failed(error.clone()))?;
            input = &input[used..];
        }
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Whether the end has been seen.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The trailing headers, names in lower case, once the whole body was right.
    ///
    /// # Errors
    ///
    /// [`ChunkError::Truncated`] before the end, and the error that [`ChunkDecoder::push`] gave.
    pub fn finish(self) -> Result<Vec<(String, String)>, ChunkError> {
        match self.state {
            State::Done => Ok(self.trailers),
            State::Failed(error) => Err(error),
            _ => Err(ChunkError::Truncated),
        }
    }

    /// Takes the first bytes of a non-empty `input`; says how many.
    fn step(
        &mut self,
        input: &[u8],
        yield_bytes: &mut impl FnMut(&[u8]),
    ) -> Result<usize, ChunkError> {
        match self.state {
            State::Data(left) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let data = &input[..here];
                if let Some(chunk) = &mut self.chunk {
                    chunk.hasher.update(data);
                }
                yield_bytes(data);
                let left = left - here as u64;
                if left == 0 {
                    self.close_chunk()?;
                    self.state = State::DataEnd;
                } else {
                    self.state = State::Data(left);
                }
                Ok(here)
            }
            State::Size | State::DataEnd | State::Trailer => {
                let used = self.take_line(input)?;
                if self.line.ends_with(b"\r\n") {
                    let line = std::mem::take(&mut self.line);
                    self.line_is_whole(&line[..line.len() - 2])?;
                }
                Ok(used)
            }
            State::Done => Err(ChunkError::Malformed("bytes after the end")),
            State::Failed(ref error) => Err(error.clone()),
        }
    }

    /// Moves bytes into the line, up to its end.
    fn take_line(&mut self, input: &[u8]) -> Result<usize, ChunkError> {
        let limit = match self.state {
            State::Size => CHUNK_LINE_MAX,
            State::DataEnd => 2,
            _ => TRAILERS_MAX - self.trailers_len.min(TRAILERS_MAX),
        };
        for (at, &byte) in input.iter().enumerate() {
            if self.line.len() >= limit {
                return Err(ChunkError::Malformed("a line is too long"));
            }
            self.line.push(byte);
            if self.line.ends_with(b"\r\n") {
                return Ok(at + 1);
            }
        }
        Ok(input.len())
    }

    fn line_is_whole(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        let line =
            std::str::from_utf8(line).map_err(|_| ChunkError::Malformed("a line is not UTF-8"))?;
        match self.state {
            State::Size => self.open_chunk(line),
            State::DataEnd if line.is_empty() => {
                self.state = State::Size;
                Ok(())
            }
            State::DataEnd => Err(ChunkError::Malformed("a chunk is longer than its size")),
            _ if line.is_empty() => self.end(),
            _ => self.trailer(line),
        }
    }

    fn open_chunk(&mut self, line: &str) -> Result<(), ChunkError> {
        let (size, extension) = match line.split_once(';') {
            Some((size, extension)) => (size, Some(extension)),
            None => (line, None),
        };
        let is_size = (1..=16).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16)
            .ok()
            .filter(|_| is_size)
            .ok_or(ChunkError::Malformed("a chunk has no size"))?;
        if self.signer.is_some() {
            let signature = extension
                .and_then(|extension| extension.strip_prefix("chunk-signature="))
                .and_then(digest)
                .ok_or(ChunkError::Malformed("a chunk has no signature"))?;
            self.chunk = Some(OpenChunk {
                signature,
                hasher: HashAlgorithm::Sha256.new_hasher(),
            });
        } else if extension.is_some() {
            return Err(ChunkError::Malformed("an unsigned chunk has an extension"));
        }
        if size > 0 {
            self.state = State::Data(size);
            return Ok(());
        }
        self.close_chunk()?;
        self.state = State::Trailer;
        Ok(())
    }

    fn close_chunk(&mut self) -> Result<(), ChunkError> {
        let (Some(chunk), Some(signer)) = (self.chunk.take(), &mut self.signer) else {
            return Ok(());
        };
        if signer.verify_chunk(chunk.hasher.finish().as_ref(), &chunk.signature) {
            Ok(())
        } else {
            Err(ChunkError::ChunkSignature)
        }
    }

    fn trailer(&mut self, line: &str) -> Result<(), ChunkError> {
        if !self.has_trailer {
            return Err(ChunkError::Malformed(
                "trailing headers that were not announced",
            ));
        }
        if self.trailer_signature.is_some() {
            return Err(ChunkError::Malformed(
                "a trailing header after their signature",
            ));
        }
        self.trailers_len += line.len() + 2;
        let (name, value) = line
            .split_once(':')
            .ok_or(ChunkError::Malformed("a trailing header has no colon"))?;
        let name = name.trim().to_ascii_lowercase();
        // Some clients end the value with a line feed of its own, as AWS's example does.
        let value = value.trim().to_owned();
        if name == TRAILER_SIGNATURE && self.signer.is_some() {
            let signature =
                digest(&value).ok_or(ChunkError::Malformed("the trailing signature is not one"))?;
            self.trailer_signature = Some(signature);
            return Ok(());
        }
        if self.trailers.iter().any(|(each, _)| *each == name) {
            return Err(ChunkError::Malformed("a trailing header occurs twice"));
        }
        self.trailers.push((name, value));
        Ok(())
    }

    fn end(&mut self) -> Result<(), ChunkError> {
        if let (Some(signer), true) = (&mut self.signer, self.has_trailer) {
            let signature = self.trailer_signature.ok_or(ChunkError::TrailerSignature)?;
            let mut sorted: Vec<&(String, String)> = self.trailers.iter().collect();
            sorted.sort_unstable();
            let mut text = String::new();
            for (name, value) in sorted {
                text.extend([
                    name, ":", value, "
",
                ]);
            }
            if !signer.verify_trailer(&sha256(&[text.as_bytes()]), &signature) {
                return Err(ChunkError::TrailerSignature);
            }
        }
        self.state = State::Done;
        Ok(())
    }
}
