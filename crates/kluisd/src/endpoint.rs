//! What clients call the service: on this machine, and from others. Both are left in the data folder, for `kluisd env`.

use std::net::IpAddr;
use std::path::Path;

use anyhow::Result;

use crate::files;
use crate::listen::{Bound, authority};
use crate::tls::{LOCAL_NAME, Tls};

/// Where the address stands that this machine's clients use.
pub(crate) const ENDPOINT_FILE: &str = "endpoint";
/// Where the addresses stand that other machines use, one a line, the best first.
pub(crate) const ENDPOINTS_FILE: &str = "endpoints";

/// Writes both files; this machine's endpoint.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn publish(dir: &Path, bound: &[Bound], tls: Option<&Tls>) -> Result<String> {
    let places: Vec<Place> = bound.iter().map(Place::new).collect();
    let local = local(&places, tls.map(Tls::is_operators));
    files::write_public(&dir.join(ENDPOINT_FILE), format!("{local}\n").as_bytes())?;
    // Without TLS nobody but this machine is listened to.
    let others = tls.map(|tls| from_elsewhere(&places, &tls.names()));
    let lines: String = others
        .unwrap_or_default()
        .into_iter()
        .map(|url| url + "\n")
        .collect();
    files::write_public(&dir.join(ENDPOINTS_FILE), lines.as_bytes())?;
    Ok(local)
}

/// A place that is listened on.
struct Place {
    host: String,
    /// The address, if it is no name.
    ip: Option<IpAddr>,
    port: u16,
    /// Whether other machines can reach it.
    is_reachable: bool,
}

impl Place {
    fn new(bound: &Bound) -> Self {
        Self {
            host: bound.listen.host().to_owned(),
            ip: bound.listen.ip(),
            port: bound.port,
            is_reachable: bound.is_reachable,
        }
    }

    /// "Any address" is not one that a client can use.
    fn is_unspecified(&self) -> bool {
        self.ip.is_some_and(|ip| ip.is_unspecified())
    }
}

/// `is_operators` is whether there is TLS, and then whether the certificate is the operator's.
fn local(places: &[Place], is_operators: Option<bool>) -> String {
    let scheme = if is_operators.is_some() {
        "https"
    } else {
        "http"
    };
    // The operator's certificate is hardly good for loopback; for that name, the service's own CA's is shown.
    let needs_name = |place: &Place| {
        place.is_unspecified()
            || is_operators == Some(true) && place.ip.is_some_and(|ip| ip.is_loopback())
    };
    match places.first() {
        Some(place) if !needs_name(place) => {
            format!("{scheme}://{}", authority(&place.host, place.port))
        }
        first => {
            let port = first.map_or(0, |place| place.port);
            format!("{scheme}://{}", authority(LOCAL_NAME, port))
        }
    }
}

/// The names that the certificate was given first, then what is listened on.
fn from_elsewhere(places: &[Place], names: &[String]) -> Vec<String> {
    let reachable = || places.iter().filter(|place| place.is_reachable);
    let named = reachable()
        .next()
        .into_iter()
        .flat_map(|place| names.iter().map(|name| (name.as_str(), place.port)));
    let listened = reachable()
        .filter(|place| !place.is_unspecified())
        .map(|place| (place.host.as_str(), place.port));
    let mut urls: Vec<String> = Vec::new();
    for (host, port) in named.chain(listened) {
        let url = format!("https://{}", authority(host, port));
        if !is_loopback(host) && !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case(LOCAL_NAME) || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str, is_reachable: bool) -> Place {
        Place {
            host: host.to_owned(),
            ip: host.parse().ok(),
            port: 7600,
            is_reachable,
        }
    }

    #[test]
    fn this_machines_endpoint_is_the_first_place() {
        for (host, is_operators, url) in [
            ("127.0.0.1", None, "http://127.0.0.1:7600"),
            ("127.0.0.1", Some(false), "https://127.0.0.1:7600"),
            ("127.0.0.1", Some(true), "https://localhost:7600"),
            ("::", Some(false), "https://localhost:7600"),
            ("::1", Some(false), "https://[::1]:7600"),
            ("10.0.0.5", Some(true), "https://10.0.0.5:7600"),
            (
                "kms.example.com",
                Some(true),
                "https://kms.example.com:7600",
            ),
        ] {
            let places = [place(host, true), place("192.0.2.1", true)];
            assert_eq!(local(&places, is_operators), url);
        }
    }

    #[test]
    fn other_machines_are_given_names_first_and_loopback_never() {
        let names = ["localhost".to_owned(), "kms.example.com".to_owned()];
        let any = [place("127.0.0.1", false), place("::", true)];
        assert_eq!(
            from_elsewhere(&any, &names),
            ["https://kms.example.com:7600"]
        );
        assert_eq!(from_elsewhere(&any, &[]), Vec::<String>::new());
        let one = [place("10.0.0.5", true)];
        assert_eq!(
            from_elsewhere(&one, &names),
            ["https://kms.example.com:7600", "https://10.0.0.5:7600"]
        );
        // A name that stands for loopback here, as Debian writes it into /etc/hosts.
        let trap = [place("kms.example.com", false)];
        assert_eq!(from_elsewhere(&trap, &names), Vec::<String>::new());
    }
}
