//! The validator's texts are AWS's, as its services send them.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};
use wire::{ApiError, cloudtrail, iam, kms, sts};

fn kms_refusal(operation: &str, request: Value) -> ApiError {
    kms::Operation::decode(operation, request).unwrap_err()
}

fn iam_refusal(operation: &str, request: Value) -> ApiError {
    iam::Operation::decode(operation, request).unwrap_err()
}

#[test]
fn a_number_below_its_least() {
    let error = kms_refusal("GenerateRandom", json!({"NumberOfBytes": 0}));
    assert_eq!((error.code, error.status), ("ValidationException", 400));
    assert_eq!(
        error.message,
        "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1"
    );
}

#[test]
fn a_number_above_its_most() {
    let error =
        cloudtrail::Operation::decode("LookupEvents", json!({"MaxResults": 51})).unwrap_err();
    assert_eq!(
        error.message,
        "1 validation error detected: Value '51' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 50"
    );
}

#[test]
fn a_required_member_that_is_not_there() {
    let error = kms_refusal("DescribeKey", json!({}));
    assert_eq!(
        error.message,
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn several_failures_are_counted_and_joined() {
    let error = kms_refusal("Encrypt", json!({}));
    assert_eq!(
        error.message,
        "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value null at 'plaintext' failed to satisfy constraint: Member must not be null"
    );
}

#[test]
fn an_enumeration_names_its_set() {
    let error = kms_refusal(
        "GenerateDataKey",
        json!({"KeyId": "k", "KeySpec": "AES_512"}),
    );
    assert_eq!(
        error.message,
        "1 validation error detected: Value 'AES_512' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]"
    );
}

#[test]
fn a_sensitive_value_is_not_repeated() {
    let error = kms_refusal("Encrypt", json!({"KeyId": "k", "Plaintext": ""}));
    assert_eq!(
        error.message,
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1"
    );
}

#[test]
fn a_blob_is_shown_as_its_length() {
    let error = kms_refusal("Decrypt", json!({"CiphertextBlob": ""}));
    assert_eq!(
        error.message,
        "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=0 cap=0]' at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1"
    );
}

#[test]
fn a_blobs_length_is_that_of_its_bytes() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let encrypt = |len: usize| {
        let request = json!({"KeyId": "k", "Plaintext": STANDARD.encode(vec![7; len])});
        kms::Operation::decode("Encrypt", request)
    };
    for len in [1, 2, 3, 4094, 4095, 4096] {
        assert!(encrypt(len).is_ok(), "{len}");
    }
    for len in [4097, 4098, 4099] {
        assert!(encrypt(len).is_err(), "{len}");
    }
}

#[test]
fn a_query_service_has_its_own_code() {
    let error = iam_refusal("CreateUser", json!({"UserName": "a b"}));
    assert_eq!((error.code, error.status), ("ValidationError", 400));
    assert_eq!(
        error.message,
        r"1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+"
    );
}

#[test]
fn a_pattern_must_match_the_whole() {
    assert!(iam::Operation::decode("CreateUser", json!({"UserName": "a\n"})).is_err());
    assert!(iam::Operation::decode("CreateUser", json!({"UserName": "é"})).is_err());
    assert!(iam::Operation::decode("CreateUser", json!({"UserName": "a.b@c"})).is_ok());
}

#[test]
fn a_member_of_a_list_of_structures_has_its_place() {
    let error = iam_refusal(
        "TagUser",
        json!({"UserName": "u", "Tags": [{"Key": "k", "Value": "v"}, {"Key": "", "Value": "v"}]}),
    );
    assert_eq!(
        error.message,
        r"2 validation errors detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+; Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"
    );
}

#[test]
fn a_list_of_plain_values_names_what_its_members_must_satisfy() {
    let error = kms_refusal(
        "DescribeKey",
        json!({"KeyId": "k", "GrantTokens": ["good", ""]}),
    );
    assert_eq!(
        error.message,
        "1 validation error detected: Value '[good, ]' at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 8192, Member must have length greater than or equal to 1, Member must not be null]"
    );
}

#[test]
fn tags_may_be_in_any_script() {
    let request = json!({"UserName": "u", "Tags": [{"Key": "größe 大", "Value": "é"}]});
    assert!(iam::Operation::decode("TagUser", request).is_ok());
}

#[test]
fn a_long_value_is_cut_and_many_failures_too() {
    let error = kms_refusal("DescribeKey", json!({"KeyId": "k".repeat(100_000)}));
    assert!(error.message.len() < 2_000, "{}", error.message.len());
    let tags: Vec<Value> = (0..1000)
        .map(|_| json!({"TagKey": "", "TagValue": "v"}))
        .collect();
    let error = kms_refusal("CreateKey", json!({ "Tags": tags }));
    assert!(error.message.starts_with("16 validation errors detected"));
}

#[test]
fn an_unknown_operation_is_said_to_be_one() {
    let error = kms_refusal("Destroy", json!({}));
    assert_eq!(error.code, "UnknownOperationException");
    let error = sts::Operation::decode("Destroy", json!({})).unwrap_err();
    assert_eq!(error.code, "InvalidAction");
    assert_eq!(
        error.message,
        "Could not find operation Destroy for version 2011-06-15"
    );
}

#[test]
fn secrets_do_not_show_in_debug() {
    let request = json!({"KeyId": "k", "Plaintext": "c2VjcmV0"});
    let operation = kms::Operation::decode("Encrypt", request).unwrap();
    let shown = format!("{operation:?}");
    assert!(
        shown.contains("SensitiveBlob(…)") && !shown.contains("115"),
        "{shown}"
    );
    let kms::Operation::Encrypt(request) = operation else {
        panic!("decoded as another operation");
    };
    assert_eq!(request.plaintext.danger_expose(), b"secret");
}
