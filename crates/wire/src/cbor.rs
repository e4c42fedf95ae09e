//! Smithy RPC v2 over CBOR: bytes to a value of the shape's types, and back.
//!
//! Blobs are byte strings, instants carry tag 1 (RFC 8949 § 3.4.2), members that the shape does not have are ignored, and a member that is
//! null is one that is absent. Items may have a definite or an indefinite length. Stricter than AWS: a member that occurs twice is refused,
//! so that no two readers can disagree.

mod read;
mod write;

use serde_json::{Map, Value};

use crate::{
    answer::Answer,
    error::ApiError,
    json::BODY_MAX,
    shape::{OperationShape, Shape},
};

/// The value of the header `smithy-protocol`.
pub const PROTOCOL: &str = "rpc-v2-cbor";

/// Reads `body` as a value of `shape`; an empty body is a structure without members.
///
/// # Errors
///
/// `SerializationException` when the body is too long, not CBOR, too deep, repeats a member, or a member is not of its type.
pub fn decode(body: &[u8], shape: &Shape) -> Result<Value, ApiError> {
    if body.len() > BODY_MAX {
        return Err(ApiError::serialization("The request body is too long"));
    }
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    read::whole(body, shape)
}

/// The members of `value` that `shape` has, as CBOR.
pub fn encode(shape: &Shape, value: &Value) -> Vec<u8> {
    let mut out = write::Writer::default();
    out.value(shape, value);
    out.into_bytes()
}

/// The answer to an operation that succeeded; one without members has no body.
pub(crate) fn answer(operation: &OperationShape, value: &Value, request_id: &str) -> Answer {
    let body = operation.output.map(|output| encode(output, value));
    message(200, body, request_id)
}

/// The document of an error: its code and what it says.
pub(crate) fn error(error: &ApiError, request_id: &str) -> Answer {
    let mut out = write::Writer::default();
    out.error(error);
    message(error.status, Some(out.into_bytes()), request_id)
}

fn message(status: u16, body: Option<Vec<u8>>, request_id: &str) -> Answer {
    let mut headers = vec![
        ("smithy-protocol", PROTOCOL.to_owned()),
        ("x-amzn-requestid", request_id.to_owned()),
    ];
    if body.is_some() {
        headers.push(("content-type", "application/cbor".to_owned()));
    }
    Answer {
        status,
        headers,
        body: body.unwrap_or_default(),
    }
}
