//! The quotas of the key service: AWS's names, codes and default values (KMS developer guide, "Request quotas" and "Resource quotas").
//!
//! The values are those of "each of the other supported Regions": here a region is a name, and none is larger than another. A code that
//! begins with `L-` is AWS's own; where AWS publishes none that is sure, the code says what it is, and begins with `KLUIS-`.

/// The code of the key service in Service Quotas.
pub const SERVICE_CODE: &str = "kms";
/// Its name there.
pub const SERVICE_NAME: &str = "AWS Key Management Service (AWS KMS)";

/// A quota.
#[derive(Debug, PartialEq)]
pub struct Quota {
    /// What Service Quotas calls it.
    pub code: &'static str,
    /// What it is of.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// The value when nobody has changed it: per second, or things.
    pub default: f64,
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Requests in a second, under the name that AWS/Usage has for them.
    Rate(&'static str),
    /// Things. The key service enforces its own number: it is listed here and cannot be raised.
    Resource,
}

impl Quota {
    /// The name in AWS/Usage, of a request rate.
    pub fn resource(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Rate(resource) => Some(resource),
            Kind::Resource => None,
        }
    }
}

const fn rate(
    code: &'static str,
    name: &'static str,
    resource: &'static str,
    default: f64,
) -> Quota {
    Quota {
        code,
        name,
        kind: Kind::Rate(resource),
        default,
    }
}

const fn things(code: &'static str, name: &'static str, default: f64) -> Quota {
    Quota {
        code,
        name,
        kind: Kind::Resource,
        default,
    }
}

/// A rate of the operation of that name alone.
macro_rules! operation {
    ($code:literal, $name:literal, $default:literal) => {
        rate($code, concat!($name, " request rate"), $name, $default)
    };
}

/// A rate of data key pairs of one spec.
macro_rules! pair {
    ($code:literal, $spec:literal, $default:literal) => {
        rate(
            $code,
            concat!("GenerateDataKeyPair (", $spec, ") request rate"),
            concat!("GenerateDataKeyPair-", $spec),
            $default,
        )
    };
}

/// Every quota, in the order in which they are listed.
pub static QUOTAS: &[Quota] = &[
    rate(
        "L-6E3AF000",
        "Cryptographic operations (symmetric) request rate",
        "CryptographicOperationsSymmetric",
        10_000.0,
    ),
    rate(
        "L-2AC98190",
        "Cryptographic operations (RSA) request rate",
        "CryptographicOperationsRsa",
        1000.0,
    ),
    rate(
        "L-DC14942D",
        "Cryptographic operations (ECC) request rate",
        "CryptographicOperationsEcc",
        1000.0,
    ),
    rate(
        "KLUIS-CryptographicOperationsMlDsa",
        "Cryptographic operations (ML-DSA) request rate",
        "CryptographicOperationsMlDsa",
        1000.0,
    ),
    rate(
        "KLUIS-CryptographicOperationsMlKem",
        "Cryptographic operations (ML-KEM) request rate",
        "CryptographicOperationsMlKem",
        1000.0,
    ),
    operation!("L-635264CC", "CancelKeyDeletion", 5.0),
    operation!("L-705B9E79", "ConnectCustomKeyStore", 5.0),
    operation!("L-F7504F73", "CreateAlias", 5.0),
    operation!("L-08932E37", "CreateCustomKeyStore", 5.0),
    operation!("L-0428A42E", "CreateGrant", 50.0),
    operation!("L-32B67F4A", "CreateKey", 5.0),
    operation!("L-1F75ADD1", "DeleteAlias", 15.0),
    operation!("L-E99520CB", "DeleteCustomKeyStore", 5.0),
    operation!("L-1233BF9B", "DeleteImportedKeyMaterial", 15.0),
    operation!("L-E20AA94C", "DescribeCustomKeyStores", 5.0),
    operation!("L-FAE8F084", "DescribeKey", 2000.0),
    operation!("L-6B8C93BD", "DisableKey", 5.0),
    operation!("L-CE1DB614", "DisableKeyRotation", 5.0),
    operation!("L-9F1FCF6D", "DisconnectCustomKeyStore", 5.0),
    operation!("L-BD96F100", "EnableKey", 5.0),
    operation!("L-BE799B67", "EnableKeyRotation", 15.0),
    pair!("L-D2EEB5E0", "ECC_NIST_P256", 100.0),
    pair!("L-16B46EF0", "ECC_NIST_P384", 100.0),
    pair!("L-1D966DA0", "ECC_NIST_P521", 100.0),
    pair!(
        "KLUIS-GenerateDataKeyPair-ECC-SECG-P256K1",
        "ECC_SECG_P256K1",
        100.0
    ),
    pair!(
        "KLUIS-GenerateDataKeyPair-ECC-NIST-EDWARDS25519",
        "ECC_NIST_EDWARDS25519",
        100.0
    ),
    pair!("KLUIS-GenerateDataKeyPair-RSA-2048", "RSA_2048", 20.0),
    pair!("KLUIS-GenerateDataKeyPair-RSA-3072", "RSA_3072", 4.0),
    pair!("KLUIS-GenerateDataKeyPair-RSA-4096", "RSA_4096", 1.0),
    pair!("KLUIS-GenerateDataKeyPair-ML-KEM-512", "ML_KEM_512", 100.0),
    pair!("KLUIS-GenerateDataKeyPair-ML-KEM-768", "ML_KEM_768", 100.0),
    pair!(
        "KLUIS-GenerateDataKeyPair-ML-KEM-1024",
        "ML_KEM_1024",
        100.0
    ),
    pair!("KLUIS-GenerateDataKeyPair-SM2", "SM2", 25.0),
    operation!("KLUIS-GetKeyLastUsage", "GetKeyLastUsage", 5.0),
    operation!("KLUIS-GetKeyPolicy", "GetKeyPolicy", 1000.0),
    operation!("KLUIS-GetKeyRotationStatus", "GetKeyRotationStatus", 1000.0),
    operation!(
        "KLUIS-GetParametersForImport",
        "GetParametersForImport",
        1.0
    ),
    operation!("KLUIS-GetPublicKey", "GetPublicKey", 2000.0),
    operation!("KLUIS-ImportKeyMaterial", "ImportKeyMaterial", 15.0),
    operation!("KLUIS-ListAliases", "ListAliases", 500.0),
    operation!("KLUIS-ListGrants", "ListGrants", 100.0),
    operation!("KLUIS-ListKeyPolicies", "ListKeyPolicies", 100.0),
    operation!("KLUIS-ListKeyRotations", "ListKeyRotations", 100.0),
    operation!("KLUIS-ListKeys", "ListKeys", 500.0),
    operation!("KLUIS-ListResourceTags", "ListResourceTags", 2000.0),
    operation!("KLUIS-ListRetirableGrants", "ListRetirableGrants", 100.0),
    operation!("KLUIS-PutKeyPolicy", "PutKeyPolicy", 15.0),
    operation!("KLUIS-ReplicateKey", "ReplicateKey", 5.0),
    operation!("KLUIS-RetireGrant", "RetireGrant", 50.0),
    operation!("KLUIS-RevokeGrant", "RevokeGrant", 50.0),
    operation!("KLUIS-RotateKeyOnDemand", "RotateKeyOnDemand", 5.0),
    operation!("KLUIS-ScheduleKeyDeletion", "ScheduleKeyDeletion", 15.0),
    operation!("KLUIS-TagResource", "TagResource", 10.0),
    operation!("KLUIS-UntagResource", "UntagResource", 5.0),
    operation!("KLUIS-UpdateAlias", "UpdateAlias", 5.0),
    operation!("KLUIS-UpdateCustomKeyStore", "UpdateCustomKeyStore", 5.0),
    operation!("KLUIS-UpdateKeyDescription", "UpdateKeyDescription", 5.0),
    operation!("KLUIS-UpdatePrimaryRegion", "UpdatePrimaryRegion", 5.0),
    things("L-C2F1777E", "Customer Master Keys (CMKs)", 100_000.0),
    things("L-340F62FB", "Aliases per CMK", 50.0),
    things("L-D594A657", "Grants per CMK", 50_000.0),
    things("L-0E66C9C0", "On-demand rotations per CMK", 25.0),
    things(
        "KLUIS-KeyPolicyDocumentSize",
        "Key policy document size",
        32_768.0,
    ),
];

/// The quota of that code.
pub fn by_code(code: &str) -> Option<&'static Quota> {
    QUOTAS.iter().find(|quota| quota.code == code)
}

/// The request rate of that name in AWS/Usage, and its place in the table.
pub fn by_resource(resource: &str) -> Option<(usize, &'static Quota)> {
    QUOTAS
        .iter()
        .enumerate()
        .find(|(_, quota)| quota.resource() == Some(resource))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_and_resources_name_one_quota_each() {
        let codes: BTreeSet<_> = QUOTAS.iter().map(|quota| quota.code).collect();
        assert_eq!(codes.len(), QUOTAS.len());
        let rates = QUOTAS.iter().filter_map(Quota::resource);
        assert_eq!(rates.clone().collect::<BTreeSet<_>>().len(), rates.count());
    }

    #[test]
    fn every_code_is_one_that_the_model_takes() {
        let wire::shape::Kind::String {
            pattern: Some(pattern),
            ..
        } = &wire::service_quotas::shapes::QUOTA_CODE.kind
        else {
            panic!("a code has a pattern");
        };
        assert!(QUOTAS.iter().all(|quota| pattern.matches(quota.code)));
    }
}
