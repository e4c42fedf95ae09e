//! The service's own certificate authority, and the server certificates that it issues to itself.
//!
//! The CA is made once and kept in `DIR/tls`; clients trust `DIR/tls/ca.pem` (`AWS_CA_BUNDLE`). Server certificates live in
//! memory alone: a fresh one is issued at start, and again before the present one runs out.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::files;

/// How long a server certificate is good for.
const LEAF_LIFETIME: Duration = Duration::from_hours(90 * 24);
/// After how long a server certificate is replaced: well before its end.
const LEAF_RENEWAL: Duration = Duration::from_hours(60 * 24);
/// Certificates begin a little in the past, for clients whose clock is behind.
const CLOCK_ALLOWANCE: Duration = Duration::from_hours(1);
/// How long the CA is good for.
const CA_LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);

/// The server side of TLS: 1.3 (and 1.2 for clients that have no better), X25519MLKEM768 preferred.
///
/// # Errors
/// The CA's files cannot be read, made or used.
pub(crate) fn server_config(dir: &Path, listen: SocketAddr) -> Result<Arc<ServerConfig>> {
    let authority = Authority::open(dir)?;
    let names = server_names(listen);
    let resolver = Resolver {
        current: Mutex::new(authority.issue(&names)?),
        authority,
        names,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS has no protocol version in common with its provider")?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The names that clients may use: loopback, this machine's name, and the address that is listened on.
fn server_names(listen: SocketAddr) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    if !listen.ip().is_unspecified() {
        names.push(listen.ip().to_string());
    }
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    if !host.is_empty() {
        names.push(host);
    }
    names.sort();
    names.dedup();
    names
}

struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn open(dir: &Path) -> Result<Self> {
        files::private_dir(dir)?;
        let key_path = dir.join("ca.key");
        let key = match files::read_if_there(&key_path)? {
            Some(pem) => KeyPair::from_pem(&String::from_utf8(pem).context("not text")?),
            None => KeyPair::generate(),
        }
        .with_context(|| {
            format!(
                "cannot use the CA's key {}; restore it, or remove {} to make a new CA",
                key_path.display(),
                dir.display()
            )
        })?;
        let mut params = CertificateParams::new(Vec::new()).context("CA parameters")?;
        params.distinguished_name = name("Kluis local CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let authority = Self { params, key };
        let cert_path = dir.join("ca.pem");
        if files::read_if_there(&cert_path)?.is_none() {
            authority.create(&key_path, &cert_path)?;
        }
        Ok(authority)
    }

    /// The key first: a certificate without its key could never be completed, a key without its certificate can.
    fn create(&self, key_path: &Path, cert_path: &Path) -> Result<()> {
        files::write_private(key_path, self.key.serialize_pem().as_bytes())?;
        let mut params = self.params.clone();
        validity(&mut params, CA_LIFETIME);
        let cert = params
            .self_signed(&self.key)
            .context("cannot sign the CA's certificate")?;
        files::write_public(cert_path, cert.pem().as_bytes())
    }

    fn issue(&self, names: &[String]) -> Result<Leaf> {
        let key = KeyPair::generate().context("cannot make the server's key")?;
        let mut params =
            CertificateParams::new(names.to_vec()).context("a server name is not a valid one")?;
        params.distinguished_name = name("kluisd");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, LEAF_LIFETIME);
        let cert = params
            .signed_by(&key, &Issuer::from_params(&self.params, &self.key))
            .context("cannot sign the server's certificate")?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signer =
            provider::sign::any_supported_type(&private).context("cannot use the server's key")?;
        Ok(Leaf {
            certified: Arc::new(CertifiedKey::new(vec![cert.der().clone()], signer)),
            renew_at: Instant::now() + LEAF_RENEWAL,
        })
    }
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn validity(params: &mut CertificateParams, lifetime: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_ALLOWANCE).into();
    params.not_after = (now + lifetime).into();
}

#[derive(Debug)]
struct Leaf {
    certified: Arc<CertifiedKey>,
    renew_at: Instant,
}

/// Hands out the present certificate, and replaces it in time.
struct Resolver {
    current: Mutex<Leaf>,
    authority: Authority,
    names: Vec<String>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if Instant::now() >= current.renew_at {
            match self.authority.issue(&self.names) {
                Ok(leaf) => *current = leaf,
                Err(error) => tracing::error!("cannot renew the server's certificate: {error:#}"),
            }
        }
        Some(Arc::clone(&current.certified))
    }
}
