//! What the trail is told.

use serde_json::{Value, json};
use store::{Key, Store};
use trail::{Entry, outbox_key};
use wire::{iam, sts};

use crate::words::*;

fn record(entry: &Entry) -> Value {
    serde_json::from_slice(entry.record().bytes()).unwrap()
}

#[tokio::test]
async fn what_changes_state_is_recorded_in_the_same_transaction() {
    let world = World::new().await;
    let operation = iam::Operation::decode("CreateUser", json!({"UserName": "alice"})).unwrap();
    let (answer, entry) = world.run(&world.root, operation.into()).await;
    answer.unwrap();
    let entry = entry.unwrap();
    assert!(matches!(entry, Entry::InStore(_)));
    let key = Key::new(outbox_key(entry.record().event_id())).unwrap();
    let kept = world
        .store
        .get(&key)
        .await
        .unwrap()
        .expect("the outbox holds the record");
    assert_eq!(kept.value, entry.record().bytes());
    let record = record(&entry);
    assert_eq!(record["eventName"], "CreateUser");
    assert_eq!(record["requestParameters"], json!({"userName": "alice"}));
    let user = &record["responseElements"]["user"];
    assert_eq!(user["arn"], "arn:aws:iam::111122223333:user/alice");
    assert_eq!(user["createDate"], "Nov 21, 2026, 1:02:03 AM");
}

#[tokio::test]
async fn what_reads_or_fails_is_recorded_too() {
    let world = World::new().await;
    let get = |name: &str| {
        iam::Operation::decode("GetUser", json!({"UserName": name}))
            .unwrap()
            .into()
    };
    let (answer, entry) = world.run(&world.root, get("nobody")).await;
    let error = answer.unwrap_err();
    let entry = entry.unwrap();
    assert!(matches!(entry, Entry::Unwritten(_)));
    let failed = record(&entry);
    assert_eq!(failed["errorCode"], "NoSuchEntity");
    assert_eq!(failed["errorMessage"], error.message);
    world.user("alice").await;
    let (_, entry) = world.run(&world.root, get("alice")).await;
    let read = record(&entry.unwrap());
    assert_eq!(read["responseElements"], Value::Null);
    assert_eq!(read.get("errorCode"), None);
}

#[tokio::test]
async fn no_secret_is_ever_recorded() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let create =
        iam::Operation::decode("CreateAccessKey", json!({"UserName": "traveller"})).unwrap();
    let request = json!({"RoleArn": arn, "RoleSessionName": "s1"});
    let assume = sts::Operation::decode("AssumeRole", request).unwrap();
    for (caller, operation) in [(&world.root, create.into()), (&traveller, assume.into())] {
        let (answer, entry) = world.run(caller, operation).await;
        let (answer, entry) = (answer.unwrap(), entry.unwrap());
        let given = answer
            .get("AccessKey")
            .or(answer.get("Credentials"))
            .unwrap();
        let recorded = record(&entry).to_string();
        assert!(recorded.contains(given["AccessKeyId"].as_str().unwrap()));
        for secret in ["SecretAccessKey", "SessionToken"] {
            if let Some(secret) = given[secret].as_str() {
                assert!(!recorded.contains(secret));
            }
        }
    }
}

#[test]
fn a_one_time_code_is_left_out() {
    let request = json!({"RoleArn": "arn:aws:iam::111122223333:role/x", "RoleSessionName": "s1",
        "SerialNumber": "arn:aws:iam::111122223333:mfa/alice", "TokenCode": "123456", "DurationSeconds": 900,
        "Tags": [{"Key": "a", "Value": "b"}]});
    let operation = sts::Operation::decode("AssumeRole", request)
        .unwrap()
        .into();
    assert_eq!(
        identity::Identity::request_parameters(&operation),
        json!({"roleArn": "arn:aws:iam::111122223333:role/x", "roleSessionName": "s1", "durationSeconds": 900,
            "tags": [{"key": "a", "value": "b"}], "serialNumber": "arn:aws:iam::111122223333:mfa/alice"})
    );
    let none = sts::Operation::decode("GetCallerIdentity", json!({}))
        .unwrap()
        .into();
    assert_eq!(identity::Identity::request_parameters(&none), Value::Null);
}

#[tokio::test]
async fn taking_a_role_names_the_role() {
    let world = World::new().await;
    let traveller = world.traveller().await;
    let arn = world.role("Machine").await;
    let request = json!({"RoleArn": arn, "RoleSessionName": "s1"});
    let operation = sts::Operation::decode("AssumeRole", request).unwrap();
    let (answer, entry) = world.run(&traveller, operation.into()).await;
    answer.unwrap();
    let record = record(&entry.unwrap());
    assert_eq!(
        record["resources"],
        json!([{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": arn}])
    );
    assert_eq!(
        record["responseElements"]["assumedRoleUser"]["arn"],
        "arn:aws:sts::111122223333:assumed-role/Machine/s1"
    );
}
