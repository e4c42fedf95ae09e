//! The two services that a volume needs of the world: one that wraps keys, one that holds wrapped secrets.
//!
//! Nothing here knows HTTP or a vendor. The crate `aws` implements both over the official SDK;
//! [`crate::sim`] implements both in memory and injects every failure.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crypto::{Secret, SecretBytes};

/// An encryption context: public pairs that a blob is bound to. Order does not matter to the service.
pub type Context = BTreeMap<String, String>;

/// The longest wrapped blob that is accepted from anywhere (KMS's own limit on `CiphertextBlob` is 6144 bytes).
pub const BLOB_MAX: usize = 6144;

/// A fresh 256-bit secret, in the clear and wrapped.
#[derive(Debug)]
pub struct DataKey {
    /// The ARN of the key that wrapped it, as the service names it.
    pub key_arn: String,
    /// The secret itself.
    pub plaintext: Secret<32>,
    /// The wrapped form: public, and useless without the service.
    pub blob: Vec<u8>,
}

/// A wrapped secret.
#[derive(Debug)]
pub struct Wrapped {
    /// The ARN of the key that wrapped it.
    pub key_arn: String,
    /// The wrapped form.
    pub blob: Vec<u8>,
}

/// An unwrapped secret.
#[derive(Debug)]
pub struct Unwrapped {
    /// The ARN of the key that unwrapped it.
    pub key_arn: String,
    /// The secret, in locked memory.
    pub plaintext: SecretBytes,
}

/// Port 1: a key service. Each call is one request; retries are this crate's business, not the port's.
///
/// `key` is whatever the operator may write: an ARN, an id, an alias name or an alias ARN.
pub trait KeyService: Send + Sync {
    /// How it is named to people: its URL, as far as that is known without asking anybody.
    fn place(&self) -> String {
        "the key service".to_owned()
    }

    /// How far its clock was ahead of this machine's (behind, if negative) when it last answered, in seconds; `None` before that.
    fn clock_ahead(&self) -> Option<i64> {
        None
    }

    /// Whether [`KeyService::generate_data_key`] would be allowed; nothing is made.
    ///
    /// # Errors
    /// What it would fail with.
    fn may_generate(&self, key: &str, context: &Context) -> Result<(), KeyServiceError>;

    /// Makes a 256-bit secret and wraps it under `key`, bound to `context`.
    ///
    /// # Errors
    /// As [`KeyServiceError`] says.
    fn generate_data_key(&self, key: &str, context: &Context) -> Result<DataKey, KeyServiceError>;

    /// Wraps `plaintext` under `key`, bound to `context`.
    ///
    /// # Errors
    /// As [`KeyServiceError`] says.
    fn encrypt(
        &self,
        key: &str,
        plaintext: &SecretBytes,
        context: &Context,
    ) -> Result<Wrapped, KeyServiceError>;

    /// Unwraps `blob`. With `key`, the service must refuse a blob that another key wrapped.
    ///
    /// # Errors
    /// As [`KeyServiceError`] says; a blob that is damaged, foreign or bound to another context is
    /// [`KeyServiceError::Invalid`].
    fn decrypt(
        &self,
        key: Option<&str>,
        blob: &[u8],
        context: &Context,
    ) -> Result<Unwrapped, KeyServiceError>;
}

/// Port 2: where wrapped secrets lie.
pub trait ObjectSource: Send + Sync {
    /// How it is named to people: its URL, as far as that is known without asking anybody.
    fn place(&self) -> String {
        "the object store".to_owned()
    }

    /// Fetches an object whole. An implementation refuses one larger than [`BLOB_MAX`] as [`ObjectError::Invalid`].
    ///
    /// # Errors
    /// As [`ObjectError`] says.
    fn get(&self, uri: &ObjectUri) -> Result<Vec<u8>, ObjectError>;

    /// Stores an object unless there is one, atomically (`If-None-Match: *`).
    ///
    /// # Errors
    /// As [`ObjectError`] says.
    fn put_if_absent(&self, uri: &ObjectUri, bytes: &[u8]) -> Result<Put, ObjectError>;
}

/// What [`ObjectSource::put_if_absent`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is there now, and this call made it.
    Created,
    /// There was one already; it was not touched.
    Exists,
}

/// Why a service was not reached, or did not listen: what stands between it and this machine, whichever service it is. Each carries a
/// sentence's worth of what was seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    // --- passes by itself ---
    /// The clocks of the two differ too much for a signature or a certificate to hold.
    #[error(
        "{0}; set this machine's clock (timedatectl), or wait until it is set, then run this again"
    )]
    Clock(String),
    /// The machine is one that is given credentials, and it has none yet.
    #[error(
        "this machine has no credentials yet: {0}; attach an instance profile to it, or name others in [agent] credentials, then run this again"
    )]
    CredentialsNotYet(String),

    // --- where the service is: the configuration's ---
    /// The certificate is not of an authority that is trusted here.
    #[error(
        "{place} is not trusted: {why}; if the service is yours, [agent] ca (or AWS_CA_BUNDLE) must name the certificate of its authority"
    )]
    Untrusted {
        /// The service's URL.
        place: String,
        /// What is wrong with its certificate.
        why: String,
    },
    /// The certificate is for other names.
    #[error(
        "the certificate of {place} is for another name: {why}; put a name that it has into [agent] endpoint (or AWS_ENDPOINT_URL), or ask the service's owner for a certificate with this one"
    )]
    OtherName {
        /// The service's URL.
        place: String,
        /// Which names it has.
        why: String,
    },
    /// The certificate has run out.
    #[error(
        "the certificate of {place} has run out: {why}; ask the service's owner to renew it, or set this machine's clock if that is wrong"
    )]
    Expired {
        /// The service's URL.
        place: String,
        /// Since when, and what this machine takes the time to be.
        why: String,
    },
    /// Whoever answers does not speak TLS, or none that is understood here.
    #[error(
        "{place} does not speak TLS as it should: {why}; check host and port in [agent] endpoint (or AWS_ENDPOINT_URL)"
    )]
    NotTls {
        /// The service's URL.
        place: String,
        /// What was seen instead.
        why: String,
    },
    /// Whoever answers is not the service: another program, a proxy, a page.
    #[error(
        "what answers at {place} is not this service: {why}; check host, port and path in [agent] endpoint (or AWS_ENDPOINT_URL)"
    )]
    Stranger {
        /// The service's URL.
        place: String,
        /// What was answered.
        why: String,
    },
    /// Nobody can be asked with this configuration.
    #[error("{0}")]
    Misconfigured(String),

    // --- who asks ---
    /// There are no credentials.
    #[error(
        "this machine has no credentials: {0}; name some in [agent] credentials, or as the AWS CLI takes them (AWS_PROFILE, ~/.aws/credentials, an instance profile)"
    )]
    NoCredentials(String),
    /// Whatever gives out the credentials failed.
    #[error(
        "the credentials of this machine cannot be had: {0}; mend what [agent] credentials or AWS_PROFILE names"
    )]
    CredentialsFailed(String),
    /// The service does not know who asks.
    #[error(
        "the service does not accept the credentials of this machine: {0}; put the access key that its owner gave you into what [agent] credentials or AWS_PROFILE names"
    )]
    NotRecognized(String),
}

impl ReachError {
    /// Whether the same request may succeed later: exit code 75.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Clock(_) | Self::CredentialsNotYet(_))
    }

    /// What was seen, without what to do about it.
    pub fn cause(&self) -> &str {
        match self {
            Self::Untrusted { why, .. }
            | Self::OtherName { why, .. }
            | Self::Expired { why, .. }
            | Self::NotTls { why, .. }
            | Self::Stranger { why, .. } => why,
            Self::Clock(text)
            | Self::CredentialsNotYet(text)
            | Self::Misconfigured(text)
            | Self::NoCredentials(text)
            | Self::CredentialsFailed(text)
            | Self::NotRecognized(text) => text,
        }
    }
}

/// Why a key service did not do what it was asked. Each carries the service's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyServiceError {
    /// It was not asked, or did not listen.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// No answer: network, DNS, timeout, or a 5xx. Temporary.
    #[error(
        "the key service cannot be reached: {0}; check AWS_ENDPOINT_URL or [agent] endpoint, and the network, then run this again"
    )]
    Unreachable(String),
    /// Asked to slow down. Temporary.
    #[error("the key service is throttling: {0}; wait a little, then run this again")]
    Throttled(String),
    /// The caller may not use this key.
    #[error(
        "the key service refused: {0}; ask the key's owner to allow this machine in the key policy"
    )]
    Denied(String),
    /// There is no such key.
    #[error(
        "the key service has no such key: {0}; check `key` in the configuration and the region"
    )]
    NotFound(String),
    /// The key is there and switched off.
    #[error(
        "the key is disabled: {0}; ask its owner to enable it (aws kms enable-key), then run this again"
    )]
    Disabled(String),
    /// The key waits for its deletion.
    #[error(
        "the key is about to be deleted: {0}; ask its owner at once to cancel that (aws kms cancel-key-deletion, then aws kms enable-key): without it, what it wrapped is lost"
    )]
    PendingDeletion(String),
    /// The key is in another state in which it cannot be used: its material is missing, say.
    #[error(
        "the key cannot be used as it is: {0}; ask its owner to look at its state (aws kms describe-key)"
    )]
    Unusable(String),
    /// The request or the blob makes no sense to the service, or the answer made no sense here.
    #[error("the key service could not use the key or the blob: {0}")]
    Invalid(String),
}

impl KeyServiceError {
    /// Whether the same request may succeed later: exit code 75.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Reach(error) => error.is_temporary(),
            Self::Unreachable(_) | Self::Throttled(_) => true,
            Self::Denied(_)
            | Self::NotFound(_)
            | Self::Disabled(_)
            | Self::PendingDeletion(_)
            | Self::Unusable(_)
            | Self::Invalid(_) => false,
        }
    }

    /// What was seen, without what to do about it.
    pub fn cause(&self) -> &str {
        match self {
            Self::Reach(error) => error.cause(),
            Self::Unreachable(text)
            | Self::Throttled(text)
            | Self::Denied(text)
            | Self::NotFound(text)
            | Self::Disabled(text)
            | Self::PendingDeletion(text)
            | Self::Unusable(text)
            | Self::Invalid(text) => text,
        }
    }
}

/// Why an object source did not do what it was asked. Each carries the service's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It was not asked, or did not listen.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// No answer: network, DNS, timeout, or a 5xx. Temporary.
    #[error(
        "the object store cannot be reached: {0}; check AWS_ENDPOINT_URL or [agent] endpoint, and the network, then run this again"
    )]
    Unreachable(String),
    /// Asked to slow down. Temporary.
    #[error("the object store is throttling: {0}; wait a little, then run this again")]
    Throttled(String),
    /// The caller may not read or write this object.
    #[error(
        "the object store refused: {0}; ask the bucket's owner to allow this machine s3:GetObject on the object"
    )]
    Denied(String),
    /// There is no such bucket or object.
    #[error(
        "the object store has no such object: {0}; check `secret` in the configuration, or run: kluis seal"
    )]
    NotFound(String),
    /// The key that the object store itself encrypts the object under is in no state to be used.
    #[error(
        "the object store cannot use the key that it keeps the object under: {0}; ask that key's owner to enable it"
    )]
    Unusable(String),
    /// The answer made no sense: too large, or not what the protocol allows.
    #[error("the object store's answer cannot be used: {0}")]
    Invalid(String),
}

impl ObjectError {
    /// Whether the same request may succeed later: exit code 75.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Reach(error) => error.is_temporary(),
            Self::Unreachable(_) | Self::Throttled(_) => true,
            Self::Denied(_) | Self::NotFound(_) | Self::Unusable(_) | Self::Invalid(_) => false,
        }
    }

    /// What was seen, without what to do about it.
    pub fn cause(&self) -> &str {
        match self {
            Self::Reach(error) => error.cause(),
            Self::Unreachable(text)
            | Self::Throttled(text)
            | Self::Denied(text)
            | Self::NotFound(text)
            | Self::Unusable(text)
            | Self::Invalid(text) => text,
        }
    }
}

/// The name of an object: `s3://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectUri {
    bucket: String,
    key: String,
}

impl ObjectUri {
    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key within the bucket, exactly as written: no escapes are undone.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Why a text is not an [`ObjectUri`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an object's name; write it as s3://bucket/key")]
pub struct ObjectUriError(String);

impl FromStr for ObjectUri {
    type Err = ObjectUriError;

    fn from_str(text: &str) -> Result<Self, ObjectUriError> {
        let fault = || ObjectUriError(text.to_owned());
        let (bucket, key) = text
            .strip_prefix("s3://")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(fault)?;
        // S3's own bounds: bucket names of 3 to 63 of [a-z0-9.-], keys of 1 to 1024 bytes.
        let bucket_is_named = (3..=63).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'));
        let key_is_named = (1..=1024).contains(&key.len()) && !key.chars().any(char::is_control);
        if !bucket_is_named || !key_is_named {
            return Err(fault());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_bucket_and_key() {
        let uri: ObjectUri = "s3://bucket/a/Luks Key%20".parse().unwrap();
        assert_eq!((uri.bucket(), uri.key()), ("bucket", "a/Luks Key%20"));
        assert_eq!(uri.to_string(), "s3://bucket/a/Luks Key%20");
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for text in [
            "",
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3:///key",
            "S3://bucket/key",
            "s3://B_/key",
            "/tmp/x",
            "s3://bucket/a\nb",
        ] {
            assert!(text.parse::<ObjectUri>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_silence_and_throttling_are_worth_another_try() {
        assert!(KeyServiceError::Unreachable(String::new()).is_temporary());
        assert!(KeyServiceError::Throttled(String::new()).is_temporary());
        assert!(!KeyServiceError::Denied(String::new()).is_temporary());
        assert!(!ObjectError::NotFound(String::new()).is_temporary());
        assert!(!ObjectError::Invalid(String::new()).is_temporary());
    }
}
