//! Step 1, accept: connections, TLS, and requests with an id and a time. Nothing of a request is believed yet.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::Gate;

/// A streamed answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// How many connections are served at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 8192;
/// How long a client may take over its TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take over a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest head, in bytes: a signed request with a session token is under 4 KiB.
const HEAD_MAX: u32 = 64 * 1024;
/// How long a shutdown waits for requests that are under way.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The pause after a failed accept, which is most often "too many open files".
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is known of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// How the connection is protected, if it is.
    pub(crate) tls: Option<Tls>,
}

/// What a handshake agreed on.
#[derive(Debug)]
pub(crate) struct Tls {
    version: &'static str,
    cipher_suite: String,
    key_exchange: String,
    /// What the first request was told, for those that name the same host: nearly always all.
    first: OnceLock<(Option<String>, Arc<Value>)>,
}

impl Tls {
    /// CloudTrail's `tlsDetails`, with the key exchange group added.
    pub(crate) fn details(&self, host: Option<&str>) -> Arc<Value> {
        let make = || Arc::new(self.described(host));
        let first = self.first.get_or_init(|| (host.map(str::to_owned), make()));
        if first.0.as_deref() == host {
            Arc::clone(&first.1)
        } else {
            make()
        }
    }

    fn described(&self, host: Option<&str>) -> Value {
        json!({
            "tlsVersion": self.version,
            "cipherSuite": self.cipher_suite,
            "keyExchange": self.key_exchange,
            "clientProvidedHostHeader": host,
        })
    }
}

/// The circumstances of a request.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// The id that the answer and the trail carry.
    pub(crate) request_id: String,
    /// When it came in.
    pub(crate) at: Timestamp,
    /// The same on a clock that only goes forward.
    pub(crate) started: Instant,
    /// Whence.
    pub(crate) connection: Arc<Connection>,
}

/// What all listeners share.
#[derive(Clone)]
struct Door {
    tls: Option<TlsAcceptor>,
    gate: Arc<Gate>,
    slots: Arc<Semaphore>,
    graceful: Arc<GracefulShutdown>,
}

/// Serves until `stop` changes, then lets what is under way finish.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    tls: Option<Arc<rustls::ServerConfig>>,
    gate: Arc<Gate>,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let graceful = Arc::new(GracefulShutdown::new());
    let door = Door {
        tls: tls.map(TlsAcceptor::from),
        gate,
        slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        graceful: Arc::clone(&graceful),
    };
    let mut listening = JoinSet::new();
    for listener in listeners {
        listening.spawn(listen(listener, door.clone(), stop.clone()));
    }
    drop(door);
    // Held until the end: a connection that is no longer held is cut.
    let mut connections = Vec::new();
    while let Some(ended) = listening.join_next().await {
        connections.extend(ended);
    }
    let Some(graceful) = Arc::into_inner(graceful) else {
        return Ok(());
    };
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "some requests were still under way after {} s and were cut",
            DRAIN_TIMEOUT.as_secs()
        );
    }
    Ok(())
}

/// Takes connections until `stop` changes; those that are open then.
async fn listen(listener: TcpListener, door: Door, mut stop: watch::Receiver<bool>) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            _ = stop.changed() => return connections,
            accepted = async { (Arc::clone(&door.slots).acquire_owned().await, listener.accept().await) } => accepted,
        };
        let (Ok(slot), Ok((socket, mut peer))) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // A listener on [::] sees IPv4 clients in a form that no policy's `aws:SourceIp` is written in.
        peer.set_ip(peer.ip().to_canonical());
        // Answers are small and written whole: waiting to fill a packet only adds delay.
        let _ = socket.set_nodelay(true);
        let (acceptor, gate) = (door.tls.clone(), Arc::clone(&door.gate));
        let graceful = door.graceful.watcher();
        connections.spawn(async move {
            let _slot = slot;
            match acceptor {
                None => converse(socket, Connection { peer, tls: None }, gate, graceful).await,
                Some(acceptor) => {
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await {
                        Ok(Ok(stream)) => {
                            let tls = agreed(stream.get_ref().1);
                            converse(stream, Connection { peer, tls }, gate, graceful).await;
                        }
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                        Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
                    }
                }
            }
        });
    }
}

fn agreed(connection: &rustls::ServerConnection) -> Option<Tls> {
    let version = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
        _ => return None,
    };
    let suite = connection.negotiated_cipher_suite()?.suite();
    let group = connection.negotiated_key_exchange_group()?.name();
    Some(Tls {
        version,
        // rustls prefixes the suites of TLS 1.3 with the version; the registry, and CloudTrail, do not.
        cipher_suite: suite
            .as_str()
            .unwrap_or("unknown")
            .replacen("TLS13_", "TLS_", 1),
        key_exchange: group.as_str().unwrap_or("unknown").to_owned(),
        first: OnceLock::new(),
    })
}

async fn converse<S>(
    stream: S,
    connection: Connection,
    gate: Arc<Gate>,
    graceful: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Arc::new(connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let (gate, connection) = (Arc::clone(&gate), Arc::clone(&connection));
        async move {
            Ok::<Response<Body>, Infallible>(gate.pass(Arrived::now(connection), request).await)
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_MAX);
    let conversation = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    if let Err(error) = graceful.watch(conversation).await {
        tracing::debug!(%error, "connection ended early");
    }
}

impl Arrived {
    fn now(connection: Arc<Connection>) -> Self {
        Self {
            request_id: uuid::Uuid::new_v4().to_string(),
            at: Timestamp::now(),
            started: Instant::now(),
            connection,
        }
    }
}
