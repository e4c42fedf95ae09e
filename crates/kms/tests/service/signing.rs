//! `Sign`, `Verify`, and OpenSSL as the other side.

use serde_json::{Value, json};

use crate::openssl::OpenSsl;
use crate::support::*;

const TEXT: &[u8] = b"A message that the owner of the key endorses.\n";

async fn key(service: &Service, spec: &str) -> TestKey {
    service.key_of_spec(spec, "SIGN_VERIFY").await
}

fn sign(key: &TestKey, algorithm: &str, kind: &str, message: &[u8]) -> Value {
    json!({ "KeyId": key.id, "SigningAlgorithm": algorithm, "MessageType": kind, "Message": blob(message) })
}

fn verify(key: &TestKey, algorithm: &str, kind: &str, message: &[u8], signature: &[u8]) -> Value {
    let mut request = sign(key, algorithm, kind, message);
    request["Signature"] = blob(signature);
    request
}

async fn signature(service: &Service, request: Value) -> Vec<u8> {
    let made = service.call("Sign", request.clone()).await.unwrap();
    assert_eq!(made["SigningAlgorithm"], request["SigningAlgorithm"]);
    bytes(&made["Signature"])
}

fn invalid() -> Result<Value, Refusal> {
    Err(refusal("KMSInvalidSignatureException", ""))
}

/// Each algorithm that hashes first, with the keys that have it, and how OpenSSL is told of it.
const HASHING: &[(&str, &[&str], &str, &str)] = &[
    ("RSASSA_PKCS1_V1_5_SHA_256", RSA, "-sha256", ""),
    ("RSASSA_PKCS1_V1_5_SHA_384", RSA, "-sha384", ""),
    ("RSASSA_PKCS1_V1_5_SHA_512", RSA, "-sha512", ""),
    ("RSASSA_PSS_SHA_256", RSA, "-sha256", PSS),
    ("RSASSA_PSS_SHA_384", RSA, "-sha384", PSS),
    ("RSASSA_PSS_SHA_512", RSA, "-sha512", PSS),
    (
        "ECDSA_SHA_256",
        &["ECC_NIST_P256", "ECC_SECG_P256K1"],
        "-sha256",
        "",
    ),
    ("ECDSA_SHA_384", &["ECC_NIST_P384"], "-sha384", ""),
    ("ECDSA_SHA_512", &["ECC_NIST_P521"], "-sha512", ""),
];
const RSA: &[&str] = &["RSA_2048", "RSA_3072"];
/// The salt is exactly as long as the digest.
const PSS: &str = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest";

#[tokio::test]
async fn openssl_verifies_what_is_signed_whole_or_as_a_digest() {
    let (service, openssl) = (Service::start().await, OpenSsl::new());
    for (algorithm, specs, hash, options) in HASHING {
        for spec in *specs {
            let key = key(&service, spec).await;
            openssl.put_public(&service.public_half(&key).await);
            openssl.put("text", TEXT);
            let digest = openssl.digest(hash, TEXT);
            for (kind, message) in [("RAW", TEXT), ("DIGEST", &digest)] {
                let made = signature(&service, sign(&key, algorithm, kind, message)).await;
                openssl.put("signature", &made);
                let line = format!("dgst {hash} -verify public.pem {options} -signature signature");
                openssl.run(&format!("{line} text"));
                openssl.put("other", b"another message");
                assert!(
                    !openssl.accepts(&format!("{line} other")),
                    "{algorithm} {spec}"
                );

                // Either kind of signature is one of the message, and so verifies in either way.
                for (kind, message) in [("RAW", TEXT), ("DIGEST", &digest)] {
                    let request = verify(&key, algorithm, kind, message, &made);
                    let expected = json!({ "KeyId": key.arn, "SignatureValid": true, "SigningAlgorithm": algorithm });
                    assert_eq!(service.call("Verify", request).await, Ok(expected));
                }
            }
        }
    }
}

#[tokio::test]
async fn openssl_verifies_ed25519() {
    let (service, openssl) = (Service::start().await, OpenSsl::new());
    let key = key(&service, "ECC_NIST_EDWARDS25519").await;
    let spki = service.public_half(&key).await;
    assert_eq!(spki.len(), 44);
    openssl.put_public(&spki);
    openssl.put("text", TEXT);
    let made = signature(&service, sign(&key, "ED25519_SHA_512", "RAW", TEXT)).await;
    assert_eq!(made.len(), 64);
    openssl.put("signature", &made);
    let line = "pkeyutl -verify -pubin -inkey public.pem -rawin -sigfile signature -in";
    openssl.run(&format!("{line} text"));
    openssl.put("other", b"another message");
    assert!(!openssl.accepts(&format!("{line} other")));
}

#[tokio::test]
async fn ed25519ph_hashes_once_more_the_digest_that_it_is_given() {
    use crypto::{KeyPairSpec, Message, PublicKey, SigningAlgorithm};
    let (service, openssl) = (Service::start().await, OpenSsl::new());
    let key = key(&service, "ECC_NIST_EDWARDS25519").await;
    let once = openssl.digest("-sha512", TEXT);
    let twice = openssl.digest("-sha512", &once);
    let algorithm = "ED25519_PH_SHA_512";
    let made = signature(&service, sign(&key, algorithm, "DIGEST", &once)).await;
    let public = PublicKey::from_spki(KeyPairSpec::Ed25519, &service.public_half(&key).await);
    let public = public.unwrap();
    let prehashed =
        |digest| public.verify(SigningAlgorithm::Ed25519Ph, Message::Digest(digest), &made);
    assert!(prehashed(&twice).is_ok());
    assert!(prehashed(&once).is_err());
    let request = verify(&key, algorithm, "DIGEST", &once, &made);
    assert_eq!(
        service.call("Verify", request).await.unwrap()["SignatureValid"],
        true
    );
    let request = verify(&key, "ED25519_SHA_512", "RAW", &once, &made);
    assert_eq!(service.call("Verify", request).await, invalid());
}

#[tokio::test]
async fn a_lattice_signature_is_one_of_mu_which_is_made_of_key_and_message() {
    let (service, openssl) = (Service::start().await, OpenSsl::new());
    let algorithm = "ML_DSA_SHAKE_256";
    for (spec, public_length, signature_length) in [
        ("ML_DSA_44", 1312, 2420),
        ("ML_DSA_65", 1952, 3309),
        ("ML_DSA_87", 2592, 4627),
    ] {
        let key = key(&service, spec).await;
        let spki = service.public_half(&key).await;
        assert_eq!(spki.len(), public_length + 22, "{spec}");
        // FIPS 204, algorithm 7, line 6, with the empty context of algorithm 2: μ = H(H(pk, 64) ‖ 0 ‖ 0 ‖ M, 64).
        let shake = |bytes: &[u8]| openssl.digest("-shake256 -xoflen 64", bytes);
        let tr = shake(&spki[22..]);
        let mu = shake(&[&tr, [0, 0].as_slice(), TEXT].concat());
        let of_message = signature(&service, sign(&key, algorithm, "RAW", TEXT)).await;
        let of_mu = signature(&service, sign(&key, algorithm, "EXTERNAL_MU", &mu)).await;
        for made in [of_message, of_mu] {
            assert_eq!(made.len(), signature_length, "{spec}");
            for (kind, message) in [("RAW", TEXT), ("EXTERNAL_MU", &mu)] {
                let request = verify(&key, algorithm, kind, message, &made);
                assert_eq!(
                    service.call("Verify", request).await.unwrap()["SignatureValid"],
                    true
                );
            }
            let request = verify(&key, algorithm, "RAW", &mu, &made);
            assert_eq!(service.call("Verify", request).await, invalid());
        }
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_signature_it_is_invalid_and_no_more_is_said() {
    let service = Service::start().await;
    for (spec, algorithm) in [
        ("RSA_2048", "RSASSA_PSS_SHA_256"),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"),
        ("ECC_NIST_P256", "ECDSA_SHA_256"),
        ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512"),
        ("ML_DSA_44", "ML_DSA_SHAKE_256"),
    ] {
        let (mine, other) = (key(&service, spec).await, key(&service, spec).await);
        let made = signature(&service, sign(&mine, algorithm, "RAW", TEXT)).await;
        let mut flipped = made.clone();
        flipped[10] ^= 1;
        let longer = [made.as_slice(), &[0]].concat();
        for wrong in [
            &flipped,
            &longer,
            &made[1..].to_vec(),
            &vec![0],
            &vec![0x30; 6144],
        ] {
            let request = verify(&mine, algorithm, "RAW", TEXT, wrong);
            assert_eq!(service.call("Verify", request).await, invalid(), "{spec}");
        }
        let request = verify(&mine, algorithm, "RAW", b"another message", &made);
        assert_eq!(service.call("Verify", request).await, invalid(), "{spec}");
        let request = verify(&other, algorithm, "RAW", TEXT, &made);
        assert_eq!(service.call("Verify", request).await, invalid(), "{spec}");
    }
}

/// Both operations' answer to the same members.
async fn both(
    service: &Service,
    key: &TestKey,
    algorithm: &str,
    kind: &str,
    message: &[u8],
) -> Refusal {
    let signing = service
        .call("Sign", sign(key, algorithm, kind, message))
        .await
        .unwrap_err();
    let request = verify(key, algorithm, kind, message, b"signature");
    let verifying = service.call("Verify", request).await.unwrap_err();
    assert_eq!(signing, verifying);
    signing
}

#[tokio::test]
async fn an_algorithm_that_the_key_does_not_have_is_named() {
    let service = Service::start().await;
    for (spec, algorithms) in [
        ("RSA_2048", ["ECDSA_SHA_256", "ED25519_SHA_512", "SM2DSA"]),
        (
            "ECC_NIST_P256",
            ["ECDSA_SHA_384", "RSASSA_PSS_SHA_256", "ML_DSA_SHAKE_256"],
        ),
        (
            "ECC_NIST_EDWARDS25519",
            ["ECDSA_SHA_512", "RSASSA_PSS_SHA_512", "SM2DSA"],
        ),
        (
            "ML_DSA_44",
            ["ECDSA_SHA_256", "ED25519_PH_SHA_512", "SM2DSA"],
        ),
    ] {
        let key = key(&service, spec).await;
        for algorithm in algorithms {
            let message = format!("Algorithm {algorithm} is incompatible with key spec {spec}.");
            // Before the digest's length is looked at.
            let refused = both(&service, &key, algorithm, "DIGEST", b"short").await;
            assert_eq!(refused, refusal("InvalidKeyUsageException", message));
        }
    }
}

#[tokio::test]
async fn a_digest_is_as_long_as_its_hash_makes_it() {
    let service = Service::start().await;
    for (spec, algorithm, right) in [
        ("RSA_2048", "RSASSA_PSS_SHA_256", 32),
        ("RSA_2048", "RSASSA_PSS_SHA_384", 48),
        ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512", 64),
        ("ECC_NIST_P256", "ECDSA_SHA_256", 32),
        ("ECC_NIST_P384", "ECDSA_SHA_384", 48),
        ("ECC_NIST_P521", "ECDSA_SHA_512", 64),
        ("ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", 64),
    ] {
        let key = key(&service, spec).await;
        for length in [1, 20, 32, 48, 64, right - 1, right + 1, 4096] {
            let digest = vec![7; length];
            if length == right {
                signature(&service, sign(&key, algorithm, "DIGEST", &digest)).await;
                continue;
            }
            let message = format!("Digest is invalid length for algorithm {algorithm}.");
            let refused = both(&service, &key, algorithm, "DIGEST", &digest).await;
            assert_eq!(refused, refusal("ValidationException", message), "{length}");
        }
    }
    let key = key(&service, "ML_DSA_44").await;
    for length in [63, 65] {
        let refused = both(
            &service,
            &key,
            "ML_DSA_SHAKE_256",
            "EXTERNAL_MU",
            &vec![7; length],
        )
        .await;
        assert_eq!(refused.code, "ValidationException");
    }
}

#[tokio::test]
async fn a_message_type_goes_with_some_algorithms_and_not_with_others() {
    let service = Service::start().await;
    for (spec, algorithm, kind, with) in [
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_SHA_512",
            "DIGEST",
            "algorithm ED25519_SHA_512",
        ),
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_SHA_512",
            "EXTERNAL_MU",
            "algorithm ED25519_SHA_512",
        ),
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_PH_SHA_512",
            "RAW",
            "algorithm ED25519_PH_SHA_512",
        ),
        (
            "ML_DSA_44",
            "ML_DSA_SHAKE_256",
            "DIGEST",
            "key spec ML_DSA_44",
        ),
        (
            "ECC_NIST_P256",
            "ECDSA_SHA_256",
            "EXTERNAL_MU",
            "key spec ECC_NIST_P256",
        ),
        (
            "RSA_2048",
            "RSASSA_PSS_SHA_512",
            "EXTERNAL_MU",
            "key spec RSA_2048",
        ),
    ] {
        let key = key(&service, spec).await;
        let refused = both(&service, &key, algorithm, kind, &[7; 64]).await;
        let message = format!("Message type {kind} is incompatible with {with}.");
        assert_eq!(refused, refusal("ValidationException", message));
    }
}

#[tokio::test]
async fn a_message_has_1_to_4096_bytes_and_is_raw_unless_it_is_said_otherwise() {
    let service = Service::start().await;
    let key = key(&service, "ECC_NIST_P256").await;
    for (length, fits) in [(0, false), (1, true), (4096, true), (4097, false)] {
        let mut request = sign(&key, "ECDSA_SHA_256", "RAW", &vec![7; length]);
        request.as_object_mut().unwrap().remove("MessageType");
        let made = service.call("Sign", request.clone()).await;
        assert_eq!(made.is_ok(), fits, "{length}");
        match made {
            Ok(made) => {
                request["MessageType"] = json!("RAW");
                request["Signature"] = made["Signature"].clone();
                assert!(service.call("Verify", request).await.is_ok());
            }
            Err(refused) => assert_eq!(refused.code, "ValidationException"),
        }
    }
}

#[tokio::test]
async fn a_dry_run_says_what_the_real_one_would() {
    let service = Service::start().await;
    let key = key(&service, "ECC_NIST_P256").await;
    let algorithm = "ECDSA_SHA_256";
    let made = signature(&service, sign(&key, algorithm, "RAW", TEXT)).await;
    for (operation, mut request, code) in [
        (
            "Sign",
            sign(&key, algorithm, "RAW", TEXT),
            "DryRunOperationException",
        ),
        (
            "Sign",
            sign(&key, algorithm, "DIGEST", TEXT),
            "ValidationException",
        ),
        (
            "Verify",
            verify(&key, algorithm, "RAW", TEXT, &made),
            "DryRunOperationException",
        ),
        (
            "Verify",
            verify(&key, algorithm, "RAW", b"x", &made),
            "KMSInvalidSignatureException",
        ),
    ] {
        request["DryRun"] = json!(true);
        let refused = service.call(operation, request.clone()).await.unwrap_err();
        assert_eq!(refused.code, code, "{operation}");
        let nobody = Caller::nobody("nobody");
        let refused = service
            .call_as(&nobody, operation, request)
            .await
            .unwrap_err();
        assert_eq!(refused.code, "AccessDenied", "leave comes first");
    }
}

#[tokio::test]
async fn one_signs_and_another_verifies_or_takes_the_public_half_home() {
    let service = Service::start().await;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [delegates(), lets("signer", "kms:Sign"), lets("verifier", "kms:Verify"), lets("offline", "kms:GetPublicKey")],
    });
    let request = json!({ "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "Policy": policy.to_string() });
    let key = service.key_with(request).await;
    let made = signature(&service, sign(&key, "ECDSA_SHA_256", "RAW", TEXT)).await;
    for (operation, request, may) in [
        ("Sign", sign(&key, "ECDSA_SHA_256", "RAW", TEXT), "signer"),
        (
            "Verify",
            verify(&key, "ECDSA_SHA_256", "RAW", TEXT, &made),
            "verifier",
        ),
        ("GetPublicKey", json!({ "KeyId": key.id }), "offline"),
    ] {
        for user in ["signer", "verifier", "offline"] {
            let answer = service
                .call_as(&Caller::nobody(user), operation, request.clone())
                .await;
            assert_eq!(answer.is_ok(), user == may, "{user} {operation}");
        }
    }
}

#[tokio::test]
async fn the_record_shows_how_it_was_signed_and_neither_message_nor_signature() {
    let service = Service::start().await;
    let key = key(&service, "ECC_NIST_P256").await;
    let mut request = sign(&key, "ECDSA_SHA_256", "RAW", TEXT);
    request.as_object_mut().unwrap().remove("MessageType");
    let made = signature(&service, request).await;
    let signed = service.last_record();
    let request = verify(&key, "ECDSA_SHA_256", "RAW", TEXT, &made);
    service.call("Verify", request).await.unwrap();
    for record in [signed, service.last_record()] {
        let parameters =
            json!({ "keyId": key.id, "messageType": "RAW", "signingAlgorithm": "ECDSA_SHA_256" });
        assert_eq!(record["requestParameters"], parameters);
        assert_eq!(record["responseElements"], Value::Null);
        assert_eq!(record["readOnly"], true);
        assert_eq!(record["resources"][0]["ARN"], key.arn);
        for hidden in [text(&blob(TEXT)), text(&blob(&made))] {
            assert!(!record.to_string().contains(&hidden));
        }
    }
}
