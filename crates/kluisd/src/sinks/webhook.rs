//! A webhook: one POST, with the body that SNS sends to a subscribed address.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use monitor::Notice;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// SNS's headers, by which a receiver tells its messages apart.
const TYPE: HeaderName = HeaderName::from_static("x-amz-sns-message-type");
const ID: HeaderName = HeaderName::from_static("x-amz-sns-message-id");
const TOPIC: HeaderName = HeaderName::from_static("x-amz-sns-topic-arn");

/// An address, and how it is reached.
pub(crate) struct Webhook {
    host: String,
    port: u16,
    /// The host and port as the address has them.
    authority: String,
    path: String,
    tls: Option<TlsConnector>,
}

impl Webhook {
    /// A webhook at `address`; `ca` is a file of authorities that are trusted beside the system's.
    ///
    /// # Errors
    /// The address is not one of HTTP or HTTPS, or the authorities cannot be read.
    pub(crate) fn open(address: &str, ca: Option<&Path>) -> Result<Self> {
        let uri: Uri = address.parse().context("webhook is no address")?;
        let (scheme, authority) = (uri.scheme_str(), uri.authority());
        let authority = authority.context("webhook names no host")?;
        ensure!(
            matches!(scheme, Some("http" | "https")),
            "webhook is to begin with http:// or https://"
        );
        let is_tls = scheme == Some("https");
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            tls: is_tls.then(|| connector(ca)).transpose()?,
        })
    }

    /// Sends a notice once.
    ///
    /// # Errors
    /// The address cannot be reached, or does not answer with success.
    pub(crate) async fn send(&self, notice: &Notice) -> Result<()> {
        let socket = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .with_context(|| format!("cannot reach {}", self.authority))?;
        match &self.tls {
            None => self.post(socket, notice).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).context("no host's name")?;
                let stream = tls.connect(name, socket).await.context("TLS failed")?;
                self.post(stream, notice).await
            }
        }
    }

    async fn post<S>(&self, stream: S, notice: &Notice) -> Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::post(self.path.as_str())
            .header(HOST, self.authority.as_str())
            .header(CONTENT_TYPE, "text/plain; charset=UTF-8")
            .header(TYPE, "Notification")
            .header(ID, notice.id.as_str())
            .header(TOPIC, notice.topic.as_str())
            .body(Full::new(Bytes::from(notice.envelope().to_string())))?;
        let answer = sender.send_request(request).await.context("no answer")?;
        connection.abort();
        ensure!(
            answer.status().is_success(),
            "the answer was {}",
            answer.status()
        );
        Ok(())
    }
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // One that is not understood vouches for nobody.
        let _ = roots.add(certificate);
    }
    if let Some(path) = ca {
        let cannot = || format!("cannot read the authorities in {}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).with_context(cannot)? {
            roots
                .add(certificate.with_context(cannot)?)
                .with_context(cannot)?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS has no protocol version in common with its provider")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn notice() -> Notice {
        Notice {
            id: "0f".to_owned(),
            topic: "arn:aws:sns:us-east-1:111122223333:SNS-Topic".to_owned(),
            subject: "ALARM: \"80threshold\" in us-east-1".to_owned(),
            message: json!({"AlarmName": "80threshold"}),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    /// Answers one request with `status`; the request.
    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, status: &str) -> String {
        let mut told = Vec::new();
        while !told.ends_with(b"}") {
            let mut some = [0; 1024];
            let count = stream.read(&mut some).await.unwrap_or(0);
            if count == 0 {
                break;
            }
            told.extend_from_slice(&some[..count]);
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        String::from_utf8(told).unwrap()
    }

    #[tokio::test]
    async fn a_notice_is_posted_as_sns_does() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
        let webhook = Webhook::open(&address, None).unwrap();
        let (notice, server) = (notice(), async {
            let (socket, _) = listener.accept().await.unwrap();
            answer(socket, "200 OK").await
        });
        let (told, sent) = tokio::join!(server, webhook.send(&notice));
        sent.unwrap();
        assert!(told.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{told}");
        assert!(
            told.contains("x-amz-sns-message-type: Notification\r\n"),
            "{told}"
        );
        let body: serde_json::Value =
            serde_json::from_str(told.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body["Message"], "{\"AlarmName\":\"80threshold\"}");
        assert_eq!(body["Timestamp"], "1970-01-01T00:00:00.000Z");
    }

    #[tokio::test]
    async fn an_answer_that_is_no_success_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let webhook = Webhook::open(&address, None).unwrap();
        let (notice, server) = (notice(), async {
            let (socket, _) = listener.accept().await.unwrap();
            answer(socket, "503 Later").await
        });
        let (_, sent) = tokio::join!(server, webhook.send(&notice));
        assert!(format!("{:#}", sent.unwrap_err()).contains("503"));
    }

    #[tokio::test]
    async fn a_server_is_trusted_by_the_authority_that_the_configuration_names_and_no_other() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, certificate.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        for (ca, is_trusted) in [(Some(ca.as_path()), true), (None, false)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let webhook = Webhook::open(&format!("https://localhost:{port}/"), ca).unwrap();
            let (notice, server) = (notice(), async {
                let (socket, _) = listener.accept().await.unwrap();
                match acceptor.accept(socket).await {
                    Ok(stream) => answer(stream, "200 OK").await,
                    Err(_) => String::new(),
                }
            });
            let (told, sent) = tokio::join!(server, webhook.send(&notice));
            assert_eq!(
                (sent.is_ok(), told.contains("POST / ")),
                (is_trusted, is_trusted)
            );
        }
    }
}
