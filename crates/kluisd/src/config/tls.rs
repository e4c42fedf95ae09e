//! `[tls]`: which certificate clients are shown.

use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::listen::is_host_name;

/// `[tls]`, checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TlsTable")]
pub(crate) struct Tls(Certificate);

/// The certificate that clients are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// One that the service's own CA issues, for these names beside this machine's own.
    Issued(Vec<String>),
    /// The operator's own, from files.
    Operators {
        /// The chain, in PEM.
        chain: PathBuf,
        /// Its private key, in PEM.
        key: PathBuf,
    },
}

impl Tls {
    /// What it asks for.
    pub(crate) fn certificate(&self) -> &Certificate {
        &self.0
    }
}

/// The certificate that clients are shown: either `names` for one of the service's own CA, or `certificate` and `key`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TlsTable {
    /// Names and addresses that other machines reach this service by: they come into the certificate that the service's own CA issues,
    /// beside `localhost` and this machine's own. `kluisd env --for-machines` tells machines the first of them. The certificate may have
    /// 16 KiB, which is some 500 names.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["kms.example.com", "10.0.0.5"]], "default" = "no further names"))]
    names: Option<Vec<ServerName>>,
    /// The operator's own certificate, with its chain, in PEM: shown instead of one of the service's own CA, but to clients that ask for
    /// `localhost`. Goes together with `key`.
    #[schemars(with = "Option<String>", example = &"/etc/kluisd/chain.pem", extend("default" = "one of the service's own CA"))]
    certificate: Option<PathBuf>,
    /// The private key of `certificate`, in PEM, which the user `kluisd` can read and not everyone.
    #[schemars(with = "Option<String>", example = &"/etc/kluisd/key.pem", extend("default" = "one of the service's own"))]
    key: Option<PathBuf>,
}

/// A name or an address in a certificate.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct ServerName(String);

impl TryFrom<String> for ServerName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.parse::<IpAddr>().is_ok() || is_host_name(&text) {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} is neither a host's name nor an address, such as kms.example.com or 10.0.0.5"
            ))
        }
    }
}

impl TryFrom<TlsTable> for Tls {
    type Error = &'static str;

    fn try_from(table: TlsTable) -> Result<Self, Self::Error> {
        let certificate = match (table.names, table.certificate, table.key) {
            (Some(names), None, None) if names.is_empty() => {
                return Err(
                    "names is empty; leave it out, or name what machines call this service",
                );
            }
            (Some(names), None, None) => {
                Certificate::Issued(names.into_iter().map(|name| name.0).collect())
            }
            (None, Some(chain), Some(key)) => Certificate::Operators { chain, key },
            (_, Some(_), None) | (_, None, Some(_)) => {
                return Err("certificate and key go together");
            }
            (Some(_), Some(_), Some(_)) | (None, None, None) => {
                return Err("[tls] has either names, or certificate and key");
            }
        };
        Ok(Self(certificate))
    }
}
