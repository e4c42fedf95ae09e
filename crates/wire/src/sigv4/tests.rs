//! AWS's published suite: canonical request, string to sign and signature of each case, for both forms. And what must be refused.

use std::sync::Arc;

use crypto::sha256;
use serde_json::Value;

use super::{
    KeyCache, Presented, SigError, SigningKey,
    canonical::{self, PathStyle},
    key, parse,
};
use crate::Head;

const SUITE: &str = include_str!("../../vectors/sigv4/aws-suite.json");

/// Cases whose session token was added after signing: the service refuses them, since the token is not covered.
const TOKEN_NOT_SIGNED: &[&str] = &["post-sts-header-after"];

/// A request as the suite writes it.
fn head_and_body(text: &str) -> (Head, String) {
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    let first = first.strip_suffix(" HTTP/1.1").unwrap_or(first);
    let (method, target) = first.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if line.starts_with(' ') {
            // A folded line: HTTP readers hand it on as part of the value.
            let value = &mut headers.last_mut().unwrap().1;
            value.push_str(line);
        } else {
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let head = Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
    };
    (head, body.to_owned())
}

struct Case {
    name: String,
    form: &'static str,
    head: Head,
    body: String,
    canonical: Option<String>,
    string_to_sign: Option<String>,
    secret: String,
    style: PathStyle,
}

fn cases() -> Vec<Case> {
    let suite: Vec<Value> = serde_json::from_str(SUITE).unwrap();
    let mut cases = Vec::new();
    for case in &suite {
        for form in ["header", "query"] {
            let text = |part: &str| case[format!("{form}_{part}")].as_str().map(str::to_owned);
            let Some(signed) = text("signed_request") else {
                continue;
            };
            let (head, body) = head_and_body(&signed);
            let context = &case["context"];
            cases.push(Case {
                name: case["name"].as_str().unwrap().to_owned(),
                form,
                head,
                body,
                canonical: text("canonical_request"),
                string_to_sign: text("string_to_sign"),
                secret: context["credentials"]["secret_access_key"]
                    .as_str()
                    .unwrap_or("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
                    .to_owned(),
                style: if context["normalize"] == false {
                    PathStyle::AsSent
                } else {
                    PathStyle::Normalized
                },
            });
        }
    }
    assert!(cases.len() > 70, "the suite is there: {}", cases.len());
    cases
}

fn canonical_of(case: &Case, presented: &Presented) -> String {
    let hash = hex::encode(sha256(&[case.body.as_bytes()]));
    canonical::request(presented, &case.head, &hash, case.style).unwrap()
}

impl Case {
    fn label(&self) -> String {
        format!("{} ({})", self.name, self.form)
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }
}

/// Two cases that aws-sigv4 kept from an older suite have texts that do not belong together.
const NOT_CONSISTENT: &[&str] = &["double-encode-path", "double-url-encode"];

#[test]
fn every_case_of_the_suite_has_its_canonical_request_and_string_to_sign() {
    for case in cases() {
        if case.is_one_of(NOT_CONSISTENT)
            || (case.is_one_of(TOKEN_NOT_SIGNED) && case.form == "query")
        {
            continue;
        }
        let presented = parse(&case.head).unwrap();
        let canonical = canonical_of(&case, &presented);
        let label = case.label();
        assert_eq!(Some(&canonical), case.canonical.as_ref(), "{label}");
        let text = presented.string_to_sign(&canonical);
        assert_eq!(Some(text), case.string_to_sign, "{label}");
    }
}

#[test]
fn a_path_that_is_encoded_is_encoded_once_more() {
    for case in cases() {
        if case.is_one_of(NOT_CONSISTENT) {
            let canonical = canonical_of(&case, &parse(&case.head).unwrap());
            let expected = case.canonical.unwrap();
            let path = |text: &str| text.lines().nth(1).map(str::to_owned);
            assert_eq!(path(&canonical), path(&expected), "{}", case.name);
        }
    }
}

#[test]
fn every_case_of_the_suite_has_its_signature() {
    for case in cases() {
        if case.name == "double-encode-path"
            || (case.is_one_of(TOKEN_NOT_SIGNED) && case.form == "query")
        {
            continue;
        }
        let presented = parse(&case.head).unwrap();
        let text = presented.string_to_sign(&canonical_of(&case, &presented));
        let key = SigningKey::derive(case.secret.as_bytes(), &presented).unwrap();
        let label = case.label();
        assert!(key.verify(text.as_bytes(), &presented.signature), "{label}");
    }
}

#[test]
fn the_suite_is_accepted_but_for_a_token_that_is_not_signed() {
    for case in cases() {
        if case.style == PathStyle::AsSent || case.name == "double-encode-path" {
            continue;
        }
        let presented = parse(&case.head).unwrap();
        let key = Arc::new(SigningKey::derive(case.secret.as_bytes(), &presented).unwrap());
        let service = presented.service().to_owned();
        let expected = super::Expected {
            service: &service,
            region: None,
            now: presented.signed_at(),
        };
        let body = sha256(&[case.body.as_bytes()]);
        let outcome = presented.verify(&case.head, &body, &key, &expected);
        let label = case.label();
        if case.is_one_of(TOKEN_NOT_SIGNED) {
            let refusal = match case.form {
                "header" => SigError::UnsignedHeader("x-amz-security-token".to_owned()),
                _ => SigError::Mismatch,
            };
            assert_eq!(outcome.unwrap_err(), refusal, "{label}");
        } else {
            assert!(outcome.is_ok(), "{label}: {outcome:?}");
        }
    }
}

#[test]
fn derivation_is_that_of_the_documentation() {
    // AWS General Reference, "Examples of how to derive a signing key".
    let secret = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let key = SigningKey::of_scope(secret, "20120215", "us-east-1", "iam").unwrap();
    let documented = "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d";
    let expected: [u8; 32] = hex::decode(documented).unwrap().try_into().unwrap();
    // A key is only visible through what it signs.
    assert!(key.verify(b"text", &crypto::hmac_sha256(&expected, &[b"text"])));
}

#[test]
fn the_cache_finds_a_key_only_for_the_same_secret_and_stays_small() {
    let cache = KeyCache::new();
    let mut presented = parse(&cases()[0].head).unwrap();
    let first = cache.signing_key(b"one", &presented).unwrap();
    let again = cache.signing_key(b"one", &presented).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let other = cache.signing_key(b"two", &presented).unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    for number in 0..3 * key::GENERATION_MAX {
        presented.region = format!("region-{number}");
        cache.signing_key(b"one", &presented).unwrap();
    }
    assert!(cache.len() <= 2 * key::GENERATION_MAX);
}
