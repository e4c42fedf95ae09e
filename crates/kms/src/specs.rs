//! The one table of what keys can be: which spec goes with which usage, and what algorithms that gives
//! (KMS developer guide, "Key spec reference"). Nothing else in this crate compares specs.

use crypto::KeyPairSpec;
use wire::kms::{
    CustomerMasterKeySpec, DataKeyPairSpec, EncapsulationAlgorithmSpec,
    EncryptionAlgorithmSpec as Encryption, KeyAgreementAlgorithmSpec, KeySpec, KeyUsageType,
    MacAlgorithmSpec as Mac, SigningAlgorithmSpec as Signing,
};

/// The algorithms of a key. A key has one usage, so all lists but one are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Algorithms {
    /// Of Encrypt and Decrypt.
    pub(crate) encryption: &'static [Encryption],
    /// Of Sign and Verify.
    pub(crate) signing: &'static [Signing],
    /// Of `GenerateMac` and `VerifyMac`.
    pub(crate) mac: &'static [Mac],
    /// Of `DeriveSharedSecret`.
    pub(crate) agreement: &'static [KeyAgreementAlgorithmSpec],
    /// Of Encapsulate and Decapsulate.
    pub(crate) encapsulation: &'static [EncapsulationAlgorithmSpec],
}

impl Algorithms {
    /// Nothing at all.
    pub(crate) const NONE: Self = Self {
        encryption: &[],
        signing: &[],
        mac: &[],
        agreement: &[],
        encapsulation: &[],
    };

    const fn encrypting(encryption: &'static [Encryption]) -> Self {
        Self {
            encryption,
            ..Self::NONE
        }
    }

    const fn signing(signing: &'static [Signing]) -> Self {
        Self {
            signing,
            ..Self::NONE
        }
    }

    const fn authenticating(mac: &'static [Mac]) -> Self {
        Self { mac, ..Self::NONE }
    }

    const AGREEING: Self = Self {
        agreement: &[KeyAgreementAlgorithmSpec::Ecdh],
        ..Self::NONE
    };

    const ENCAPSULATING: Self = Self {
        encapsulation: &[EncapsulationAlgorithmSpec::MlKem],
        ..Self::NONE
    };
}

const RSA_ENCRYPTION: &[Encryption] = &[Encryption::RsaesOaepSha1, Encryption::RsaesOaepSha256];
const RSA_SIGNING: &[Signing] = &[
    Signing::RsassaPkcs1V15Sha256,
    Signing::RsassaPkcs1V15Sha384,
    Signing::RsassaPkcs1V15Sha512,
    Signing::RsassaPssSha256,
    Signing::RsassaPssSha384,
    Signing::RsassaPssSha512,
];

/// What a key of this spec and usage can do; `None` for a usage that the spec does not have.
pub(crate) const fn algorithms(spec: KeySpec, usage: KeyUsageType) -> Option<Algorithms> {
    use KeySpec as S;
    use KeyUsageType as U;
    Some(match (spec, usage) {
        (S::SymmetricDefault, U::EncryptDecrypt) => {
            Algorithms::encrypting(&[Encryption::SymmetricDefault])
        }

        (S::Rsa2048 | S::Rsa3072 | S::Rsa4096, U::EncryptDecrypt) => {
            Algorithms::encrypting(RSA_ENCRYPTION)
        }
        (S::Rsa2048 | S::Rsa3072 | S::Rsa4096, U::SignVerify) => Algorithms::signing(RSA_SIGNING),

        (S::EccNistP256 | S::EccSecgP256k1, U::SignVerify) => {
            Algorithms::signing(&[Signing::EcdsaSha256])
        }
        (S::EccNistP384, U::SignVerify) => Algorithms::signing(&[Signing::EcdsaSha384]),
        (S::EccNistP521, U::SignVerify) => Algorithms::signing(&[Signing::EcdsaSha512]),
        (S::EccNistP256 | S::EccNistP384 | S::EccNistP521, U::KeyAgreement) => Algorithms::AGREEING,
        (S::EccNistEdwards25519, U::SignVerify) => {
            Algorithms::signing(&[Signing::Ed25519Sha512, Signing::Ed25519PhSha512])
        }

        (S::MlDsa44 | S::MlDsa65 | S::MlDsa87, U::SignVerify) => {
            Algorithms::signing(&[Signing::MlDsaShake256])
        }
        (S::MlKem512 | S::MlKem768 | S::MlKem1024, U::EncapsulateDecapsulate) => {
            Algorithms::ENCAPSULATING
        }

        (S::Hmac224, U::GenerateVerifyMac) => Algorithms::authenticating(&[Mac::HmacSha224]),
        (S::Hmac256, U::GenerateVerifyMac) => Algorithms::authenticating(&[Mac::HmacSha256]),
        (S::Hmac384, U::GenerateVerifyMac) => Algorithms::authenticating(&[Mac::HmacSha384]),
        (S::Hmac512, U::GenerateVerifyMac) => Algorithms::authenticating(&[Mac::HmacSha512]),

        _ => return None,
    })
}

/// What the secret of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// So many random bytes.
    Bytes(usize),
    /// The private half of a pair.
    Pair(KeyPairSpec),
}

/// What the secret of a key of this spec is; `None` for SM2, which China's regions alone have.
#[expect(clippy::match_same_arms, reason = "the table is read row by row")]
pub(crate) const fn shape(spec: KeySpec) -> Option<Shape> {
    use KeyPairSpec as P;
    use KeySpec as S;
    Some(match spec {
        S::SymmetricDefault => Shape::Bytes(32),
        S::Hmac224 => Shape::Bytes(28),
        S::Hmac256 => Shape::Bytes(32),
        S::Hmac384 => Shape::Bytes(48),
        S::Hmac512 => Shape::Bytes(64),
        S::Rsa2048 => Shape::Pair(P::Rsa2048),
        S::Rsa3072 => Shape::Pair(P::Rsa3072),
        S::Rsa4096 => Shape::Pair(P::Rsa4096),
        S::EccNistP256 => Shape::Pair(P::P256),
        S::EccNistP384 => Shape::Pair(P::P384),
        S::EccNistP521 => Shape::Pair(P::P521),
        S::EccSecgP256k1 => Shape::Pair(P::Secp256k1),
        S::EccNistEdwards25519 => Shape::Pair(P::Ed25519),
        S::MlDsa44 => Shape::Pair(P::MlDsa44),
        S::MlDsa65 => Shape::Pair(P::MlDsa65),
        S::MlDsa87 => Shape::Pair(P::MlDsa87),
        S::MlKem512 => Shape::Pair(P::MlKem512),
        S::MlKem768 => Shape::Pair(P::MlKem768),
        S::MlKem1024 => Shape::Pair(P::MlKem1024),
        S::Sm2 => return None,
    })
}

/// The pair that a data key pair is; `None` for SM2.
pub(crate) const fn data_key_pair(spec: DataKeyPairSpec) -> Option<KeyPairSpec> {
    use DataKeyPairSpec as D;
    use KeyPairSpec as P;
    Some(match spec {
        D::Rsa2048 => P::Rsa2048,
        D::Rsa3072 => P::Rsa3072,
        D::Rsa4096 => P::Rsa4096,
        D::EccNistP256 => P::P256,
        D::EccNistP384 => P::P384,
        D::EccNistP521 => P::P521,
        D::EccSecgP256k1 => P::Secp256k1,
        D::EccNistEdwards25519 => P::Ed25519,
        D::MlKem512 => P::MlKem512,
        D::MlKem768 => P::MlKem768,
        D::MlKem1024 => P::MlKem1024,
        D::Sm2 => return None,
    })
}

/// The spec that an old name means. Every old name has a new one.
pub(crate) fn of_old_name(old: CustomerMasterKeySpec) -> Option<KeySpec> {
    let mut specs = KeySpec::ALL.iter().copied();
    specs.find(|spec| spec.as_str() == old.as_str())
}

#[cfg(test)]
#[path = "specs/tests.rs"]
mod tests;
