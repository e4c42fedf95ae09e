//! The service's own certificate authority. It is made once and kept in `DIR/tls`; clients trust `DIR/tls/ca.pem`.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::CA_FILE;
use crate::files;

/// How long a server certificate is good for.
const LEAF_LIFETIME: Duration = Duration::from_hours(90 * 24);
/// After how long a server certificate is replaced: well before its end.
const LEAF_RENEWAL: Duration = Duration::from_hours(60 * 24);
/// How many bytes a server certificate may have. Clients refuse a chain that is too long (Java's at 32 KiB, rustls's at 64 KiB, OpenSSL's at
/// 100 KiB), and until it is through, every connection pays for it; this holds some 500 names.
const CERTIFICATE_MAX: usize = 16 * 1024;
/// Certificates begin a little in the past, for clients whose clock is behind.
const CLOCK_ALLOWANCE: Duration = Duration::from_hours(1);
/// How long the CA is good for.
const CA_LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);

/// The CA's key, and what its certificate says.
pub(super) struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    /// Opens the CA in `dir`, or makes it there.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        files::private_dir(dir)?;
        let key_path = dir.join("ca.key");
        let key = match files::read_if_there(&key_path)? {
            Some(pem) => KeyPair::from_pem(&String::from_utf8(pem).context("not text")?),
            None => KeyPair::generate(),
        }
        .with_context(|| {
            format!(
                "cannot use the CA's key {}; restore it, or remove {} to make a new CA",
                key_path.display(),
                dir.display()
            )
        })?;
        let mut params = CertificateParams::new(Vec::new()).context("CA parameters")?;
        params.distinguished_name = name("Kluis local CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let authority = Self { params, key };
        let cert_path = dir.join(CA_FILE);
        if files::read_if_there(&cert_path)?.is_none() {
            authority.create(&key_path, &cert_path)?;
        }
        Ok(authority)
    }

    /// The key first: a certificate without its key could never be completed, a key without its certificate can.
    fn create(&self, key_path: &Path, cert_path: &Path) -> Result<()> {
        files::write_private(key_path, self.key.serialize_pem().as_bytes())?;
        let mut params = self.params.clone();
        validity(&mut params, CA_LIFETIME);
        let cert = params
            .self_signed(&self.key)
            .context("cannot sign the CA's certificate")?;
        files::write_public(cert_path, cert.pem().as_bytes())
    }

    /// A server certificate for these names, with a new key.
    ///
    /// # Errors
    /// A name cannot be in a certificate, or there are too many of them.
    pub(super) fn issue(&self, names: &[String]) -> Result<Leaf> {
        let key = KeyPair::generate().context("cannot make the server's key")?;
        let mut params =
            CertificateParams::new(names.to_vec()).context("a server name is not a valid one")?;
        params.distinguished_name = name("kluisd");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let valid = validity(&mut params, LEAF_LIFETIME);
        let cert = params
            .signed_by(&key, &Issuer::from_params(&self.params, &self.key))
            .context("cannot sign the server's certificate")?;
        let size = cert.der().len();
        ensure!(
            size <= CERTIFICATE_MAX,
            "a certificate for {} names has {size} bytes, and clients take no more than {CERTIFICATE_MAX} for granted; name fewer in [tls] names, or a certificate of your own with a pattern (*.example.com)",
            names.len()
        );
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signer =
            provider::sign::any_supported_type(&private).context("cannot use the server's key")?;
        Ok(Leaf {
            certified: Arc::new(CertifiedKey::new(vec![cert.der().clone()], signer)),
            renew_at: Instant::now() + LEAF_RENEWAL,
            valid,
        })
    }
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn validity(params: &mut CertificateParams, lifetime: Duration) -> Range<SystemTime> {
    let now = SystemTime::now();
    // A clock that was never set is in 1970, and before that a certificate has no time.
    let start = now.checked_sub(CLOCK_ALLOWANCE);
    let start = start.map_or(SystemTime::UNIX_EPOCH, |start| {
        start.max(SystemTime::UNIX_EPOCH)
    });
    let valid = start..now + lifetime;
    params.not_before = valid.start.into();
    params.not_after = valid.end.into();
    valid
}

/// A server certificate, and when to replace it.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) certified: Arc<CertifiedKey>,
    renew_at: Instant,
    valid: Range<SystemTime>,
}

impl Leaf {
    /// Whether it is time for the next one: it is old, or the clock that it was dated by has been set since.
    pub(super) fn is_due(&self, uptime: Instant, clock: SystemTime) -> bool {
        uptime >= self.renew_at || !self.valid.contains(&clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_due_when_it_is_old_or_the_clock_was_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path()).unwrap();
        let leaf = authority.issue(&["localhost".to_owned()]).unwrap();
        let (uptime, clock) = (Instant::now(), SystemTime::now());
        let years = Duration::from_hours(2 * 365 * 24);

        assert!(!leaf.is_due(uptime, clock));
        assert!(leaf.is_due(uptime + LEAF_RENEWAL, clock));
        assert!(
            leaf.is_due(uptime, clock + years),
            "it was dated two years back"
        );
        assert!(
            leaf.is_due(uptime, clock - years),
            "it was dated two years ahead"
        );
    }
}
