//! Which protocol a request speaks, and from there to its operation and its value.

use serde_json::Value;

use crate::{
    call, cbor,
    error::ApiError,
    generated::SERVICES,
    head::Head,
    inflate::inflated,
    json, query,
    shape::{OperationShape, Service},
};

/// The name space of an error whose service is not known.
const FAULT_NAMESPACE: &str = "http://webservices.amazon.com/AWSFault/2005-15-09";

/// The protocol of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON.
    Json {
        /// The version, which the answer repeats.
        version: JsonVersion,
        /// The value of `X-Amz-Target`: a service's prefix, a dot, and an operation.
        target: String,
    },
    /// Smithy RPC v2 over CBOR.
    Cbor {
        /// The service's name in the path.
        service: String,
        /// The operation's name in the path.
        operation: String,
    },
    /// AWS Query.
    Query,
    /// S3: everything else.
    S3,
}

/// The version of AWS JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonVersion {
    /// `application/x-amz-json-1.0`.
    V1_0,
    /// `application/x-amz-json-1.1`.
    V1_1,
}

impl JsonVersion {
    /// As it is in the content type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
        }
    }
}

/// How errors are to be written for a caller; `Copy`, so that it can be kept beside a request whose decoding failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// AWS JSON.
    Json(JsonVersion),
    /// AWS Query, with the service's name space.
    Query(&'static str),
    /// Smithy RPC v2 over CBOR.
    Cbor,
    /// S3.
    S3,
}

/// A request whose operation is known and whose value has the types of its shape. It is not yet validated: `Operation::decode` of the
/// service does that.
#[derive(Debug)]
pub struct Request {
    /// The service.
    pub service: &'static Service,
    /// The operation.
    pub operation: &'static OperationShape,
    /// The members.
    pub value: Value,
}

/// The protocol that a request's head says. No byte of the body is needed, so that S3's bodies can be streamed.
pub fn detect(head: &Head) -> Protocol {
    if head.header("smithy-protocol") == Some(cbor::PROTOCOL) {
        return cbor_protocol(&head.path);
    }
    let content_type = head.header("content-type").unwrap_or_default();
    if let Some(target) = head.header("x-amz-target") {
        let version = if content_type.contains("json-1.0") {
            JsonVersion::V1_0
        } else {
            JsonVersion::V1_1
        };
        return Protocol::Json {
            version,
            target: target.to_owned(),
        };
    }
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    let has_action = head
        .query
        .split('&')
        .any(|pair| pair.starts_with("Action="));
    let is_query = match head.method.as_str() {
        "POST" => is_form,
        "GET" => has_action,
        _ => false,
    };
    if head.path == "/" && is_query {
        Protocol::Query
    } else {
        Protocol::S3
    }
}

/// `/service/NAME/operation/NAME`, perhaps behind a prefix; any other path leads to no operation.
fn cbor_protocol(path: &str) -> Protocol {
    let mut parts = path.rsplit('/');
    let place = (parts.next(), parts.next(), parts.next(), parts.next());
    let (service, operation) = match place {
        (Some(operation), Some("operation"), Some(service), Some("service")) => {
            (service, operation)
        }
        _ => ("", ""),
    };
    Protocol::Cbor {
        service: service.to_owned(),
        operation: operation.to_owned(),
    }
}

impl Protocol {
    /// How errors are written before the operation is known.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Json { version, .. } => Dialect::Json(*version),
            Self::Cbor { .. } => Dialect::Cbor,
            Self::Query => Dialect::Query(FAULT_NAMESPACE),
            Self::S3 => Dialect::S3,
        }
    }

    /// Finds the operation and decodes the body under its shape.
    ///
    /// # Errors
    ///
    /// An unknown operation or action, `MissingAction`, and the codecs' errors. S3 is not decoded here: `InternalFailure`.
    pub fn decode(&self, head: &Head, body: &[u8]) -> Result<Request, ApiError> {
        let body = inflated(head, body)?;
        match self {
            Self::Json { target, .. } => json_request(target, &body),
            Self::Cbor { service, operation } => cbor_request(service, operation, &body),
            Self::Query if head.method == "GET" => query_request(head.query.as_bytes()),
            Self::Query => query_request(&body),
            Self::S3 => Err(ApiError::internal_failure()),
        }
    }
}

impl Request {
    /// How the operation's errors are written.
    pub fn dialect(&self, protocol: &Protocol) -> Dialect {
        match (protocol, self.service.protocol.xml_namespace()) {
            (Protocol::Query, Some(namespace)) => Dialect::Query(namespace),
            _ => protocol.dialect(),
        }
    }
}

fn unknown() -> ApiError {
    ApiError::sender("UnknownOperationException", 400, String::new())
}

/// The service's name in a path: what stands after the last dot, for a name may come with its name space.
fn last_name(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

fn cbor_request(service: &str, operation: &str, body: &[u8]) -> Result<Request, ApiError> {
    let service = SERVICES
        .iter()
        .find(|each| {
            let prefix = each.protocol.target_prefix();
            prefix.is_some_and(|prefix| last_name(prefix) == last_name(service))
        })
        .ok_or_else(unknown)?;
    let operation = service.operation(operation).ok_or_else(unknown)?;
    Ok(Request {
        service,
        operation,
        value: cbor::decode(body, operation.input)?,
    })
}

fn json_request(target: &str, body: &[u8]) -> Result<Request, ApiError> {
    let (prefix, name) = target.rsplit_once('.').ok_or_else(unknown)?;
    let service = SERVICES
        .iter()
        .find(|service| service.protocol.target_prefix() == Some(prefix))
        .ok_or_else(unknown)?;
    let operation = service.operation(name).ok_or_else(unknown)?;
    Ok(Request {
        service,
        operation,
        value: json::decode(body, operation.input)?,
    })
}

fn query_request(form: &[u8]) -> Result<Request, ApiError> {
    let form = query::Form::parse(form)?;
    let action = form.get("Action").ok_or_else(|| {
        ApiError::sender(
            "MissingAction",
            400,
            "The request must contain the parameter Action",
        )
    })?;
    let version = form.get("Version").unwrap_or_default();
    let service = SERVICES
        .iter()
        .find(|service| service.protocol.xml_namespace().is_some() && service.version == version)
        .ok_or_else(|| {
            ApiError::sender(
                "InvalidAction",
                400,
                format!("Could not find operation {action} for version {version}"),
            )
        })?;
    let operation = service
        .operation(action)
        .ok_or_else(|| call::unknown_operation(service, action))?;
    Ok(Request {
        service,
        operation,
        value: form.decode(operation.input)?,
    })
}
