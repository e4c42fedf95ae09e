//! Where the service listens: a name or an address, and a port.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::tls::LOCAL_NAME;

/// `HOST:PORT`, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Listen {
    /// A name, or an address without brackets.
    host: String,
    port: u16,
}

/// What is wrong with a text that should be `HOST:PORT`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoListen(String);

/// Sockets that are bound, and what was asked for.
pub(crate) struct Bound {
    listeners: Vec<TcpListener>,
    pub(crate) listen: Listen,
    /// The one in use where 0 was asked for.
    pub(crate) port: u16,
    /// Whether other machines can reach any of them.
    pub(crate) is_reachable: bool,
}

impl Bound {
    /// The sockets, once.
    pub(crate) fn take(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.listeners)
    }
}

impl fmt::Display for NoListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not HOST:PORT, such as kms.example.com:7600, 10.0.0.5:7600 or [::]:7600",
            self.0
        )
    }
}

impl std::error::Error for NoListen {}

impl FromStr for Listen {
    type Err = NoListen;

    fn from_str(text: &str) -> Result<Self, NoListen> {
        let refused = || NoListen(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let host = match host.strip_prefix('[') {
            // Brackets are for addresses of IPv6, which have colons themselves.
            Some(inside) => {
                let inside = inside.strip_suffix(']').ok_or_else(refused)?;
                inside
                    .parse::<std::net::Ipv6Addr>()
                    .map_err(|_| refused())?;
                inside
            }
            None if host.contains(':') => return Err(refused()),
            None => host,
        };
        let is_address = host.parse::<IpAddr>().is_ok();
        if !is_address && !is_host_name(host) {
            return Err(refused());
        }
        // `u16` takes a sign, which no port is written with.
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refused());
        }
        Ok(Self {
            host: host.to_owned(),
            port: port.parse().map_err(|_| refused())?,
        })
    }
}

impl TryFrom<String> for Listen {
    type Error = NoListen;

    fn try_from(text: String) -> Result<Self, NoListen> {
        text.parse()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&authority(&self.host, self.port))
    }
}

impl Listen {
    /// The name or address.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The address, if no name was written.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The addresses that it stands for on this machine.
    ///
    /// # Errors
    /// A name that nobody knows.
    pub(crate) fn resolve(&self) -> Result<Vec<SocketAddr>> {
        if let Some(ip) = self.ip() {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut addresses: Vec<SocketAddr> = found
            .with_context(|| {
                format!(
                    "cannot find the address of {}, to listen on {self}; listen on [::]:{} and give the name in [tls] names",
                    self.host, self.port
                )
            })?
            .collect();
        addresses.dedup();
        ensure!(!addresses.is_empty(), "{} has no address", self.host);
        Ok(addresses)
    }

    /// Binds to every one of `addresses`.
    ///
    /// # Errors
    /// An address is another's, or another machine's.
    pub(crate) async fn bind(&self, addresses: &[SocketAddr]) -> Result<Bound> {
        let mut bound = Bound {
            listeners: Vec::new(),
            listen: self.clone(),
            port: self.port,
            is_reachable: addresses.iter().any(|a| !a.ip().is_loopback()),
        };
        if !bound.is_reachable && self.ip().is_none() && self.host != LOCAL_NAME {
            tracing::warn!(
                "{} is this machine's loopback here (in /etc/hosts?), so no other machine can reach {self}; listen on [::]:{} and give the name in [tls] names",
                self.host,
                self.port
            );
        }
        for address in addresses {
            // A free port is taken once: a name has the same one on all of its addresses.
            let address = SocketAddr::new(address.ip(), bound.port);
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| self.why_not(address))?;
            bound.port = listener.local_addr()?.port();
            bound.listeners.push(listener);
        }
        Ok(bound)
    }

    fn why_not(&self, address: SocketAddr) -> String {
        if self.ip().is_some() {
            return format!(
                "cannot listen on {address}; is another service there? ([::] takes IPv4 as well)"
            );
        }
        format!(
            "cannot listen on {self}, which is {address} here; is another service there, or is it another machine's address? Then listen on [::]:{} and give the name in [tls] names",
            self.port
        )
    }
}

/// A host and port as URLs have them.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// A host's name: labels of letters, digits and hyphens, of which the last is no number.
pub(crate) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let ends_in_number = text
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    text.len() <= 253 && !ends_in_number && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_taken_with_their_ports() {
        for (text, host, port) in [
            ("127.0.0.1:7600", "127.0.0.1", 7600),
            ("[::]:0", "::", 0),
            ("[fe80::1]:65535", "fe80::1", 65535),
            ("kms.example.com:443", "kms.example.com", 443),
            ("kms:1", "kms", 1),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!((listen.host(), listen.port), (host, port));
            assert_eq!(listen.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_host_and_port_is_refused() {
        for text in [
            "",
            ":",
            "7600",
            ":7600",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:+1",
            "127.0.0.1:65536",
            "127.0.0.256:1",
            "::1:7600",
            "[::1]",
            "[::1:7600",
            "[kms]:7600",
            "https://kms:7600",
            "kms .example.com:7600",
            "-kms:7600",
            "kms..com:7600",
            "a_b:7600",
        ] {
            let refused = text.parse::<Listen>();
            assert_eq!(refused, Err(NoListen(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_name_that_nobody_knows_is_refused_with_what_to_do() {
        let listen: Listen = "nobody.invalid:7600".parse().unwrap();
        let said = format!("{:#}", listen.resolve().unwrap_err());
        assert!(said.contains("[tls] names"), "{said}");
        let known: Listen = "localhost:7600".parse().unwrap();
        assert!(
            known
                .resolve()
                .unwrap()
                .iter()
                .all(|a| a.ip().is_loopback())
        );
    }
}
