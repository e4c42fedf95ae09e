//! The server side of TLS: the service's own CA, or the operator's certificate, and which of them a client is shown.
//!
//! Clients of the service's own CA trust `DIR/tls/ca.pem` (`AWS_CA_BUNDLE`). The certificates that it issues live in memory alone: a
//! fresh one is issued at start, and again before the present one runs out. Where the operator has a certificate of their own, clients
//! are shown that, but for those that ask for `localhost`: this machine's own tools go on trusting `ca.pem`.

mod authority;
mod operators;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs as provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::Certificate;
use crate::files;

use authority::{Authority, Leaf};
use operators::Operators;

/// The CA's certificate.
pub(crate) const CA_FILE: &str = "ca.pem";
/// The chain that clients are shown, where it is the operator's.
pub(crate) const CHAIN_FILE: &str = "chain.pem";
/// The name by which this machine's own tools ask for a certificate of the service's own CA.
pub(crate) const LOCAL_NAME: &str = "localhost";

/// TLS as it is spoken at present.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    shown: Arc<Shown>,
    dir: PathBuf,
}

impl Tls {
    /// TLS 1.3 (and 1.2 for clients that have no better), X25519MLKEM768 preferred. `hosts` are the names and addresses that are listened on.
    ///
    /// # Errors
    /// The CA's files cannot be read, made or used, or the operator's cannot.
    pub(crate) fn open(dir: &Path, hosts: &[String], certificate: &Certificate) -> Result<Self> {
        let authority = Authority::open(dir)?;
        let hosts = local_names(hosts);
        let shown = Present::new(&authority, &hosts, certificate)?;
        if let Some(Err(error)) = shown.operators.as_ref().map(Operators::check) {
            // A clock that is not set yet gives the same; whoever can be served is.
            tracing::warn!("{error:#}");
        }
        let shown = Arc::new(Shown {
            present: Mutex::new(shown),
            authority,
            hosts,
        });
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
                .with_safe_default_protocol_versions()
                .context("TLS has no protocol version in common with its provider")?
                .with_no_client_auth()
                .with_cert_resolver(Arc::clone(&shown) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tls = Self {
            config: Arc::new(config),
            shown,
            dir: dir.to_owned(),
        };
        tls.note()?;
        Ok(tls)
    }

    /// Shows another certificate from the next handshake on; connections that are open go on.
    ///
    /// # Errors
    /// It cannot be used; the one before stays.
    pub(crate) fn change(&self, certificate: &Certificate) -> Result<()> {
        let present = Present::new(&self.shown.authority, &self.shown.hosts, certificate)?;
        if let Some(operators) = &present.operators {
            operators.check()?;
        }
        *self.shown.lock() = present;
        self.note()
    }

    /// The names that other machines may use, the best first.
    pub(crate) fn names(&self) -> Vec<String> {
        let present = self.shown.lock();
        match &present.operators {
            Some(operators) => operators.names.clone(),
            None => present.names.clone(),
        }
    }

    /// Whether clients are shown the operator's certificate.
    pub(crate) fn is_operators(&self) -> bool {
        self.shown.lock().operators.is_some()
    }

    /// Leaves the operator's chain in the data folder: `kluisd env` tells clients by it whom to trust.
    fn note(&self) -> Result<()> {
        let path = self.dir.join(CHAIN_FILE);
        let chain = self.shown.lock().operators.as_ref().map(|o| o.pem.clone());
        match chain {
            Some(pem) => files::write_public(&path, &pem),
            None => files::remove_if_there(&path),
        }
    }
}

/// The names of this machine's own: loopback, its host name, and what is listened on.
fn local_names(hosts: &[String]) -> Vec<String> {
    let mut names: Vec<String> = [LOCAL_NAME, "127.0.0.1", "::1"].map(String::from).to_vec();
    names.extend_from_slice(hosts);
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    if !host.is_empty() {
        names.push(host);
    }
    names
}

/// What clients are shown now.
struct Present {
    /// Names beside the machine's own.
    names: Vec<String>,
    issued: Leaf,
    operators: Option<Operators>,
}

impl Present {
    fn new(authority: &Authority, hosts: &[String], certificate: &Certificate) -> Result<Self> {
        let (names, operators) = match certificate {
            Certificate::Issued(names) => (names.clone(), None),
            Certificate::Operators { chain, key } => {
                (Vec::new(), Some(Operators::open(chain, key)?))
            }
        };
        let issued = issue(authority, hosts, &names)?;
        Ok(Self {
            names,
            issued,
            operators,
        })
    }
}

fn issue(authority: &Authority, hosts: &[String], names: &[String]) -> Result<Leaf> {
    let mut all = [hosts, names].concat();
    all.sort();
    all.dedup();
    authority.issue(&all)
}

/// Hands out the present certificate, and replaces one of its own in time.
struct Shown {
    present: Mutex<Present>,
    authority: Authority,
    hosts: Vec<String>,
}

impl Shown {
    fn lock(&self) -> std::sync::MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown")
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut present = self.lock();
        if let (Some(operators), false) =
            (&present.operators, hello.server_name() == Some(LOCAL_NAME))
        {
            return Some(Arc::clone(&operators.certified));
        }
        if present.issued.is_due(Instant::now(), SystemTime::now()) {
            match issue(&self.authority, &self.hosts, &present.names) {
                Ok(leaf) => present.issued = leaf,
                Err(error) => tracing::error!("cannot renew the server's certificate: {error:#}"),
            }
        }
        Some(Arc::clone(&present.issued.certified))
    }
}
