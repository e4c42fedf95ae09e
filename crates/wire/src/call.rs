//! From a decoded value to a typed request, and from a typed response to an answer. The generated modules call this.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    answer::Answer,
    error::ApiError,
    sensitive,
    shape::{Kind, OperationShape, Service, ServiceProtocol, Shape},
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
        T::deserialize(&value).map_err(|_| match service.protocol {
            ServiceProtocol::Json { .. } => ApiError::serialization("Unexpected field type"),
            ServiceProtocol::Query { .. } => ApiError::malformed_input(""),
        })
    });
    wipe_sensitive(shape, &mut value);
    outcome
}

/// The answer to an operation that succeeded.
pub(crate) fn answer(
    service: &Service,
    operation: &OperationShape,
    response: &impl Serialize,
    request_id: &str,
) -> Result<Answer, ApiError> {
    match service.protocol {
        ServiceProtocol::Json { version, .. } => {
            let body = match operation.output {
                Some(_) => {
                    serde_json::to_vec(response).map_err(|_| ApiError::internal_failure())?
                }
                None => Vec::new(),
            };
            Ok(Answer {
                status: 200,
                headers: vec![
                    ("content-type", format!("application/x-amz-json-{version}")),
                    ("x-amzn-requestid", request_id.to_owned()),
                ],
                body,
            })
        }
        ServiceProtocol::Query { xml_namespace } => {
            let mut value =
                serde_json::to_value(response).map_err(|_| ApiError::internal_failure())?;
            let body = xml::response(operation, xml_namespace, &value, request_id);
            if let Some(output) = operation.output {
                wipe_sensitive(output, &mut value);
            }
            Ok(Answer {
                status: 200,
                headers: vec![
                    ("content-type", "text/xml".to_owned()),
                    ("x-amzn-requestid", request_id.to_owned()),
                ],
                body: body.into_bytes(),
            })
        }
    }
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
    match service.protocol {
        ServiceProtocol::Json { .. } => {
            ApiError::sender("UnknownOperationException", 400, String::new())
        }
        ServiceProtocol::Query { .. } => ApiError::sender(
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
