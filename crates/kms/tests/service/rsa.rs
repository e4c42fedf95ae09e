//! `Encrypt` and `Decrypt` under RSA pairs.

use serde_json::{Value, json};

use crate::openssl::OpenSsl;
use crate::support::*;

const ALGORITHMS: [(&str, &str, usize); 2] = [
    ("RSAES_OAEP_SHA_1", "sha1", 20),
    ("RSAES_OAEP_SHA_256", "sha256", 32),
];

async fn key(service: &Service, spec: &str) -> TestKey {
    service.key_of_spec(spec, "ENCRYPT_DECRYPT").await
}

fn encrypt(key: &TestKey, algorithm: &str, plaintext: &[u8]) -> Value {
    json!({ "KeyId": key.id, "EncryptionAlgorithm": algorithm, "Plaintext": blob(plaintext) })
}

fn decrypt(key: &TestKey, algorithm: &str, ciphertext: &[u8]) -> Value {
    json!({ "KeyId": key.id, "EncryptionAlgorithm": algorithm, "CiphertextBlob": blob(ciphertext) })
}

fn invalid() -> Result<Value, Refusal> {
    Err(refusal("InvalidCiphertextException", ""))
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted_and_is_one_bare_block() {
    let service = Service::start().await;
    for (spec, modulus) in [("RSA_2048", 256), ("RSA_3072", 384)] {
        let key = key(&service, spec).await;
        for (algorithm, ..) in ALGORITHMS {
            let sealed = service
                .call("Encrypt", encrypt(&key, algorithm, b"secret"))
                .await
                .unwrap();
            assert_eq!(sealed["KeyId"], key.arn);
            assert_eq!(sealed["EncryptionAlgorithm"], algorithm);
            let block = bytes(&sealed["CiphertextBlob"]);
            assert_eq!(block.len(), modulus);
            let opened = service
                .call("Decrypt", decrypt(&key, algorithm, &block))
                .await;
            let expected = json!({ "KeyId": key.arn, "Plaintext": blob("secret"), "EncryptionAlgorithm": algorithm });
            assert_eq!(opened, Ok(expected), "no KeyMaterialId");
        }
    }
}

#[tokio::test]
async fn openssl_encrypts_under_the_public_half_what_the_key_decrypts() {
    let (service, openssl) = (Service::start().await, OpenSsl::new());
    let key = key(&service, "RSA_2048").await;
    openssl.put_public(&service.public_half(&key).await);
    openssl.put("text", b"from outside");
    for (algorithm, hash, _) in ALGORITHMS {
        let block = openssl.run(&format!(
            "pkeyutl -encrypt -pubin -inkey public.pem -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{hash} -in text"
        ));
        let opened = service
            .call("Decrypt", decrypt(&key, algorithm, &block))
            .await
            .unwrap();
        assert_eq!(bytes(&opened["Plaintext"]), b"from outside");
    }
}

#[tokio::test]
async fn a_plaintext_is_as_long_as_the_block_has_room_for() {
    let service = Service::start().await;
    for (spec, modulus) in [("RSA_2048", 256), ("RSA_3072", 384), ("RSA_4096", 512)] {
        let key = key(&service, spec).await;
        for (algorithm, _, hash) in ALGORITHMS {
            // RFC 8017 §7.1.1
            let longest = modulus - 2 * hash - 2;
            let whole = vec![7; longest];
            let sealed = service
                .call("Encrypt", encrypt(&key, algorithm, &whole))
                .await
                .unwrap();
            let block = bytes(&sealed["CiphertextBlob"]);
            let opened = service
                .call("Decrypt", decrypt(&key, algorithm, &block))
                .await
                .unwrap();
            assert_eq!(bytes(&opened["Plaintext"]), whole);
            let message = format!(
                "Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {longest} bytes."
            );
            let request = encrypt(&key, algorithm, &vec![7; longest + 1]);
            assert_eq!(
                service.call("Encrypt", request).await,
                Err(refusal("ValidationException", message))
            );
        }
    }
}

#[tokio::test]
async fn a_block_that_does_not_open_is_invalid_and_no_more_is_said() {
    let service = Service::start().await;
    let (mine, other) = (
        key(&service, "RSA_2048").await,
        key(&service, "RSA_2048").await,
    );
    let (algorithm, wrong_hash) = ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1");
    let sealed = service
        .call("Encrypt", encrypt(&mine, algorithm, b"x"))
        .await
        .unwrap();
    let block = bytes(&sealed["CiphertextBlob"]);
    let mut flipped = block.clone();
    flipped[100] ^= 1;
    for request in [
        decrypt(&mine, algorithm, &flipped),
        decrypt(&mine, algorithm, &block[1..]),
        decrypt(&mine, algorithm, &[block.as_slice(), &[0]].concat()),
        decrypt(&mine, algorithm, &[0xff; 256]),
        decrypt(&mine, algorithm, &[0; 6144]),
        decrypt(&mine, wrong_hash, &block),
        decrypt(&other, algorithm, &block),
    ] {
        assert_eq!(
            service.call("Decrypt", request.clone()).await,
            invalid(),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_block_does_not_say_which_key_opens_it() {
    let service = Service::start().await;
    let key = key(&service, "RSA_2048").await;
    let algorithm = "RSAES_OAEP_SHA_256";
    let sealed = service
        .call("Encrypt", encrypt(&key, algorithm, b"x"))
        .await
        .unwrap();
    let mut request = decrypt(&key, algorithm, &bytes(&sealed["CiphertextBlob"]));
    request.as_object_mut().unwrap().remove("KeyId");
    let refused = service.call("Decrypt", request).await;
    assert_eq!(
        refused,
        Err(refusal("ValidationException", "KeyId must not be null"))
    );
    // Without an algorithm it is taken for a symmetric blob, which it is not.
    let mut request = decrypt(&key, algorithm, &bytes(&sealed["CiphertextBlob"]));
    request
        .as_object_mut()
        .unwrap()
        .remove("EncryptionAlgorithm");
    assert_eq!(service.call("Decrypt", request).await, invalid());
}

#[tokio::test]
async fn an_algorithm_that_the_key_does_not_have_is_named() {
    let service = Service::start().await;
    let (pair, symmetric) = (key(&service, "RSA_2048").await, service.key().await);
    let message = |algorithm: &str, spec: &str| {
        let message = format!("Algorithm {algorithm} is incompatible with key spec {spec}.");
        Err(refusal("InvalidKeyUsageException", message))
    };
    let bare = json!({ "KeyId": pair.id, "Plaintext": blob("x") });
    let refused = service.call("Encrypt", bare).await;
    assert_eq!(refused, message("SYMMETRIC_DEFAULT", "RSA_2048"));
    let refused = service
        .call("Encrypt", encrypt(&pair, "SM2PKE", b"x"))
        .await;
    assert_eq!(refused, message("SM2PKE", "RSA_2048"));
    let oaep = "RSAES_OAEP_SHA_256";
    let refused = service
        .call("Encrypt", encrypt(&symmetric, oaep, b"x"))
        .await;
    assert_eq!(refused, message(oaep, "SYMMETRIC_DEFAULT"));
    let refused = service
        .call("Decrypt", decrypt(&symmetric, oaep, b"x"))
        .await;
    assert_eq!(refused, message(oaep, "SYMMETRIC_DEFAULT"));
}

#[tokio::test]
async fn a_symmetric_blob_is_of_another_key_than_any_pair() {
    let service = Service::start().await;
    let symmetric = service.key().await;
    let sealed = service.encrypt(&symmetric.id, b"x", json!({})).await;
    for usage in ["ENCRYPT_DECRYPT", "SIGN_VERIFY"] {
        let pair = service.key_of_spec("RSA_2048", usage).await;
        let request = json!({ "KeyId": pair.id, "CiphertextBlob": sealed });
        let refused = service.call("Decrypt", request).await.unwrap_err();
        assert_eq!(refused.code, "IncorrectKeyException");
    }
}

#[tokio::test]
async fn a_context_is_refused_where_no_cipher_takes_one() {
    let service = Service::start().await;
    let key = key(&service, "RSA_2048").await;
    let algorithm = "RSAES_OAEP_SHA_256";
    let message =
        "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.";
    for (operation, mut request) in [
        ("Encrypt", encrypt(&key, algorithm, b"x")),
        ("Decrypt", decrypt(&key, algorithm, &[1; 256])),
    ] {
        request["EncryptionContext"] = json!({ "a": "1" });
        let refused = service.call(operation, request).await;
        assert_eq!(refused, Err(refusal("ValidationException", message)));
    }
    let mut request = encrypt(&key, algorithm, b"x");
    request["EncryptionContext"] = json!({});
    assert!(
        service.call("Encrypt", request).await.is_ok(),
        "an empty context is none"
    );
}

#[tokio::test]
async fn a_pair_has_no_data_keys_under_it() {
    let service = Service::start().await;
    let key = key(&service, "RSA_2048").await;
    let message = "You cannot generate a data key with an asymmetric CMK";
    for (operation, member, value) in [
        ("GenerateDataKey", "KeySpec", "AES_256"),
        ("GenerateDataKeyWithoutPlaintext", "KeySpec", "AES_256"),
        ("GenerateDataKeyPair", "KeyPairSpec", "RSA_2048"),
        (
            "GenerateDataKeyPairWithoutPlaintext",
            "KeyPairSpec",
            "RSA_2048",
        ),
    ] {
        let request = json!({ "KeyId": key.id, member: value });
        let refused = service.call(operation, request).await;
        assert_eq!(
            refused,
            Err(refusal("InvalidKeyUsageException", message)),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_says_what_the_real_one_would() {
    let service = Service::start().await;
    let key = key(&service, "RSA_2048").await;
    let algorithm = "RSAES_OAEP_SHA_256";
    let sealed = service
        .call("Encrypt", encrypt(&key, algorithm, b"x"))
        .await
        .unwrap();
    let block = bytes(&sealed["CiphertextBlob"]);
    for (operation, mut request, code) in [
        (
            "Encrypt",
            encrypt(&key, algorithm, b"x"),
            "DryRunOperationException",
        ),
        (
            "Encrypt",
            encrypt(&key, algorithm, &[7; 191]),
            "ValidationException",
        ),
        (
            "Decrypt",
            decrypt(&key, algorithm, &block),
            "DryRunOperationException",
        ),
        (
            "Decrypt",
            decrypt(&key, algorithm, &block[1..]),
            "InvalidCiphertextException",
        ),
    ] {
        request["DryRun"] = json!(true);
        assert_eq!(
            service.call(operation, request).await.unwrap_err().code,
            code,
            "{operation}"
        );
    }
    let request = json!({
        "KeyId": key.id, "EncryptionAlgorithm": algorithm, "DryRun": true, "DryRunModifiers": ["IGNORE_CIPHERTEXT"],
    });
    let refused = service.call("Decrypt", request).await.unwrap_err();
    assert_eq!(refused.code, "DryRunOperationException");
}
