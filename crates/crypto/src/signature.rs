//! Signatures: RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 §8), ECDSA (FIPS 186-5 §6, signatures in DER), Ed25519 and Ed25519ph
//! (RFC 8032), ML-DSA (FIPS 204).

use std::borrow::Cow;

use crate::pkey::{Kind, Pkey};
use crate::{Error, HashAlgorithm, KeyPair, KeyPairSpec, PublicKey};

/// The length of ML-DSA's message representative in bytes (FIPS 204 §5.2).
const MU_LEN: usize = 64;

/// A hash of the SHA-2 family that signatures are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are FIPS 180-4's own")]
pub enum Sha2 {
    Sha256,
    Sha384,
    Sha512,
}

impl From<Sha2> for HashAlgorithm {
    fn from(hash: Sha2) -> Self {
        match hash {
            Sha2::Sha256 => Self::Sha256,
            Sha2::Sha384 => Self::Sha384,
            Sha2::Sha512 => Self::Sha512,
        }
    }
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Sha2),
    /// RSASSA-PSS, MGF1 with the same hash, the salt as long as the hash.
    RsaPss(Sha2),
    /// ECDSA with any of the curves; the hash need not be as long as the curve's order.
    Ecdsa(Sha2),
    /// Ed25519, which sees the message itself.
    Ed25519,
    /// Ed25519ph: over the message's SHA-512, with an empty context.
    Ed25519Ph,
    /// ML-DSA, not pre-hashed, with an empty context; hedged (FIPS 204 §3.4), so that no two signatures are alike.
    MlDsa,
}

impl SigningAlgorithm {
    /// The hash of messages that a signature is over, or none where the algorithm sees the message itself.
    pub(crate) fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::RsaPkcs1(hash) | Self::RsaPss(hash) | Self::Ecdsa(hash) => Some(hash.into()),
            Self::Ed25519Ph => Some(HashAlgorithm::Sha512),
            Self::Ed25519 | Self::MlDsa => None,
        }
    }

    const fn suits(self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::RsaPkcs1(_) | Self::RsaPss(_), Kind::Rsa { .. })
                | (Self::Ecdsa(_), Kind::Ec { .. })
                | (Self::Ed25519 | Self::Ed25519Ph, Kind::Ed25519)
                | (Self::MlDsa, Kind::MlDsa { .. })
        )
    }
}

/// What is signed, in the form that the caller has it in.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// The message.
    Raw(&'a [u8]),
    /// Its digest under the algorithm's hash.
    Digest(&'a [u8]),
    /// ML-DSA's 64-byte message representative, computed elsewhere (FIPS 204 §6.2).
    ExternalMu(&'a [u8]),
}

/// What is signed, in the form that the algorithm takes it in.
enum Input<'a> {
    Whole(&'a [u8]),
    Digest(Cow<'a, [u8]>),
}

impl<'a> Input<'a> {
    fn new(
        spec: KeyPairSpec,
        algorithm: SigningAlgorithm,
        message: Message<'a>,
    ) -> Result<Self, Error> {
        spec.must(algorithm.suits(spec.kind()), "this signing algorithm")?;
        match (message, algorithm.hash()) {
            (Message::Raw(message), None) => Ok(Self::Whole(message)),
            (Message::Raw(message), Some(hash)) => {
                let digest = hash.digest(&[message]);
                Ok(Self::Digest(Cow::Owned(digest.as_ref().to_vec())))
            }
            (Message::Digest(digest), Some(hash)) => of_length(
                digest,
                hash.output_len(),
                "the digest",
                "those of the algorithm's hash",
            ),
            (Message::ExternalMu(mu), None) if algorithm == SigningAlgorithm::MlDsa => {
                of_length(mu, MU_LEN, "mu", "64")
            }
            (Message::Digest(_), None) => Err(misfit(spec, "a digest with this algorithm")),
            (Message::ExternalMu(_), _) => Err(misfit(spec, "a mu")),
        }
    }
}

fn of_length<'a>(
    digest: &'a [u8],
    len: usize,
    what: &'static str,
    expected: &'static str,
) -> Result<Input<'a>, Error> {
    if digest.len() == len {
        Ok(Input::Digest(Cow::Borrowed(digest)))
    } else {
        Err(Error::Length {
            what,
            expected,
            actual: digest.len(),
        })
    }
}

const fn misfit(spec: KeyPairSpec, what: &'static str) -> Error {
    Error::WrongKind { spec, what }
}

impl KeyPair {
    /// Signs a message.
    ///
    /// # Errors
    /// [`Error::WrongKind`] where the algorithm is not one of this key's or the form of message not one of the algorithm's;
    /// [`Error::Length`] for a digest or mu of another length; [`Error::Library`] where the library fails.
    pub fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
    ) -> Result<Vec<u8>, Error> {
        match Input::new(self.spec(), algorithm, message)? {
            Input::Whole(message) => self.key().sign_message(message),
            Input::Digest(digest) if algorithm == SigningAlgorithm::Ed25519Ph => {
                self.key().prehashing()?.sign_digest(algorithm, &digest)
            }
            Input::Digest(digest) => self.key().sign_digest(algorithm, &digest),
        }
    }
}

impl PublicKey {
    /// Verifies a signature.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] when it does not verify, a malformed one included; [`Error::WrongKind`] and
    /// [`Error::Length`] as for [`KeyPair::sign`]; [`Error::Library`] where the library fails.
    pub fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> Result<(), Error> {
        let verify_digest =
            |key: &Pkey, digest: &[u8]| key.verify_digest(algorithm, digest, signature);
        match Input::new(self.spec(), algorithm, message)? {
            Input::Whole(message) => self.key().verify_message(message, signature),
            Input::Digest(digest) if algorithm == SigningAlgorithm::Ed25519Ph => {
                verify_digest(&self.key().prehashing_public()?, &digest)
            }
            Input::Digest(digest) => verify_digest(self.key(), &digest),
        }
    }
}
