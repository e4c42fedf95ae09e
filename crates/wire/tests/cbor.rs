//! Smithy RPC v2 over CBOR, held against another codec (`ciborium`) and the examples of RFC 8949.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "support/samples.rs"]
mod samples;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ciborium::Value as Cbor;
use samples::sample;
use serde_json::{Value, json};
use wire::{
    Answer, ApiError, Head, SERVICES, cbor, cloudwatch, kms,
    protocol::{self, Dialect, JsonVersion, Protocol},
    shape::{Kind, Shape},
    sts,
};

/// A value as another codec holds it.
fn other(shape: &Shape, value: &Value) -> Cbor {
    match (&shape.kind, value) {
        (Kind::Structure(members), Value::Object(values)) => {
            let there = members.iter().filter_map(|member| {
                let value = other(member.shape, values.get(member.name)?);
                Some((Cbor::Text(member.name.to_owned()), value))
            });
            Cbor::Map(there.collect())
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            Cbor::Array(items.iter().map(|item| other(member, item)).collect())
        }
        (Kind::Map { value: item, .. }, Value::Object(entries)) => {
            let entries = entries.iter();
            Cbor::Map(
                entries
                    .map(|(name, entry)| (Cbor::Text(name.clone()), other(item, entry)))
                    .collect(),
            )
        }
        (Kind::Blob { .. }, Value::String(text)) => Cbor::Bytes(STANDARD.decode(text).unwrap()),
        (Kind::Timestamp, Value::Number(seconds)) => {
            Cbor::Tag(1, Box::new(Cbor::from(seconds.as_i64().unwrap())))
        }
        (_, Value::String(text)) => Cbor::Text(text.clone()),
        (Kind::Double, Value::Number(number)) => Cbor::Float(number.as_f64().unwrap()),
        (_, Value::Number(number)) => Cbor::from(number.as_i64().unwrap()),
        (_, Value::Bool(value)) => Cbor::Bool(*value),
        (kind, value) => panic!("teach this test {kind:?} {value}"),
    }
}

fn bytes(value: &Cbor) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

fn read(bytes: &[u8]) -> Cbor {
    ciborium::from_reader(bytes).unwrap()
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(each, _)| *each == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn what_another_codec_writes_is_read_as_the_value_it_was_made_from() {
    for operation in SERVICES.iter().flat_map(|service| service.operations) {
        let value = sample(operation.input, true);
        let body = bytes(&other(operation.input, &value));
        let decoded = cbor::decode(&body, operation.input).unwrap();
        assert_eq!(decoded, value, "{}", operation.name);
    }
}

#[test]
fn what_is_written_another_codec_reads() {
    for operation in SERVICES.iter().flat_map(|service| service.operations) {
        if let Some(output) = operation.output {
            let value = sample(output, true);
            let written = cbor::encode(output, &value);
            assert_eq!(read(&written), other(output, &value), "{}", operation.name);
        }
    }
}

/// A request of `PutMetricData` whose one datum has `member` with the item that `hex` writes.
fn datum(member: &str, hex: &str) -> Result<Value, ApiError> {
    let mut body = bytes(&Cbor::Map(Vec::new()));
    body[0] = 0xa2;
    for text in ["Namespace", "N", "MetricData"] {
        body.extend(bytes(&Cbor::Text(text.to_owned())));
    }
    body.extend([0x81, 0xa1]);
    body.extend(bytes(&Cbor::Text(member.to_owned())));
    body.extend(
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()),
    );
    cbor::decode(&body, &cloudwatch::shapes::PUT_METRIC_DATA_INPUT)
        .map(|value| value["MetricData"][0][member].clone())
}

#[test]
fn numbers_are_those_of_rfc_8949() {
    // Appendix A: half, single and double precision, and whole numbers of each length.
    for (hex, number) in [
        ("f93c00", 1.0),
        ("f93e00", 1.5),
        ("f97bff", 65504.0),
        ("f90001", 5.960_464_477_539_063e-8),
        ("fa47c35000", 100_000.0),
        ("fa7f7fffff", 3.402_823_466_385_288_6e38),
        ("fb3ff199999999999a", 1.1),
        ("fbc010666666666666", -4.1),
        ("00", 0.0),
        ("17", 23.0),
        ("1818", 24.0),
        ("1903e8", 1000.0),
        ("1a000f4240", 1_000_000.0),
        ("1b000000e8d4a51000", 1_000_000_000_000.0),
        ("20", -1.0),
        ("3903e7", -1000.0),
    ] {
        assert_eq!(datum("Value", hex).unwrap().as_f64(), Some(number), "{hex}");
    }
    for infinite in [
        "f97c00",
        "f97e00",
        "f9fc00",
        "fa7f800000",
        "fb7ff8000000000000",
    ] {
        assert!(datum("Value", infinite).is_err(), "{infinite}");
    }
    assert_eq!(datum("StorageResolution", "183c").unwrap(), json!(60));
    assert_eq!(datum("StorageResolution", "f95380").unwrap(), json!(60));
    for not_whole in [
        "f93e00",
        "1b7fffffffffffffff",
        "3b7fffffffffffffff",
        "613c",
        "f5",
    ] {
        assert!(
            datum("StorageResolution", not_whole).is_err(),
            "{not_whole}"
        );
    }
}

#[test]
fn strings_and_lists_may_come_in_pieces() {
    assert_eq!(
        datum("MetricName", "7f657374726561646d696e67ff").unwrap(),
        json!("streaming")
    );
    assert_eq!(
        datum("Values", "9f01f93e0003ff").unwrap(),
        json!([1, 1.5, 3])
    );
    let nested = datum("Dimensions", "9fbf644e616d65616e6556616c75656176ffff").unwrap();
    assert_eq!(nested, json!([{"Name": "n", "Value": "v"}]));
    // A piece is of the string's own kind, and has its length.
    for wrong in ["7f4161ff", "7f7f6161ffff", "7f61", "ff", "9f01", "62c328"] {
        assert!(datum("MetricName", wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_instant_has_tag_1_and_perhaps_a_fraction() {
    assert_eq!(
        datum("Timestamp", "c11a514b67b0").unwrap(),
        json!(1_363_896_240)
    );
    assert_eq!(
        datum("Timestamp", "c1fb41d452d9ec200000").unwrap(),
        json!(1_363_896_240.5)
    );
    for wrong in [
        "1a514b67b0",
        "c074323031332d30332d32315432303a30343a30305a",
        "c1f6",
        "c1fb7e37e43c8800759c",
    ] {
        assert!(datum("Timestamp", wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_the_shape_does_not_have_is_passed_over() {
    let unknown = |value: Cbor| {
        Cbor::Map(vec![
            (Cbor::Text("NotInTheModel".to_owned()), value),
            (Cbor::Text("Limit".to_owned()), Cbor::from(5)),
        ])
    };
    for value in [
        Cbor::Null,
        Cbor::Float(1.0),
        Cbor::Tag(1000, Box::new(Cbor::Bytes(vec![1]))),
        Cbor::Array(vec![Cbor::Map(vec![(Cbor::from(1), Cbor::Bool(true))])]),
    ] {
        let decoded = cbor::decode(&bytes(&unknown(value)), &kms::shapes::LIST_KEYS_REQUEST);
        assert_eq!(decoded.unwrap(), json!({"Limit": 5}));
    }
}

#[test]
fn null_is_absent_and_twice_is_refused() {
    let limit = |value| (Cbor::Text("Limit".to_owned()), value);
    let decode =
        |members| cbor::decode(&bytes(&Cbor::Map(members)), &kms::shapes::LIST_KEYS_REQUEST);
    assert_eq!(decode(vec![limit(Cbor::Null)]).unwrap(), json!({}));
    assert!(decode(vec![limit(Cbor::from(5)), limit(Cbor::from(6))]).is_err());
    assert!(decode(vec![limit(Cbor::Null), limit(Cbor::from(6))]).is_err());
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = |depth: usize| {
        let mut body = bytes(&Cbor::Map(vec![(Cbor::Text("x".to_owned()), Cbor::Null)]));
        body.pop();
        body.extend(vec![0x81; depth]);
        body.push(0xf6);
        cbor::decode(&body, &kms::shapes::LIST_KEYS_REQUEST)
    };
    assert!(deep(20).is_ok());
    assert!(deep(40).is_err());
    assert!(deep(500_000).is_err());
    // A length beyond the body costs nothing.
    for hex in [
        "9b7fffffffffffffff",
        "9affffffff01",
        "5b7fffffffffffffff00",
        "7affffffff",
        "bb00ffffffffffffff",
    ] {
        assert!(datum("Values", hex).is_err(), "{hex}");
    }
    let long = vec![0; wire::json::BODY_MAX + 1];
    assert!(cbor::decode(&long, &kms::shapes::LIST_KEYS_REQUEST).is_err());
}

fn posted(path: &str) -> Head {
    Head {
        method: "POST".to_owned(),
        path: path.to_owned(),
        query: String::new(),
        headers: vec![
            ("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()),
            ("content-type".to_owned(), "application/cbor".to_owned()),
        ],
    }
}

#[test]
fn a_path_leads_to_the_operation() {
    for (path, found) in [
        (
            "/service/TrentService/operation/ListKeys",
            ("kms", "ListKeys"),
        ),
        (
            "/service/GraniteServiceVersion20100801/operation/ListMetrics",
            ("monitoring", "ListMetrics"),
        ),
        (
            "/proxy/service/com.amazonaws.kms.TrentService/operation/ListKeys",
            ("kms", "ListKeys"),
        ),
    ] {
        let head = posted(path);
        let protocol = protocol::detect(&head);
        assert_eq!(protocol.dialect(), Dialect::Cbor);
        let request = protocol.decode(&head, b"").unwrap();
        assert_eq!((request.service.name, request.operation.name), found);
        assert_eq!(request.dialect(&protocol), Dialect::Cbor);
    }
    for path in [
        "/",
        "/service/TrentService",
        "/service//operation/",
        "/service/TrentService/operation/Nothing",
        "/operation/ListKeys",
    ] {
        let head = posted(path);
        assert!(matches!(protocol::detect(&head), Protocol::Cbor { .. }));
        let error = protocol::detect(&head).decode(&head, b"").unwrap_err();
        assert_eq!(error.code, "UnknownOperationException", "{path}");
    }
}

#[test]
fn a_compressed_body_is_read_and_a_bomb_is_not() {
    let mut head = posted("/service/TrentService/operation/ListKeys");
    head.headers
        .push(("content-encoding".to_owned(), "gzip".to_owned()));
    let decode = |head: &Head, body: &[u8]| protocol::detect(head).decode(head, body);
    let gzipped = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut out, bytes).unwrap();
        out.finish().unwrap()
    };
    let body = bytes(&Cbor::Map(vec![(
        Cbor::Text("Limit".to_owned()),
        Cbor::from(5),
    )]));
    assert_eq!(
        decode(&head, &gzipped(&body)).unwrap().value,
        json!({"Limit": 5})
    );
    for wrong in [
        &gzipped(&vec![0; 64 << 20])[..],
        &gzipped(&body)[..12],
        b"",
        b"\x1f\x8b",
        &body,
    ] {
        assert_eq!(
            decode(&head, wrong).unwrap_err().code,
            "SerializationException"
        );
    }
    head.headers.pop();
    head.headers
        .push(("content-encoding".to_owned(), "br".to_owned()));
    assert_eq!(
        decode(&head, &body).unwrap_err().code,
        "SerializationException"
    );
}

#[test]
fn an_answer_says_its_protocol_and_an_empty_one_has_no_body() {
    let response = kms::Response::Decrypt(kms::DecryptResponse {
        plaintext: Some(wire::SensitiveBlob::copy_of(b"secret")),
        ..kms::DecryptResponse::default()
    });
    let answer = response.encode_in(Dialect::Cbor, "id-1").unwrap();
    assert_eq!(header(&answer, "smithy-protocol"), Some("rpc-v2-cbor"));
    assert_eq!(header(&answer, "content-type"), Some("application/cbor"));
    assert_eq!(header(&answer, "x-amzn-requestid"), Some("id-1"));
    let secret = (
        Cbor::Text("Plaintext".to_owned()),
        Cbor::Bytes(b"secret".to_vec()),
    );
    assert_eq!(read(&answer.body), Cbor::Map(vec![secret]));

    let answer = kms::Response::EnableKey
        .encode_in(Dialect::Cbor, "id")
        .unwrap();
    assert_eq!(
        (answer.body.as_slice(), header(&answer, "content-type")),
        (&[][..], None)
    );
}

#[test]
fn an_error_has_its_type_and_what_it_says() {
    let error = kms::errors::NOT_FOUND_EXCEPTION.because("no key");
    let answer = kms::SERVICE.refuse(&error, Dialect::Cbor, "id-1");
    let text = |text: &str| Cbor::Text(text.to_owned());
    let expected = [("__type", "NotFoundException"), ("message", "no key")];
    assert_eq!(answer.status, 400);
    assert_eq!(
        read(&answer.body),
        Cbor::Map(expected.map(|(n, v)| (text(n), text(v))).to_vec())
    );
    assert_eq!(header(&answer, "x-amzn-query-error"), None);
}

#[test]
fn a_service_once_of_query_names_the_code_of_old_beside_the_models() {
    let error = cloudwatch::errors::INVALID_PARAMETER_VALUE_EXCEPTION.because("wrong");
    for dialect in [Dialect::Cbor, Dialect::Json(JsonVersion::V1_0)] {
        let answer = cloudwatch::SERVICE.refuse(&error, dialect, "id");
        assert_eq!(
            header(&answer, "x-amzn-query-error"),
            Some("InvalidParameterValue;Sender")
        );
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(shown.contains("InvalidParameterValueException"), "{shown}");
    }
    let namespace = cloudwatch::SERVICE.protocol.xml_namespace().unwrap();
    let answer = cloudwatch::SERVICE.refuse(&error, Dialect::Query(namespace), "id");
    let document = String::from_utf8(answer.body).unwrap();
    assert!(
        document.contains("<Code>InvalidParameterValue</Code>"),
        "{document}"
    );

    // What only Query ever spoke has no such header.
    let error = sts::SERVICE.refuse(&ApiError::internal_failure(), Dialect::Query(""), "id");
    assert_eq!(error.status, 500);
}

#[test]
fn a_service_of_three_protocols_answers_in_each() {
    let response = cloudwatch::Response::ListMetrics(cloudwatch::ListMetricsOutput {
        next_token: Some("t".to_owned()),
        ..cloudwatch::ListMetricsOutput::default()
    });
    let namespace = cloudwatch::SERVICE.protocol.xml_namespace().unwrap();
    for (dialect, content_type) in [
        (Dialect::Cbor, "application/cbor"),
        (
            Dialect::Json(JsonVersion::V1_0),
            "application/x-amz-json-1.0",
        ),
        (Dialect::Query(namespace), "text/xml"),
    ] {
        let answer = response.encode_in(dialect, "id").unwrap();
        assert_eq!(header(&answer, "content-type"), Some(content_type));
    }
}
