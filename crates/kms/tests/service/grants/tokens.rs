//! Grant tokens.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn every_operation_that_takes_tokens_takes_those_that_were_given_out_and_no_others() {
    let (service, key) = ready().await;
    let bob = Caller::nobody("bob");
    let operations = json!([
        "Encrypt",
        "Decrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "DescribeKey",
        "CreateGrant"
    ]);
    let made = service
        .grant(&key, grant(&bob.arn(), operations, json!({})))
        .await;
    let gone = service
        .grant(&key, grant(&bob.arn(), json!(["Encrypt"]), json!({})))
        .await;
    let end = json!({ "GrantToken": gone.token });
    service.call("RetireGrant", end).await.unwrap();
    let elsewhere = Service::over(std::sync::Arc::new(store::Memory::new()), 2)
        .await
        .unwrap();
    let foreign_key = elsewhere.key().await;
    let foreign = elsewhere
        .grant(
            &foreign_key,
            grant(&bob.arn(), json!(["Encrypt"]), json!({})),
        )
        .await;
    let mut changed = made.token.clone();
    let last = if changed.ends_with("A==") {
        "B=="
    } else {
        "A=="
    };
    changed.replace_range(changed.len() - 3.., last);
    let blob = service.encrypt(&key.id, b"x", json!({})).await;
    for (operation, request) in [
        ("Encrypt", encrypt(&key, json!({}))),
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        ("GenerateDataKey", data_key(&key, json!({}))),
        ("GenerateDataKeyWithoutPlaintext", data_key(&key, json!({}))),
        ("DescribeKey", json!({ "KeyId": key.id })),
        (
            "CreateGrant",
            json!({ "KeyId": key.id, "GranteePrincipal": bob.arn(), "Operations": ["Encrypt"] }),
        ),
    ] {
        let with = |tokens: Value| {
            let mut request = request.clone();
            request["GrantTokens"] = tokens;
            request
        };
        let good = service
            .call_as(&bob, operation, with(json!([made.token])))
            .await;
        assert!(good.is_ok(), "{operation}: {good:?}");
        for bad in ["nonsense", &gone.token, &foreign.token, &changed] {
            let refused = service
                .call_as(&bob, operation, with(json!([made.token, bad])))
                .await
                .unwrap_err();
            assert_eq!(
                refused.code, "InvalidGrantTokenException",
                "{operation} {bad}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_gives_nothing_to_whom_its_grant_does_not_name() {
    let (service, key) = ready().await;
    let (bob, mallory) = (Caller::nobody("bob"), Caller::nobody("mallory"));
    let made = service
        .grant(&key, grant(&bob.arn(), json!(["Encrypt"]), json!({})))
        .await;
    let mut request = encrypt(&key, json!({}));
    request["GrantTokens"] = json!([made.token]);
    assert!(!may(&service, &mallory, "Encrypt", request).await);
}
