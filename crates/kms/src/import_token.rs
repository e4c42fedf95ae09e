//! The import token: what an owner is given with a wrapping key and hands back with the wrapped material. It carries the
//! private half of that wrapping key, under the root key, so that the service keeps nothing between the two calls.
//!
//! ```text
//! offset  bytes  what
//!  0      1      format, 1
//!  1      1      wrapping algorithm
//!  2      1      size of the RSA key
//!  3      8      the instant from which it holds no more, in seconds since 1970, big-endian
//! 11      …      the private half as PKCS#8, wrapped by the root key for the bytes above and the ARN of the key to import into
//! ```

use crypto::{KeyPair, KeyPairSpec, TransportAlgorithm, WrappingKey};
use jiff::Timestamp;

use crate::names::KeyArn;

/// What the root key wraps under this label.
const LABEL: &[u8] = b"kluis/kms/import-token/v1";
const FORMAT: u8 = 1;
/// The length of what stands before the private half.
const HEAD_LEN: usize = 11;

/// The algorithms, by the byte that stands for each.
const ALGORITHMS: [(u8, TransportAlgorithm); 4] = [
    (1, TransportAlgorithm::RsaesOaepSha1),
    (2, TransportAlgorithm::RsaesOaepSha256),
    (3, TransportAlgorithm::RsaAesKeyWrapSha1),
    (4, TransportAlgorithm::RsaAesKeyWrapSha256),
];
/// The sizes of the RSA key, by the byte that stands for each.
const SPECS: [(u8, KeyPairSpec); 3] = [
    (1, KeyPairSpec::Rsa2048),
    (2, KeyPairSpec::Rsa3072),
    (3, KeyPairSpec::Rsa4096),
];

/// The bytes are no token that this service gave out for this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadToken;

/// A token that was found to be genuine.
#[derive(Debug)]
pub(crate) struct ImportToken {
    /// How the material is to be wrapped.
    pub(crate) algorithm: TransportAlgorithm,
    /// From when on it holds no more.
    pub(crate) expires: Timestamp,
    /// The key that it is to be wrapped under.
    pub(crate) pair: KeyPair,
}

impl ImportToken {
    /// The token as its owner gets it, for the key `arn`.
    ///
    /// # Errors
    /// Those of `crypto`: no memory for a secret, no randomness.
    pub(crate) fn seal(&self, root: &WrappingKey, arn: &KeyArn) -> Result<Vec<u8>, crypto::Error> {
        let unknown = crypto::Error::BadKey("RSA wrapping");
        let (Some(algorithm), Some(spec)) = (
            byte_of(&ALGORITHMS, self.algorithm),
            byte_of(&SPECS, self.pair.spec()),
        ) else {
            return Err(unknown);
        };
        let expires = self.expires.as_second().to_be_bytes();
        let head = [&[FORMAT, algorithm, spec], expires.as_slice()].concat();
        let secret = self.pair.pkcs8().danger_expose();
        let wrapped = root.wrap(LABEL, &bound(&head, arn), &[], secret)?;
        Ok([head, wrapped].concat())
    }

    /// Reads a token that was given out for the key `arn`.
    ///
    /// # Errors
    /// [`BadToken`] for anything that [`Self::seal`] did not make for this key.
    pub(crate) fn open(root: &WrappingKey, arn: &KeyArn, token: &[u8]) -> Result<Self, BadToken> {
        let (head, wrapped) = token.split_first_chunk::<HEAD_LEN>().ok_or(BadToken)?;
        let [format, algorithm, spec, expires @ ..] = *head;
        if format != FORMAT {
            return Err(BadToken);
        }
        let algorithm = of_byte(&ALGORITHMS, algorithm).ok_or(BadToken)?;
        let spec = of_byte(&SPECS, spec).ok_or(BadToken)?;
        let expires = Timestamp::from_second(i64::from_be_bytes(expires)).map_err(|_| BadToken)?;
        let secret = root
            .unwrap(LABEL, &bound(head, arn), &[], wrapped)
            .map_err(|_| BadToken)?;
        Ok(Self {
            algorithm,
            expires,
            pair: KeyPair::from_pkcs8(spec, secret).map_err(|_| BadToken)?,
        })
    }
}

/// What the private half is bound to. The head has one length, so that no two pairs of head and ARN share a form.
fn bound(head: &[u8], arn: &KeyArn) -> Vec<u8> {
    [head, arn.to_string().as_bytes()].concat()
}

fn byte_of<T: PartialEq + Copy>(table: &[(u8, T)], wanted: T) -> Option<u8> {
    let found = table.iter().find(|(_, value)| *value == wanted);
    found.map(|(byte, _)| *byte)
}

fn of_byte<T: Copy>(table: &[(u8, T)], wanted: u8) -> Option<T> {
    let found = table.iter().find(|(byte, _)| *byte == wanted);
    found.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use crypto::Secret;

    use super::*;

    fn root() -> WrappingKey {
        WrappingKey::new(Secret::random().unwrap())
    }

    fn token() -> ImportToken {
        ImportToken {
            algorithm: TransportAlgorithm::RsaesOaepSha256,
            expires: "2026-01-02T03:04:05Z".parse().unwrap(),
            pair: KeyPair::generate(KeyPairSpec::Rsa2048).unwrap(),
        }
    }

    fn arn(region: &str) -> KeyArn {
        let id = "mrk-1234abcd12ab34cd56ef1234567890ab";
        format!("arn:aws:kms:{region}:111122223333:key/{id}")
            .parse()
            .unwrap()
    }

    #[test]
    fn a_token_comes_back_as_it_was_sealed() {
        let (root, arn, token) = (root(), arn("us-east-1"), token());
        let sealed = token.seal(&root, &arn).unwrap();
        let opened = ImportToken::open(&root, &arn, &sealed).unwrap();
        assert_eq!(opened.algorithm, token.algorithm);
        assert_eq!(opened.expires, token.expires);
        assert!(opened.pair.pkcs8().ct_eq(token.pair.pkcs8()));
    }

    #[test]
    fn a_token_is_for_one_key_in_one_region_of_one_service() {
        let (root, token) = (root(), token());
        let sealed = token.seal(&root, &arn("us-east-1")).unwrap();
        assert!(ImportToken::open(&root, &arn("eu-west-1"), &sealed).is_err());
        assert!(ImportToken::open(&self::root(), &arn("us-east-1"), &sealed).is_err());
    }

    #[test]
    fn a_token_with_any_bit_changed_or_cut_short_is_none() {
        let (root, arn) = (root(), arn("us-east-1"));
        let sealed = token().seal(&root, &arn).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(ImportToken::open(&root, &arn, &changed).is_err(), "{at}");
            assert!(
                ImportToken::open(&root, &arn, &sealed[..at]).is_err(),
                "{at}"
            );
        }
    }
}
