//! Requests of real clients: accepted as they are, refused when anything that is signed is changed.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use support::{Arriving, Refusal, caught, named};
use wire::{
    protocol::{Dialect, JsonVersion},
    sigv4::SigError,
};

#[test]
fn what_real_clients_send_is_accepted() {
    for request in caught() {
        let verified = request.arriving().verified();
        let verified = verified.unwrap_or_else(|error| panic!("{}: {error:?}", request.name));
        let presented = verified.presented();
        assert_eq!(presented.access_key_id(), request.access_key_id);
        assert_eq!(presented.session_token(), request.session_token.as_deref());
    }
}

#[test]
fn a_payload_is_the_same_in_pieces_of_any_size() {
    for request in caught() {
        for piece in [1, 2, 7, 64, 1 << 20] {
            let received = request.arriving().received(piece);
            let (received, payload) =
                received.unwrap_or_else(|error| panic!("{}: {error:?}", request.name));
            assert_eq!(payload, request.payload(), "{}", request.name);
            assert_eq!(received.len, payload.len() as u64);
            let sends_checksum =
                request.name.contains("checksum") || request.name.contains("trailer");
            assert_eq!(
                received.checksum.is_some(),
                sends_checksum,
                "{}",
                request.name
            );
        }
    }
}

/// Changes that no honest network makes, each with its name.
fn tamperings(request: &Arriving) -> Vec<(String, Arriving)> {
    let mut all = Vec::new();
    let mut add = |name: String, change: &dyn Fn(&mut Arriving)| {
        let mut changed = request.clone();
        change(&mut changed);
        all.push((name, changed));
    };
    add("another method".into(), &|r| {
        r.head.method = "DELETE".into();
    });
    add("a longer path".into(), &|r| r.head.path.push('x'));
    add("one more parameter".into(), &|r| {
        r.head.query.push_str(if r.head.query.is_empty() {
            "x=y"
        } else {
            "&x=y"
        });
    });
    add("an unsigned x-amz header".into(), &|r| {
        r.head
            .headers
            .push(("x-amz-acl".into(), "public-read".into()));
    });
    add("another secret".into(), &|r| r.secret.push('x'));
    add("a signed header twice".into(), &|r| {
        let host = r
            .head
            .headers
            .iter()
            .find(|(name, _)| name == "host")
            .unwrap();
        let host = host.clone();
        r.head.headers.push(host);
    });
    let signed: Vec<String> = signed_headers(request);
    for name in signed {
        add(format!("another {name}"), &|r| {
            let value = r.header_mut(&name);
            // A date stays a date, a hash a hash.
            let last = value.pop().unwrap();
            match last {
                'Z' => {
                    let digit = value.pop().unwrap();
                    value.push(if digit == '0' { '1' } else { '0' });
                    value.push('Z');
                }
                'a' => value.push('b'),
                _ => value.push('a'),
            }
        });
        add(format!("no {name}"), &|r| {
            r.head.headers.retain(|(each, _)| *each != name);
        });
    }
    all
}

fn signed_headers(request: &Arriving) -> Vec<String> {
    let Some(authorization) = request.head.header("authorization") else {
        return vec!["host".to_owned()];
    };
    let list = authorization.split("SignedHeaders=").nth(1).unwrap();
    let list = list.split(',').next().unwrap();
    list.split(';').map(str::to_owned).collect()
}

#[test]
fn every_change_to_what_is_signed_is_refused() {
    for request in caught() {
        for (change, changed) in tamperings(&request.arriving()) {
            assert!(changed.verified().is_err(), "{}: {change}", request.name);
        }
    }
}

#[test]
fn every_other_signature_is_refused_as_a_mismatch() {
    for request in caught() {
        let arriving = request.arriving();
        let mark = "Signature=";
        for at in 0..64 {
            let mut changed = arriving.clone();
            let text = if changed.head.header("authorization").is_some() {
                changed.header_mut("authorization")
            } else {
                &mut changed.head.query
            };
            let at = text.find(mark).unwrap() + mark.len() + at;
            let digit = if &text[at..=at] == "0" { "1" } else { "0" };
            text.replace_range(at..=at, digit);
            assert_eq!(changed.verified().unwrap_err(), SigError::Mismatch);
        }
    }
}

#[test]
fn every_change_to_a_body_is_refused_but_where_it_is_not_signed() {
    for request in caught() {
        let original = request.arriving();
        let is_unsigned = original.head.header("x-amz-content-sha256") == Some("UNSIGNED-PAYLOAD")
            || (original.service == "s3" && original.head.query.contains("X-Amz-Signature"));
        for at in 0..original.body.len() {
            let mut changed = original.clone();
            changed.body[at] ^= 1;
            assert_eq!(
                changed.received(1 << 20).is_ok(),
                is_unsigned,
                "{} at {at}",
                request.name
            );
        }
        if !original.body.is_empty() && !is_unsigned {
            let mut cut = original.clone();
            cut.body.pop();
            assert!(cut.received(1 << 20).is_err(), "{}: cut", request.name);
        }
        let mut longer = original;
        longer.body.push(b'x');
        assert!(
            longer.received(1 << 20).is_err() || is_unsigned,
            "{}: longer",
            request.name
        );
    }
}

#[test]
fn a_request_is_good_for_fifteen_minutes_either_way() {
    let request = named("kms-decrypt").arriving();
    assert!(request.clone().later(900).verified().is_ok());
    assert!(request.clone().later(-900).verified().is_ok());
    let late = request.clone().later(901).verified().unwrap_err();
    assert_eq!(
        late.to_api_error(Dialect::Json(JsonVersion::V1_1)).message,
        "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T031906Z - 15 min.)"
    );
    let early = request.later(-901).verified().unwrap_err();
    assert_eq!(
        early.to_api_error(Dialect::Json(JsonVersion::V1_1)).message,
        "Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z (20260102T024904Z + 15 min.)"
    );
}

#[test]
fn s3_says_that_the_time_is_too_skewed() {
    let error = named("s3-get")
        .arriving()
        .later(901)
        .verified()
        .unwrap_err();
    let error = error.to_api_error(Dialect::S3);
    assert_eq!((error.code, error.status), ("RequestTimeTooSkewed", 403));
}

#[test]
fn a_presigned_request_is_good_until_it_expires() {
    let request = named("s3-presigned-get").arriving();
    assert!(request.clone().later(900).verified().is_ok());
    let late = request.clone().later(901).verified().unwrap_err();
    let error = late.to_api_error(Dialect::S3);
    assert_eq!(
        (error.code, error.message.as_str()),
        ("AccessDenied", "Request has expired")
    );
    assert!(request.later(-901).verified().is_err());
}

#[test]
fn a_presigned_request_lives_a_second_to_a_week() {
    for (seconds, is_form) in [
        ("0", false),
        ("1", true),
        ("604800", true),
        ("604801", false),
        ("-1", false),
        ("x", false),
    ] {
        let mut request = named("s3-presigned-get").arriving();
        request.head.query = request
            .head
            .query
            .replace("X-Amz-Expires=900", &format!("X-Amz-Expires={seconds}"));
        let error = request.verified().unwrap_err();
        // What is well-formed fails later, since its signature is for another time.
        assert_eq!(error == SigError::Mismatch, is_form, "{seconds}: {error:?}");
    }
}

#[test]
fn the_scope_must_be_that_of_the_service() {
    let mut request = named("kms-decrypt").arriving();
    request.service = "sts".to_owned();
    let error = request
        .verified()
        .unwrap_err()
        .to_api_error(Dialect::Json(JsonVersion::V1_1));
    assert_eq!(error.code, "InvalidSignatureException");
    assert_eq!(
        error.message,
        "Credential should be scoped to correct service: 'sts'."
    );

    let mut request = named("s3-get").arriving();
    request.region = "eu-west-1".to_owned();
    let error = request.verified().unwrap_err().to_api_error(Dialect::S3);
    assert_eq!(error.code, "AuthorizationHeaderMalformed");
    assert_eq!(
        error.message,
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'"
    );
}

#[test]
fn a_day_that_is_not_the_dates_is_refused() {
    let mut request = named("kms-decrypt").arriving();
    let text = request.header_mut("authorization");
    *text = text.replace("/20260102/", "/20260103/");
    assert!(matches!(request.verified(), Err(SigError::Scope { .. })));
}

#[test]
fn a_request_without_a_signature_is_told_apart_from_a_bad_one() {
    let mut request = named("kms-decrypt").arriving();
    request
        .head
        .headers
        .retain(|(name, _)| name != "authorization");
    let error = request.verified().unwrap_err();
    assert_eq!(error, SigError::Missing);
    let codes = [
        Dialect::Json(JsonVersion::V1_1),
        Dialect::Query(""),
        Dialect::S3,
    ]
    .map(|dialect| error.to_api_error(dialect))
    .map(|error| (error.code, error.status));
    assert_eq!(
        codes,
        [
            ("MissingAuthenticationTokenException", 400),
            ("MissingAuthenticationToken", 403),
            ("AccessDenied", 403)
        ]
    );
}

#[test]
fn a_request_that_is_signed_twice_is_refused() {
    let mut twice = named("s3-get").arriving();
    let again = twice.head.header("authorization").unwrap().to_owned();
    twice.head.headers.push(("authorization".to_owned(), again));
    assert_eq!(twice.verified().unwrap_err(), SigError::Ambiguous);

    let mut both = named("s3-presigned-get").arriving();
    let header = named("s3-get")
        .arriving()
        .head
        .header("authorization")
        .unwrap()
        .to_owned();
    both.head.headers.push(("authorization".to_owned(), header));
    assert_eq!(both.verified().unwrap_err(), SigError::Ambiguous);
}

#[test]
fn a_header_that_is_not_signed_is_named() {
    let mut request = named("s3-get").arriving();
    request
        .head
        .headers
        .push(("x-amz-acl".to_owned(), "public-read".to_owned()));
    let error = request.verified().unwrap_err().to_api_error(Dialect::S3);
    assert_eq!(error.code, "AccessDenied");
    assert_eq!(
        error.details,
        [("HeadersNotSigned", "x-amz-acl".to_owned())]
    );

    let mut request = named("kms-decrypt").arriving();
    let list = request.header_mut("authorization");
    *list = list.replace("content-type;", "");
    assert_eq!(
        request.verified().unwrap_err(),
        SigError::UnsignedHeader("content-type".to_owned())
    );
}

#[test]
fn a_payload_that_is_not_the_signed_one_is_refused_at_its_end() {
    let mut request = named("s3-put-signed-payload").arriving();
    request.body[0] ^= 1;
    let refusal = request.received(64).unwrap_err();
    let Refusal::Payload(error) = refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(error.to_api_error().code, "XAmzContentSHA256Mismatch");
}
