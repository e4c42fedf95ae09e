//! Step 2, route: which protocol a request speaks. Control requests are small and read whole here; S3's bodies stay streams.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::Method;
use hyper::body::Body as _;
use policy::Context;
use serde_json::{Value, json};
use trail::DraftFacts;
use wire::protocol::{self, Protocol};
use wire::{ApiError, Head, Scope};

use super::accept::Arrived;
use super::upload::Upload;

/// How long a client may take to send a control request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Answers without authentication, and tells nothing.
pub(crate) const HEALTH_PATH: &str = "/health";

/// Where a request goes.
pub(crate) enum Routed {
    /// KMS, STS, IAM or CloudTrail.
    Control(Request<Bytes>),
    /// S3.
    Objects(Box<Request<(Parts, Upload)>>),
    /// A load balancer's question.
    Health,
    /// Nowhere: nobody is asked who they are.
    Refused(Box<Request<()>>, ApiError),
}

/// A request with its protocol known; `B` is its body.
pub(crate) struct Request<B> {
    /// The request's circumstances.
    pub(crate) arrived: Arrived,
    /// Its head as signed.
    pub(crate) head: Head,
    /// Which protocol it speaks.
    pub(crate) protocol: Protocol,
    /// What follows the head.
    pub(crate) body: B,
}

/// Finds a request's way.
pub(crate) async fn route(arrived: Arrived, request: hyper::Request<Upload>) -> Routed {
    let (parts, body) = request.into_parts();
    if parts.method == Method::GET
        && parts.uri.path() == HEALTH_PATH
        && parts.headers.get("authorization").is_none()
    {
        return Routed::Health;
    }
    let head = head(&parts);
    let protocol = protocol::detect(&head);
    if protocol == Protocol::S3 {
        return Routed::Objects(Box::new(Request {
            arrived,
            head,
            protocol,
            body: (parts, body),
        }));
    }
    // Said at once where the length is known: a client that waits to be asked for the body would wait in vain.
    let body = if body.size_hint().lower() > wire::json::BODY_MAX as u64 {
        Err(too_large())
    } else {
        whole(body).await
    };
    match body {
        Ok(body) => Routed::Control(Request {
            arrived,
            head,
            protocol,
            body,
        }),
        Err(error) => {
            let request = Request {
                arrived,
                head,
                protocol,
                body: (),
            };
            Routed::Refused(Box::new(request), error)
        }
    }
}

async fn whole(body: Upload) -> Result<Bytes, ApiError> {
    let limited = Limited::new(body, wire::json::BODY_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(ApiError::sender(
            "IncompleteBody",
            400,
            "The request broke off.",
        )),
        Err(_) => Err(ApiError::sender(
            "RequestTimeout",
            400,
            "The request took too long to arrive.",
        )),
    }
}

fn too_large() -> ApiError {
    ApiError::sender(
        "RequestEntityTooLarge",
        413,
        format!("The request is larger than {} bytes.", wire::json::BODY_MAX),
    )
}

fn head(parts: &Parts) -> Head {
    let mut headers: Vec<(String, String)> = parts
        .headers
        .iter()
        // Signed headers are text in UTF-8; whatever is not cannot verify, and is not lost for s3s.
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    // HTTP/2 carries the host as a pseudo-header.
    if let (None, Some(authority)) = (parts.headers.get("host"), parts.uri.authority()) {
        headers.push(("host".to_owned(), authority.as_str().to_owned()));
    }
    Head {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
    }
}

impl<B> Request<B> {
    /// What the trail is told of a request before anybody is believed to have sent it.
    pub(crate) fn facts(&self, event_source: &str, event_name: &str) -> DraftFacts {
        DraftFacts {
            identity: json!({ "type": "Unknown" }).into(),
            event_time: self.arrived.at,
            event_source: event_source.to_owned(),
            event_name: event_name.to_owned(),
            region: String::new(),
            source_ip: self.arrived.connection.peer.ip().to_string(),
            user_agent: self.head.header("user-agent").map(str::to_owned),
            request_id: self.arrived.request_id.clone(),
            recipient_account: String::new(),
            read_only: false,
            management: true,
            request_parameters: None,
            additional_event_data: None,
            tls: self.tls_details(),
        }
    }

    /// CloudTrail's `tlsDetails`.
    pub(crate) fn tls_details(&self) -> Option<Arc<Value>> {
        self.arrived
            .connection
            .tls
            .as_ref()
            .map(|tls| tls.details(self.head.header("host")))
    }

    /// Condition keys that any request has.
    pub(crate) fn ambient(&self, scope: &Scope) -> Context {
        let context = Context::new()
            .with(
                "aws:SourceIp",
                self.arrived.connection.peer.ip().to_string(),
            )
            .with(
                "aws:SecureTransport",
                self.arrived.connection.tls.is_some().to_string(),
            )
            .with("aws:CurrentTime", self.arrived.at.to_string())
            .with("aws:EpochTime", self.arrived.at.as_second().to_string())
            .with("aws:RequestedRegion", scope.region.as_str())
            .with("aws:ViaAWSService", "false");
        match self.head.header("user-agent") {
            Some(agent) => context.with("aws:UserAgent", agent),
            None => context,
        }
    }
}
