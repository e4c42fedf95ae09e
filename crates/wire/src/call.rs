//! From a decoded value to a typed request, and from a typed response to an answer. The generated modules call this.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    answer::Answer,
    error::ApiError,
    sensitive,
    shape::{Kind, OperationShape, Service, ServiceProtocol, Shape},
    validate, xml,
};

/// Validates `value` against the operation's input and gives it its type; the strings of sensitive members are wiped.
pub(crate) fn typed<T: DeserializeOwned>(
    service: &Service,
    operation: &OperationShape,
    mut value: Value,
) -> Result<T, ApiError> {
    // A request without a body is one without members.
    if value.is_null() {
        value = Value::Object(serde_json::Map::new());
    }
    let outcome = validate::check(service, operation.input, &value).and_then(|()| {
        // serde's message could quote a sensitive value. After validation this arm is not known to be reachable.
        T::deserialize(&value).map_err(|_| match service.protocol {
            ServiceProtocol::Json { .. } => ApiError::serialization("Unexpected field type"),
            ServiceProtocol::Query { .. } => ApiError::malformed_input(""),
        })
    });
    wipe_sensitive(operation.input, &mut value);
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
            values
                .iter_mut()
                .for_each(|value| wipe_sensitive(member, value));
        }
        (Kind::Map { value: shape, .. }, Value::Object(values)) => {
            values
                .values_mut()
                .for_each(|value| wipe_sensitive(shape, value));
        }
        _ => {}
    }
}
