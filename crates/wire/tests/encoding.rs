//! Answers and errors as clients read them, and how a request finds its operation.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wire::{
    Answer, ApiError, EpochSeconds, Head, SensitiveBlob, SensitiveString, iam, json, kms,
    protocol::{self, Dialect, JsonVersion, Protocol},
    query::Form,
    sts,
};

fn body(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let found = answer.headers.iter().find(|(each, _)| *each == name);
    &found.unwrap().1
}

#[test]
fn a_json_answer_has_base64_and_epoch_seconds() {
    let response = kms::Response::Decrypt(kms::DecryptResponse {
        key_id: Some("arn".to_owned()),
        plaintext: Some(SensitiveBlob::copy_of(b"secret")),
        ..kms::DecryptResponse::default()
    });
    let answer = response.encode("id-1").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(
        header(&answer, "content-type"),
        "application/x-amz-json-1.1"
    );
    assert_eq!(header(&answer, "x-amzn-requestid"), "id-1");
    assert_eq!(
        body(&answer),
        format!(
            r#"{{"KeyId":"arn","Plaintext":"{}"}}"#,
            STANDARD.encode("secret")
        )
    );

    let response = kms::Response::ScheduleKeyDeletion(kms::ScheduleKeyDeletionResponse {
        deletion_date: Some(EpochSeconds("2026-01-02T03:04:05.678Z".parse().unwrap())),
        ..kms::ScheduleKeyDeletionResponse::default()
    });
    assert_eq!(
        body(&response.encode("id").unwrap()),
        r#"{"DeletionDate":1767323045.678}"#
    );
}

#[test]
fn an_operation_without_an_answer_has_an_empty_body() {
    assert_eq!(body(&kms::Response::EnableKey.encode("id").unwrap()), "");
}

#[test]
fn a_query_answer_stands_in_its_result() {
    let response = sts::Response::GetCallerIdentity(sts::GetCallerIdentityResponse {
        user_id: Some("AIDA".to_owned()),
        account: Some("111122223333".to_owned()),
        arn: Some("a<b>&c".to_owned()),
    });
    let answer = response.encode("id-1").unwrap();
    assert_eq!(header(&answer, "content-type"), "text/xml");
    assert_eq!(
        body(&answer),
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><UserId>AIDA</UserId><Account>111122223333</Account><Arn>a&lt;b&gt;&amp;c</Arn></GetCallerIdentityResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    );
    assert_eq!(
        body(&iam::Response::DeleteUser.encode("id-1").unwrap()),
        "<DeleteUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></DeleteUserResponse>"
    );
}

#[test]
fn a_secret_is_in_the_answer_and_nowhere_in_debug() {
    let response = iam::Response::CreateAccessKey(iam::CreateAccessKeyResponse {
        access_key: iam::AccessKey {
            user_name: "u".to_owned(),
            access_key_id: "AKIA".to_owned(),
            status: iam::StatusType::Active,
            secret_access_key: SensitiveString::new("wJalr".to_owned()),
            create_date: None,
        },
    });
    let answer = response.encode("id").unwrap();
    assert!(body(&answer).contains("<SecretAccessKey>wJalr</SecretAccessKey>"));
    assert!(!format!("{response:?}{answer:?}").contains("wJalr"));
}

#[test]
fn an_error_is_written_in_the_callers_protocol() {
    let error = kms::errors::NOT_FOUND_EXCEPTION.because("Alias \"a\" is not found.");
    let answer = error.encode(Dialect::Json(JsonVersion::V1_1), "id-1");
    assert_eq!(answer.status, 400);
    assert_eq!(
        serde_json::from_slice::<Value>(&answer.body).unwrap(),
        json!({"__type": "NotFoundException", "message": "Alias \"a\" is not found."})
    );

    let error = iam::errors::NO_SUCH_ENTITY_EXCEPTION.because("no <u>");
    let answer = error.encode(
        Dialect::Query("https://iam.amazonaws.com/doc/2010-05-08/"),
        "id-1",
    );
    assert_eq!(answer.status, 404);
    assert_eq!(
        body(&answer),
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no &lt;u&gt;</Message></Error><RequestId>id-1</RequestId></ErrorResponse>"
    );

    let error = ApiError::sender("NoSuchBucket", 404, "The specified bucket does not exist")
        .with_detail("BucketName", "b");
    let answer = error.encode(Dialect::S3, "id-1");
    assert_eq!(header(&answer, "x-amz-request-id"), "id-1");
    assert_eq!(
        body(&answer),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><BucketName>b</BucketName><RequestId>id-1</RequestId></Error>"
    );
}

#[test]
fn an_access_denied_has_its_text_where_kms_has_it() {
    let error = ApiError::sender("AccessDeniedException", 400, "no");
    let answer = error.encode(Dialect::Json(JsonVersion::V1_1), "id");
    assert_eq!(
        body(&answer),
        r#"{"__type":"AccessDeniedException","Message":"no"}"#
    );
}

#[test]
fn a_models_receiver_errors_have_status_500() {
    assert_eq!(kms::errors::KMS_INTERNAL_EXCEPTION.status, 500);
    assert_eq!(kms::errors::KMS_INVALID_STATE_EXCEPTION.status, 400);
    assert_eq!(iam::errors::ENTITY_ALREADY_EXISTS_EXCEPTION.status, 409);
}

fn head(method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> Head {
    Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

#[test]
fn a_target_leads_to_json() {
    let head = head(
        "POST",
        "/",
        "",
        &[
            ("x-amz-target", "TrentService.ListKeys"),
            ("content-type", "application/x-amz-json-1.1"),
        ],
    );
    let protocol = protocol::detect(&head);
    assert_eq!(protocol.dialect(), Dialect::Json(JsonVersion::V1_1));
    let request = protocol.decode(&head, br#"{"Limit": 5}"#).unwrap();
    assert_eq!(
        (request.service.name, request.operation.name),
        ("kms", "ListKeys")
    );
    assert_eq!(request.value, json!({"Limit": 5}));
}

#[test]
fn a_form_leads_to_the_query_service_of_its_version() {
    let head = head(
        "POST",
        "/",
        "",
        &[(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )],
    );
    let protocol = protocol::detect(&head);
    assert_eq!(protocol, Protocol::Query);
    let request = protocol
        .decode(&head, b"Action=GetUser&Version=2010-05-08&UserName=a%20b")
        .unwrap();
    assert_eq!(
        (request.service.name, request.operation.name),
        ("iam", "GetUser")
    );
    assert_eq!(request.value, json!({"UserName": "a b"}));
    let error = protocol
        .decode(&head, b"Action=GetUser&Version=2011-06-15")
        .unwrap_err();
    assert_eq!(
        error.message,
        "Could not find operation GetUser for version 2011-06-15"
    );
    assert_eq!(
        protocol
            .decode(&head, b"Version=2011-06-15")
            .unwrap_err()
            .code,
        "MissingAction"
    );
}

#[test]
fn a_get_with_an_action_is_query_and_anything_else_is_s3() {
    let presigned = head(
        "GET",
        "/",
        "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=60",
        &[],
    );
    let protocol = protocol::detect(&presigned);
    assert_eq!(
        protocol.decode(&presigned, b"").unwrap().operation.name,
        "GetCallerIdentity"
    );
    for s3 in [
        head("GET", "/", "", &[]),
        head("GET", "/bucket/Action=", "list-type=2", &[]),
        head(
            "PUT",
            "/bucket/key",
            "",
            &[("content-type", "application/x-www-form-urlencoded")],
        ),
        head(
            "POST",
            "/bucket",
            "delete",
            &[("content-type", "application/x-www-form-urlencoded")],
        ),
    ] {
        assert_eq!(protocol::detect(&s3), Protocol::S3, "{s3:?}");
    }
}

#[test]
fn an_unknown_target_is_an_unknown_operation() {
    for target in ["TrentService.Nothing", "Nobody.ListKeys", "ListKeys", ""] {
        let head = head("POST", "/", "", &[("x-amz-target", target)]);
        let error = protocol::detect(&head).decode(&head, b"{}").unwrap_err();
        assert_eq!(error.code, "UnknownOperationException", "{target}");
    }
}

fn json_refusal(body: &str) -> ApiError {
    json::decode(body.as_bytes(), &kms::shapes::ENCRYPT_REQUEST).unwrap_err()
}

#[test]
fn json_that_is_not_the_shapes_is_refused_in_awss_words() {
    for (body, message) in [
        (
            r#"{"KeyId": 5}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            r#"{"KeyId": true}"#,
            "TRUE_VALUE can not be converted to a String",
        ),
        (
            r#"{"KeyId": {}}"#,
            "Start of structure or map found where not expected.",
        ),
        (r#"{"KeyId": []}"#, "Start of list found where not expected"),
        (
            r#"{"DryRun": "true"}"#,
            "STRING_VALUE can not be converted to a Boolean",
        ),
        (r#"{"GrantTokens": "x"}"#, "Unexpected field type"),
        (r#"{"Plaintext": "%"}"#, "The member is not valid base64"),
        ("[]", "Start of list found where not expected"),
    ] {
        let error = json_refusal(body);
        assert_eq!(
            (error.code, error.message.as_str()),
            ("SerializationException", message),
            "{body}"
        );
    }
}

#[test]
fn json_that_readers_could_disagree_on_is_refused() {
    for body in [
        r#"{"KeyId": "a", "KeyId": "b"}"#,
        r#"{"EncryptionContext": {"a": "1", "a": "2"}}"#,
        r#"{"KeyId": "a"} x"#,
        r#"{"KeyId": "a""#,
        "nul",
    ] {
        assert_eq!(json_refusal(body).code, "SerializationException", "{body}");
    }
    assert!(
        json_refusal(&"[".repeat(100_000))
            .message
            .contains("not valid JSON")
    );
    assert!(
        json_refusal(&" ".repeat(json::BODY_MAX + 1))
            .message
            .contains("too long")
    );
}

#[test]
fn a_parse_error_does_not_quote_the_body() {
    let error = json_refusal(r#"{"Plaintext": "c2VjcmV0" "#);
    assert!(!error.message.contains("c2Vj"), "{}", error.message);
}

#[test]
fn whole_numbers_may_be_written_as_floats_and_nothing_larger_fits() {
    let decode = |text: &str| {
        json::decode(
            format!(r#"{{"NumberOfBytes": {text}}}"#).as_bytes(),
            &kms::shapes::GENERATE_RANDOM_REQUEST,
        )
    };
    assert_eq!(decode("32.0").unwrap(), json!({"NumberOfBytes": 32}));
    for text in ["32.5", "1e300", "2147483648", "99999999999999999999"] {
        assert!(decode(text).is_err(), "{text}");
    }
}

#[test]
fn a_form_that_is_not_the_shapes_is_refused() {
    let decode = |form: &str| {
        Form::parse(form.as_bytes()).and_then(|form| form.decode(&sts::shapes::ASSUME_ROLE_REQUEST))
    };
    for (form, code) in [
        ("DurationSeconds=abc", "MalformedInput"),
        ("DurationSeconds=99999999999", "MalformedInput"),
        ("Tags=x", "MalformedInput"),
        ("Tags.member.0.Key=x", "MalformedInput"),
        ("Tags.member.01.Key=x", "MalformedInput"),
        ("Tags.member.x.Key=x", "MalformedInput"),
        ("RoleArn.x=y", "MalformedInput"),
        ("RoleArn=a&RoleArn=b", "MalformedQueryString"),
        ("RoleArn=%zz", "MalformedQueryString"),
        ("RoleArn=%ff", "MalformedQueryString"),
    ] {
        assert_eq!(decode(form).unwrap_err().code, code, "{form}");
    }
    assert_eq!(decode("Tags=").unwrap(), json!({"Tags": []}));
    let deep = format!("{}=x", ["a"; 1000].join("."));
    assert_eq!(decode(&deep).unwrap_err().code, "MalformedQueryString");
}

#[test]
fn items_of_a_list_come_in_the_order_of_their_numbers() {
    let form =
        "TransitiveTagKeys.member.10=c&TransitiveTagKeys.member.2=b&TransitiveTagKeys.member.1=a";
    let form = Form::parse(form.as_bytes()).unwrap();
    let value = form.decode(&sts::shapes::ASSUME_ROLE_REQUEST).unwrap();
    assert_eq!(value, json!({"TransitiveTagKeys": ["a", "b", "c"]}));
}
