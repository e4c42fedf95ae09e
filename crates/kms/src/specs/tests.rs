use super::*;

/// The algorithms of a cell, as the API spells them.
fn spelled(spec: KeySpec, usage: KeyUsageType) -> Option<String> {
    let found = algorithms(spec, usage)?;
    let lists: [Vec<&str>; 5] = [
        found.encryption.iter().map(|a| a.as_str()).collect(),
        found.signing.iter().map(|a| a.as_str()).collect(),
        found.mac.iter().map(|a| a.as_str()).collect(),
        found.agreement.iter().map(|a| a.as_str()).collect(),
        found.encapsulation.iter().map(|a| a.as_str()).collect(),
    ];
    Some(lists.concat().join(" "))
}

const OAEP: &str = "RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256";
const RSA: &str = "RSASSA_PKCS1_V1_5_SHA_256 RSASSA_PKCS1_V1_5_SHA_384 RSASSA_PKCS1_V1_5_SHA_512 RSASSA_PSS_SHA_256 RSASSA_PSS_SHA_384 RSASSA_PSS_SHA_512";
const ED25519: &str = "ED25519_SHA_512 ED25519_PH_SHA_512";
const ML_DSA: &str = "ML_DSA_SHAKE_256";

/// "Key spec reference" of the developer guide. A usage that is not listed for a spec is not one of it.
const DOCUMENTED: &[(&str, &[(&str, &str)])] = &[
    (
        "RSA_2048",
        &[("SIGN_VERIFY", RSA), ("ENCRYPT_DECRYPT", OAEP)],
    ),
    (
        "RSA_3072",
        &[("SIGN_VERIFY", RSA), ("ENCRYPT_DECRYPT", OAEP)],
    ),
    (
        "RSA_4096",
        &[("SIGN_VERIFY", RSA), ("ENCRYPT_DECRYPT", OAEP)],
    ),
    (
        "ECC_NIST_P256",
        &[("SIGN_VERIFY", "ECDSA_SHA_256"), ("KEY_AGREEMENT", "ECDH")],
    ),
    (
        "ECC_NIST_P384",
        &[("SIGN_VERIFY", "ECDSA_SHA_384"), ("KEY_AGREEMENT", "ECDH")],
    ),
    (
        "ECC_NIST_P521",
        &[("SIGN_VERIFY", "ECDSA_SHA_512"), ("KEY_AGREEMENT", "ECDH")],
    ),
    ("ECC_SECG_P256K1", &[("SIGN_VERIFY", "ECDSA_SHA_256")]),
    (
        "SYMMETRIC_DEFAULT",
        &[("ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT")],
    ),
    ("HMAC_224", &[("GENERATE_VERIFY_MAC", "HMAC_SHA_224")]),
    ("HMAC_256", &[("GENERATE_VERIFY_MAC", "HMAC_SHA_256")]),
    ("HMAC_384", &[("GENERATE_VERIFY_MAC", "HMAC_SHA_384")]),
    ("HMAC_512", &[("GENERATE_VERIFY_MAC", "HMAC_SHA_512")]),
    ("SM2", &[]),
    ("ML_DSA_44", &[("SIGN_VERIFY", ML_DSA)]),
    ("ML_DSA_65", &[("SIGN_VERIFY", ML_DSA)]),
    ("ML_DSA_87", &[("SIGN_VERIFY", ML_DSA)]),
    ("ECC_NIST_EDWARDS25519", &[("SIGN_VERIFY", ED25519)]),
    ("ML_KEM_512", &[("ENCAPSULATE_DECAPSULATE", "ML_KEM")]),
    ("ML_KEM_768", &[("ENCAPSULATE_DECAPSULATE", "ML_KEM")]),
    ("ML_KEM_1024", &[("ENCAPSULATE_DECAPSULATE", "ML_KEM")]),
];

#[test]
fn every_cell_of_the_table_is_as_documented() {
    let known: Vec<_> = KeySpec::ALL.iter().map(|spec| spec.as_str()).collect();
    let tested: Vec<_> = DOCUMENTED.iter().map(|(spec, _)| *spec).collect();
    assert_eq!(tested, known, "a spec has no row here");
    for (spec, (name, row)) in KeySpec::ALL.iter().zip(DOCUMENTED) {
        for usage in KeyUsageType::ALL {
            let cell = row.iter().find(|(named, _)| *named == usage.as_str());
            let expected = cell.map(|(_, algorithms)| (*algorithms).to_owned());
            assert_eq!(spelled(*spec, *usage), expected, "{name} {usage:?}");
        }
    }
}

#[test]
fn every_spec_but_sm2_has_a_secret_and_a_hash_key_has_as_many_bits_as_its_name_says() {
    for spec in KeySpec::ALL {
        let shape = shape(*spec);
        assert_eq!(shape.is_none(), *spec == KeySpec::Sm2, "{spec:?}");
        if let Some(bits) = spec.as_str().strip_prefix("HMAC_") {
            let bits: usize = bits.parse().unwrap();
            assert_eq!(shape, Some(Shape::Bytes(bits / 8)));
        }
    }
}

#[test]
fn a_data_key_pair_is_of_the_same_kind_as_a_key_of_that_name() {
    for pair in DataKeyPairSpec::ALL {
        let mut specs = KeySpec::ALL.iter();
        let spec = specs.find(|spec| spec.as_str() == pair.as_str()).unwrap();
        assert_eq!(
            data_key_pair(*pair).map(Shape::Pair),
            shape(*spec),
            "{pair:?}"
        );
    }
}

#[test]
fn an_old_name_means_the_spec_of_the_same_name() {
    for old in CustomerMasterKeySpec::ALL {
        let spec = of_old_name(*old).unwrap();
        assert_eq!(spec.as_str(), old.as_str());
    }
}
