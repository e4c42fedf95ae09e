//! From a decoded value to a typed request, and from a typed response to an answer. The generated modules call this.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    answer::Answer,
    cbor,
    error::ApiError,
    protocol::{Dialect, JsonVersion},
    sensitive,
    shape::{Kind, OperationShape, Service, ServiceProtocol, Shape, Words},
    time, validate, xml,
};

/// Validates `value` against `shape` and gives it its type; the strings of sensitive members are wiped.
pub(crate) fn typed<T: DeserializeOwned>(
    service: &Service,
    shape: &Shape,
    mut value: Value,
) -> Result<T, ApiError> {
    // A request without a body is one without members.
    if value.is_null() {
        value = Value::Object(serde_json::Map::new());
    }
    let outcome = validate::check(service, shape, &value).and_then(|()| {
        // serde's message could quote a sensitive value. After validation this arm is not known to be reachable.
        T::deserialize(&value).map_err(|_| match service.protocol.words() {
            Words::Json => ApiError::serialization("Unexpected field type"),
            Words::Query => ApiError::malformed_input(""),
        })
    });
    wipe_sensitive(shape, &mut value);
    outcome
}

/// How a service's answers are written when nobody says otherwise.
pub(crate) fn own_dialect(service: &Service) -> Dialect {
    match service.protocol {
        ServiceProtocol::Json { version: "1.0", .. } => Dialect::Json(JsonVersion::V1_0),
        ServiceProtocol::Json { .. } => Dialect::Json(JsonVersion::V1_1),
        ServiceProtocol::Query { xml_namespace } => Dialect::Query(xml_namespace),
        ServiceProtocol::QueryCompatible { .. } => Dialect::Cbor,
    }
}

/// The answer to an operation that succeeded.
pub(crate) fn answer(
    operation: &OperationShape,
    response: &impl Serialize,
    dialect: Dialect,
    request_id: &str,
) -> Result<Answer, ApiError> {
    match dialect {
        Dialect::Json(version) => json_answer(operation, response, version, request_id),
        Dialect::Query(namespace) => value_answer(operation, response, |value| Answer {
            status: 200,
            headers: vec![
                ("content-type", "text/xml".to_owned()),
                ("x-amzn-requestid", request_id.to_owned()),
            ],
            body: xml::response(operation, namespace, value, request_id).into_bytes(),
        }),
        Dialect::Cbor => value_answer(operation, response, |value| {
            cbor::answer(operation, value, request_id)
        }),
        // S3's documents are not of these shapes.
        Dialect::S3 => Err(ApiError::internal_failure()),
    }
}

fn json_answer(
    operation: &OperationShape,
    response: &impl Serialize,
    version: JsonVersion,
    request_id: &str,
) -> Result<Answer, ApiError> {
    let body = match operation.output {
        Some(_) => serde_json::to_vec(response).map_err(|_| ApiError::internal_failure())?,
        None => Vec::new(),
    };
    let content_type = format!("application/x-amz-json-{}", version.as_str());
    Ok(Answer {
        status: 200,
        headers: vec![
            ("content-type", content_type),
            ("x-amzn-requestid", request_id.to_owned()),
        ],
        body,
    })
}

/// An answer that is written from a value under its shape; the value's secrets are wiped.
fn value_answer(
    operation: &OperationShape,
    response: &impl Serialize,
    write: impl FnOnce(&Value) -> Answer,
) -> Result<Answer, ApiError> {
    let mut value = serde_json::to_value(response).map_err(|_| ApiError::internal_failure())?;
    let answer = write(&value);
    if let Some(output) = operation.output {
        wipe_sensitive(output, &mut value);
    }
    Ok(answer)
}

/// A request's members as the trail shows them.
pub(crate) fn parameters(input: &Shape, request: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(request).unwrap_or_default();
    let shown = shown(input, &value);
    wipe_sensitive(input, &mut value);
    shown.unwrap_or_default()
}

/// `CloudTrail`'s spelling: names begin with a small letter, instants are text. `None` for what is not shown.
fn shown(shape: &Shape, value: &Value) -> Option<Value> {
    if shape.sensitive {
        return None;
    }
    match (&shape.kind, value) {
        (Kind::Blob { .. }, _) => None,
        (Kind::Structure(members), Value::Object(values)) => {
            let members = members.iter().filter_map(|member| {
                let value = shown(member.shape, values.get(member.name)?)?;
                Some((validate::lower_first(member.name), value))
            });
            Some(Value::Object(members.collect()))
        }
        (Kind::List { member, .. }, Value::Array(items)) => Some(
            items
                .iter()
                .filter_map(|item| shown(member, item))
                .collect(),
        ),
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            let entries = entries
                .iter()
                .filter_map(|(name, entry)| Some((name.clone(), shown(item, entry)?)));
            Some(Value::Object(entries.collect()))
        }
        (Kind::Timestamp, Value::Number(number)) => {
            time::from_number(number).map(|at| Value::String(time::to_iso8601(at)))
        }
        (_, other) => Some(other.clone()),
    }
}

/// The error for an operation that this build does not know.
pub(crate) fn unknown_operation(service: &Service, name: &str) -> ApiError {
    match service.protocol.words() {
        Words::Json => ApiError::sender("UnknownOperationException", 400, String::new()),
        Words::Query => ApiError::sender(
            "InvalidAction",
            400,
            format!(
                "Could not find operation {name} for version {}",
                service.version
            ),
        ),
    }
}

fn wipe_sensitive(shape: &Shape, value: &mut Value) {
    if shape.sensitive {
        return sensitive::wipe(value);
    }
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(values)) => {
            for member in *members {
                if let Some(value) = values.get_mut(member.name) {
                    wipe_sensitive(member.shape, value);
                }
            }
        }
        (Kind::List { member, .. }, Value::Array(values)) => {
            for value in values {
                wipe_sensitive(member, value);
            }
        }
        (Kind::Map { value: shape, .. }, Value::Object(values)) => {
            for value in values.values_mut() {
                wipe_sensitive(shape, value);
            }
        }
        _ => {}
    }
}
