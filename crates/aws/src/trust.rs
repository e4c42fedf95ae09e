//! Whom to trust: the system's roots, or the bundle that `AWS_CA_BUNDLE` names and nothing else.

use std::io;
use std::path::PathBuf;

use aws_smithy_http_client::tls::TrustStore;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Why no connection to a key service can be prepared.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file is missing or unreadable.
    #[error(
        "cannot read the CA bundle {path} that AWS_CA_BUNDLE names: {error}; point it at a PEM file, or unset it to use the system's roots"
    )]
    Unreadable {
        /// What `AWS_CA_BUNDLE` says.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not a bundle of certificates.
    #[error(
        "the CA bundle {path} that AWS_CA_BUNDLE names holds no usable certificate ({reason}); it must be a PEM file of CA certificates"
    )]
    NotCertificates {
        /// What `AWS_CA_BUNDLE` says.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused what an I/O runtime needs.
    #[error("cannot start the network runtime: {0}")]
    Runtime(io::Error),
}

/// The store that the environment asks for.
pub(crate) fn from_env() -> Result<TrustStore, TrustError> {
    match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        Some(path) => bundle(PathBuf::from(path)),
        None => Ok(TrustStore::default()),
    }
}

/// Reads a bundle. Every certificate is checked here, because the SDK panics on one that does not parse.
fn bundle(path: PathBuf) -> Result<TrustStore, TrustError> {
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(error) => return Err(TrustError::Unreadable { path, error }),
    };
    match check(&pem) {
        Ok(()) => Ok(TrustStore::empty().with_pem_certificate(pem)),
        Err(reason) => Err(TrustError::NotCertificates { path, reason }),
    }
}

fn check(pem: &[u8]) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        Err("it has no BEGIN CERTIFICATE".to_owned())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(content: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, content).unwrap();
        bundle(path).unwrap_err().to_string()
    }

    #[test]
    fn a_bundle_that_is_not_there_is_named() {
        let error = bundle(PathBuf::from("/nonexistent/ca.pem"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/nonexistent/ca.pem") && error.contains("AWS_CA_BUNDLE"),
            "{error}"
        );
    }

    #[test]
    fn rubbish_is_refused_and_not_a_panic() {
        for content in [
            &b""[..],
            b"not PEM",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(refusal(content).contains("holds no usable certificate"));
        }
    }
}
