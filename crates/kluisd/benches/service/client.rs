//! One connection: TLS 1.3, kept alive, as little client as can be.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What ends an answer's head.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// The one authority that is trusted, whose certificate is in `folder`.
pub(crate) fn roots(folder: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let pem = CertificateDer::from_pem_file(folder.join("tls/ca.pem"));
    roots.add(pem.unwrap()).unwrap();
    roots
}

/// A server, and whom it is trusted by.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Target {
    /// The server at `address`, whose authority's certificate is in `folder`.
    pub(crate) fn new(address: SocketAddr, folder: &Path) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots(folder))
            .with_no_client_auth();
        Self {
            address,
            tls: Arc::new(config),
        }
    }

    /// The host that requests name.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, socket);
        Client {
            stream: stream.await.unwrap(),
            buffer: Vec::with_capacity(16 * 1024),
        }
    }
}

/// A connection.
pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// An answer's status and body.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Client {
    /// Sends a request and waits for the whole answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Answer<'_> {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        let head = loop {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server hung up");
            let end = self
                .buffer
                .windows(4)
                .position(|bytes| bytes == END_OF_HEAD);
            if let Some(end) = end {
                break end + END_OF_HEAD.len();
            }
        };
        let (status, length) = facts(&self.buffer[..head]);
        while self.buffer.len() < head + length {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server hung up");
        }
        Answer {
            status,
            body: &self.buffer[head..head + length],
        }
    }
}

/// An answer's status and the length of its body.
fn facts(head: &[u8]) -> (u16, usize) {
    let text = std::str::from_utf8(head).unwrap();
    let status = text[9..12].parse().unwrap();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    (status, length.unwrap_or(0))
}
