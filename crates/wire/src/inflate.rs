//! Bodies that clients compress: gzip, as the SDKs do with a large `PutMetricData` (Smithy's `requestCompression`).

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use crate::{error::ApiError, head::Head, json::BODY_MAX};

/// The body as it was before it was compressed, if it was.
///
/// # Errors
/// `SerializationException` for another encoding, for what is not gzip, and for what becomes longer than [`BODY_MAX`].
pub(crate) fn inflated<'b>(head: &Head, body: &'b [u8]) -> Result<Cow<'b, [u8]>, ApiError> {
    match head.header("content-encoding") {
        None | Some("" | "identity") => Ok(Cow::Borrowed(body)),
        Some("gzip") => gunzip(body).map(Cow::Owned),
        Some(_) => Err(ApiError::serialization(
            "The request's content encoding is not supported; use gzip, or none",
        )),
    }
}

fn gunzip(body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let mut whole = Vec::new();
    let most = BODY_MAX as u64 + 1;
    MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut whole)
        .map_err(|_| ApiError::serialization("The request body is not valid gzip"))?;
    if whole.len() > BODY_MAX {
        return Err(ApiError::serialization("The request body is too long"));
    }
    Ok(whole)
}
