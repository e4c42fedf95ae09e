//! Tags and descriptions, and what tags decide.

use serde_json::{Value, json};

use crate::support::*;

fn tag(key: &str, value: &str) -> Value {
    json!({ "TagKey": key, "TagValue": value })
}

async fn tag_key(service: &Service, key: &TestKey, tags: Value) -> Result<Value, Refusal> {
    let request = json!({ "KeyId": key.id, "Tags": tags });
    service.call("TagResource", request).await
}

async fn tags(service: &Service, key: &TestKey) -> Value {
    let request = json!({ "KeyId": key.id });
    service.call("ListResourceTags", request).await.unwrap()["Tags"].clone()
}

#[tokio::test]
async fn tags_are_added_replaced_listed_and_taken_off() {
    let service = Service::start().await;
    let key = service.key().await;
    assert_eq!(tags(&service, &key).await, json!([]));
    let given = json!([tag("team", "storage"), tag("Team", "")]);
    assert_eq!(tag_key(&service, &key, given).await, Ok(Value::Null));
    let given = json!([tag("team", "compute"), tag("stage", "test")]);
    tag_key(&service, &key, given).await.unwrap();
    let expected = json!([
        tag("Team", ""),
        tag("stage", "test"),
        tag("team", "compute")
    ]);
    assert_eq!(tags(&service, &key).await, expected);
    let request = json!({ "KeyId": key.arn, "TagKeys": ["team", "never there"] });
    let gone = service.call("UntagResource", request).await;
    assert_eq!(gone, Ok(Value::Null));
    let expected = json!([tag("Team", ""), tag("stage", "test")]);
    assert_eq!(tags(&service.restarted().await, &key).await, expected);
}

#[tokio::test]
async fn tags_are_listed_page_by_page() {
    let service = Service::start().await;
    let key = service.key().await;
    let all = json!([tag("a", "1"), tag("b", "2"), tag("c", "3")]);
    tag_key(&service, &key, all).await.unwrap();
    let request = json!({ "KeyId": key.id, "Limit": 2 });
    let page = service.call("ListResourceTags", request).await.unwrap();
    assert_eq!(page["Tags"], json!([tag("a", "1"), tag("b", "2")]));
    assert_eq!(page["Truncated"], true);
    let request = json!({ "KeyId": key.id, "Limit": 2, "Marker": page["NextMarker"] });
    let page = service.call("ListResourceTags", request).await.unwrap();
    assert_eq!(page, json!({ "Tags": [tag("c", "3")], "Truncated": false }));
}

#[tokio::test]
async fn a_key_has_fifty_tags_at_most() {
    let service = Service::start().await;
    let key = service.key().await;
    let many: Vec<_> = (0..50).map(|n| tag(&format!("k{n}"), "")).collect();
    tag_key(&service, &key, json!(many)).await.unwrap();
    let refused = tag_key(&service, &key, json!([tag("one more", "")])).await;
    assert_eq!(refused, Err(refusal("TagException", "Too many tags")));
    tag_key(&service, &key, json!([tag("k7", "other")]))
        .await
        .unwrap();
}

#[tokio::test]
async fn tags_of_the_service_itself_are_neither_given_nor_taken() {
    let service = Service::start().await;
    let key = service.key().await;
    let reserved = refusal("TagException", "Tags beginning with aws: are reserved");
    let refused = tag_key(&service, &key, json!([tag("aws:a", "")])).await;
    assert_eq!(refused, Err(reserved.clone()));
    let request = json!({ "KeyId": key.id, "TagKeys": ["aws:a"] });
    let refused = service.call("UntagResource", request).await;
    assert_eq!(refused, Err(reserved));
}

#[tokio::test]
async fn a_tag_decides_who_may_use_a_key_from_the_moment_it_is_given() {
    let service = Service::start().await;
    let mut statement = lets("machine", "kms:Encrypt");
    statement["Condition"] = json!({ "StringEquals": { "aws:ResourceTag/stage": "live" } });
    let key = service.key_of(json!([delegates(), statement])).await;
    let machine = Caller::nobody("machine");
    let encrypt = || async {
        let request = json!({ "KeyId": key.id, "Plaintext": "eA==" });
        service.call_as(&machine, "Encrypt", request).await.is_ok()
    };
    assert!(!encrypt().await);
    tag_key(&service, &key, json!([tag("stage", "live")]))
        .await
        .unwrap();
    assert!(encrypt().await);
    let request = json!({ "KeyId": key.id, "TagKeys": ["stage"] });
    service.call("UntagResource", request).await.unwrap();
    assert!(!encrypt().await);
}

#[tokio::test]
async fn a_policy_can_say_which_tags_are_given_and_taken() {
    let service = Service::start().await;
    let mut gives = lets("clerk", "kms:TagResource");
    gives["Condition"] = json!({
        "StringEquals": { "aws:RequestTag/stage": "test" },
        "ForAllValues:StringEquals": { "aws:TagKeys": "stage" },
    });
    let mut takes = lets("clerk", "kms:UntagResource");
    takes["Condition"] = json!({ "ForAllValues:StringEquals": { "aws:TagKeys": "stage" } });
    let key = service.key_of(json!([delegates(), gives, takes])).await;
    let clerk = Caller::nobody("clerk");
    for (tags, allowed) in [
        (json!([tag("stage", "test")]), true),
        (json!([tag("stage", "live")]), false),
        (json!([tag("stage", "test"), tag("team", "a")]), false),
    ] {
        let request = json!({ "KeyId": key.id, "Tags": tags });
        let answer = service.call_as(&clerk, "TagResource", request).await;
        assert_eq!(answer.is_ok(), allowed, "{tags}");
    }
    for (keys, allowed) in [(json!(["team"]), false), (json!(["stage"]), true)] {
        let request = json!({ "KeyId": key.id, "TagKeys": keys });
        let answer = service.call_as(&clerk, "UntagResource", request).await;
        assert_eq!(answer.is_ok(), allowed, "{keys}");
    }
}

#[tokio::test]
async fn a_description_is_what_it_was_last_said_to_be() {
    let service = Service::start().await;
    let key = service.key_with(json!({ "Description": "disks" })).await;
    let request = json!({ "KeyId": key.id, "Description": "tapes" });
    let answer = service.call("UpdateKeyDescription", request).await;
    assert_eq!(answer, Ok(Value::Null));
    assert_eq!(
        service.metadata(HERE, &key.id).await["Description"],
        "tapes"
    );
    let request = json!({ "KeyId": key.id, "Description": "" });
    service.call("UpdateKeyDescription", request).await.unwrap();
    assert_eq!(service.metadata(HERE, &key.id).await["Description"], "");
}
