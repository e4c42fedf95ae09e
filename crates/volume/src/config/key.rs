//! Where a volume's key comes from (design: Constructions).

use toml::Spanned;

use super::ConfigError;
use crate::ports::ObjectUri;

/// Where a volume's key comes from (design: Constructions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Token mode: a machine's own secret, wrapped by this key, in the header.
    Token {
        /// The key as the operator names it.
        key: String,
    },
    /// Seed mode: a shared secret, wrapped by this key, in an object.
    Seed {
        /// The key as the operator names it.
        key: String,
        /// The object.
        secret: ObjectUri,
    },
    /// Random and never stored.
    Ephemeral,
}

impl KeySource {
    /// The key's name, if a key service is asked at all.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Token { key } | Self::Seed { key, .. } => Some(key),
            Self::Ephemeral => None,
        }
    }
}

/// What stands in the place of a key for one that is never stored.
pub(super) const EPHEMERAL: &str = "ephemeral";

pub(super) fn check(
    key: Spanned<String>,
    secret: Option<Spanned<String>>,
) -> Result<KeySource, ConfigError> {
    let plain = key.get_ref();
    if plain == EPHEMERAL {
        return match secret {
            Some(secret) => Err(ConfigError::at(
                &secret,
                "an ephemeral volume has no secret; its key is never stored",
            )),
            None => Ok(KeySource::Ephemeral),
        };
    }
    // KMS: KeyId is 1 to 2048 characters.
    if plain.is_empty() || plain.len() > 2048 || !plain.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(ConfigError::at(
            &key,
            "key is a KMS key's ARN, id or alias, or \"ephemeral\"",
        ));
    }
    match secret {
        None => Ok(KeySource::Token {
            key: key.into_inner(),
        }),
        Some(secret) => {
            let uri = secret
                .get_ref()
                .parse()
                .map_err(|error: crate::ports::ObjectUriError| {
                    ConfigError::at(&secret, error.to_string())
                })?;
            Ok(KeySource::Seed {
                key: key.into_inner(),
                secret: uri,
            })
        }
    }
}
