//! Names to addresses by the system's resolver, with an error that can be told from other failures of a connection.

use std::io;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

/// The system's words (`gai_strerror`) for an answer: there is no such name, or it has no address. They have no code in `std`.
const ANSWERS: [&str; 2] = [
    "Name or service not known",
    "No address associated with hostname",
];

/// A name that could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("DNS has no address for {name} ({error})")]
pub(crate) struct NameUnknown {
    name: String,
    error: io::Error,
}

impl NameUnknown {
    /// Whether it may be known later. At boot the resolver comes when it comes, and then nobody answers; so does the domain that a name
    /// without one is looked for in, and who answers for `.local` is on the network itself.
    pub(crate) fn is_temporary(&self) -> bool {
        let name = self.name.trim_end_matches('.');
        let depends_on_the_network = name
            .rsplit_once('.')
            .is_none_or(|(_, domain)| domain.eq_ignore_ascii_case("local"));
        let said = self.error.to_string();
        depends_on_the_network || !ANSWERS.iter().any(|answer| said.ends_with(answer))
    }
}

/// The system's resolver.
#[derive(Clone, Debug)]
pub(crate) struct SystemResolver;

impl ResolveDns for SystemResolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            match tokio::net::lookup_host((name, 0)).await {
                Ok(found) => Ok(found.map(|address| address.ip()).collect()),
                Err(error) => Err(ResolveDnsError::new(NameUnknown {
                    name: name.to_owned(),
                    error,
                })),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_temporary(name: &str, said: &str) -> bool {
        let error = io::Error::other(format!("failed to lookup address information: {said}"));
        let name = name.to_owned();
        NameUnknown { name, error }.is_temporary()
    }

    #[test]
    fn a_resolver_that_does_not_answer_passes_and_its_no_does_not() {
        for said in [
            "Temporary failure in name resolution",
            "Non-recoverable failure in name resolution",
            "System error",
        ] {
            assert!(is_temporary("kms.example.com", said), "{said}");
        }
        for said in ANSWERS {
            assert!(!is_temporary("kms.example.com", said), "{said}");
            assert!(is_temporary("kms", said), "the domain may come yet");
            assert!(is_temporary("kms.local.", said));
        }
    }

    #[test]
    fn the_systems_words_are_the_ones_that_are_known_here() {
        // No resolver is asked for a name that cannot be one.
        let name = format!("{}.example.com", "a".repeat(64));
        let error = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0))
            .map(drop)
            .unwrap_err();
        assert!(!NameUnknown { name, error }.is_temporary());
    }
}
