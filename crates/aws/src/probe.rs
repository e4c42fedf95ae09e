//! What is spoken at an address, for whoever was cut off there: plain HTTP where TLS is expected and the other way round look like a
//! service that is just starting, and are not.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// How long each of the two questions is waited for: whoever cut a connection off does so at once.
const PATIENCE: Duration = Duration::from_millis(400);
/// How much of an answer is looked at.
const LOOK: usize = 5;
/// A request that every HTTP server answers somehow, and that changes nothing.
const REQUEST: &[u8] = b"HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// What the other end speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// It answers a TLS client's greeting in TLS.
    Tls,
    /// It does not, and answers a request of HTTP.
    Http,
    /// It answers, with something else.
    Other,
}

/// Asks whoever is at a URL; `None` where nobody says a word.
pub(crate) fn what_speaks(place: &str) -> Option<Spoken> {
    let address = address(place)?;
    let greeting = greeting()?;
    // TLS first: many of its servers have a word for plain HTTP as well.
    // Who says nothing for so long may be too busy to: that is no word for either.
    let to_tls = ask(address, &greeting).ok()?;
    match &to_tls[..] {
        // A record of the handshake, or an alert, of whichever version.
        [0x15 | 0x16, 3, ..] => return Some(Spoken::Tls),
        b"HTTP/" => return Some(Spoken::Http),
        _ => {}
    }
    let to_http = ask(address, REQUEST).ok()?;
    match &to_http[..] {
        b"HTTP/" => Some(Spoken::Http),
        [] if to_tls.is_empty() => None,
        _ => Some(Spoken::Other),
    }
}

fn address(place: &str) -> Option<SocketAddr> {
    let (scheme, rest) = place.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let port = if scheme == "https" { 443 } else { 80 };
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    let found = if has_port {
        authority.to_socket_addrs()
    } else {
        (authority.trim_matches(['[', ']']), port).to_socket_addrs()
    };
    found.ok()?.next()
}

/// What a TLS client says first. Whom it trusts does not matter: nothing follows.
fn greeting() -> Option<Vec<u8>> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").ok()?;
    let mut client = ClientConnection::new(Arc::new(config), name).ok()?;
    let mut greeting = Vec::new();
    client.write_tls(&mut greeting).ok()?;
    Some(greeting)
}

/// The first bytes of an answer.
fn ask(address: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question)?;
    let mut answer = Vec::new();
    let mut buffer = [0; LOOK];
    while answer.len() < LOOK {
        match stream.read(&mut buffer[answer.len()..]) {
            Err(error)
                if answer.is_empty()
                    && matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
            {
                return Err(error);
            }
            Ok(0) | Err(_) => break,
            Ok(count) => {
                let got = buffer[answer.len()..][..count].to_vec();
                answer.extend(got);
            }
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that gives each connection to `serve`.
    fn speaking(serve: impl Fn(&mut TcpStream, &[u8]) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 4096];
                let count = stream.read(&mut request).unwrap_or_default();
                serve(&mut stream, &request[..count]);
            }
        });
        url
    }

    #[test]
    fn what_answers_is_known_by_its_first_bytes() {
        let alert = speaking(|stream, _| stream.write_all(&[0x15, 3, 1, 0, 2, 2, 40]).unwrap());
        let both = speaking(|stream, request| {
            let is_tls = request.first() == Some(&0x16);
            let answer: &[u8] = if is_tls {
                &[0x16, 3, 3, 0, 9]
            } else {
                b"HTTP/1.0 400 no"
            };
            stream.write_all(answer).unwrap();
        });
        let http = speaking(|stream, request| {
            if request.starts_with(b"HEAD ") {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            }
        });
        let other = speaking(|stream, _| stream.write_all(b"SSH-2.0-x\r\n").unwrap());
        let silent = speaking(|_, _| ());

        assert_eq!(what_speaks(&alert), Some(Spoken::Tls));
        assert_eq!(what_speaks(&both), Some(Spoken::Tls));
        assert_eq!(what_speaks(&http), Some(Spoken::Http));
        assert_eq!(what_speaks(&other), Some(Spoken::Other));
        assert_eq!(what_speaks(&silent), None);
        let slow = speaking(|stream, request| {
            if request.starts_with(b"HEAD ") {
                stream.write_all(b"HTTP/1.1 400 no\r\n\r\n").unwrap();
            } else {
                std::thread::sleep(2 * PATIENCE);
            }
        });
        assert_eq!(what_speaks(&slow), None, "busy, and not plain HTTP");
        assert_eq!(what_speaks("https://127.0.0.1:1"), None);
    }

    #[test]
    fn the_address_of_a_url_is_found_with_and_without_a_port() {
        let of = |url: &str| address(url).map(|address| address.to_string());
        assert_eq!(
            of("https://127.0.0.1:7600/x"),
            Some("127.0.0.1:7600".into())
        );
        assert_eq!(of("https://127.0.0.1"), Some("127.0.0.1:443".into()));
        assert_eq!(of("http://[::1]"), Some("[::1]:80".into()));
        assert_eq!(of("http://[::1]:7600"), Some("[::1]:7600".into()));
        assert_eq!(of("kms"), None);
    }
}
