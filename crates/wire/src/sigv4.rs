//! Signature Version 4, the verifying side: AWS General Reference, "Create a signed AWS API request", and the S3 API reference,
//! "Authenticating Requests".
//!
//! In three steps, since the secret is known only after the first: [`parse`] reads what a request presents; its owner finds the secret of
//! [`Presented::access_key_id`] and derives a [`SigningKey`] (or takes it from a [`KeyCache`]); [`Presented::verify`] checks scope, time,
//! signed headers and signature, and gives a [`Verified`], which only this module makes. The body of an S3 request is then read through a
//! [`PayloadDecoder`](crate::payload::PayloadDecoder).

mod canonical;
mod error;
mod key;
mod presented;
mod verify;

#[cfg(test)]
mod tests;

pub use error::{ScopePart, SigError};
pub use key::{KeyCache, SigningKey};
pub use presented::{PayloadForm, Presented, parse};
pub use verify::{Expected, SKEW_MAX, Verified};

pub(crate) use presented::digest;
pub(crate) use verify::ChunkSigner;

/// The one algorithm.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What ends a credential scope.
pub(crate) const TERMINATOR: &str = "aws4_request";

/// The service whose paths are signed as they are, and whose payloads have several forms.
pub(crate) const S3: &str = "s3";
