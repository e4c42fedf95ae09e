//! Which request quota a request counts to, by the names that AWS/Usage has (KMS developer guide, "Request quotas"), and how many keys there
//! are.
//!
//! Where the quota depends on the key, the key is looked up by the name that the request has for it. A name that leads nowhere counts as a
//! symmetric key: which quota is used up tells nobody whether a key exists.

use std::collections::BTreeMap;

use policy::Principal;
use wire::Scope;
use wire::kms::{DataKeyPairSpec, KeySpec, Operation};

use crate::Kms;
use crate::desk::{Accept, Located};

/// What cryptography with keys of one kind counts to.
const SYMMETRIC: &str = "CryptographicOperationsSymmetric";
const RSA: &str = "CryptographicOperationsRsa";
const ECC: &str = "CryptographicOperationsEcc";
const ML_DSA: &str = "CryptographicOperationsMlDsa";
const ML_KEM: &str = "CryptographicOperationsMlKem";

impl Kms {
    /// The quota that an operation counts to, as AWS/Usage names it.
    pub fn usage(&self, operation: &Operation, caller: &Principal, scope: &Scope) -> &'static str {
        use Operation as O;
        let of_key = |name: &str| self.usage_of_key(name, caller, scope);
        match operation {
            O::GenerateDataKey(_)
            | O::GenerateDataKeyWithoutPlaintext(_)
            | O::GenerateMac(_)
            | O::GenerateRandom(_)
            | O::VerifyMac(_) => SYMMETRIC,
            O::Encrypt(request) => of_key(&request.key_id),
            // Without its key's name, a ciphertext is one of a symmetric key.
            O::Decrypt(request) => request.key_id.as_deref().map_or(SYMMETRIC, of_key),
            O::ReEncrypt(request) => of_key(&request.destination_key_id),
            O::Sign(request) => of_key(&request.key_id),
            O::Verify(request) => of_key(&request.key_id),
            O::DeriveSharedSecret(_) => ECC,
            O::Encapsulate(_) | O::Decapsulate(_) => ML_KEM,
            O::GenerateDataKeyPair(request) => of_pair(request.key_pair_spec),
            O::GenerateDataKeyPairWithoutPlaintext(request) => of_pair(request.key_pair_spec),
            other => other.name(),
        }
    }

    fn usage_of_key(&self, name: &str, caller: &Principal, scope: &Scope) -> &'static str {
        let located = self
            .0
            .desk(scope, caller, None)
            .and_then(|desk| desk.locate(name, Accept::KeyOrAlias));
        match located {
            Ok(Located::Here(target)) => of_spec(target.key.purpose.spec),
            _ => SYMMETRIC,
        }
    }

    /// How many keys are in each state, in all regions together.
    pub fn keys_by_state(&self) -> BTreeMap<&'static str, usize> {
        let mut found = BTreeMap::new();
        self.0.with_ring(|ring| {
            for key in ring.keys() {
                *found.entry(key.state().as_str()).or_default() += 1;
            }
        });
        found
    }
}

fn of_spec(spec: KeySpec) -> &'static str {
    let name = spec.as_str();
    match name.split('_').next() {
        Some("RSA") => RSA,
        Some("ECC" | "SM2") => ECC,
        Some("ML") if name.starts_with("ML_DSA") => ML_DSA,
        Some("ML") => ML_KEM,
        _ => SYMMETRIC,
    }
}

fn of_pair(spec: DataKeyPairSpec) -> &'static str {
    use DataKeyPairSpec as S;
    match spec {
        S::Rsa2048 => "GenerateDataKeyPair-RSA_2048",
        S::Rsa3072 => "GenerateDataKeyPair-RSA_3072",
        S::Rsa4096 => "GenerateDataKeyPair-RSA_4096",
        S::EccNistP256 => "GenerateDataKeyPair-ECC_NIST_P256",
        S::EccNistP384 => "GenerateDataKeyPair-ECC_NIST_P384",
        S::EccNistP521 => "GenerateDataKeyPair-ECC_NIST_P521",
        S::EccSecgP256k1 => "GenerateDataKeyPair-ECC_SECG_P256K1",
        S::EccNistEdwards25519 => "GenerateDataKeyPair-ECC_NIST_EDWARDS25519",
        S::MlKem512 => "GenerateDataKeyPair-ML_KEM_512",
        S::MlKem768 => "GenerateDataKeyPair-ML_KEM_768",
        S::MlKem1024 => "GenerateDataKeyPair-ML_KEM_1024",
        S::Sm2 => "GenerateDataKeyPair-SM2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_counts_to_the_quota_of_its_kind() {
        for spec in KeySpec::ALL {
            let expected = match spec.as_str() {
                "SYMMETRIC_DEFAULT" => SYMMETRIC,
                name if name.starts_with("HMAC_") => SYMMETRIC,
                name if name.starts_with("RSA_") => RSA,
                name if name.starts_with("ML_DSA_") => ML_DSA,
                name if name.starts_with("ML_KEM_") => ML_KEM,
                _ => ECC,
            };
            assert_eq!(of_spec(*spec), expected, "{}", spec.as_str());
        }
    }

    #[test]
    fn a_pair_counts_to_the_quota_of_its_spec() {
        for spec in DataKeyPairSpec::ALL {
            assert_eq!(
                of_pair(*spec),
                format!("GenerateDataKeyPair-{}", spec.as_str())
            );
        }
    }
}
