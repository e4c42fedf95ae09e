//! Records in CloudTrail's schema.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use trail::{Draft, DraftFacts, Record, RecordError, Resource};

fn parsed(record: &Record) -> Value {
    serde_json::from_slice(record.bytes()).unwrap()
}

#[test]
fn success_has_cloudtrails_members_in_its_order() {
    let mut draft = Draft::new(DraftFacts {
        tls: Some(json!({ "tlsVersion": "TLSv1.3" }).into()),
        ..DraftFacts::example()
    });
    draft.add_request_parameter("keyId", "k".into());
    let id = draft.event_id().to_string();
    let event = parsed(&draft.succeeded(
        None,
        vec![Resource::new("arn:aws:kms:::key/k", "1", "AWS::KMS::Key")],
    ));
    let names: Vec<_> = event
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let wanted = "eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent \
                  requestParameters responseElements requestID eventID readOnly resources eventType managementEvent \
                  recipientAccountId eventCategory tlsDetails";
    assert_eq!(names, wanted.split_whitespace().collect::<Vec<_>>());
    assert_eq!(event["eventID"], id);
    assert_eq!(event["eventTime"], "1970-01-01T00:00:00Z");
    assert_eq!(
        event["requestParameters"],
        json!({ "encryptionAlgorithm": "SYMMETRIC_DEFAULT", "keyId": "k" })
    );
    assert_eq!(event["responseElements"], Value::Null);
    assert_eq!(
        event["resources"],
        json!([{ "accountId": "1", "type": "AWS::KMS::Key", "ARN": "arn:aws:kms:::key/k" }])
    );
    assert_eq!(
        (&event["eventType"], &event["eventCategory"]),
        (&json!("AwsApiCall"), &json!("Management"))
    );
}

#[test]
fn failure_has_code_and_message_and_data_events_say_so() {
    let facts = DraftFacts {
        management: false,
        read_only: false,
        ..DraftFacts::example()
    };
    let event = parsed(&Draft::new(facts).failed("AccessDenied", "not you", Vec::new()));
    assert_eq!(
        (&event["errorCode"], &event["errorMessage"]),
        (&json!("AccessDenied"), &json!("not you"))
    );
    assert_eq!(
        (&event["eventCategory"], &event["managementEvent"]),
        (&json!("Data"), &json!(false))
    );
    assert_eq!(event.get("resources"), None);
}

#[test]
fn what_a_caller_decides_is_bounded_and_stays_one_line() {
    let mut facts = DraftFacts::example();
    facts.user_agent = Some(format!("é\n{}", "é".repeat(10_000)));
    facts.request_parameters = Some(json!({ "x": "y".repeat(1 << 20) }));
    let record = Draft::new(facts).failed("Code", &"m".repeat(1 << 20), Vec::new());
    assert!(record.bytes().len() < 4096 && !record.bytes().contains(&b'\n'));
    let event = parsed(&record);
    assert!(event["userAgent"].as_str().unwrap().len() <= 1024);
    assert_eq!(
        event["requestParameters"],
        json!({ "omitted": true, "originalSize": (1 << 20) + 8 })
    );
    assert_eq!(Record::from_bytes(record.bytes()).unwrap(), record);
}

#[test]
fn what_is_no_record_is_refused() {
    for (bytes, wanted) in [
        (&b""[..], RecordError::NotOneLine),
        (b"[]", RecordError::NotOneLine),
        (b"{\"eventID\":\n1}", RecordError::NotOneLine),
        (b"{}", RecordError::NotJson),
        (b"{\"eventID\":1}", RecordError::NotJson),
        (b"{\"eventID\":\"x\"}", RecordError::EventId),
        (
            b"{\"eventID\":\"5A3A0F0E-0000-4000-8000-000000000001\"}",
            RecordError::EventId,
        ),
    ] {
        assert_eq!(
            Record::from_bytes(bytes),
            Err(wanted),
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }
    assert_eq!(
        Record::from_bytes(vec![b'{'; 2 << 20]),
        Err(RecordError::TooLong { len: 2 << 20 })
    );
}
