//! Names to addresses by the system's resolver, with an error that can be told from other failures of a connection.

use std::io;

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};

/// A name that could not be resolved. At boot the resolver may come after us, so this passes as far as anybody can tell.
#[derive(Debug, thiserror::Error)]
#[error("DNS has no address for {name} ({error})")]
pub(crate) struct NameUnknown {
    name: String,
    error: io::Error,
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
