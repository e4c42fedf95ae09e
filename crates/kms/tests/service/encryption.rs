//! `Encrypt`, `Decrypt`, `GenerateDataKey`, `GenerateDataKeyWithoutPlaintext`, `GenerateRandom`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::*;

fn unreadable() -> Refusal {
    refusal("InvalidCiphertextException", "")
}

#[tokio::test]
async fn what_is_encrypted_under_any_name_of_a_key_is_decrypted_without_one() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    for name in [
        key.id.clone(),
        key.arn.clone(),
        "alias/a".into(),
        format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/a"),
    ] {
        let sealed = service
            .call("Encrypt", json!({ "KeyId": name, "Plaintext": "c2VjcmV0" }))
            .await
            .unwrap();
        assert_eq!(sealed["KeyId"], key.arn);
        assert_eq!(sealed["EncryptionAlgorithm"], "SYMMETRIC_DEFAULT");
        let opened = service
            .call(
                "Decrypt",
                json!({ "CiphertextBlob": sealed["CiphertextBlob"] }),
            )
            .await
            .unwrap();
        assert_eq!(opened["Plaintext"], "c2VjcmV0");
        assert_eq!(opened["KeyId"], key.arn);
        assert_eq!(opened["EncryptionAlgorithm"], "SYMMETRIC_DEFAULT");
        assert_eq!(text(&opened["KeyMaterialId"]).len(), 64);
    }
}

#[tokio::test]
async fn the_context_must_be_the_same_in_any_order() {
    let service = Service::start().await;
    let key = service.key().await;
    let blob = service
        .encrypt(&key.id, b"x", json!({ "a": "1", "b": "2" }))
        .await;
    assert_eq!(
        service
            .decrypt(&blob, json!({ "b": "2", "a": "1" }))
            .await
            .unwrap(),
        b"x"
    );
    for wrong in [
        json!({}),
        json!({ "a": "1" }),
        json!({ "a": "1", "b": "2", "c": "3" }),
        json!({ "a": "1", "b": "3" }),
        json!({ "A": "1", "b": "2" }),
    ] {
        assert_eq!(
            service.decrypt(&blob, wrong.clone()).await,
            Err(unreadable()),
            "{wrong}"
        );
    }
    let bare = service.encrypt(&key.id, b"x", json!({})).await;
    assert_eq!(
        service.decrypt(&bare, json!({ "a": "1" })).await,
        Err(unreadable())
    );
    let absent = service
        .call("Decrypt", json!({ "CiphertextBlob": bare }))
        .await
        .unwrap();
    assert_eq!(absent["Plaintext"], "eA==");
}

#[tokio::test]
async fn a_blob_with_any_byte_flipped_is_invalid() {
    let service = Service::start().await;
    let key = service.key().await;
    let blob = STANDARD
        .decode(service.encrypt(&key.id, b"x", json!({})).await)
        .unwrap();
    for at in 0..blob.len() {
        let mut changed = blob.clone();
        changed[at] ^= 0xff;
        assert_eq!(
            service.decrypt(&STANDARD.encode(&changed), json!({})).await,
            Err(unreadable()),
            "byte {at}"
        );
    }
}

#[tokio::test]
async fn rubbish_and_blobs_of_another_installation_are_invalid() {
    let (service, other) = (Service::start().await, Service::start().await);
    service.key().await;
    let foreign = other.encrypt(&other.key().await.id, b"x", json!({})).await;
    for blob in [
        foreign,
        STANDARD.encode("rubbish"),
        STANDARD.encode([0; 6144]),
    ] {
        assert_eq!(service.decrypt(&blob, json!({})).await, Err(unreadable()));
    }
}

#[tokio::test]
async fn a_blob_of_another_key_than_the_one_named_is_the_wrong_key() {
    let service = Service::start().await;
    let (key, other) = (service.key().await, service.key().await);
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    let refused = service
        .call(
            "Decrypt",
            json!({ "CiphertextBlob": blob, "KeyId": other.id }),
        )
        .await
        .unwrap_err();
    assert_eq!(refused.code, "IncorrectKeyException");
    let rubbish = json!({ "CiphertextBlob": STANDARD.encode("rubbish"), "KeyId": key.id });
    assert_eq!(service.call("Decrypt", rubbish).await, Err(unreadable()));
    assert!(
        service
            .call(
                "Decrypt",
                json!({ "CiphertextBlob": blob, "KeyId": key.id })
            )
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_plaintext_has_1_to_4096_bytes() {
    let service = Service::start().await;
    let key = service.key().await;
    let longest = vec![7; 4096];
    let blob = service.encrypt(&key.id, &longest, json!({})).await;
    assert_eq!(service.decrypt(&blob, json!({})).await.unwrap(), longest);
    for length in [0, 4097] {
        let request = json!({ "KeyId": key.id, "Plaintext": STANDARD.encode(vec![7; length]) });
        assert_eq!(
            service.call("Encrypt", request).await.unwrap_err().code,
            "ValidationException",
            "{length}"
        );
    }
}

#[tokio::test]
async fn a_context_has_at_most_8192_bytes() {
    let service = Service::start().await;
    let key = service.key().await;
    let request = |length: usize| json!({ "KeyId": key.id, "Plaintext": "eA==", "EncryptionContext": { "k": "v".repeat(length) } });
    assert!(service.call("Encrypt", request(8191)).await.is_ok());
    assert_eq!(
        service
            .call("Encrypt", request(8192))
            .await
            .unwrap_err()
            .code,
        "ValidationException"
    );
}

#[tokio::test]
async fn an_algorithm_of_asymmetric_keys_does_not_fit_a_symmetric_one() {
    let service = Service::start().await;
    let key = service.key().await;
    let request = json!({ "KeyId": key.id, "Plaintext": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" });
    assert_eq!(
        service.call("Encrypt", request).await.unwrap_err().code,
        "InvalidKeyUsageException"
    );
}

#[tokio::test]
async fn a_data_key_is_what_its_blob_decrypts_to() {
    let service = Service::start().await;
    let key = service.key().await;
    for (size, length) in [
        (json!({ "KeySpec": "AES_256" }), 32),
        (json!({ "KeySpec": "AES_128" }), 16),
        (json!({ "NumberOfBytes": 1 }), 1),
        (json!({ "NumberOfBytes": 1024 }), 1024),
    ] {
        let mut request = size;
        request["KeyId"] = json!(key.id);
        request["EncryptionContext"] = json!({ "a": "1" });
        let made = service
            .call("GenerateDataKey", request.clone())
            .await
            .unwrap();
        assert_eq!(made["KeyId"], key.arn);
        let plaintext = STANDARD.decode(text(&made["Plaintext"])).unwrap();
        assert_eq!(plaintext.len(), length);
        assert_eq!(
            service
                .decrypt(&text(&made["CiphertextBlob"]), json!({ "a": "1" }))
                .await
                .unwrap(),
            plaintext
        );

        let without = service
            .call("GenerateDataKeyWithoutPlaintext", request)
            .await
            .unwrap();
        assert_eq!(
            (without.get("Plaintext"), &without["KeyId"]),
            (None, &json!(key.arn))
        );
        assert_eq!(
            service
                .decrypt(&text(&without["CiphertextBlob"]), json!({ "a": "1" }))
                .await
                .unwrap()
                .len(),
            length
        );
    }
}

#[tokio::test]
async fn the_blob_of_a_data_key_is_smaller_than_that_of_aws() {
    let service = Service::start().await;
    let key = service.key().await;
    let made = service
        .call(
            "GenerateDataKey",
            json!({ "KeyId": key.id, "KeySpec": "AES_256" }),
        )
        .await
        .unwrap();
    assert!(
        STANDARD
            .decode(text(&made["CiphertextBlob"]))
            .unwrap()
            .len()
            < 184
    );
}

#[tokio::test]
async fn a_data_keys_length_is_said_in_one_way() {
    let service = Service::start().await;
    let key = service.key().await;
    for operation in ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"] {
        for size in [
            json!({}),
            json!({ "KeySpec": "AES_256", "NumberOfBytes": 32 }),
        ] {
            let mut request = size;
            request["KeyId"] = json!(key.id);
            let refused = service.call(operation, request).await;
            let message = "Please specify either number of bytes or key spec.";
            assert_eq!(refused, Err(refusal("ValidationException", message)));
        }
    }
}

#[tokio::test]
async fn random_bytes_are_as_many_as_asked_for() {
    let service = Service::start().await;
    let bytes = |answer: Value| STANDARD.decode(text(&answer["Plaintext"])).unwrap();
    let one = bytes(
        service
            .call("GenerateRandom", json!({ "NumberOfBytes": 64 }))
            .await
            .unwrap(),
    );
    let two = bytes(
        service
            .call("GenerateRandom", json!({ "NumberOfBytes": 64 }))
            .await
            .unwrap(),
    );
    assert_eq!((one.len(), two.len()), (64, 64));
    assert_ne!(one, two);
    for request in [
        json!({}),
        json!({ "NumberOfBytes": 0 }),
        json!({ "NumberOfBytes": 1025 }),
    ] {
        assert_eq!(
            service
                .call("GenerateRandom", request)
                .await
                .unwrap_err()
                .code,
            "ValidationException"
        );
    }
    let elsewhere = json!({ "NumberOfBytes": 1, "CustomKeyStoreId": "cks-1" });
    assert_eq!(
        service
            .call("GenerateRandom", elsewhere)
            .await
            .unwrap_err()
            .code,
        "UnsupportedOperationException"
    );
}

#[tokio::test]
async fn a_dry_run_that_would_succeed_says_so_by_an_error() {
    let service = Service::start().await;
    let key = service.key().await;
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    let would =
        |refused: Result<Value, Refusal>| refused.unwrap_err().code == "DryRunOperationException";
    let dry = |mut request: Value| {
        request["DryRun"] = json!(true);
        request
    };
    assert!(would(
        service
            .call(
                "Encrypt",
                dry(json!({ "KeyId": key.id, "Plaintext": "eA==" }))
            )
            .await
    ));
    assert!(would(
        service
            .call("Decrypt", dry(json!({ "CiphertextBlob": blob })))
            .await
    ));
    for operation in ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"] {
        assert!(would(
            service
                .call(
                    operation,
                    dry(json!({ "KeyId": key.id, "KeySpec": "AES_256" }))
                )
                .await
        ));
    }
    let without = json!({ "KeyId": key.id, "DryRunModifiers": ["IGNORE_CIPHERTEXT"] });
    assert!(would(service.call("Decrypt", dry(without)).await));
}

#[tokio::test]
async fn a_dry_run_that_would_fail_fails_as_the_real_one() {
    let service = Service::start().await;
    let key = service.key().await;
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    let request =
        json!({ "CiphertextBlob": blob, "EncryptionContext": { "a": "1" }, "DryRun": true });
    assert_eq!(service.call("Decrypt", request).await, Err(unreadable()));
    let nobody = Caller::nobody("nobody");
    let request = json!({ "KeyId": key.id, "Plaintext": "eA==", "DryRun": true });
    assert_eq!(
        service
            .call_as(&nobody, "Encrypt", request)
            .await
            .unwrap_err()
            .code,
        "AccessDenied"
    );
    service
        .call("DisableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let request = json!({ "KeyId": key.id, "Plaintext": "eA==", "DryRun": true });
    assert_eq!(
        service.call("Encrypt", request).await.unwrap_err().code,
        "DisabledException"
    );
}

#[tokio::test]
async fn grant_tokens_and_enclaves_are_refused() {
    let service = Service::start().await;
    let key = service.key().await;
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    for (operation, request) in [
        ("Encrypt", json!({ "KeyId": key.id, "Plaintext": "eA==" })),
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        (
            "GenerateDataKey",
            json!({ "KeyId": key.id, "KeySpec": "AES_256" }),
        ),
        (
            "GenerateDataKeyWithoutPlaintext",
            json!({ "KeyId": key.id, "KeySpec": "AES_256" }),
        ),
        ("DescribeKey", json!({ "KeyId": key.id })),
    ] {
        let mut with_token = request;
        with_token["GrantTokens"] = json!(["token"]);
        let refused = service.call(operation, with_token).await.unwrap_err();
        assert_eq!(refused.code, "InvalidGrantTokenException", "{operation}");
    }
    let recipient =
        json!({ "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "eA==" });
    for (operation, mut request) in [
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        (
            "GenerateDataKey",
            json!({ "KeyId": key.id, "KeySpec": "AES_256" }),
        ),
        ("GenerateRandom", json!({ "NumberOfBytes": 1 })),
    ] {
        request["Recipient"] = recipient.clone();
        let refused = service.call(operation, request).await.unwrap_err();
        assert_eq!(refused.code, "UnsupportedOperationException", "{operation}");
    }
}
