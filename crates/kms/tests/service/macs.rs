//! `GenerateMac`, `VerifyMac`.

use serde_json::{Value, json};

use crate::support::*;

const ALGORITHMS: [(&str, &str, usize); 4] = [
    ("HMAC_224", "HMAC_SHA_224", 28),
    ("HMAC_256", "HMAC_SHA_256", 32),
    ("HMAC_384", "HMAC_SHA_384", 48),
    ("HMAC_512", "HMAC_SHA_512", 64),
];

async fn key(service: &Service, spec: &str) -> TestKey {
    service.key_of_spec(spec, "GENERATE_VERIFY_MAC").await
}

fn generate(key: &TestKey, algorithm: &str) -> Value {
    json!({ "KeyId": key.id, "Message": blob("message"), "MacAlgorithm": algorithm })
}

fn verify(key: &TestKey, algorithm: &str, mac: &Value) -> Value {
    json!({ "KeyId": key.id, "Message": blob("message"), "MacAlgorithm": algorithm, "Mac": mac })
}

fn invalid() -> Result<Value, Refusal> {
    Err(refusal("KMSInvalidMacException", ""))
}

#[tokio::test]
async fn a_mac_verifies_and_outlives_a_restart() {
    let service = Service::start().await;
    for (spec, algorithm, length) in ALGORITHMS {
        let key = key(&service, spec).await;
        let made = service
            .call("GenerateMac", generate(&key, algorithm))
            .await
            .unwrap();
        assert_eq!(made["KeyId"], key.arn);
        assert_eq!(made["MacAlgorithm"], algorithm);
        assert_eq!(bytes(&made["Mac"]).len(), length);
        let restarted = service.restarted().await;
        let verified = restarted
            .call("VerifyMac", verify(&key, algorithm, &made["Mac"]))
            .await;
        let expected = json!({ "KeyId": key.arn, "MacValid": true, "MacAlgorithm": algorithm });
        assert_eq!(verified, Ok(expected));
    }
}

#[tokio::test]
async fn a_mac_of_another_message_or_key_or_length_is_invalid() {
    let service = Service::start().await;
    let (mine, other) = (
        key(&service, "HMAC_256").await,
        key(&service, "HMAC_256").await,
    );
    let algorithm = "HMAC_SHA_256";
    let made = service
        .call("GenerateMac", generate(&mine, algorithm))
        .await
        .unwrap();
    let mac = bytes(&made["Mac"]);
    let mut of_another_message = verify(&mine, algorithm, &made["Mac"]);
    of_another_message["Message"] = blob("other message");
    assert_eq!(
        service.call("VerifyMac", of_another_message).await,
        invalid()
    );
    let of_another_key = verify(&other, algorithm, &made["Mac"]);
    assert_eq!(service.call("VerifyMac", of_another_key).await, invalid());
    for cut in [&mac[..31], &mac[..1], &[mac.as_slice(), &[0]].concat()] {
        let request = verify(&mine, algorithm, &blob(cut));
        assert_eq!(service.call("VerifyMac", request).await, invalid());
    }
}

#[tokio::test]
async fn a_key_has_the_one_algorithm_of_its_length() {
    let service = Service::start().await;
    for (spec, of_spec, _) in ALGORITHMS {
        let key = key(&service, spec).await;
        for (_, algorithm, _) in ALGORITHMS {
            if algorithm == of_spec {
                continue;
            }
            let message = format!("Algorithm {algorithm} is incompatible with key spec {spec}.");
            let refused = Err(refusal("InvalidKeyUsageException", message));
            let made = service.call("GenerateMac", generate(&key, algorithm)).await;
            assert_eq!(made, refused);
            let request = verify(&key, algorithm, &blob("mac"));
            assert_eq!(service.call("VerifyMac", request).await, refused);
        }
    }
}

#[tokio::test]
async fn a_message_has_1_to_4096_bytes() {
    let service = Service::start().await;
    let key = key(&service, "HMAC_256").await;
    for (length, fits) in [(0, false), (1, true), (4096, true), (4097, false)] {
        let mut request = generate(&key, "HMAC_SHA_256");
        request["Message"] = blob(vec![7; length]);
        let made = service.call("GenerateMac", request).await;
        assert_eq!(made.is_ok(), fits, "{length}");
        if let Err(refused) = made {
            assert_eq!(refused.code, "ValidationException");
        }
    }
}

#[tokio::test]
async fn a_dry_run_says_what_the_real_one_would() {
    let service = Service::start().await;
    let key = key(&service, "HMAC_256").await;
    let made = service
        .call("GenerateMac", generate(&key, "HMAC_SHA_256"))
        .await
        .unwrap();
    let dry = |mut request: Value| {
        request["DryRun"] = json!(true);
        request
    };
    for (operation, request, code) in [
        (
            "GenerateMac",
            generate(&key, "HMAC_SHA_256"),
            "DryRunOperationException",
        ),
        (
            "GenerateMac",
            generate(&key, "HMAC_SHA_512"),
            "InvalidKeyUsageException",
        ),
        (
            "VerifyMac",
            verify(&key, "HMAC_SHA_256", &made["Mac"]),
            "DryRunOperationException",
        ),
        (
            "VerifyMac",
            verify(&key, "HMAC_SHA_256", &blob("mac")),
            "KMSInvalidMacException",
        ),
    ] {
        let refused = service.call(operation, dry(request)).await.unwrap_err();
        assert_eq!(refused.code, code, "{operation}");
    }
}

#[tokio::test]
async fn the_record_shows_the_algorithm_and_neither_message_nor_mac() {
    let service = Service::start().await;
    let key = key(&service, "HMAC_256").await;
    let made = service
        .call("GenerateMac", generate(&key, "HMAC_SHA_256"))
        .await
        .unwrap();
    let generated = service.last_record();
    service
        .call("VerifyMac", verify(&key, "HMAC_SHA_256", &made["Mac"]))
        .await
        .unwrap();
    for record in [generated, service.last_record()] {
        let parameters = json!({ "keyId": key.id, "macAlgorithm": "HMAC_SHA_256" });
        assert_eq!(record["requestParameters"], parameters);
        assert_eq!(record["responseElements"], Value::Null);
        assert_eq!(record["readOnly"], true);
        assert_eq!(record["resources"][0]["ARN"], key.arn);
        assert!(!record.to_string().contains(&text(&made["Mac"])));
    }
}
