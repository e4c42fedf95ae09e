//! Backing keys: the secret halves of a key, one for each rotation, wrapped by the service's root key wherever they rest.
//!
//! They are unwrapped for the length of one operation and then wiped, so that of this room's secrets the memory of a
//! running service holds one that lasts, the root key.

use crypto::{KeyPair, SecretBytes, WrappingKey};
use jiff::Timestamp;
use wire::kms::{KeySpec, KeyUsageType, OriginType, RotationType};

use crate::ciphertext::BackingVersion;
use crate::names::KeyArn;
use crate::specs::{self, Shape};

/// What a record is that the root key wraps under this label: part of every derived wrapping key.
const WRAP_LABEL: &[u8] = b"kluis/kms/backing-key/v1";
/// The public name of a backing key is derived from it under this label.
const MATERIAL_ID_LABEL: &[u8] = b"kluis/kms/material-id/v1";
/// What the fields of a symmetric key's header take together, about.
const FRAMED_LEN: usize = 256;

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

/// Key material in the clear, about to be wrapped.
#[derive(Clone, Copy)]
pub(crate) struct Material<'a> {
    /// Random bytes, or the private half of a pair as PKCS#8.
    pub(crate) secret: &'a SecretBytes,
    /// The public half of a pair: `SubjectPublicKeyInfo`, DER.
    pub(crate) public: Option<&'a [u8]>,
}

impl<'a> Material<'a> {
    /// The material of a key that is no pair.
    pub(crate) fn of_bytes(secret: &'a SecretBytes) -> Self {
        Self {
            secret,
            public: None,
        }
    }

    /// The material of a pair.
    pub(crate) fn of_pair(pair: &'a KeyPair) -> Self {
        Self {
            secret: pair.pkcs8(),
            public: Some(pair.public().spki()),
        }
    }
}

/// One version of a key's secret, wrapped.
#[derive(Clone)]
pub(crate) struct BackingKey {
    /// Which version.
    pub(crate) version: BackingVersion,
    /// When it became the current one.
    pub(crate) created: Timestamp,
    /// Its public name: 64 hexadecimal digits, the API's `KeyMaterialId`. It is the same in every region of a
    /// multi-Region key, and whenever the same material is imported into the same key.
    pub(crate) material_id: Box<str>,
    /// What made it the current one; nothing of a key's first.
    pub(crate) rotation: Option<RotationType>,
    /// The secret under the root key; nothing while imported material is yet to come, was deleted or has expired.
    pub(crate) wrapped: Option<Box<[u8]>>,
    /// A pair's public half, in the clear and authenticated by the wrapping: who needs it alone unwraps nothing.
    pub(crate) public: Option<Box<[u8]>>,
    /// What its owner said at its import; nothing of material made here.
    pub(crate) imported: Option<Imported>,
}

/// What the owner of imported material says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    /// Their words for it.
    pub(crate) description: Option<Box<str>>,
    /// When it is to be destroyed, if ever.
    pub(crate) expires: Option<Timestamp>,
}

impl BackingKey {
    /// Makes a fresh backing key of the key `arn`, of random bytes. A pair is made ahead, and wrapped by [`Self::wrap`].
    ///
    /// # Errors
    /// [`crypto::Error::BadKey`] for a key whose secret is a pair; those of `crypto`: no memory for a secret, no
    /// randomness.
    pub(crate) fn generate(
        root: &WrappingKey,
        arn: &KeyArn,
        purpose: Purpose,
        version: BackingVersion,
        now: Timestamp,
    ) -> Result<Self, crypto::Error> {
        let Some(Shape::Bytes(length)) = specs::shape(purpose.spec) else {
            return Err(crypto::Error::BadKey("symmetric"));
        };
        let secret = SecretBytes::random(length)?;
        let material = Material::of_bytes(&secret);
        Self::wrap(root, arn, purpose, version, material, now)
    }

    /// Wraps material for the key `arn`.
    ///
    /// # Errors
    /// Those of `crypto`: no memory for a secret, no randomness.
    pub(crate) fn wrap(
        root: &WrappingKey,
        arn: &KeyArn,
        purpose: Purpose,
        version: BackingVersion,
        material: Material<'_>,
        now: Timestamp,
    ) -> Result<Self, crypto::Error> {
        let header = header(arn, purpose, version, material.public);
        let secret = material.secret.danger_expose();
        Ok(Self {
            version,
            created: now,
            material_id: material_id(secret, arn, purpose)?,
            rotation: None,
            wrapped: Some(root.wrap(WRAP_LABEL, &header, &[], secret)?.into()),
            public: material.public.map(Into::into),
            imported: None,
        })
    }

    /// This backing key of the key `from`, for its namesake `to` in another region.
    ///
    /// # Errors
    /// Those of [`Self::unwrap`], and of `crypto`.
    pub(crate) fn replicated(
        &self,
        root: &WrappingKey,
        from: &KeyArn,
        to: &KeyArn,
        purpose: Purpose,
    ) -> Result<Self, crypto::Error> {
        let secret = self.unwrap(root, from, purpose)?;
        let header = header(to, purpose, self.version, self.public.as_deref());
        let wrapped = root.wrap(WRAP_LABEL, &header, &[], secret.danger_expose())?;
        Ok(Self {
            wrapped: Some(wrapped.into()),
            ..self.clone()
        })
    }

    /// This backing key without its secret.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            wrapped: None,
            ..self.clone()
        }
    }

    /// The secret.
    ///
    /// # Errors
    /// [`crypto::Error::NotAuthentic`] when record, key, purpose, public half or root key is not the one that it was
    /// wrapped with.
    pub(crate) fn unwrap(
        &self,
        root: &WrappingKey,
        arn: &KeyArn,
        purpose: Purpose,
    ) -> Result<SecretBytes, crypto::Error> {
        let wrapped = self.wrapped.as_deref().ok_or(crypto::Error::NotAuthentic)?;
        let header = header(arn, purpose, self.version, self.public.as_deref());
        root.unwrap(WRAP_LABEL, &header, &[], wrapped)
    }
}

/// The public name of a secret. An HMAC key must never be a key of HMAC for anything but its owner's messages, so the
/// name is derived from an extract of the secret and not under the secret itself.
/// It depends on the key and neither on region nor version: material that comes again is known by it.
pub(crate) fn material_id(
    secret: &[u8],
    arn: &KeyArn,
    purpose: Purpose,
) -> Result<Box<str>, crypto::Error> {
    let (account, id) = (arn.account.to_string(), arn.id.to_string());
    let key = [&account, &id, purpose.spec.as_str()].map(str::as_bytes);
    let extract = crypto::hkdf_sha256_extract(MATERIAL_ID_LABEL, secret)?;
    let key = framed(key.into_iter());
    let name = crypto::kbkdf_hmac_sha256(&extract, MATERIAL_ID_LABEL, &[&key])?;
    Ok(hex::encode(name.danger_expose()).into())
}

impl std::fmt::Debug for BackingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackingKey")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What a wrapped backing key belongs to. The ARN carries region, account and id.
fn header(
    arn: &KeyArn,
    purpose: Purpose,
    version: BackingVersion,
    public: Option<&[u8]>,
) -> Vec<u8> {
    let arn = arn.to_string();
    let version = version.number().to_be_bytes();
    let fields: [&[u8]; 5] = [
        arn.as_bytes(),
        purpose.spec.as_str().as_bytes(),
        purpose.usage.as_str().as_bytes(),
        purpose.origin.as_str().as_bytes(),
        &version,
    ];
    framed(fields.into_iter().chain(public))
}

/// Each field with its length before it, so that no two lists share one form.
fn framed<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut all = Vec::with_capacity(FRAMED_LEN);
    for field in fields {
        all.extend_from_slice(&(field.len() as u64).to_be_bytes());
        all.extend_from_slice(field);
    }
    all
}
