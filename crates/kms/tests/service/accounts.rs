//! Two accounts in one service: what each has to itself, and what one may let the other do.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::{
    ACCOUNT, Caller, HERE, NO_KEY, OTHER, Service, TestKey, delegates, refusal, text,
};

/// A statement for a key policy that leaves the use of the key to another account's identity policies.
fn shares(actions: Value) -> Value {
    json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{OTHER}:root") },
        "Action": actions, "Resource": "*",
    })
}

fn may(actions: Value) -> Value {
    json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }])
}

/// A user of the other account who may do all of KMS, as far as identity policies go.
fn stranger() -> Caller {
    Caller::foreign_user("eve", may(json!("kms:*")))
}

async fn shared_key(service: &Service) -> TestKey {
    service
        .key_of(json!([delegates(), shares(json!("kms:*"))]))
        .await
}

#[tokio::test]
async fn each_account_has_its_own_keys_and_aliases() {
    let service = Service::start().await;
    let (own, foreign) = (Caller::root(), Caller::foreign_root());
    let mut ids = Vec::new();
    for caller in [&own, &foreign] {
        let made = service
            .call_as(caller, "CreateKey", json!({}))
            .await
            .unwrap();
        let id = text(&made["KeyMetadata"]["KeyId"]);
        service
            .call_as(
                caller,
                "CreateAlias",
                json!({ "AliasName": "alias/same", "TargetKeyId": id }),
            )
            .await
            .unwrap();
        ids.push(id);
    }
    let again = service.restarted().await;
    for (caller, account, id) in [(&own, ACCOUNT, &ids[0]), (&foreign, OTHER, &ids[1])] {
        let keys = again.call_as(caller, "ListKeys", json!({})).await.unwrap();
        let arn = format!("arn:aws:kms:{HERE}:{account}:key/{id}");
        assert_eq!(keys["Keys"], json!([{ "KeyId": id, "KeyArn": arn }]));
        let described = again
            .call_as(caller, "DescribeKey", json!({ "KeyId": "alias/same" }))
            .await
            .unwrap();
        assert_eq!(described["KeyMetadata"]["Arn"], arn);
        assert_eq!(described["KeyMetadata"]["AWSAccountId"], account);
        let aliases = again
            .call_as(caller, "ListAliases", json!({}))
            .await
            .unwrap();
        assert_eq!(aliases["Aliases"][0]["TargetKeyId"], **id);
        assert_eq!(aliases["Aliases"].as_array().unwrap().len(), 1);
    }
    assert!(
        again
            .stored()
            .await
            .contains(&format!("kms/{OTHER}/{HERE}/key/{}", ids[1]))
    );
}

#[tokio::test]
async fn a_key_that_is_shared_works_for_the_other_account_by_arn_and_by_alias_arn() {
    let service = Service::start().await;
    let key = shared_key(&service).await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/shared", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    for name in [
        key.arn.clone(),
        format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/shared"),
    ] {
        let request = json!({ "KeyId": name, "Plaintext": STANDARD.encode("disks") });
        let sealed = service
            .call_as(&stranger(), "Encrypt", request)
            .await
            .unwrap();
        assert_eq!(sealed["KeyId"], key.arn);
        let request = json!({ "CiphertextBlob": sealed["CiphertextBlob"] });
        for caller in [Caller::root(), stranger(), Caller::foreign_root()] {
            let opened = service
                .call_as(&caller, "Decrypt", request.clone())
                .await
                .unwrap();
            assert_eq!(opened["Plaintext"], STANDARD.encode("disks"));
        }
    }
}

#[tokio::test]
async fn by_its_bare_id_another_accounts_key_is_not_found() {
    let service = Service::start().await;
    let key = shared_key(&service).await;
    let refused = service
        .call_as(&stranger(), "DescribeKey", json!({ "KeyId": key.id }))
        .await
        .unwrap_err();
    let looked_for = format!("arn:aws:kms:{HERE}:{OTHER}:key/{}", key.id);
    assert_eq!(
        refused,
        refusal(
            "NotFoundException",
            format!("Key '{looked_for}' does not exist")
        )
    );
}

#[tokio::test]
async fn both_accounts_must_allow() {
    let service = Service::start().await;
    let shared = shared_key(&service).await;
    let own = service.key().await;
    let cases = [
        (&shared, may(json!("kms:*")), None),
        (
            &shared,
            may(json!("s3:*")),
            Some("no identity-based policy"),
        ),
        (&own, may(json!("kms:*")), Some("no resource-based policy")),
        (&own, may(json!("s3:*")), Some("no resource-based policy")),
    ];
    for (key, identity, refused_for) in cases {
        let caller = Caller::foreign_user("eve", identity.clone());
        let answer = service
            .call_as(&caller, "DescribeKey", json!({ "KeyId": key.arn }))
            .await;
        match refused_for {
            None => assert_eq!(answer.unwrap()["KeyMetadata"]["Arn"], key.arn),
            Some(words) => {
                let refused = answer.unwrap_err();
                assert_eq!(refused.code, "AccessDenied");
                assert!(refused.message.contains(words), "{identity}: {refused:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_user_of_another_account_who_is_named_still_needs_leave_at_home() {
    let service = Service::start().await;
    let names_eve = json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{OTHER}:user/eve") },
        "Action": "kms:DescribeKey", "Resource": "*",
    });
    let key = service.key_of(json!([delegates(), names_eve])).await;
    let request = json!({ "KeyId": key.arn });
    let without = Caller::foreign_user("eve", may(json!("s3:*")));
    let refused = service
        .call_as(&without, "DescribeKey", request.clone())
        .await
        .unwrap_err();
    assert!(refused.message.contains("no identity-based policy"));
    service
        .call_as(&stranger(), "DescribeKey", request)
        .await
        .unwrap();
}

#[tokio::test]
async fn who_may_not_see_another_accounts_keys_learns_nothing_of_them() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/there", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    let arn = |resource: &str| format!("arn:aws:kms:{HERE}:{ACCOUNT}:{resource}");
    let pairs = [
        (key.arn.clone(), arn(&format!("key/{NO_KEY}"))),
        (arn("alias/there"), arn("alias/none")),
    ];
    for (there, absent) in pairs {
        let mut answers = Vec::new();
        for name in [&there, &absent] {
            let refused = service
                .call_as(&stranger(), "DescribeKey", json!({ "KeyId": name }))
                .await
                .unwrap_err();
            assert_eq!(refused.code, "AccessDenied");
            answers.push(refused.message.replace(name.as_str(), "NAME"));
        }
        assert_eq!(answers[0], answers[1]);
    }
}

#[tokio::test]
async fn what_is_for_an_accounts_own_keys_is_refused_on_anothers_whatever_policies_say() {
    let service = Service::start().await;
    let key = shared_key(&service).await;
    let requests = [
        ("EnableKey", json!({})),
        ("DisableKey", json!({})),
        ("ScheduleKeyDeletion", json!({ "PendingWindowInDays": 7 })),
        ("CancelKeyDeletion", json!({})),
        ("GetKeyPolicy", json!({})),
        ("ListKeyPolicies", json!({})),
        ("PutKeyPolicy", json!({ "Policy": "{}" })),
    ];
    for (operation, mut request) in requests {
        request["KeyId"] = json!(key.arn);
        let refused = service
            .call_as(&stranger(), operation, request)
            .await
            .unwrap_err();
        assert_eq!(refused.code, "AccessDenied", "{operation}");
        assert!(
            refused.message.contains("no resource-based policy"),
            "{operation}"
        );
    }
    let request = json!({ "AliasName": "alias/mine", "TargetKeyId": key.arn });
    let refused = service
        .call_as(&stranger(), "CreateAlias", request)
        .await
        .unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
    assert_eq!(service.state(&key).await, "Enabled");
}

#[tokio::test]
async fn conditions_see_the_callers_account_and_the_keys() {
    let service = Service::start().await;
    let mut of_other = shares(json!("kms:DescribeKey"));
    of_other["Principal"] = json!({ "AWS": "*" });
    of_other["Condition"] = json!({ "StringEquals": {
        "kms:CallerAccount": OTHER, "aws:ResourceAccount": ACCOUNT,
    } });
    let key = service.key_of(json!([of_other])).await;
    let request = json!({ "KeyId": key.arn });
    service
        .call_as(&stranger(), "DescribeKey", request.clone())
        .await
        .unwrap();
    let refused = service.call("DescribeKey", request).await.unwrap_err();
    assert_eq!(refused.code, "AccessDenied");
}

#[tokio::test]
async fn the_record_names_the_owner_of_the_key() {
    let service = Service::start().await;
    let key = shared_key(&service).await;
    service
        .call_as(&stranger(), "DescribeKey", json!({ "KeyId": key.arn }))
        .await
        .unwrap();
    assert_eq!(
        service.last_record()["resources"],
        json!([{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key.arn }])
    );
}

#[tokio::test]
async fn the_record_of_a_key_under_another_accounts_name_is_not_believed() {
    let service = Service::start().await;
    let key = service.key().await;
    let moved = key.record().replace(ACCOUNT, OTHER);
    let name = |name: &str| store::Key::new(name).unwrap();
    let found = store::Store::get(&*service.store, &name(&key.record()))
        .await
        .unwrap()
        .unwrap();
    // Also with the account within changed: the wrapping knows better.
    let altered = String::from_utf8(found.value.to_vec())
        .unwrap()
        .replace(ACCOUNT, OTHER);
    for bytes in [found.value.to_vec(), altered.into_bytes()] {
        let put = store::Transaction::new().put(name(&moved), bytes);
        store::Store::commit(&*service.store, put).await.unwrap();
        let again = service.restarted().await;
        assert_eq!(again.kms.damaged(), std::slice::from_ref(&moved));
        assert_eq!(again.state(&key).await, "Enabled");
    }
}
