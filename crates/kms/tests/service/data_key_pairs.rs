//! `GenerateDataKeyPair`, `GenerateDataKeyPairWithoutPlaintext`.

use serde_json::{Value, json};

use crate::openssl::OpenSsl;
use crate::support::*;

fn request(key: &TestKey, spec: &str) -> Value {
    json!({ "KeyId": key.id, "KeyPairSpec": spec, "EncryptionContext": { "a": "1" } })
}

/// The private half that a blob is of.
async fn opened(service: &Service, made: &Value) -> Vec<u8> {
    let sealed = text(&made["PrivateKeyCiphertextBlob"]);
    assert_eq!(
        service.decrypt(&sealed, json!({})).await,
        Err(refusal("InvalidCiphertextException", "")),
        "the context is bound to it"
    );
    service.decrypt(&sealed, json!({ "a": "1" })).await.unwrap()
}

#[tokio::test]
async fn openssl_reads_both_halves_and_they_are_of_each_other() {
    let (service, openssl) = (Service::start().await, OpenSsl::new());
    let key = service.key().await;
    for spec in [
        "RSA_2048",
        "RSA_3072",
        "RSA_4096",
        "ECC_NIST_P256",
        "ECC_NIST_P384",
        "ECC_NIST_P521",
        "ECC_SECG_P256K1",
        "ECC_NIST_EDWARDS25519",
    ] {
        let made = service
            .call("GenerateDataKeyPair", request(&key, spec))
            .await
            .unwrap();
        assert_eq!(
            (&made["KeyId"], &made["KeyPairSpec"]),
            (&json!(key.arn), &json!(spec))
        );
        assert_eq!(text(&made["KeyMaterialId"]).len(), 64);
        let private = bytes(&made["PrivateKeyPlaintext"]);
        assert_eq!(opened(&service, &made).await, private, "{spec}");
        openssl.put("private.der", &private);
        openssl.run("pkey -inform DER -in private.der -noout -check");
        let public = openssl.run("pkey -inform DER -in private.der -pubout -outform DER");
        assert_eq!(bytes(&made["PublicKey"]), public, "{spec}");
        // PKCS#8 and nothing else.
        openssl.run("pkcs8 -inform DER -in private.der -nocrypt -topk8 -outform DER");
    }
}

#[tokio::test]
async fn a_lattice_pair_is_its_seed_and_so_as_long_for_every_spec() {
    use crypto::{KeyPair, KeyPairSpec, SecretBytes};
    let service = Service::start().await;
    let key = service.key().await;
    let mut lengths = Vec::new();
    for (spec, pair) in [
        ("ML_KEM_512", KeyPairSpec::MlKem512),
        ("ML_KEM_768", KeyPairSpec::MlKem768),
        ("ML_KEM_1024", KeyPairSpec::MlKem1024),
    ] {
        let made = service
            .call("GenerateDataKeyPair", request(&key, spec))
            .await
            .unwrap();
        let private = bytes(&made["PrivateKeyPlaintext"]);
        assert_eq!(opened(&service, &made).await, private, "{spec}");
        lengths.push(private.len());
        let again = KeyPair::from_pkcs8(pair, SecretBytes::copy_of(&private).unwrap()).unwrap();
        assert_eq!(again.public().spki(), bytes(&made["PublicKey"]));
    }
    assert_eq!(lengths, [86, 86, 86]);
}

#[tokio::test]
async fn without_plaintext_the_private_half_is_in_the_blob_alone() {
    let (service, openssl) = (Service::start().await, OpenSsl::new());
    let key = service.key().await;
    let operation = "GenerateDataKeyPairWithoutPlaintext";
    for spec in ["RSA_2048", "ECC_NIST_P256"] {
        let made = service.call(operation, request(&key, spec)).await.unwrap();
        assert_eq!(made.get("PrivateKeyPlaintext"), None);
        assert_eq!(
            (&made["KeyId"], &made["KeyPairSpec"]),
            (&json!(key.arn), &json!(spec))
        );
        openssl.put("private.der", &opened(&service, &made).await);
        let public = openssl.run("pkey -inform DER -in private.der -pubout -outform DER");
        assert_eq!(bytes(&made["PublicKey"]), public);
    }
}

#[tokio::test]
async fn an_enclave_is_refused() {
    let service = Service::start().await;
    let key = service.key().await;
    let mut request = request(&key, "ECC_NIST_P256");
    request["Recipient"] =
        json!({ "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "eA==" });
    let refused = service
        .call("GenerateDataKeyPair", request)
        .await
        .unwrap_err();
    assert_eq!(refused.code, "UnsupportedOperationException");
}

#[tokio::test]
async fn a_context_that_is_too_long_is_refused_before_a_pair_is_made() {
    let service = Service::start().await;
    let key = service.key().await;
    let mut request = request(&key, "RSA_4096");
    request["EncryptionContext"] = json!({ "k": "v".repeat(8192) });
    let refused = service
        .call("GenerateDataKeyPair", request)
        .await
        .unwrap_err();
    assert_eq!(refused.code, "ValidationException");
}

#[tokio::test]
async fn the_record_shows_spec_and_context_and_no_half_of_it() {
    let service = Service::start().await;
    let key = service.key().await;
    let made = service
        .call("GenerateDataKeyPair", request(&key, "ECC_NIST_P256"))
        .await
        .unwrap();
    let record = service.last_record();
    assert_eq!(
        record["requestParameters"],
        json!({ "keyId": key.id, "encryptionContext": { "a": "1" }, "keyPairSpec": "ECC_NIST_P256" })
    );
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(record["readOnly"], true);
    for hidden in [
        "PrivateKeyPlaintext",
        "PrivateKeyCiphertextBlob",
        "PublicKey",
    ] {
        assert!(
            !record.to_string().contains(&text(&made[hidden])),
            "{hidden}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_of_making_a_pair_makes_none() {
    let service = Service::start().await;
    let key = service.key().await;
    for operation in ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"] {
        let request = json!({ "KeyId": key.id, "KeyPairSpec": "RSA_4096", "DryRun": true });
        let refused = service.call(operation, request).await.unwrap_err();
        assert_eq!(refused.code, "DryRunOperationException");
    }
}

#[tokio::test]
async fn sm2_is_said_to_be_elsewhere() {
    let service = Service::start().await;
    let key = service.key().await;
    let request = json!({ "KeyId": key.id, "KeyPairSpec": "SM2" });
    let refused = service
        .call("GenerateDataKeyPair", request)
        .await
        .unwrap_err();
    assert_eq!(refused.code, "UnsupportedOperationException");
}
