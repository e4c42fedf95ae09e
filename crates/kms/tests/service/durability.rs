//! Restarts, another root key, damaged records, a store that fails.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kms::OpenError;
use serde_json::{Value, json};
use store::Fault;

use crate::support::*;

async fn everything(service: &Service, keys: &[&TestKey]) -> Vec<Value> {
    let mut seen = vec![
        service.call("ListKeys", json!({})).await.unwrap(),
        service.call("ListAliases", json!({})).await.unwrap(),
    ];
    for key in keys {
        seen.push(
            service
                .call("DescribeKey", json!({ "KeyId": key.id }))
                .await
                .unwrap(),
        );
        seen.push(
            service
                .call("GetKeyPolicy", json!({ "KeyId": key.id }))
                .await
                .unwrap(),
        );
    }
    seen
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    let service = Service::start().await;
    let (one, two, three) = (
        service.key().await,
        service
            .key_of(json!([delegates(), lets("bob", "kms:Decrypt")]))
            .await,
        service.key().await,
    );
    service
        .call(
            "CreateAlias",
            json!({ "AliasName": "alias/a", "TargetKeyId": one.id }),
        )
        .await
        .unwrap();
    service
        .call("DisableKey", json!({ "KeyId": two.id }))
        .await
        .unwrap();
    service
        .call("ScheduleKeyDeletion", json!({ "KeyId": three.id }))
        .await
        .unwrap();
    let blob = service.encrypt("alias/a", b"x", json!({ "a": "1" })).await;
    let again = service.restarted().await;
    assert!(again.kms.damaged().is_empty());
    let keys = [&one, &two, &three];
    assert_eq!(
        everything(&again, &keys).await,
        everything(&service, &keys).await
    );
    assert_eq!(
        again.decrypt(&blob, json!({ "a": "1" })).await.unwrap(),
        b"x"
    );
    again
        .call("EnableKey", json!({ "KeyId": two.id }))
        .await
        .unwrap();
}

#[tokio::test]
async fn another_root_key_opens_nothing() {
    let service = Service::start().await;
    service.key().await;
    let refused = Service::over(service.store.clone(), 2).await.err().unwrap();
    assert!(matches!(refused, OpenError::WrongRootKey), "{refused}");
    assert!(Service::over(service.store.clone(), 1).await.is_ok());
}

#[tokio::test]
async fn another_root_key_is_noticed_in_a_store_without_keys() {
    let service = Service::start().await;
    assert!(matches!(
        Service::over(service.store.clone(), 2).await,
        Err(OpenError::WrongRootKey)
    ));
}

#[tokio::test]
async fn another_root_key_is_noticed_even_when_the_check_is_lost() {
    let service = Service::start().await;
    service.key().await;
    let check = store::Key::new("kms/root-key-check").unwrap();
    store::Store::commit(&*service.store, store::Transaction::new().delete(check))
        .await
        .unwrap();
    assert!(matches!(
        Service::over(service.store.clone(), 2).await,
        Err(OpenError::WrongRootKey)
    ));
    assert!(Service::over(service.store.clone(), 1).await.is_ok());
    assert!(
        service
            .stored()
            .await
            .contains(&"kms/root-key-check".to_owned())
    );
}

#[tokio::test]
async fn a_record_that_cannot_be_read_costs_that_key_and_no_other() {
    for damage in [b"".as_slice(), b"{}", b"not json", br#"{"format":99}"#] {
        let service = Service::start().await;
        let (lost, kept) = (service.key().await, service.key().await);
        let (of_lost, of_kept) = (
            service.encrypt(&lost.id, b"x", json!({})).await,
            service.encrypt(&kept.id, b"x", json!({})).await,
        );
        service.overwrite(&lost.record(), |_| damage.to_vec()).await;
        let again = service.restarted().await;
        assert_eq!(again.kms.damaged(), [lost.record()]);
        assert_eq!(again.decrypt(&of_kept, json!({})).await.unwrap(), b"x");
        let told = Err(refusal(
            "KMSInternalException",
            format!(
                "The record of {} cannot be read. Restore it from a backup.",
                lost.arn
            ),
        ));
        assert_eq!(
            again
                .decrypt(&of_lost, json!({}))
                .await
                .map(|_| Value::Null),
            told
        );
        for (operation, request) in [
            ("DescribeKey", json!({ "KeyId": lost.id })),
            ("PutKeyPolicy", json!({ "KeyId": lost.id, "Policy": "{}" })),
            ("ScheduleKeyDeletion", json!({ "KeyId": lost.id })),
        ] {
            assert_eq!(again.call(operation, request).await, told, "{operation}");
        }
        let listed = again.call("ListKeys", json!({})).await.unwrap();
        assert_eq!(listed["Keys"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn key_material_that_does_not_unwrap_makes_that_key_unavailable_and_no_other() {
    let swap = |from: &'static str, to: &'static str| {
        move |record: Vec<u8>| {
            String::from_utf8(record)
                .unwrap()
                .replace(from, to)
                .into_bytes()
        }
    };
    let flip = |record: Vec<u8>| {
        let mut record: Value = serde_json::from_slice(&record).unwrap();
        let mut wrapped = STANDARD
            .decode(text(&record["backing"][0]["wrapped"]))
            .unwrap();
        *wrapped.last_mut().unwrap() ^= 1;
        record["backing"][0]["wrapped"] = json!(STANDARD.encode(wrapped));
        record.to_string().into_bytes()
    };
    type Damage = Box<dyn Fn(Vec<u8>) -> Vec<u8>>;
    let damages: [(&str, Damage); 5] = [
        ("a flipped bit", Box::new(flip)),
        (
            "another spec",
            Box::new(swap("SYMMETRIC_DEFAULT", "HMAC_256")),
        ),
        (
            "another usage",
            Box::new(swap("ENCRYPT_DECRYPT", "SIGN_VERIFY")),
        ),
        (
            "another origin",
            Box::new(swap("\"AWS_KMS\"", "\"EXTERNAL\"")),
        ),
        (
            "another version",
            Box::new(swap("\"version\":1", "\"version\":2")),
        ),
    ];
    for (what, damage) in damages {
        let service = Service::start().await;
        let (lost, kept) = (service.key().await, service.key().await);
        let of_kept = service.encrypt(&kept.id, b"x", json!({})).await;
        service.overwrite(&lost.record(), damage).await;
        let again = service.restarted().await;
        assert_eq!(again.kms.damaged(), [lost.record()], "{what}");
        assert_eq!(again.state(&lost).await, "Unavailable", "{what}");
        let refused = again
            .call("Encrypt", json!({ "KeyId": lost.id, "Plaintext": "eA==" }))
            .await
            .unwrap_err();
        assert_eq!(refused.code, "KeyUnavailableException", "{what}");
        again
            .call("DisableKey", json!({ "KeyId": lost.id }))
            .await
            .unwrap();
        assert_eq!(again.state(&lost).await, "Unavailable", "{what}");
        assert_eq!(
            again.decrypt(&of_kept, json!({})).await.unwrap(),
            b"x",
            "{what}"
        );
        again
            .call("ScheduleKeyDeletion", json!({ "KeyId": lost.id }))
            .await
            .unwrap();
        assert_eq!(again.state(&lost).await, "PendingDeletion", "{what}");
    }
}

#[tokio::test]
async fn backing_keys_do_not_move_between_keys() {
    let service = Service::start().await;
    let (one, two) = (service.key().await, service.key().await);
    let name = store::Key::new(one.record()).unwrap();
    let of_one = store::Store::get(&*service.store, &name)
        .await
        .unwrap()
        .unwrap()
        .value
        .to_vec();
    service.overwrite(&two.record(), |_| of_one).await;
    let again = service.restarted().await;
    assert_eq!(
        (again.state(&one).await, again.state(&two).await),
        ("Enabled".to_owned(), "Unavailable".to_owned())
    );
}

#[tokio::test]
async fn a_key_of_another_account_is_not_taken_for_one_of_this() {
    let service = Service::start().await;
    let key = service.key().await;
    service
        .overwrite(&key.record(), |record| {
            String::from_utf8(record)
                .unwrap()
                .replacen(ACCOUNT, "444455556666", 1)
                .into_bytes()
        })
        .await;
    let again = service.restarted().await;
    assert_eq!(again.kms.damaged(), [key.record()]);
}

#[tokio::test]
async fn a_store_that_refuses_a_change_leaves_everything_as_it_was() {
    for (fault, code) in [
        (Fault::Full, "KMSInternalException"),
        (Fault::Unavailable, "DependencyTimeoutException"),
        (Fault::Conflict, "KMSInternalException"),
    ] {
        let service = Service::start().await;
        let key = service.key().await;
        service.store.inject(fault);
        let refused = service
            .call("DisableKey", json!({ "KeyId": key.id }))
            .await
            .unwrap_err();
        assert_eq!(refused.code, code, "{fault:?}");
        assert_eq!(service.last_record()["errorCode"], code);
        assert!(matches!(service.last_entry(), trail::Entry::Unwritten(_)));
        assert_eq!(service.state(&key).await, "Enabled");
        service
            .call("DisableKey", json!({ "KeyId": key.id }))
            .await
            .unwrap();
        assert_eq!(service.restarted().await.state(&key).await, "Disabled");
    }
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_is_believed_when_it_is_back() {
    for (fault, state) in [
        (Fault::CrashBeforeCommit, "Enabled"),
        (Fault::CrashAfterCommit, "Disabled"),
    ] {
        let service = Service::start().await;
        let key = service.key().await;
        service.store.inject(fault);
        let refused = service
            .call("DisableKey", json!({ "KeyId": key.id }))
            .await
            .unwrap_err();
        assert_eq!(refused.code, "KMSInternalException", "{fault:?}");
        service.store.reopen();
        assert_eq!(service.restarted().await.state(&key).await, state);
        // The process that saw the failure comes to the same view with its next change at the latest.
        if service
            .call("ScheduleKeyDeletion", json!({ "KeyId": key.id }))
            .await
            .is_err()
        {
            assert_eq!(service.state(&key).await, state);
            service
                .call("ScheduleKeyDeletion", json!({ "KeyId": key.id }))
                .await
                .unwrap();
        }
        assert_eq!(
            service.restarted().await.state(&key).await,
            "PendingDeletion"
        );
    }
}

#[tokio::test]
async fn a_change_made_behind_the_services_back_is_not_overwritten() {
    let service = Service::start().await;
    let other = service.restarted().await;
    let key = service.key().await;
    let again = service.restarted().await;
    again
        .call("DisableKey", json!({ "KeyId": key.id }))
        .await
        .unwrap();
    let refused = service
        .call("ScheduleKeyDeletion", json!({ "KeyId": key.id }))
        .await
        .unwrap_err();
    assert_eq!(refused.code, "KMSInternalException");
    assert_eq!(service.state(&key).await, "Disabled");
    assert_eq!(
        other.call("ListKeys", json!({})).await.unwrap()["Keys"],
        json!([])
    );
}

#[tokio::test]
async fn mutations_at_the_same_time_happen_one_after_the_other() {
    let service = Arc::new(Service::start().await);
    let key = service.key().await;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (service, id) = (service.clone(), key.id.clone());
            let request = json!({ "AliasName": format!("alias/{}", n % 5), "TargetKeyId": id });
            tokio::spawn(async move { service.call("CreateAlias", request).await })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(refused) => assert_eq!(refused.code, "AlreadyExistsException"),
        }
    }
    assert_eq!(made, 5);
}

#[tokio::test]
async fn an_alias_record_that_cannot_be_read_is_mended_by_making_the_alias_again() {
    let service = Service::start().await;
    let key = service.key().await;
    let make = json!({ "AliasName": "alias/a", "TargetKeyId": key.id });
    service.call("CreateAlias", make.clone()).await.unwrap();
    let record = format!("kms/{ACCOUNT}/{HERE}/alias/a");
    service.overwrite(&record, |_| b"?".to_vec()).await;
    let again = service.restarted().await;
    assert_eq!(again.kms.damaged(), [record]);
    assert_eq!(
        again
            .call("DescribeKey", json!({ "KeyId": "alias/a" }))
            .await
            .unwrap_err()
            .code,
        "NotFoundException"
    );
    again.call("CreateAlias", make).await.unwrap();
    assert!(
        again
            .restarted()
            .await
            .call("DescribeKey", json!({ "KeyId": "alias/a" }))
            .await
            .is_ok()
    );
}
