//! Whom to trust: the system's roots, or the bundle that is named (in the settings, by `AWS_CA_BUNDLE`, by the profile's `ca_bundle`, in
//! this order) and nothing else.

use std::io;
use std::path::PathBuf;

use aws_smithy_http_client::tls::TrustStore;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::profile::Profile;
use crate::settings::Settings;

/// Why no connection to a key service can be prepared.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file is missing or unreadable.
    #[error(
        "cannot read the CA bundle {path} that {named_by} names: {error}; point it at a PEM file, or unset it to use the system's roots"
    )]
    Unreadable {
        /// The bundle.
        path: PathBuf,
        /// Who names it.
        named_by: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not a bundle of certificates.
    #[error(
        "the CA bundle {path} that {named_by} names holds no usable certificate ({reason}); it must be a PEM file of CA certificates"
    )]
    NotCertificates {
        /// The bundle.
        path: PathBuf,
        /// Who names it.
        named_by: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refused what an I/O runtime needs.
    #[error("cannot start the network runtime: {0}")]
    Runtime(io::Error),
}

/// The store that is asked for.
pub(crate) async fn store(
    settings: &Settings,
    profile: &Profile,
) -> Result<TrustStore, TrustError> {
    if let Some(path) = &settings.ca {
        return bundle(path.clone(), "[agent] ca");
    }
    if let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        return bundle(path.into(), "AWS_CA_BUNDLE");
    }
    match profile
        .get("ca_bundle")
        .await
        .filter(|path| !path.is_empty())
    {
        Some(path) => bundle(path.into(), "ca_bundle in the AWS profile"),
        None => Ok(TrustStore::default()),
    }
}

/// Reads a bundle. Every certificate is checked here, because the SDK panics on one that does not parse.
fn bundle(path: PathBuf, named_by: &'static str) -> Result<TrustStore, TrustError> {
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(error) => {
            return Err(TrustError::Unreadable {
                path,
                named_by,
                error,
            });
        }
    };
    match check(&pem) {
        Ok(()) => Ok(TrustStore::empty().with_pem_certificate(pem)),
        Err(reason) => Err(TrustError::NotCertificates {
            path,
            named_by,
            reason,
        }),
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
        bundle(path, "AWS_CA_BUNDLE").unwrap_err().to_string()
    }

    #[test]
    fn a_bundle_that_is_not_there_is_named() {
        let error = bundle(PathBuf::from("/nonexistent/ca.pem"), "AWS_CA_BUNDLE")
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
