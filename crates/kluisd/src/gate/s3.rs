//! S3 on the same way: our own authentication before, policies, execution and audit within, and `s3s` for its types and XML alone.
//!
//! A request enters `s3s` without its signature and with a [`Call`] in its extensions; the handler that `s3s` picks turns its input into
//! an operation of `objects`, and takes that through [`Call::carry_out`], which is the only way to the room.

mod call;
mod door;
mod listing;
mod payload;
mod time;

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Uri};
use hyper::Response;
use objects::Objects;
use s3s::service::{S3Service, S3ServiceBuilder};
use trail::Draft;
use wire::ApiError;
use wire::protocol::Dialect;

use super::accept::Body;
use super::authenticate::Authenticated;
use super::route::Request;
use super::upload::Upload;
use super::{Auditor, Gate, answer};
use call::Call;
use payload::Payload;

/// S3's name in the trail.
const EVENT_SOURCE: &str = "s3.amazonaws.com";
/// The service's name in credential scopes.
const SERVICE: &str = "s3";
/// The largest XML document that is read, in bytes: `DeleteObjects` of a thousand long keys.
const DOCUMENT_MAX: usize = 2 << 20;

/// S3's protocol over the room of objects.
pub(super) struct Service {
    objects: Arc<Objects>,
    auditor: Arc<Auditor>,
    s3s: S3Service,
}

impl Service {
    /// Over these objects.
    pub(super) fn new(objects: Arc<Objects>, auditor: Arc<Auditor>) -> Self {
        let mut builder = S3ServiceBuilder::new(door::Door);
        builder.set_auth(door::Nobody);
        builder.set_access(door::Names);
        Self {
            objects,
            auditor,
            s3s: builder.build(),
        }
    }

    /// A request whose caller is known, to its answer.
    async fn answer(
        &self,
        call: Authenticated<(Parts, Upload)>,
    ) -> Result<Response<Body>, ApiError> {
        if let Err(error) = call.for_service(SERVICE) {
            let draft = Draft::new(call.facts(EVENT_SOURCE, call::UNKNOWN));
            return self.auditor.refused(draft, error).await;
        }
        let Authenticated {
            request,
            caller,
            scope,
            verified,
        } = call;
        let Request {
            arrived,
            head,
            protocol,
            body: (parts, incoming),
        } = request;
        let payload = Payload::new(&verified, &head, incoming);
        // A new object's bytes go past s3s, straight to the room; every other body is a small document.
        let payload = match payload {
            Ok(payload) if is_object_body(&parts.method, &parts.uri) => {
                Ok((Some(payload), s3s::Body::empty()))
            }
            Ok(payload) => payload
                .collect(DOCUMENT_MAX)
                .await
                .map(|document| (None, s3s::Body::from(document))),
            Err(error) => Err(error),
        };
        let request_id = arrived.request_id.clone();
        let request = Request {
            arrived,
            head,
            protocol,
            body: (),
        };
        let signed = Authenticated {
            request,
            caller,
            scope,
            verified,
        };
        let (payload, document) = match payload {
            Ok(payload) => payload,
            Err(error) => {
                let draft = Draft::new(signed.facts(EVENT_SOURCE, call::UNKNOWN));
                return self.auditor.refused(draft, error).await;
            }
        };
        let call = Arc::new(Call::new(
            signed,
            payload,
            Arc::clone(&self.objects),
            Arc::clone(&self.auditor),
        ));
        let mut inner = http::Request::new(document);
        *inner.method_mut() = parts.method;
        *inner.uri_mut() = unsigned_uri(&parts.uri);
        *inner.headers_mut() = unsigned_headers(parts.headers);
        inner.extensions_mut().insert(Arc::clone(&call));
        let mut response = self.s3s.call(inner).await.map_err(|error| {
            tracing::error!(?error, "S3's codec failed");
            ApiError::internal_failure()
        })?;
        call.settle(response.status(), response.body().bytes())
            .await?;
        if let Some(status) = call.status() {
            *response.status_mut() = status;
        }
        Ok(answer::streamed(response, &request_id))
    }
}

impl Gate {
    /// A request of S3, from its signature to its answer.
    pub(super) async fn objects(&self, request: Request<(Parts, Upload)>) -> Response<Body> {
        let request_id = request.arrived.request_id.clone();
        // S3's payload is verified as it is read, against what the signature covers.
        let outcome = match self.authenticator.authenticate(request, &[0; 32]) {
            Ok(call) => self.s3.answer(call).await,
            Err(refused) => {
                let (request, error) = *refused;
                self.auditor
                    .stranger(request.facts(EVENT_SOURCE, "unknown"), &error);
                Err(error)
            }
        };
        outcome.unwrap_or_else(|error| answer::control(error.encode(Dialect::S3, &request_id)))
    }
}

/// `PUT /bucket/key`, whole or a part of one, without a subresource.
fn is_object_body(method: &Method, uri: &Uri) -> bool {
    let key = uri
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .map(|(_, key)| key);
    let is_plain = |name: &str| {
        matches!(name, "x-id" | "partNumber" | "uploadId") || is_signature_parameter(name)
    };
    method == Method::PUT
        && key.is_some_and(|key| !key.is_empty())
        && parameters(uri.query().unwrap_or_default()).all(is_plain)
}

/// The names of a query's parameters.
fn parameters(query: &str) -> impl Iterator<Item = &str> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
        .filter(|name| !name.is_empty())
}

/// Whether a query's parameter is of a presigned signature.
fn is_signature_parameter(name: &str) -> bool {
    name.get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
}

/// The URI without a presigned signature, which is verified already.
fn unsigned_uri(uri: &Uri) -> Uri {
    let Some(query) = uri.query() else {
        return uri.clone();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !is_signature_parameter(pair))
        .collect();
    let path_and_query = if kept.is_empty() {
        uri.path().to_owned()
    } else {
        format!("{}?{}", uri.path(), kept.join("&"))
    };
    path_and_query.parse().unwrap_or_else(|_| uri.clone())
}

/// The headers without what signing and its payload forms added.
fn unsigned_headers(mut headers: HeaderMap) -> HeaderMap {
    const OURS: &[&str] = &[
        "x-amz-content-sha256",
        "x-amz-decoded-content-length",
        "x-amz-trailer",
        "x-amz-sdk-checksum-algorithm",
        "content-length",
        "content-md5",
    ];
    headers.remove(AUTHORIZATION);
    headers.remove(CONTENT_ENCODING);
    headers.remove(TRANSFER_ENCODING);
    for name in OURS {
        headers.remove(*name);
    }
    let checksums: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-amz-checksum-"))
        .cloned()
        .collect();
    for name in checksums {
        headers.remove(name);
    }
    headers
}
