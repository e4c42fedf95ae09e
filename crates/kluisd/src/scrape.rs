//! The listener of the operator's monitoring: `GET /metrics`, in OpenMetrics, on loopback.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use kms::Kms;
use monitor::Monitor;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::gauges::Gauges;

/// Where the metrics are.
const PATH: &str = "/metrics";
/// What they are.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How many connections are served at once.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may last: scrapes are short.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a scrape is answered from.
pub(crate) struct Scrape {
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) kms: Arc<Kms>,
    pub(crate) monitor: Monitor,
}

/// Serves until `stop` changes.
pub(crate) async fn serve(listener: TcpListener, scrape: Scrape, mut stop: watch::Receiver<bool>) {
    let (scrape, slots) = (Arc::new(scrape), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let accepted = tokio::select! {
            _ = stop.changed() => return,
            accepted = async { (Arc::clone(&slots).acquire_owned().await, listener.accept().await) } => accepted,
        };
        let (Ok(slot), Ok((socket, _))) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let scrape = Arc::clone(&scrape);
        tokio::spawn(async move {
            let _slot = slot;
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&request, &scrape);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new());
            let conversation = server.serve_connection(TokioIo::new(socket), service);
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, conversation).await;
        });
    }
}

fn answer(request: &Request<Incoming>, scrape: &Scrape) -> Response<Full<Bytes>> {
    let is_scrape = request.method() == Method::GET && request.uri().path() == PATH;
    let mut response = Response::new(Full::default());
    if !is_scrape {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let text = scrape.gauges.text(&scrape.kms, &scrape.monitor);
    *response.body_mut() = Full::new(Bytes::from(text));
    let openmetrics = hyper::header::HeaderValue::from_static(OPENMETRICS);
    response.headers_mut().insert(CONTENT_TYPE, openmetrics);
    response
}
