//! An S3 payload as it is read: decoded, counted, and checked against everything that the request says of it.

use crypto::{HashAlgorithm, Hasher};
use thiserror::Error;

use crate::{
    checksum::{Checksum, ChecksumAlgorithm},
    chunked::{ChunkDecoder, ChunkError},
    error::ApiError,
    head::Head,
    sigv4::{PayloadForm, Verified},
};

/// Why a payload is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// The framing or a signature in it is wrong.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The body is not the one whose hash was signed.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Sha256,
    /// The payload is not as long as was said.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header.")]
    Length,
    /// A header that the payload cannot be read without is not there or not a number.
    #[error("You must provide the {0} HTTP header.")]
    MissingHeader(&'static str),
    /// A checksum's header or trailer is not one.
    #[error("Value for {} header is invalid.", .0.header_name())]
    InvalidChecksum(ChecksumAlgorithm),
    /// Trailing headers are not those that were announced.
    #[error(
        "The request contained trailing data that was not well-formed or did not conform to our published schema."
    )]
    Trailer,
    /// More than one checksum.
    #[error("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")]
    ManyChecksums,
    /// The payload is not the one whose checksum was sent.
    #[error("The {} you specified did not match the calculated checksum.", .0.as_str())]
    Checksum(ChecksumAlgorithm),
}

impl PayloadError {
    /// The error as S3 answers it.
    pub fn to_api_error(&self) -> ApiError {
        let (code, status) = match self {
            Self::Chunk(ChunkError::ChunkSignature | ChunkError::TrailerSignature) => {
                ("SignatureDoesNotMatch", 403)
            }
            Self::Chunk(ChunkError::Truncated) | Self::Length => ("IncompleteBody", 400),
            Self::Sha256 => ("XAmzContentSHA256Mismatch", 400),
            Self::MissingHeader(_) => ("MissingContentLength", 411),
            Self::Chunk(ChunkError::Malformed(_))
            | Self::InvalidChecksum(_)
            | Self::ManyChecksums => ("InvalidRequest", 400),
            Self::Trailer => ("MalformedTrailerError", 400),
            Self::Checksum(_) => ("BadDigest", 400),
        };
        ApiError::sender(code, status, self.to_string())
    }
}

/// A payload that was read to its end and is what the request said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes it has.
    pub len: u64,
    /// The checksum that the client sent, verified.
    pub checksum: Option<(ChecksumAlgorithm, Vec<u8>)>,
}

/// Reads a payload in pieces of any size.
///
/// The bytes that it yields are to be kept apart until [`PayloadDecoder::finish`] has said that they are right.
#[derive(Debug)]
#[must_use = "the payload is not verified before `finish`"]
pub struct PayloadDecoder {
    framing: Framing,
    /// The payload's length as the request says it.
    expected_len: Option<u64>,
    len: u64,
    checksum: Option<Checksum>,
    /// The checksum's value, where a header has it; else a trailing header will.
    expected_checksum: Option<Vec<u8>>,
}

enum Framing {
    Whole {
        hasher: Hasher,
        sha256: Option<[u8; 32]>,
    },
    Chunked(Box<ChunkDecoder>),
}

impl std::fmt::Debug for Framing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Whole { .. } => "Whole",
            Self::Chunked(_) => "Chunked",
        })
    }
}

impl PayloadDecoder {
    /// For the body of a verified request.
    ///
    /// # Errors
    ///
    /// When headers that the body cannot be read without are missing, or contradict each other.
    pub fn new(verified: &Verified, head: &Head) -> Result<Self, PayloadError> {
        let whole = |sha256| Framing::Whole {
            hasher: HashAlgorithm::Sha256.new_hasher(),
            sha256,
        };
        let framing = match verified.presented().payload() {
            PayloadForm::Body | PayloadForm::Unsigned => whole(None),
            PayloadForm::Sha256(hash) => whole(Some(hash)),
            PayloadForm::SignedChunks { trailer } => {
                let signer = verified.chunk_signer();
                Framing::Chunked(Box::new(ChunkDecoder::signed(signer, trailer)))
            }
            PayloadForm::UnsignedChunks => Framing::Chunked(Box::new(ChunkDecoder::unsigned())),
        };
        let expected_len = match framing {
            Framing::Whole { .. } => length(head, "content-length")?,
            Framing::Chunked(_) => Some(
                length(head, "x-amz-decoded-content-length")?
                    .ok_or(PayloadError::MissingHeader("x-amz-decoded-content-length"))?,
            ),
        };
        let mut decoder = Self {
            framing,
            expected_len,
            len: 0,
            checksum: None,
            expected_checksum: None,
        };
        decoder.expect_checksum(head)?;
        Ok(decoder)
    }

    /// How many bytes the payload will have, where the request says so.
    pub fn expected_len(&self) -> Option<u64> {
        self.expected_len
    }

    /// Takes more of the body and hands each run of the payload's bytes to `yield_bytes`.
    ///
    /// # Errors
    ///
    /// For what the bytes show to be wrong.
    pub fn push(
        &mut self,
        input: &[u8],
        mut yield_bytes: impl FnMut(&[u8]),
    ) -> Result<(), PayloadError> {
        let Self {
            framing,
            len,
            checksum,
            ..
        } = self;
        let mut take = |bytes: &[u8]| {
            *len = len.saturating_add(bytes.len() as u64);
            if let Some(checksum) = checksum {
                checksum.update(bytes);
            }
            yield_bytes(bytes);
        };
        match framing {
            Framing::Whole { hasher, .. } => {
                hasher.update(input);
                take(input);
            }
            Framing::Chunked(chunks) => chunks.push(input, take)?,
        }
        if self
            .expected_len
            .is_some_and(|expected| self.len > expected)
        {
            return Err(PayloadError::Length);
        }
        Ok(())
    }

    /// Says, at the body's end, whether the payload is what the request said.
    ///
    /// # Errors
    ///
    /// When its length, hash, signatures, trailing headers or checksum are not right.
    pub fn finish(self) -> Result<Received, PayloadError> {
        let trailers = match self.framing {
            Framing::Whole { hasher, sha256 } => {
                if self
                    .expected_len
                    .is_some_and(|expected| self.len != expected)
                {
                    return Err(PayloadError::Length);
                }
                let computed = hasher.finish();
                if sha256.is_some_and(|expected| computed.as_ref() != expected) {
                    return Err(PayloadError::Sha256);
                }
                Vec::new()
            }
            Framing::Chunked(chunks) => chunks.finish()?,
        };
        if self
            .expected_len
            .is_some_and(|expected| self.len != expected)
        {
            return Err(PayloadError::Length);
        }
        let expects_trailer = self.checksum.is_some() && self.expected_checksum.is_none();
        let expected = match (&trailers[..], &self.checksum) {
            ([(name, value)], Some(checksum))
                if expects_trailer && name == checksum.algorithm().header_name() =>
            {
                let algorithm = checksum.algorithm();
                let value = algorithm.parse(value);
                Some(value.ok_or(PayloadError::InvalidChecksum(algorithm))?)
            }
            ([], _) if !expects_trailer => self.expected_checksum,
            _ => return Err(PayloadError::Trailer),
        };
        let checksum = match (self.checksum, expected) {
            (Some(checksum), Some(expected)) => {
                let algorithm = checksum.algorithm();
                if checksum.finish() != expected {
                    return Err(PayloadError::Checksum(algorithm));
                }
                Some((algorithm, expected))
            }
            _ => None,
        };
        Ok(Received {
            len: self.len,
            checksum,
        })
    }

    /// Finds the one checksum that the request has, in a header or announced by `x-amz-trailer`.
    fn expect_checksum(&mut self, head: &Head) -> Result<(), PayloadError> {
        for algorithm in ChecksumAlgorithm::ALL {
            for value in head.headers_named(algorithm.header_name()) {
                if self.checksum.is_some() {
                    return Err(PayloadError::ManyChecksums);
                }
                let value = algorithm.parse(value.trim());
                self.expected_checksum =
                    Some(value.ok_or(PayloadError::InvalidChecksum(algorithm))?);
                self.checksum = Some(Checksum::new(algorithm));
            }
        }
        for announced in head.headers_named("x-amz-trailer") {
            let name = announced.trim().to_ascii_lowercase();
            let is_chunked = matches!(self.framing, Framing::Chunked(_));
            let algorithm = ChecksumAlgorithm::of_header(&name)
                .filter(|_| is_chunked)
                .ok_or(PayloadError::Trailer)?;
            if self.checksum.is_some() {
                return Err(PayloadError::ManyChecksums);
            }
            self.checksum = Some(Checksum::new(algorithm));
        }
        Ok(())
    }
}

fn length(head: &Head, name: &'static str) -> Result<Option<u64>, PayloadError> {
    let mut found = head.headers_named(name);
    let Some(text) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PayloadError::MissingHeader(name));
    }
    text.parse()
        .map(Some)
        .map_err(|_| PayloadError::MissingHeader(name))
}
