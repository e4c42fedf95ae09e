//! The rooms at the gate: which crate answers which service.

use std::sync::Arc;

use identity::Identity;
use jiff::Timestamp;
use kms::Kms;
use monitor::Monitor;
use policy::{Ask, Authorized, Principal};
use serde_json::{Map, Value, json};
use trail::{Attribute, Draft, Entry, Executed, Found, LookupError, Query};
use wire::cloudtrail::{
    self, LookupAttribute, LookupAttributeKey, LookupEventsRequest, LookupEventsResponse,
};
use wire::protocol::Dialect;
use wire::{Answer, ApiError, EpochSeconds, Scope, cloudwatch, iam, service_quotas, sts};

use super::Auditor;
use super::execute::Room;

impl Room for Kms {
    type Operation = wire::kms::Operation;
    type Response = wire::kms::Response;

    fn decode(name: &str, value: Value) -> Result<Self::Operation, ApiError> {
        Self::Operation::decode(name, value)
    }

    fn is_read_only(operation: &Self::Operation) -> bool {
        Self::is_read_only(operation)
    }

    fn parameters(operation: &Self::Operation) -> Value {
        Self::request_parameters(operation)
    }

    fn usage(
        &self,
        operation: &Self::Operation,
        caller: &Principal,
        scope: &Scope,
    ) -> Option<&'static str> {
        Some(self.usage(operation, caller, scope))
    }

    fn asks(
        &self,
        operation: &Self::Operation,
        caller: &Principal,
        scope: &Scope,
    ) -> Result<Vec<Ask>, ApiError> {
        self.asks(operation, caller, scope)
    }

    async fn execute(
        &self,
        operation: Authorized<Self::Operation>,
        scope: &Scope,
        draft: Draft,
    ) -> Executed<Result<Self::Response, ApiError>> {
        self.execute(operation, scope, draft).await
    }

    fn encode(
        response: &Self::Response,
        dialect: Dialect,
        request_id: &str,
    ) -> Result<Answer, ApiError> {
        response.encode_in(dialect, request_id)
    }
}

/// `identity` answers two services; each has its own operations.
macro_rules! identity_room {
    ($room:ident, $service:ident, $doc:literal) => {
        #[doc = $doc]
        pub(super) struct $room(pub(super) Arc<Identity>);

        impl Room for $room {
            type Operation = identity::Operation;
            type Response = identity::Response;

            fn decode(name: &str, value: Value) -> Result<Self::Operation, ApiError> {
                $service::Operation::decode(name, value).map(Into::into)
            }

            fn is_read_only(operation: &Self::Operation) -> bool {
                operation.is_read_only()
            }

            fn parameters(operation: &Self::Operation) -> Value {
                Identity::request_parameters(operation)
            }

            fn asks(
                &self,
                operation: &Self::Operation,
                caller: &Principal,
                scope: &Scope,
            ) -> Result<Vec<Ask>, ApiError> {
                self.0.asks(operation, caller, scope)
            }

            async fn execute(
                &self,
                operation: Authorized<Self::Operation>,
                scope: &Scope,
                draft: Draft,
            ) -> Executed<Result<Self::Response, ApiError>> {
                self.0.execute(operation, scope, draft).await
            }

            fn encode(
                response: &Self::Response,
                dialect: Dialect,
                request_id: &str,
            ) -> Result<Answer, ApiError> {
                response.encode_in(dialect, request_id)
            }
        }
    };
}

identity_room!(Iam, iam, "IAM, over `identity`.");
identity_room!(Sts, sts, "STS, over `identity`.");

/// `monitor` answers two services, likewise.
macro_rules! monitor_room {
    ($room:ident, $service:ident, $doc:literal) => {
        #[doc = $doc]
        pub(super) struct $room(pub(super) Monitor);

        impl Room for $room {
            type Operation = monitor::Operation;
            type Response = monitor::Response;

            fn decode(name: &str, value: Value) -> Result<Self::Operation, ApiError> {
                $service::Operation::decode(name, value).map(Into::into)
            }

            fn is_read_only(operation: &Self::Operation) -> bool {
                operation.is_read_only()
            }

            fn parameters(operation: &Self::Operation) -> Value {
                Monitor::request_parameters(operation)
            }

            fn asks(
                &self,
                operation: &Self::Operation,
                _: &Principal,
                scope: &Scope,
            ) -> Result<Vec<Ask>, ApiError> {
                Ok(Monitor::asks(operation, scope))
            }

            async fn execute(
                &self,
                operation: Authorized<Self::Operation>,
                scope: &Scope,
                draft: Draft,
            ) -> Executed<Result<Self::Response, ApiError>> {
                self.0.execute(operation, scope, draft).await
            }

            fn encode(
                response: &Self::Response,
                dialect: Dialect,
                request_id: &str,
            ) -> Result<Answer, ApiError> {
                response.encode_in(dialect, request_id)
            }
        }
    };
}

monitor_room!(CloudWatch, cloudwatch, "CloudWatch, over `monitor`.");
monitor_room!(
    ServiceQuotas,
    service_quotas,
    "Service Quotas, over `monitor`."
);

/// CloudTrail's look-up, over the trail.
pub(super) struct LookUp(pub(super) Arc<Auditor>);

impl Room for LookUp {
    type Operation = cloudtrail::Operation;
    type Response = cloudtrail::Response;

    fn decode(name: &str, value: Value) -> Result<Self::Operation, ApiError> {
        Self::Operation::decode(name, value)
    }

    fn is_read_only(_: &Self::Operation) -> bool {
        true
    }

    fn parameters(operation: &Self::Operation) -> Value {
        let cloudtrail::Operation::LookupEvents(request) = operation;
        let mut parameters = Map::new();
        if let Some(attributes) = &request.lookup_attributes {
            let attributes = attributes.iter().map(|a| json!({ "attributeKey": a.attribute_key.as_str(), "attributeValue": a.attribute_value }));
            parameters.insert("lookupAttributes".to_owned(), attributes.collect());
        }
        for (name, time) in [
            ("startTime", &request.start_time),
            ("endTime", &request.end_time),
        ] {
            if let Some(time) = time {
                parameters.insert(name.to_owned(), time.0.to_string().into());
            }
        }
        if let Some(most) = request.max_results {
            parameters.insert("maxResults".to_owned(), most.into());
        }
        if parameters.is_empty() {
            Value::Null
        } else {
            parameters.into()
        }
    }

    fn asks(&self, _: &Self::Operation, _: &Principal, _: &Scope) -> Result<Vec<Ask>, ApiError> {
        Ok(vec![Ask::new("cloudtrail:LookupEvents", "*")])
    }

    async fn execute(
        &self,
        operation: Authorized<Self::Operation>,
        scope: &Scope,
        draft: Draft,
    ) -> Executed<Result<Self::Response, ApiError>> {
        let (cloudtrail::Operation::LookupEvents(request), _) = operation.into_parts();
        let answer = match query(request, &scope.account) {
            Ok(query) => self
                .0
                .trail()
                .lookup(query)
                .await
                .map(answer)
                .map_err(|error| look_up_fault(&error)),
            Err(error) => Err(error),
        };
        let record = match &answer {
            Ok(_) => draft.succeeded(None, Vec::new()),
            Err(error) => draft.failed(error.code, &error.message, Vec::new()),
        };
        Executed {
            answer,
            entry: Entry::Unwritten(record),
        }
    }

    fn encode(
        response: &Self::Response,
        dialect: Dialect,
        request_id: &str,
    ) -> Result<Answer, ApiError> {
        response.encode_in(dialect, request_id)
    }
}

fn query(request: LookupEventsRequest, account: &str) -> Result<Query, ApiError> {
    let LookupEventsRequest {
        lookup_attributes,
        start_time,
        end_time,
        max_results,
        next_token,
        event_category,
    } = request;
    if event_category.is_some() {
        return Err(ApiError::sender(
            "InvalidEventCategoryException",
            400,
            "Insights events are not recorded here.",
        ));
    }
    let time = |time: Option<EpochSeconds>| time.map(|time| time.0);
    let (start, end): (Option<Timestamp>, Option<Timestamp>) = (time(start_time), time(end_time));
    if start > end && end.is_some() {
        return Err(ApiError::sender(
            "InvalidTimeRangeException",
            400,
            "The start time must be before the end time.",
        ));
    }
    // CloudTrail takes one attribute; the model's bounds hold that.
    let attribute = lookup_attributes
        .into_iter()
        .flatten()
        .next()
        .map(attribute)
        .transpose()?;
    let limit = max_results
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or_default();
    Ok(Query {
        account: Some(account.to_owned()),
        attribute,
        start,
        end,
        limit,
        token: next_token,
    })
}

fn attribute(asked: LookupAttribute) -> Result<Attribute, ApiError> {
    let value = asked.attribute_value;
    Ok(match asked.attribute_key {
        LookupAttributeKey::EventId => Attribute::EventId(value),
        LookupAttributeKey::EventName => Attribute::EventName(value),
        LookupAttributeKey::ReadOnly => match value.parse() {
            Ok(value) => Attribute::ReadOnly(value),
            Err(_) => {
                return Err(ApiError::sender(
                    "InvalidLookupAttributesException",
                    400,
                    "ReadOnly is true or false.",
                ));
            }
        },
        LookupAttributeKey::Username => Attribute::Username(value),
        LookupAttributeKey::ResourceType => Attribute::ResourceType(value),
        LookupAttributeKey::ResourceName => Attribute::ResourceName(value),
        LookupAttributeKey::EventSource => Attribute::EventSource(value),
        LookupAttributeKey::AccessKeyId => Attribute::AccessKeyId(value),
    })
}

fn answer(page: trail::Page) -> cloudtrail::Response {
    cloudtrail::Response::LookupEvents(LookupEventsResponse {
        events: Some(page.found.into_iter().map(event).collect()),
        next_token: page.next,
    })
}

fn event(found: Found) -> cloudtrail::Event {
    let resources = found
        .resources
        .into_iter()
        .map(|resource| cloudtrail::Resource {
            resource_type: resource.kind,
            resource_name: Some(resource.arn),
        });
    cloudtrail::Event {
        event_id: Some(found.record.event_id().to_string()),
        event_name: Some(found.event_name),
        read_only: Some(found.read_only.to_string()),
        access_key_id: found.access_key_id,
        event_time: Some(found.event_time.into()),
        event_source: Some(found.event_source),
        username: found.username,
        resources: Some(resources.collect()),
        cloud_trail_event: Some(String::from_utf8_lossy(found.record.bytes()).into_owned()),
    }
}

fn look_up_fault(error: &LookupError) -> ApiError {
    if *error == LookupError::Token {
        return ApiError::sender("InvalidNextTokenException", 400, error.to_string());
    }
    tracing::error!(%error, "a look-up failed");
    ApiError::internal_failure()
}
