//! `Encapsulate`, `Decapsulate`.

use serde_json::{Value, json};

use crate::support::*;

/// Each spec with the lengths of its public half in DER and of its ciphertexts (FIPS 203, table 3; RFC 9935).
const SPECS: [(&str, usize, usize); 3] = [
    ("ML_KEM_512", 800 + 22, 768),
    ("ML_KEM_768", 1184 + 22, 1088),
    ("ML_KEM_1024", 1568 + 22, 1568),
];

async fn key(service: &Service, spec: &str) -> TestKey {
    service.key_of_spec(spec, "ENCAPSULATE_DECAPSULATE").await
}

fn encapsulate(key: &TestKey) -> Value {
    json!({ "KeyId": key.id, "EncapsulationAlgorithm": "ML_KEM" })
}

fn decapsulate(key: &TestKey, ciphertext: &[u8]) -> Value {
    json!({ "KeyId": key.id, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": blob(ciphertext) })
}

#[tokio::test]
async fn both_sides_come_to_the_same_secret() {
    let service = Service::start().await;
    for (spec, public, ciphertext) in SPECS {
        let key = key(&service, spec).await;
        assert_eq!(service.public_half(&key).await.len(), public, "{spec}");
        let made = service
            .call("Encapsulate", encapsulate(&key))
            .await
            .unwrap();
        assert_eq!(made["KeyId"], key.arn);
        assert_eq!(bytes(&made["SharedSecret"]).len(), 32);
        let sealed = bytes(&made["SharedSecretCiphertextBlob"]);
        assert_eq!(sealed.len(), ciphertext, "{spec}");
        let opened = service
            .restarted()
            .await
            .call("Decapsulate", decapsulate(&key, &sealed))
            .await;
        let expected = json!({
            "KeyId": key.arn, "SharedSecret": made["SharedSecret"], "EncapsulationAlgorithm": "ML_KEM",
        });
        assert_eq!(opened, Ok(expected));
    }
}

#[tokio::test]
async fn who_has_the_public_half_alone_encapsulates_for_the_key() {
    use crypto::{KeyPairSpec, PublicKey};
    let service = Service::start().await;
    let key = key(&service, "ML_KEM_768").await;
    let public = PublicKey::from_spki(KeyPairSpec::MlKem768, &service.public_half(&key).await);
    let (sealed, secret) = public.unwrap().encapsulate().unwrap();
    let opened = service
        .call("Decapsulate", decapsulate(&key, &sealed))
        .await
        .unwrap();
    assert_eq!(bytes(&opened["SharedSecret"]), secret.danger_expose());
}

#[tokio::test]
async fn a_changed_ciphertext_yields_another_secret_and_one_of_another_length_none() {
    let service = Service::start().await;
    let (mine, other) = (
        key(&service, "ML_KEM_512").await,
        key(&service, "ML_KEM_512").await,
    );
    let made = service
        .call("Encapsulate", encapsulate(&mine))
        .await
        .unwrap();
    let sealed = bytes(&made["SharedSecretCiphertextBlob"]);
    let mut changed = sealed.clone();
    changed[0] ^= 1;
    for request in [decapsulate(&mine, &changed), decapsulate(&other, &sealed)] {
        let once = service.call("Decapsulate", request.clone()).await.unwrap();
        let again = service.call("Decapsulate", request).await.unwrap();
        assert_ne!(once["SharedSecret"], made["SharedSecret"]);
        assert_eq!(
            once["SharedSecret"], again["SharedSecret"],
            "the rejection is the same each time"
        );
    }
    for wrong in [
        &sealed[1..],
        &[sealed.as_slice(), &[0]].concat(),
        &[7],
        &[7; 1088],
    ] {
        let refused = service.call("Decapsulate", decapsulate(&mine, wrong)).await;
        assert_eq!(refused, Err(refusal("InvalidCiphertextException", "")));
    }
}

#[tokio::test]
async fn a_dry_run_says_what_the_real_one_would() {
    let service = Service::start().await;
    let key = key(&service, "ML_KEM_512").await;
    let made = service
        .call("Encapsulate", encapsulate(&key))
        .await
        .unwrap();
    let sealed = bytes(&made["SharedSecretCiphertextBlob"]);
    for (operation, mut request, code) in [
        ("Encapsulate", encapsulate(&key), "DryRunOperationException"),
        (
            "Decapsulate",
            decapsulate(&key, &sealed),
            "DryRunOperationException",
        ),
        (
            "Decapsulate",
            decapsulate(&key, &[7]),
            "InvalidCiphertextException",
        ),
    ] {
        request["DryRun"] = json!(true);
        assert_eq!(
            service.call(operation, request).await.unwrap_err().code,
            code
        );
    }
}

#[tokio::test]
async fn the_record_shows_the_algorithm_and_neither_secret_nor_ciphertext() {
    let service = Service::start().await;
    let key = key(&service, "ML_KEM_512").await;
    let made = service
        .call("Encapsulate", encapsulate(&key))
        .await
        .unwrap();
    let encapsulated = service.last_record();
    let sealed = bytes(&made["SharedSecretCiphertextBlob"]);
    service
        .call("Decapsulate", decapsulate(&key, &sealed))
        .await
        .unwrap();
    for record in [encapsulated, service.last_record()] {
        let parameters = json!({ "keyId": key.id, "encapsulationAlgorithm": "ML_KEM" });
        assert_eq!(record["requestParameters"], parameters);
        assert_eq!(record["responseElements"], Value::Null);
        assert_eq!(record["readOnly"], true);
        for hidden in ["SharedSecret", "SharedSecretCiphertextBlob"] {
            assert!(!record.to_string().contains(&text(&made[hidden])));
        }
    }
}
