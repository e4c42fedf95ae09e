//! TLS: the service's own CA, and the hybrid key exchange.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs as provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore, StreamOwned};

use crate::daemon::{Daemon, Folder, Transport};

/// A client that trusts the service's CA alone, and knows these groups.
fn handshake(
    daemon: &Daemon,
    groups: Vec<&'static dyn SupportedKxGroup>,
    name: &'static str,
) -> Result<NamedGroup, std::io::Error> {
    let ca = daemon.data.join("tls/ca.pem");
    let mut client = Client::connect(daemon.port(), &ca, groups, name)?;
    client.is_answered()?;
    let group = client.0.conn.negotiated_key_exchange_group().unwrap();
    Ok(group.name())
}

/// A connection that stays open, and says one request after another.
pub(crate) struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    pub(crate) fn connect(
        port: u16,
        ca: &Path,
        groups: Vec<&'static dyn SupportedKxGroup>,
        name: &str,
    ) -> Result<Self, std::io::Error> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(ca).unwrap())
            .unwrap();
        let crypto = CryptoProvider {
            kx_groups: groups,
            ..provider::default_provider()
        };
        let config = ClientConfig::builder_with_provider(Arc::new(crypto))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port))?);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    /// Whether a request is answered on this connection.
    pub(crate) fn is_answered(&mut self) -> Result<(), std::io::Error> {
        self.0
            .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nok\n") {
            let mut some = [0; 512];
            let read = self.0.read(&mut some)?;
            assert_ne!(read, 0, "cut off: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&some[..read]);
        }
        Ok(())
    }

    /// The certificate that was shown.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

#[test]
fn the_hybrid_key_exchange_is_offered_and_classical_clients_are_served() {
    let folder = Folder::new();
    let daemon = folder.serve(Transport::Tls);
    let hybrid = provider::kx_group::X25519MLKEM768;
    let classical = provider::kx_group::X25519;
    let group = |groups, name| handshake(&daemon, groups, name).unwrap();
    assert_eq!(group(vec![hybrid], "localhost"), NamedGroup::X25519MLKEM768);
    assert_eq!(
        group(vec![hybrid, classical], "127.0.0.1"),
        NamedGroup::X25519MLKEM768
    );
    assert_eq!(group(vec![classical], "127.0.0.1"), NamedGroup::X25519);
    assert!(
        handshake(&daemon, vec![classical], "kms.us-east-1.amazonaws.com").is_err(),
        "the certificate is good for names that are not the service's"
    );
}

#[test]
fn openssl_verifies_the_chain_and_the_name() {
    let folder = Folder::new();
    let daemon = folder.serve(Transport::Tls);
    let says = |ca: &Path| {
        let output = Command::new("openssl")
            .args([
                "s_client",
                "-brief",
                "-verify_return_error",
                "-verify_ip",
                "127.0.0.1",
            ])
            .args([
                "-connect",
                &format!("127.0.0.1:{}", daemon.port()),
                "-CAfile",
            ])
            .arg(ca)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("openssl: {error}; run: make test"));
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (verified, said) = says(&daemon.data.join("tls/ca.pem"));
    assert!(verified && said.contains("Verification: OK"), "{said}");
    assert!(said.contains("Protocol version: TLSv1.3"), "{said}");

    let other = Folder::new();
    let stranger = other.serve(Transport::Tls);
    let (verified, said) = says(&stranger.data.join("tls/ca.pem"));
    assert!(!verified, "another CA's word is taken: {said}");
}

/// Clients were given the CA's certificate once.
#[test]
fn the_ca_stays_through_restarts() {
    let folder = Folder::new();
    let path = folder.data().join("tls/ca.pem");
    assert_eq!(folder.serve(Transport::Tls).terminate(), Some(0));
    let before = std::fs::read(&path).unwrap();
    let daemon = folder.serve(Transport::Tls);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    handshake(&daemon, vec![provider::kx_group::X25519], "localhost").unwrap();
}
