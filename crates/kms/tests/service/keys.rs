//! `CreateKey`, `DescribeKey`, `ListKeys`.

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_new_key_is_enabled_symmetric_and_the_owners() {
    let service = Service::start().await;
    let made = service
        .call("CreateKey", json!({ "Description": "disks" }))
        .await
        .unwrap();
    let key = &made["KeyMetadata"];
    assert_eq!(
        key["Arn"],
        format!(
            "arn:aws:kms:us-east-1:{ACCOUNT}:key/{}",
            text(&key["KeyId"])
        )
    );
    assert_eq!(key["AWSAccountId"], ACCOUNT);
    assert_eq!(key["Description"], "disks");
    assert_eq!(key["KeyState"], "Enabled");
    assert_eq!(key["Enabled"], true);
    assert_eq!(key["KeyUsage"], "ENCRYPT_DECRYPT");
    assert_eq!(key["KeySpec"], "SYMMETRIC_DEFAULT");
    assert_eq!(key["CustomerMasterKeySpec"], "SYMMETRIC_DEFAULT");
    assert_eq!(key["Origin"], "AWS_KMS");
    assert_eq!(key["KeyManager"], "CUSTOMER");
    assert_eq!(key["MultiRegion"], false);
    assert_eq!(key["EncryptionAlgorithms"], json!(["SYMMETRIC_DEFAULT"]));
    assert_eq!(key["CreationDate"], 1_767_323_045);
    assert_eq!(text(&key["CurrentKeyMaterialId"]).len(), 64);
    assert_eq!(key.get("DeletionDate"), None);
}

#[tokio::test]
async fn describe_answers_what_create_answered_however_the_key_is_named() {
    let service = Service::start().await;
    let made = service.call("CreateKey", json!({})).await.unwrap();
    let (id, arn) = (
        text(&made["KeyMetadata"]["KeyId"]),
        text(&made["KeyMetadata"]["Arn"]),
    );
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": id }),
        )
        .await
        .unwrap();
    for name in [
        id,
        arn,
        "alias/a".to_owned(),
        format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/a"),
    ] {
        assert_eq!(
            service
                .call("DescribeKey", json!({ "KeyId": name }))
                .await
                .unwrap(),
            made,
            "{name}"
        );
    }
}

#[tokio::test]
async fn names_that_lead_nowhere_are_told_apart() {
    let service = Service::start().await;
    let cases = [
        (
            NO_KEY.to_owned(),
            format!("Key 'arn:aws:kms:{HERE}:{ACCOUNT}:key/{NO_KEY}' does not exist"),
        ),
        (
            format!("arn:aws:kms:{HERE}:444455556666:key/{NO_KEY}"),
            format!("Key 'arn:aws:kms:{HERE}:444455556666:key/{NO_KEY}' does not exist"),
        ),
        (
            "alias/none".to_owned(),
            format!("Alias arn:aws:kms:{HERE}:{ACCOUNT}:alias/none is not found."),
        ),
        (
            format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/none"),
            format!("Alias arn:aws:kms:{HERE}:{ACCOUNT}:alias/none is not found."),
        ),
        (
            format!("arn:aws:kms:{THERE}:{ACCOUNT}:key/{NO_KEY}"),
            format!("Invalid arn {THERE}"),
        ),
        ("nonsense".to_owned(), "Invalid keyId 'nonsense'".to_owned()),
        (
            "arn:aws:s3:::bucket".to_owned(),
            "Invalid keyId 'arn:aws:s3:::bucket'".to_owned(),
        ),
    ];
    for (name, message) in cases {
        let refused = service
            .call("DescribeKey", json!({ "KeyId": name }))
            .await
            .unwrap_err();
        // A key of another account is refused by the policies before its absence can show.
        if name.contains("444455556666") {
            assert_eq!(refused.code, "AccessDenied");
        } else {
            assert_eq!(refused, refusal("NotFoundException", message));
        }
    }
}

#[tokio::test]
async fn an_alias_does_not_work_where_the_api_wants_a_key() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    for operation in [
        "EnableKey",
        "DisableKey",
        "ScheduleKeyDeletion",
        "CancelKeyDeletion",
        "GetKeyPolicy",
        "ListKeyPolicies",
    ] {
        let refused = service.call(operation, json!({ "KeyId": "alias/a" })).await;
        assert_eq!(
            refused,
            Err(refusal(
                "InvalidArnException",
                "Key Aliases are not supported for this operation."
            )),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn kinds_of_keys_that_are_not_offered_are_refused() {
    let service = Service::start().await;
    let unsupported = [
        json!({ "Origin": "AWS_CLOUDHSM" }),
        json!({ "Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": "cks-1234567890abcdef0" }),
    ];
    for request in unsupported {
        let refused = service
            .call("CreateKey", request.clone())
            .await
            .unwrap_err();
        assert_eq!(refused.code, "UnsupportedOperationException", "{request}");
    }
    let refused = service
        .call("CreateKey", json!({ "KeyUsage": "SIGN_VERIFY" }))
        .await;
    let message = "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT";
    assert_eq!(refused, Err(refusal("ValidationException", message)));
    let both =
        json!({ "KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT" });
    assert_eq!(
        service.call("CreateKey", both).await.unwrap_err().code,
        "ValidationException"
    );
    assert_eq!(service.stored().await, ["kms/root-key-check"]);
}

#[tokio::test]
async fn tags_that_cannot_stand_are_refused() {
    let service = Service::start().await;
    let tag = |key: &str, value: &str| json!({ "TagKey": key, "TagValue": value });
    let many: Vec<_> = (0..51).map(|n| tag(&n.to_string(), "")).collect();
    let cases = [
        json!([tag("a", "1"), tag("a", "2")]),
        json!([tag("aws:a", "1")]),
        json!([tag("a", "line\nbreak")]),
        json!([tag("a<b", "")]),
        json!(many),
    ];
    for tags in cases {
        assert_eq!(
            service
                .call("CreateKey", json!({ "Tags": tags }))
                .await
                .unwrap_err()
                .code,
            "TagException",
            "{tags}"
        );
    }
    assert!(
        service
            .call(
                "CreateKey",
                json!({ "Tags": [tag("team", "storage"), tag("Team", "é @+=")] })
            )
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_list_of_keys_comes_in_pages_and_holds_each_once() {
    let service = Service::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(service.key().await.id);
    }
    made.sort();
    let mut listed = Vec::new();
    let mut request = json!({ "Limit": 2 });
    loop {
        let page = service.call("ListKeys", request.clone()).await.unwrap();
        listed.extend(
            page["Keys"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| text(&key["KeyId"])),
        );
        assert_eq!(page["Truncated"], page.get("NextMarker").is_some());
        let Some(marker) = page.get("NextMarker") else {
            break;
        };
        request["Marker"] = marker.clone();
    }
    assert_eq!(listed, made);
    let refused = service
        .call("ListKeys", json!({ "Marker": "elsewhere" }))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "InvalidMarkerException");
}

#[tokio::test]
async fn two_regions_know_nothing_of_each_other() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    let blob = service.encrypt(&key.id, b"here", json!({})).await;

    assert_eq!(
        service.call_in(THERE, "ListKeys", json!({})).await.unwrap()["Keys"],
        json!([])
    );
    assert_eq!(
        service
            .call_in(THERE, "ListAliases", json!({}))
            .await
            .unwrap()["Aliases"],
        json!([])
    );
    for (name, message) in [
        (
            key.id.as_str(),
            format!(
                "Key 'arn:aws:kms:{THERE}:{ACCOUNT}:key/{}' does not exist",
                key.id
            ),
        ),
        (key.arn.as_str(), format!("Invalid arn {HERE}")),
        (
            "alias/a",
            format!("Alias arn:aws:kms:{THERE}:{ACCOUNT}:alias/a is not found."),
        ),
    ] {
        let refused = service
            .call_in(THERE, "DescribeKey", json!({ "KeyId": name }))
            .await;
        assert_eq!(refused, Err(refusal("NotFoundException", message)));
    }
    let refused = service
        .call_in(THERE, "Decrypt", json!({ "CiphertextBlob": blob }))
        .await;
    assert_eq!(refused, Err(refusal("InvalidCiphertextException", "")));
}
