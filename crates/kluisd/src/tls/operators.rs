//! The operator's own certificate, with its chain and key, from files.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use webpki::{EndEntityCert, Error, KeyUsage};

/// The largest file that is read: a chain has a few KiB.
const FILE_MAX: u64 = 1024 * 1024;
/// Everyone may read it.
const WORLD_READABLE: u32 = 0o004;

/// A certificate whose key is the operator's.
pub(super) struct Operators {
    pub(super) certified: Arc<CertifiedKey>,
    /// The chain's file, as it is.
    pub(super) pem: Vec<u8>,
    /// The hosts' names in it, in its order; no patterns.
    pub(super) names: Vec<String>,
    path: PathBuf,
}

impl Operators {
    /// Reads chain and key.
    ///
    /// # Errors
    /// A file cannot be read, is not PEM, is everyone's, or the key is another certificate's.
    pub(super) fn open(path: &Path, key_path: &Path) -> Result<Self> {
        let (pem, _) = read(path)?;
        let chain = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .with_context(|| format!("{} is not PEM", path.display()))?;
        let leaf = chain
            .first()
            .with_context(|| format!("{} has no certificate", path.display()))?;
        let names = names(leaf).with_context(|| {
            format!("the first certificate of {} cannot be read", path.display())
        })?;

        let (key_pem, mode) = read(key_path)?;
        ensure!(
            mode & WORLD_READABLE == 0,
            "everyone may read {}; run: chmod o= {}",
            key_path.display(),
            key_path.display()
        );
        let key = PrivateKeyDer::from_pem_slice(&key_pem)
            .ok()
            .with_context(|| format!("{} has no private key in PEM", key_path.display()))?;
        let signer = provider::sign::any_supported_type(&key)
            .with_context(|| format!("cannot use the key {}", key_path.display()))?;
        let certified = CertifiedKey::new(chain, signer);
        certified.keys_match().with_context(|| {
            format!(
                "{} is not the key of the first certificate of {}",
                key_path.display(),
                path.display()
            )
        })?;
        Ok(Self {
            certified: Arc::new(certified),
            names,
            path: path.to_owned(),
            pem,
        })
    }

    /// Whether a client could accept it now, as far as that can be told without knowing whom clients trust.
    ///
    /// # Errors
    /// Its time is over or to come, or it is not for servers.
    pub(super) fn check(&self) -> Result<()> {
        let path = self.path.display();
        let Some((leaf, others)) = self.certified.cert.split_first() else {
            bail!("{path} has no certificate");
        };
        let leaf = EndEntityCert::try_from(leaf)
            .with_context(|| format!("the first certificate of {path} cannot be read"))?;
        let algorithms = provider::default_provider().signature_verification_algorithms;
        // Nobody is trusted, so this always fails: what matters is whether it does for the certificate's own sake.
        let refused = leaf.verify_for_usage(
            algorithms.all,
            &[],
            others,
            UnixTime::now(),
            KeyUsage::server_auth(),
            None,
            None,
        );
        match refused.err() {
            Some(Error::CertExpired { .. }) => {
                bail!("the certificate {path} has expired; renew it, then reload")
            }
            Some(Error::CertNotValidYet { .. }) => {
                bail!("the certificate {path} is not valid yet; is this machine's clock right?")
            }
            Some(Error::CaUsedAsEndEntity) => {
                bail!(
                    "the first certificate of {path} is an authority's, and clients refuse it as a server's"
                )
            }
            Some(Error::RequiredEkuNotFoundContext(_)) => {
                bail!("the certificate {path} is not one for servers (extended key usage)")
            }
            _ => Ok(()),
        }
    }
}

/// The names of hosts in a certificate.
fn names(leaf: &CertificateDer<'_>) -> Result<Vec<String>> {
    let leaf = EndEntityCert::try_from(leaf)?;
    let names = leaf.valid_dns_names().filter(|name| !name.contains('*'));
    Ok(names.map(str::to_owned).collect())
}

/// A file's bytes and mode.
fn read(path: &Path) -> Result<(Vec<u8>, u32)> {
    let attempt = || {
        // Not waited for: a pipe has no end until somebody writes to it, and until then nothing else would be served.
        let file = File::options()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(FILE_MAX).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>((bytes, metadata.mode()))
    };
    attempt().with_context(|| {
        format!(
            "cannot read {}; the service's own user has to be able to",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_told_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("key.pem");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();

        let error = read(&pipe).unwrap_err();

        assert!(
            format!("{error:#}").contains("not a regular file"),
            "{error:#}"
        );
    }
}
