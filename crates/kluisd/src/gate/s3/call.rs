//! One request of S3 on its way through `s3s`: who asks, with what body, and what became of it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use http::StatusCode;
use objects::{Body, Conditions, Objects, Operation, Response};
use policy::{Decision, evaluate};
use s3s::{S3Error, S3ErrorCode, S3Result};
use trail::Draft;
use wire::ApiError;
use wire::shape::Words;

use super::payload::Payload;
use super::{Auditor, Authenticated, EVENT_SOURCE, is_signature_parameter, parameters};
use crate::gate::execute::refusal;

/// The operation's name of a request that `s3s` knows no operation for.
pub(super) const UNKNOWN: &str = "Unknown";

/// See the module.
pub(super) struct Call {
    signed: Authenticated<()>,
    payload: Mutex<Option<Payload>>,
    objects: Arc<Objects>,
    auditor: Arc<Auditor>,
    name: OnceLock<String>,
    /// How it ended on our side of `s3s`: with a record, or not at all.
    outcome: Mutex<Option<Result<(), ApiError>>>,
    status: OnceLock<StatusCode>,
}

impl Call {
    /// A call by whom `signed` says; `payload` is the bytes of a new object.
    pub(super) fn new(
        signed: Authenticated<()>,
        payload: Option<Payload>,
        objects: Arc<Objects>,
        auditor: Arc<Auditor>,
    ) -> Self {
        Self {
            signed,
            payload: Mutex::new(payload),
            objects,
            auditor,
            name: OnceLock::new(),
            outcome: Mutex::new(None),
            status: OnceLock::new(),
        }
    }

    /// Notes which operation `s3s` found.
    pub(super) fn is_named(&self, name: String) {
        let _ = self.name.set(name);
    }

    /// A header of the request, as sent.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.signed.request.head.header(name)
    }

    /// All headers, by their lower-case names.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.signed
            .request
            .head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The request's preconditions.
    pub(super) fn conditions(&self) -> Conditions {
        let time = |name| {
            self.header(name)
                .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
                .map(|time| time.timestamp())
        };
        Conditions {
            if_match: self.header("if-match").map(objects::Condition::parse),
            if_none_match: self.header("if-none-match").map(objects::Condition::parse),
            if_modified_since: time("if-modified-since"),
            if_unmodified_since: time("if-unmodified-since"),
        }
    }

    /// The bytes of a new object and how many there will be; once.
    pub(super) fn take_body(&self) -> (Body, Option<u64>) {
        let payload = self
            .payload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match payload {
            Some(payload) => {
                let expected = payload.expected_len();
                (Body::new(payload), expected)
            }
            None => (Body::from(bytes::Bytes::new()), Some(0)),
        }
    }

    /// Authorizes, executes and audits. An error waits here in its own words; what `s3s` is told stands for it.
    pub(super) async fn carry_out(&self, operation: Operation) -> S3Result<Response> {
        let (outcome, response) = match self.try_carry_out(operation).await {
            Ok(response) => {
                if let Some(status) = status(&response) {
                    let _ = self.status.set(status);
                }
                (Ok(()), Ok(response))
            }
            Err(error) => (Err(error), Err(S3Error::new(S3ErrorCode::InternalError))),
        };
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        response
    }

    async fn try_carry_out(&self, mut operation: Operation) -> Result<Response, ApiError> {
        let Authenticated {
            request,
            caller,
            scope,
            ..
        } = &self.signed;
        let mut facts = self.signed.facts(EVENT_SOURCE, operation.name());
        facts.read_only = operation.is_read_only();
        facts.management = operation.is_management();
        facts.request_parameters = Some(Objects::request_parameters(&operation));
        let draft = Draft::new(facts);
        let known = known_parameters(&operation);
        let is_known = |name| known.contains(&name) || is_signature_parameter(name);
        if !parameters(&request.head.query).all(is_known) {
            return self.auditor.refused(draft, not_implemented()).await;
        }
        let ambient = request.ambient(scope);
        let asks = match self.objects.asks(&operation, scope) {
            Ok(asks) => asks,
            Err(error) => return self.auditor.refused(draft, error).await,
        };
        if let Some(ask) = self.objects.listing_ask(&operation, scope)
            && let Operation::GetObject(get) | Operation::HeadObject(get) = &mut operation
        {
            get.sees_absence = matches!(
                evaluate(&caller.principal, &ask, &caller.layers, &ambient),
                Decision::Allowed(_)
            );
        }
        let authorized = policy::authorize(
            operation,
            &asks,
            caller.principal.clone(),
            &caller.layers,
            &ambient,
        );
        let authorized = match authorized {
            Ok(authorized) => authorized,
            Err(denied) => {
                return self
                    .auditor
                    .refused(draft, refusal(&denied, Words::Query))
                    .await;
            }
        };
        let executed = self.objects.execute(authorized, scope, draft).await;
        self.auditor.settle(executed).await?
    }

    /// The answer's status where it is not the one that `s3s` gives to every answer of its kind: it looks at no status of ours.
    pub(super) fn status(&self) -> Option<StatusCode> {
        self.status.get().copied()
    }

    /// After `s3s`: our own error if there was one; and a record of a request that never came to [`Call::carry_out`].
    pub(super) async fn settle(
        &self,
        status: StatusCode,
        document: Option<Bytes>,
    ) -> Result<(), ApiError> {
        let outcome = self
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(outcome) = outcome {
            return outcome;
        }
        let name = self.name.get().map_or(UNKNOWN, String::as_str);
        let error = match status {
            StatusCode::NOT_IMPLEMENTED => not_implemented(),
            status if status.is_success() => ApiError::internal_failure(),
            status => unreadable(status, document.as_deref().unwrap_or_default()),
        };
        self.auditor
            .refused(Draft::new(self.signed.facts(EVENT_SOURCE, name)), error)
            .await
    }
}

fn status(response: &Response) -> Option<StatusCode> {
    match response {
        Response::GetObject(got) if got.range.is_some() => Some(StatusCode::PARTIAL_CONTENT),
        Response::HeadObject(_, Some(_)) => Some(StatusCode::PARTIAL_CONTENT),
        Response::NotModified(_) => Some(StatusCode::NOT_MODIFIED),
        _ => None,
    }
}

/// What an operation's query may hold. `s3s` takes a request with a subresource that it has never heard of for the one without, and to
/// carry that out would do something that nobody asked for: `PUT /bucket/key?encryption` would replace the object.
fn known_parameters(operation: &Operation) -> &'static [&'static str] {
    match operation {
        Operation::ListBuckets => &[
            "x-id",
            "max-buckets",
            "continuation-token",
            "prefix",
            "bucket-region",
        ],
        Operation::CreateBucket { .. }
        | Operation::HeadBucket { .. }
        | Operation::DeleteBucket { .. }
        | Operation::PutObject(_)
        | Operation::GetObject(_)
        | Operation::HeadObject(_)
        | Operation::DeleteObject { .. } => &["x-id"],
        Operation::GetBucketLocation { .. } => &["x-id", "location"],
        Operation::DeleteObjects(_) => &["x-id", "delete"],
        Operation::ListObjects(_) => &[
            "x-id",
            "list-type",
            "prefix",
            "delimiter",
            "marker",
            "max-keys",
            "encoding-type",
            "start-after",
            "continuation-token",
            "fetch-owner",
        ],
    }
}

fn not_implemented() -> ApiError {
    ApiError::receiver(
        "NotImplemented",
        501,
        "A header or query you provided requested a function that is not implemented.",
    )
}

/// What `s3s` could not read, with its code where that is one that clients know.
fn unreadable(status: StatusCode, document: &[u8]) -> ApiError {
    const CODES: [(&str, &str); 5] = [
        ("InvalidBucketName", "The specified bucket is not valid."),
        ("InvalidArgument", "Invalid Argument"),
        ("KeyTooLongError", "Your key is too long"),
        (
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        (
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ),
    ];
    let document = String::from_utf8_lossy(document);
    let code = document
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map(|(code, _)| code);
    let (code, message) = CODES
        .into_iter()
        .find(|(known, _)| Some(*known) == code)
        .unwrap_or((
            "InvalidRequest",
            "The request is not one that this service can read.",
        ));
    ApiError::sender(code, status.as_u16(), message)
}
