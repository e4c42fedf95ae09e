//! `kluisd health`: whether the service answers, for those who have no HTTP client beside it.

use std::io::{ErrorKind, Read as _, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::endpoint::ENDPOINT_FILE;
use crate::files;
use crate::gate::HEALTH_PATH;
use crate::tls::{CA_FILE, LOCAL_NAME};

/// How long each step may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// More than the answer has.
const ANSWER_MAX: u64 = 4096;

/// Asks the service of this folder.
///
/// # Errors
/// It does not answer, and why.
pub(crate) fn ask(dir: &Path) -> Result<()> {
    let endpoint = files::read_if_there(&dir.join(ENDPOINT_FILE))?
        .with_context(|| format!("no service has run in {}", dir.display()))?;
    let endpoint = String::from_utf8(endpoint).context("the endpoint file is not text")?;
    let endpoint = endpoint.trim();
    let (scheme, authority) = endpoint
        .split_once("://")
        .with_context(|| format!("{endpoint:?} is not an endpoint"))?;
    let socket =
        connect(authority).with_context(|| format!("the service does not answer at {endpoint}"))?;
    let answer = match scheme {
        "https" => converse(StreamOwned::new(secured(dir)?, socket)),
        _ => converse(socket),
    };
    let answer = answer
        .map_err(in_words)
        .with_context(|| format!("the service does not answer at {endpoint}"))?;
    ensure!(
        answer.starts_with("HTTP/1.1 200 "),
        "the service at {endpoint} is not well: {}",
        answer.lines().next().unwrap_or("it says nothing")
    );
    Ok(())
}

/// A socket whose time is up says that it "would block".
fn in_words(error: anyhow::Error) -> anyhow::Error {
    let kind = error.downcast_ref().map(std::io::Error::kind);
    match kind {
        Some(ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            anyhow!("nothing came within {} s", STEP_TIMEOUT.as_secs())
        }
        _ => error,
    }
}

fn connect(authority: &str) -> Result<TcpStream> {
    let mut last = None;
    for address in authority.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, STEP_TIMEOUT) {
            Ok(socket) => {
                socket.set_read_timeout(Some(STEP_TIMEOUT))?;
                socket.set_write_timeout(Some(STEP_TIMEOUT))?;
                return Ok(socket);
            }
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error.into()),
        None => bail!("{authority} has no address"),
    }
}

/// The service's own CA vouches for this name, whatever certificate other machines are shown.
fn secured(dir: &Path) -> Result<ClientConnection> {
    let path = dir.join("tls").join(CA_FILE);
    let unreadable = || format!("cannot use {}", path.display());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&path).with_context(unreadable)?)
        .with_context(unreadable)?;
    let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(LOCAL_NAME)?;
    Ok(ClientConnection::new(Arc::new(config), name)?)
}

fn converse(mut stream: impl std::io::Read + Write) -> Result<String> {
    let request =
        format!("GET {HEALTH_PATH} HTTP/1.1\r\nhost: {LOCAL_NAME}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_MAX).read_to_end(&mut answer);
    // A close without a farewell, after a whole answer, is an answer.
    if answer.is_empty() {
        read?;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
