//! Grants on keys of every usage: each permits what its key can do, and every operation takes tokens.

use serde_json::{Value, json};

use super::*;

/// Operations, each with a request for it.
type Requests = Vec<(&'static str, Value)>;

/// Keys, and what a grant on each can permit, with a request for it; some of them come to nothing once they are allowed.
fn usages() -> Vec<(&'static str, &'static str, Requests)> {
    let sign = json!({ "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256" });
    let verify =
        json!({ "Message": "eA==", "SigningAlgorithm": "ECDSA_SHA_256", "Signature": "eA==" });
    let mac = json!({ "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256" });
    let verify_mac = json!({ "Message": "eA==", "MacAlgorithm": "HMAC_SHA_256", "Mac": "eA==" });
    let agree = json!({ "KeyAgreementAlgorithm": "ECDH", "PublicKey": "eA==" });
    let encapsulate = json!({ "EncapsulationAlgorithm": "ML_KEM" });
    let decapsulate =
        json!({ "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": "eA==" });
    let encrypt = json!({ "Plaintext": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" });
    let decrypt = json!({ "CiphertextBlob": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" });
    let pair = json!({ "KeyPairSpec": "ECC_NIST_P256" });
    let public = || ("GetPublicKey", json!({}));
    vec![
        (
            "ECC_NIST_P256",
            "SIGN_VERIFY",
            vec![("Sign", sign), ("Verify", verify), public()],
        ),
        (
            "HMAC_256",
            "GENERATE_VERIFY_MAC",
            vec![("GenerateMac", mac), ("VerifyMac", verify_mac)],
        ),
        (
            "ECC_NIST_P256",
            "KEY_AGREEMENT",
            vec![("DeriveSharedSecret", agree), public()],
        ),
        (
            "ML_KEM_512",
            "ENCAPSULATE_DECAPSULATE",
            vec![
                ("Encapsulate", encapsulate),
                ("Decapsulate", decapsulate),
                public(),
            ],
        ),
        (
            "RSA_2048",
            "ENCRYPT_DECRYPT",
            vec![("Encrypt", encrypt), ("Decrypt", decrypt), public()],
        ),
        (
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
            vec![
                ("GenerateDataKeyPair", pair.clone()),
                ("GenerateDataKeyPairWithoutPlaintext", pair),
            ],
        ),
    ]
}

/// What became of a request on a key: the code of its refusal, if it was refused.
async fn outcome(
    service: &Service,
    caller: &Caller,
    key: &TestKey,
    operation: &str,
    request: Value,
) -> String {
    let request = with(request, json!({ "KeyId": key.id }));
    let answer = service.call_as(caller, operation, request).await;
    answer.err().map(|refused| refused.code).unwrap_or_default()
}

#[tokio::test]
async fn every_operation_of_a_key_is_permitted_by_its_own_name_and_takes_tokens() {
    let service = Service::start().await;
    for (spec, usage, requests) in usages() {
        let key = service.key_of_spec(spec, usage).await;
        for (granted, _) in &requests {
            let caller = Caller::nobody(&granted.to_lowercase());
            let made = service
                .grant(&key, grant(&caller.arn(), json!([granted]), json!({})))
                .await;
            for (operation, request) in &requests {
                let code = outcome(&service, &caller, &key, operation, request.clone()).await;
                assert_eq!(
                    code != "AccessDenied",
                    operation == granted,
                    "{operation} by a grant of {granted}: {code}"
                );
                if operation != granted {
                    continue;
                }
                let tokens = |token: &str| with(request.clone(), json!({ "GrantTokens": [token] }));
                let good = outcome(&service, &caller, &key, operation, tokens(&made.token)).await;
                assert_eq!(good, code, "{operation} with its token");
                let bad = outcome(&service, &caller, &key, operation, tokens("nonsense")).await;
                assert_eq!(bad, "InvalidGrantTokenException", "{operation}");
            }
        }
    }
}

#[tokio::test]
async fn a_grant_permits_nothing_that_its_key_cannot_do_and_has_no_context_where_there_is_none() {
    let service = Service::start().await;
    let bob = Caller::nobody("bob").arn();
    for (spec, usage, requests) in usages() {
        let key = service.key_of_spec(spec, usage).await;
        let own: Vec<_> = requests.iter().map(|(operation, _)| *operation).collect();
        for (_, _, others) in usages() {
            for (operation, _) in others {
                let request = grant(&bob, json!([operation]), json!({}));
                let made = service.try_grant(&Caller::root(), &key, request).await;
                // A symmetric key encrypts too, in its own way.
                let can = own.contains(&operation)
                    || spec == "SYMMETRIC_DEFAULT" && ["Encrypt", "Decrypt"].contains(&operation);
                let code = made.err().map(|refused| refused.code);
                assert_eq!(
                    code,
                    (!can).then(|| "ValidationException".to_owned()),
                    "{operation} with {spec} {usage}"
                );
            }
        }
        let constraint = json!({ "EncryptionContextSubset": { "a": "1" } });
        let request = grant(&bob, json!([own[0]]), constraint);
        let made = service.try_grant(&Caller::root(), &key, request).await;
        let words = "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.";
        let wanted = (spec != "SYMMETRIC_DEFAULT").then(|| refusal("ValidationException", words));
        assert_eq!(made.err(), wanted, "a constraint with {spec} {usage}");
    }
}
