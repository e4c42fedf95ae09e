//! The operations of a grant: the twenty or so that a grant can permit, and which of them a key has.

use policy::Ask;
use wire::kms::{GrantOperation, KeySpec, KeyUsageType};

use crate::backing::Purpose;

/// A set of grant operations, in one word: a key may have 50,000 grants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operations(u32);

impl Operations {
    /// Whether the operation is one of these.
    pub(crate) const fn contains(self, operation: GrantOperation) -> bool {
        self.0 & bit(operation) != 0
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These operations without those.
    pub(crate) const fn without(self, those: Self) -> Self {
        Self(self.0 & !those.0)
    }

    /// These operations, in the model's order.
    pub(crate) fn iter(self) -> impl Iterator<Item = GrantOperation> {
        let all = GrantOperation::ALL.iter().copied();
        all.filter(move |operation| self.contains(*operation))
    }

    /// The operations that a grant on a key of this purpose may permit (KMS developer guide, "Grant operations").
    pub(crate) fn of(purpose: Purpose) -> Self {
        use GrantOperation as O;
        let of_any = [O::CreateGrant, O::RetireGrant, O::DescribeKey];
        let own: &[O] = match purpose.usage {
            KeyUsageType::EncryptDecrypt if purpose.spec == KeySpec::SymmetricDefault => &[
                O::Encrypt,
                O::Decrypt,
                O::ReEncryptFrom,
                O::ReEncryptTo,
                O::GenerateDataKey,
                O::GenerateDataKeyWithoutPlaintext,
                O::GenerateDataKeyPair,
                O::GenerateDataKeyPairWithoutPlaintext,
            ],
            KeyUsageType::EncryptDecrypt => &[
                O::Encrypt,
                O::Decrypt,
                O::ReEncryptFrom,
                O::ReEncryptTo,
                O::GetPublicKey,
            ],
            KeyUsageType::SignVerify => &[O::Sign, O::Verify, O::GetPublicKey],
            KeyUsageType::GenerateVerifyMac => &[O::GenerateMac, O::VerifyMac],
            KeyUsageType::KeyAgreement => &[O::DeriveSharedSecret, O::GetPublicKey],
            KeyUsageType::EncapsulateDecapsulate => {
                &[O::Encapsulate, O::Decapsulate, O::GetPublicKey]
            }
        };
        of_any.iter().chain(own).copied().collect()
    }
}

impl FromIterator<GrantOperation> for Operations {
    fn from_iter<I: IntoIterator<Item = GrantOperation>>(operations: I) -> Self {
        Self(
            operations
                .into_iter()
                .map(bit)
                .fold(0, |all, one| all | one),
        )
    }
}

const fn bit(operation: GrantOperation) -> u32 {
    1 << operation as u32
}

/// The grant operation that an ask's action is, if a grant can permit it.
pub(crate) fn of_ask(ask: &Ask) -> Option<GrantOperation> {
    let name = ask.action.strip_prefix("kms:")?;
    let mut all = GrantOperation::ALL.iter().copied();
    all.find(|operation| operation.as_str() == name)
}

#[cfg(test)]
mod tests {
    use wire::kms::OriginType;

    use super::*;

    #[test]
    fn every_operation_has_a_bit_of_its_own() {
        let all: Operations = GrantOperation::ALL.iter().copied().collect();
        assert_eq!(all.iter().count(), GrantOperation::ALL.len());
        for operation in GrantOperation::ALL {
            let alone = Operations::from_iter([*operation]);
            assert_eq!(alone.iter().collect::<Vec<_>>(), [*operation]);
            assert!(all.without(alone).iter().all(|other| other != *operation));
        }
    }

    #[test]
    fn every_operation_is_one_of_some_key() {
        let purpose = |spec, usage| Purpose {
            spec,
            usage,
            origin: OriginType::AwsKms,
        };
        let known = [
            (KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt),
            (KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt),
            (KeySpec::Rsa2048, KeyUsageType::SignVerify),
            (KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac),
            (KeySpec::EccNistP256, KeyUsageType::KeyAgreement),
            (KeySpec::MlKem768, KeyUsageType::EncapsulateDecapsulate),
        ]
        .map(|(spec, usage)| Operations::of(purpose(spec, usage)));
        for operation in GrantOperation::ALL {
            assert!(
                known.iter().any(|set| set.contains(*operation)),
                "{operation:?}"
            );
        }
    }
}
