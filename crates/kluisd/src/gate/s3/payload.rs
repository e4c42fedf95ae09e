//! A signed body, decoded and verified as it is read.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use objects::BodySource;
use wire::checksum::ChecksumAlgorithm;
use wire::payload::{PayloadDecoder, Received};
use wire::sigv4::Verified;
use wire::{ApiError, Head};

use crate::gate::upload::Upload;

/// How long a client may be silent in the middle of a body.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// The bytes of a request's payload; that there are no more says that they were right.
pub(super) struct Payload {
    incoming: Upload,
    decoder: Option<PayloadDecoder>,
    received: Option<Received>,
}

impl Payload {
    /// The payload of a verified request.
    pub(super) fn new(
        verified: &Verified,
        head: &Head,
        incoming: Upload,
    ) -> Result<Self, ApiError> {
        let decoder = PayloadDecoder::new(verified, head).map_err(|error| error.to_api_error())?;
        Ok(Self {
            incoming,
            decoder: Some(decoder),
            received: None,
        })
    }

    /// How many bytes it will have, where the request says so.
    pub(super) fn expected_len(&self) -> Option<u64> {
        self.decoder.as_ref().and_then(PayloadDecoder::expected_len)
    }

    /// All of it, at most `most` bytes.
    pub(super) async fn collect(mut self, most: usize) -> Result<Bytes, ApiError> {
        let mut whole = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if whole.len() + bytes.len() > most {
                return Err(ApiError::sender(
                    "MaxMessageLengthExceeded",
                    400,
                    "Your request was too big.",
                ));
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }

    async fn frame(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let frame = tokio::time::timeout(SILENCE_MAX, self.incoming.frame()).await;
            let frame = frame.map_err(|_| ApiError::sender("RequestTimeout", 400, "Your socket connection to the server was not read from or written to within the timeout period."))?;
            match frame {
                None => return Ok(None),
                // HTTP trailers are not those of a signed payload, which stand within the body.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(_)) => {
                    return Err(ApiError::sender(
                        "IncompleteBody",
                        400,
                        "The request body terminated unexpectedly",
                    ));
                }
            }
        }
    }
}

#[async_trait]
impl BodySource for Payload {
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        while let Some(mut decoder) = self.decoder.take() {
            let Some(input) = self.frame().await? else {
                self.received = Some(decoder.finish().map_err(|error| error.to_api_error())?);
                break;
            };
            let mut decoded = BytesMut::with_capacity(input.len());
            decoder
                .push(&input, |run| decoded.extend_from_slice(run))
                .map_err(|error| error.to_api_error())?;
            self.decoder = Some(decoder);
            if !decoded.is_empty() {
                return Ok(Some(decoded.freeze()));
            }
        }
        Ok(None)
    }

    fn checksum(&self) -> Option<(ChecksumAlgorithm, Vec<u8>)> {
        self.received
            .as_ref()
            .and_then(|received| received.checksum.clone())
    }
}
