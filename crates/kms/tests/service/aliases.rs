//! `CreateAlias`, `UpdateAlias`, `DeleteAlias`, `ListAliases`.

use serde_json::json;
use wire::kms::Operation;

use crate::support::*;

async fn with_alias() -> (Service, TestKey) {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
    (service, key)
}

#[tokio::test]
async fn an_alias_names_its_key_until_it_is_deleted() {
    let (service, key) = with_alias().await;
    let described = service
        .call("DescribeKey", json!({ "KeyId": "alias/a" }))
        .await
        .unwrap();
    assert_eq!(described["KeyMetadata"]["Arn"], key.arn);
    service
        .call("DeleteAlias", json!({ "AliasName": "alias/a" }))
        .await
        .unwrap();
    assert_eq!(
        service
            .call("DescribeKey", json!({ "KeyId": "alias/a" }))
            .await
            .unwrap_err()
            .code,
        "NotFoundException"
    );
    assert_eq!(service.state(&key).await, "Enabled");
}

#[tokio::test]
async fn an_alias_that_is_there_cannot_be_made_again() {
    let (service, key) = with_alias().await;
    let refused = service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await;
    let message =
        format!("An alias with the name arn:aws:kms:{HERE}:{ACCOUNT}:alias/a already exists");
    assert_eq!(refused, Err(refusal("AlreadyExistsException", message)));
}

#[tokio::test]
async fn an_alias_can_be_moved_and_says_when() {
    let (service, _) = with_alias().await;
    let other = service.key().await;
    service.a_second_passes();
    service
        .call(
            "UpdateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": other.arn }),
        )
        .await
        .unwrap();
    let listed = service
        .call("ListAliases", json!({ "KeyId": other.id }))
        .await
        .unwrap();
    assert_eq!(
        listed["Aliases"],
        json!([{
            "AliasName": "alias/a", "AliasArn": format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/a"), "TargetKeyId": other.id,
            "CreationDate": 1_767_323_045, "LastUpdatedDate": 1_767_323_046,
        }])
    );
}

#[tokio::test]
async fn an_alias_that_is_not_there_can_be_neither_moved_nor_deleted() {
    let service = Service::start().await;
    let key = service.key().await;
    let missing = refusal(
        "NotFoundException",
        format!("Alias arn:aws:kms:{HERE}:{ACCOUNT}:alias/a is not found."),
    );
    let moved = service
        .call(
            "UpdateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": key.id }),
        )
        .await;
    assert_eq!(moved, Err(missing.clone()));
    assert_eq!(
        service
            .call("DeleteAlias", json!({ "AliasName": "alias/a" }))
            .await,
        Err(missing)
    );
}

#[tokio::test]
async fn names_that_are_no_alias_names_are_refused() {
    let service = Service::start().await;
    let key = service.key().await;
    for (name, code) in [
        ("alias/aws/mine", "InvalidAliasNameException"),
        ("alias/", "InvalidAliasNameException"),
        ("alias/colon:colon", "InvalidAliasNameException"),
        ("mine", "ValidationException"),
    ] {
        let refused = service
            .call(
                "CreateAlias",
                json!({ "AliasName": name, "TargetKeyId": key.id }),
            )
            .await;
        assert_eq!(refused.unwrap_err().code, code, "{name}");
    }
}

#[tokio::test]
async fn an_alias_points_at_a_key_and_never_at_an_alias() {
    let (service, _) = with_alias().await;
    for target in [
        "alias/a".to_owned(),
        format!("arn:aws:kms:{HERE}:{ACCOUNT}:alias/a"),
    ] {
        let refused = service
            .call(
                "CreateAlias",
                json!({ "AliasName": "alias/b", "TargetKeyId": target }),
            )
            .await;
        assert_eq!(
            refused,
            Err(refusal(
                "ValidationException",
                "Aliases must refer to keys. Not aliases"
            ))
        );
    }
}

#[tokio::test]
async fn a_key_has_at_most_fifty_aliases() {
    let service = Service::start().await;
    let key = service.key().await;
    for n in 0..50 {
        let request = json!({ "AliasName": format!("alias/{n}"), "TargetKeyId": key.id });
        service.call("CreateAlias", request).await.unwrap();
    }
    let refused = service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/50", "TargetKeyId": key.id }),
        )
        .await;
    assert_eq!(refused.unwrap_err().code, "LimitExceededException");
    // One of them can still be written again.
    service
        .call(
            "UpdateAlias",
            json!({ "AliasName": "alias/7", "TargetKeyId": key.id }),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_list_of_aliases_comes_in_pages_for_one_key_or_for_all() {
    let service = Service::start().await;
    let (one, two) = (service.key().await, service.key().await);
    for (name, key) in [("alias/a", &one), ("alias/b", &two), ("alias/c", &one)] {
        service
            .call(
                "CreateAlias",
                json!({ "AliasName": name, "TargetKeyId": key.id }),
            )
            .await
            .unwrap();
    }
    let names = |page: &serde_json::Value| -> Vec<String> {
        page["Aliases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alias| text(&alias["AliasName"]))
            .collect()
    };
    let first = service
        .call("ListAliases", json!({ "Limit": 2 }))
        .await
        .unwrap();
    assert_eq!(
        (names(&first), &first["Truncated"]),
        (
            vec!["alias/a".to_owned(), "alias/b".to_owned()],
            &json!(true)
        )
    );
    let rest = service
        .call(
            "ListAliases",
            json!({ "Limit": 2, "Marker": first["NextMarker"] }),
        )
        .await
        .unwrap();
    assert_eq!(
        (names(&rest), &rest["Truncated"]),
        (vec!["alias/c".to_owned()], &json!(false))
    );
    let of_one = service
        .call("ListAliases", json!({ "KeyId": one.arn }))
        .await
        .unwrap();
    assert_eq!(names(&of_one), ["alias/a", "alias/c"]);
    let of_none = service
        .call("ListAliases", json!({ "KeyId": NO_KEY }))
        .await
        .unwrap_err();
    assert_eq!(of_none.code, "NotFoundException");
}

#[tokio::test]
async fn leave_for_one_key_is_not_leave_for_the_key_that_its_alias_moved_to() {
    let (service, _) = with_alias().await;
    let other = service.key().await;
    let operation = Operation::decode(
        "Encrypt",
        json!({ "KeyId": "alias/a", "Plaintext": "eA==" }),
    )
    .unwrap();
    let leave = service.authorize(&Caller::root(), HERE, operation).unwrap();
    service
        .call(
            "UpdateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": other.id }),
        )
        .await
        .unwrap();
    let refused = service.execute(leave, HERE).await.unwrap_err();
    assert_eq!(refused.code, "KMSInternalException");
    assert!(
        refused.message.contains("came to stand for another key"),
        "{}",
        refused.message
    );
}
