//! Checks what a request presents: scope, signed headers, time, signature.

use std::sync::Arc;

use crypto::sha256;
use jiff::{SignedDuration, Timestamp};

use super::{
    ALGORITHM, S3, SigError, SigningKey, TERMINATOR,
    canonical::{self, PathStyle},
    error::{ScopePart, basic},
    presented::{PayloadForm, Presented},
};
use crate::head::Head;

/// How far a request's time may be from ours, either way.
pub const SKEW_MAX: SignedDuration = SignedDuration::from_mins(15);

/// What the receiver knows of itself.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'e> {
    /// The service that the request is for, as in a credential scope.
    pub service: &'e str,
    /// The region, or `None` where the caller's choice stands.
    pub region: Option<&'e str>,
    /// The instant at which the request came.
    pub now: Timestamp,
}

/// A request whose signature is right. Only [`Presented::verify`] makes one.
#[derive(Debug)]
pub struct Verified {
    presented: Presented,
    key: Arc<SigningKey>,
}

impl Verified {
    /// What was presented, now known to be true.
    pub fn presented(&self) -> &Presented {
        &self.presented
    }

    /// Signs the chunks of a streamed payload, beginning with the request's own signature.
    pub(crate) fn chunk_signer(&self) -> ChunkSigner {
        ChunkSigner {
            key: Arc::clone(&self.key),
            signed_at: basic(self.presented.signed_at),
            scope: self.presented.scope(),
            previous: self.presented.signature,
        }
    }
}

impl Presented {
    /// Checks scope, signed headers, time and signature, in this order.
    ///
    /// `body_sha256` is that of the whole body, for all services but S3, whose payload is checked as it is read
    /// ([`PayloadDecoder`](crate::payload::PayloadDecoder)); there it is not looked at.
    ///
    /// # Errors
    ///
    /// One of [`SigError`], for the first check that fails.
    pub fn verify(
        self,
        head: &Head,
        body_sha256: &[u8; 32],
        key: &Arc<SigningKey>,
        expected: &Expected<'_>,
    ) -> Result<Verified, SigError> {
        self.check_scope(expected)?;
        self.check_signed_headers(head)?;
        self.check_time(expected.now)?;
        let payload_hash = match self.payload {
            PayloadForm::Body => hex::encode(body_sha256),
            PayloadForm::Sha256(hash) => hex::encode(hash),
            PayloadForm::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            PayloadForm::SignedChunks { trailer: false } => {
                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned()
            }
            PayloadForm::SignedChunks { trailer: true } => {
                "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned()
            }
            PayloadForm::UnsignedChunks => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        };
        let canonical =
            canonical::request(&self, head, &payload_hash, PathStyle::of(&self.service))
                .ok_or(SigError::Mismatch)?;
        let text = self.string_to_sign(&canonical);
        if !key.verify(text.as_bytes(), &self.signature) {
            return Err(SigError::Mismatch);
        }
        Ok(Verified {
            presented: self,
            key: Arc::clone(key),
        })
    }

    pub(super) fn string_to_sign(&self, canonical: &str) -> String {
        format!(
            "{ALGORITHM}\n{}\n{}\n{}",
            basic(self.signed_at),
            self.scope(),
            hex::encode(sha256(&[canonical.as_bytes()])),
        )
    }

    fn scope(&self) -> String {
        format!(
            "{}/{}/{}/{}",
            self.date, self.region, self.service, self.terminator
        )
    }

    fn check_scope(&self, expected: &Expected<'_>) -> Result<(), SigError> {
        let day = self.signed_at.strftime("%Y%m%d").to_string();
        let region = expected.region.unwrap_or(&self.region);
        let parts = [
            (ScopePart::Terminator, &self.terminator, TERMINATOR),
            (ScopePart::Service, &self.service, expected.service),
            (ScopePart::Region, &self.region, region),
            (ScopePart::Date, &self.date, &day),
        ];
        for (part, found, wanted) in parts {
            if found != wanted {
                return Err(SigError::Scope {
                    part,
                    found: found.clone(),
                    expected: wanted.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// `host`, every `x-amz-*` and `content-type` must be signed where they are there, and the date that is relied on.
    ///
    /// A presigned S3 request may come with a `content-type` that its signer did not foresee, as browsers send one: it only describes
    /// the object.
    fn check_signed_headers(&self, head: &Head) -> Result<(), SigError> {
        let is_signed = |name: &str| self.signed_headers.iter().any(|each| each == name);
        if !is_signed("host") || head.only_header("host").is_none() {
            return Err(SigError::UnsignedHeader("host".to_owned()));
        }
        let is_free_content_type = self.is_presigned() && self.service == S3;
        let relies_on_date = !self.is_presigned() && head.header("x-amz-date").is_none();
        let must_be_signed = |name: &str| {
            name.starts_with("x-amz-")
                || (name == "content-type" && !is_free_content_type)
                || (name == "date" && relies_on_date)
        };
        let mut unsigned: Vec<&str> = head
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| must_be_signed(name) && !is_signed(name))
            .collect();
        unsigned.sort_unstable();
        unsigned.dedup();
        if unsigned.is_empty() {
            Ok(())
        } else {
            Err(SigError::UnsignedHeader(unsigned.join(", ")))
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), SigError> {
        let age = now.duration_since(self.signed_at);
        let life = match self.expires {
            Some(seconds) => SignedDuration::from_secs(seconds.into()),
            None => SKEW_MAX,
        };
        if age < -SKEW_MAX || (age > life && self.expires.is_none()) {
            return Err(SigError::Skewed {
                signed_at: self.signed_at,
                now,
            });
        }
        if age > life {
            return Err(SigError::Expired {
                until: self.signed_at.checked_add(life).unwrap_or(now),
                now,
            });
        }
        Ok(())
    }
}

/// Verifies the chain of signatures over the chunks of a payload: each covers the one before.
#[derive(Debug)]
pub(crate) struct ChunkSigner {
    key: Arc<SigningKey>,
    signed_at: String,
    scope: String,
    previous: [u8; 32],
}

impl ChunkSigner {
    /// Whether `signature` is that of the next chunk, whose data has this hash.
    pub(crate) fn verify_chunk(&mut self, data_sha256: &[u8], signature: &[u8; 32]) -> bool {
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}",
            self.signed_at,
            self.scope,
            hex::encode(self.previous),
            hex::encode(sha256(&[])),
            hex::encode(data_sha256),
        );
        self.advance(&text, signature)
    }

    /// Whether `signature` is that of the trailing headers, whose canonical text has this hash.
    pub(crate) fn verify_trailer(&mut self, trailer_sha256: &[u8], signature: &[u8; 32]) -> bool {
        let text = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}",
            self.signed_at,
            self.scope,
            hex::encode(self.previous),
            hex::encode(trailer_sha256),
        );
        self.advance(&text, signature)
    }

    fn advance(&mut self, text: &str, signature: &[u8; 32]) -> bool {
        let is_right = self.key.verify(text.as_bytes(), signature);
        self.previous = *signature;
        is_right
    }
}
