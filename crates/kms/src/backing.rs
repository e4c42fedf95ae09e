//! Backing keys: the secret halves of a key, one for each rotation, wrapped by the service's root key wherever they rest.
//!
//! They are unwrapped for the length of one operation and then wiped, so that the memory of a running service holds
//! one long-lived secret, the root key.

use crypto::{Secret, WrappingKey};
use jiff::Timestamp;
use wire::kms::{KeySpec, KeyUsageType, OriginType};

use crate::ciphertext::BackingVersion;
use crate::names::KeyArn;

/// What a record is that the root key wraps under this label: part of every derived wrapping key.
const WRAP_LABEL: &[u8] = b"kluis/kms/backing-key/v1";
/// The public name of a backing key is derived from it under this label.
const MATERIAL_ID_LABEL: &[u8] = b"kluis/kms/material-id/v1";

/// What a key is for, fixed when it is made: bound into every wrapping, so that a changed record unwraps nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purpose {
    /// The kind of key.
    pub(crate) spec: KeySpec,
    /// What it may do.
    pub(crate) usage: KeyUsageType,
    /// Where its material comes from.
    pub(crate) origin: OriginType,
}

impl Purpose {
    /// A symmetric encryption key whose material is made here.
    pub(crate) const SYMMETRIC: Self = Self {
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsageType::EncryptDecrypt,
        origin: OriginType::AwsKms,
    };
}

/// One version of a key's secret, wrapped.
#[derive(Clone)]
pub(crate) struct BackingKey {
    /// Which version.
    pub(crate) version: BackingVersion,
    /// When it became the current one.
    pub(crate) created: Timestamp,
    /// Its public name: 64 hexadecimal digits, the API's `KeyMaterialId`.
    pub(crate) material_id: Box<str>,
    /// The secret under the root key.
    pub(crate) wrapped: Box<[u8]>,
}

impl BackingKey {
    /// Makes a fresh backing key of the key `arn`.
    ///
    /// # Errors
    /// Those of `crypto`: no memory for a secret, no randomness.
    pub(crate) fn generate(
        root: &WrappingKey,
        arn: &KeyArn,
        purpose: Purpose,
        version: BackingVersion,
        now: Timestamp,
    ) -> Result<Self, crypto::Error> {
        let secret = Secret::<32>::random()?;
        let header = header(arn, purpose, version);
        let wrapped = root.wrap(WRAP_LABEL, &header, &[], secret.danger_expose())?;
        let name = crypto::kbkdf_hmac_sha256(&secret, MATERIAL_ID_LABEL, &[&header])?;
        let material_id = hex::encode(name.danger_expose());
        Ok(Self {
            version,
            created: now,
            material_id: material_id.into(),
            wrapped: wrapped.into(),
        })
    }

    /// The secret.
    ///
    /// # Errors
    /// [`crypto::Error::NotAuthentic`] when record, key, purpose or root key is not the one that it was wrapped with.
    pub(crate) fn unwrap(
        &self,
        root: &WrappingKey,
        arn: &KeyArn,
        purpose: Purpose,
    ) -> Result<Secret<32>, crypto::Error> {
        let secret = root.unwrap(
            WRAP_LABEL,
            &header(arn, purpose, self.version),
            &[],
            &self.wrapped,
        )?;
        Secret::try_from(&secret)
    }
}

impl std::fmt::Debug for BackingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackingKey")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What a wrapped backing key belongs to: each field with its length before it, so that no two keys share one. The ARN
/// carries region, account and id.
fn header(arn: &KeyArn, purpose: Purpose, version: BackingVersion) -> Vec<u8> {
    let arn = arn.to_string();
    let fields: [&[u8]; 5] = [
        arn.as_bytes(),
        purpose.spec.as_str().as_bytes(),
        purpose.usage.as_str().as_bytes(),
        purpose.origin.as_str().as_bytes(),
        &version.number().to_be_bytes(),
    ];
    fields
        .iter()
        .flat_map(|field| {
            (field.len() as u64)
                .to_be_bytes()
                .into_iter()
                .chain(field.iter().copied())
        })
        .collect()
}
