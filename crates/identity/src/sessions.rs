//! Role sessions, which are kept nowhere: the token that a caller shows is the session itself, sealed.
//!
//! ```text
//! token     = base64(WrappingKey::wrap(label, header, plaintext))
//! header    = access key id
//! plaintext = secret access key (40 bytes) ‖ the session as JSON
//! ```
//!
//! The role is named by its unique id: a role of the same name that was made later is another role.

use base64::{Engine, engine::general_purpose::STANDARD};
use crypto::{SecretBytes, WrappingKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{self, IdKind},
    limits,
    tags::Tags,
};

/// What the sealing key wraps under this label: part of every derived wrapping key.
const WRAP_LABEL: &[u8] = b"kluis/identity/session/v1";

/// A session of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// The role's account.
    pub(crate) account: String,
    pub(crate) role_id: String,
    pub(crate) name: String,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub(crate) tags: Tags,
    /// Keys of those tags that a session taken from within this one inherits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) transitive: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_identity: Option<String>,
}

/// The three things that a caller is given.
pub(crate) struct Issued {
    pub(crate) access_key_id: String,
    pub(crate) secret: SecretBytes,
    pub(crate) token: String,
}

/// The token is not of this service, or of another access key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadToken;

impl Session {
    /// Makes credentials for the session.
    ///
    /// # Errors
    /// Where the system has no randomness or no memory for a secret; `TooLong` for a session beyond what a token holds.
    pub(crate) fn issue(&self, sealing: &WrappingKey) -> Result<Issued, crypto::Error> {
        let access_key_id = IdKind::SessionKey.fresh()?;
        let secret = ids::fresh_secret()?;
        let json = serde_json::to_vec(self).map_err(|_| crypto::Error::Library("json"))?;
        let plaintext = SecretBytes::build(ids::SECRET_LEN + json.len(), |out| {
            let (own_secret, rest) = out.split_at_mut(ids::SECRET_LEN);
            own_secret.copy_from_slice(secret.danger_expose());
            rest.copy_from_slice(&json);
            Ok::<(), crypto::Error>(())
        })?;
        let header = access_key_id.as_bytes();
        let sealed = sealing.wrap(WRAP_LABEL, header, &[], plaintext.danger_expose())?;
        Ok(Issued {
            access_key_id,
            secret,
            token: STANDARD.encode(sealed),
        })
    }

    /// The session in a token, and its secret access key. Whether it has expired is for the caller to see.
    pub(crate) fn open(
        sealing: &WrappingKey,
        access_key_id: &str,
        token: &str,
    ) -> Result<(Self, SecretBytes), BadToken> {
        if token.len() > limits::SESSION_TOKEN_LEN || !IdKind::SessionKey.is_form_of(access_key_id)
        {
            return Err(BadToken);
        }
        let sealed = STANDARD.decode(token).map_err(|_| BadToken)?;
        let plaintext = sealing
            .unwrap(WRAP_LABEL, access_key_id.as_bytes(), &[], &sealed)
            .map_err(|_| BadToken)?;
        let parts = plaintext.danger_expose().split_at_checked(ids::SECRET_LEN);
        let (secret, json) = parts.ok_or(BadToken)?;
        let session = serde_json::from_slice(json).map_err(|_| BadToken)?;
        Ok((session, SecretBytes::copy_of(secret).map_err(|_| BadToken)?))
    }

    /// The bytes of the session's policy and tags, which have a limit together.
    pub(crate) fn packed_len(&self) -> usize {
        let tags: usize = self
            .tags
            .iter()
            .map(|(key, value)| key.len() + value.len() + 2)
            .sum();
        let transitive: usize = self.transitive.iter().map(|key| key.len() + 1).sum();
        self.policy.as_ref().map_or(0, String::len) + tags + transitive
    }
}
