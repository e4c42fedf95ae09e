//! A key service that is down, slow, throttling, denying or answering rubbish, one whose certificate is not to be trusted, and objects
//! that are missing or the wrong ones. Whatever it is: a message that says what to do, the right exit code, and the disk as it was.

mod stage;

use std::fs;
use std::time::Instant;

use stage::{Ran, Stage, Volume, answering, silent};

/// A machine that had its volume up, and now has it down.
fn machine() -> (Stage, Volume) {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    stage.kluis(["down"]).ok();
    (stage, volume)
}

/// `up` against services that are somewhere else must be refused so; a volume that is there stays as it is, one that is not is not made.
#[track_caller]
fn refuses(environment: &[(&str, &str)], code: i32, words: &[&str]) {
    let (mut stage, volume) = machine();
    let before = volume.digest();
    up_with(&stage, &volume, environment).refused(code, words);
    assert_eq!(volume.digest(), before);
    assert_eq!(stage.stage(&volume), "closed");

    // A key of its own, so that no secret is known for it yet.
    let next = stage.volume("64MiB", "key = \"alias/others\"");
    up_with(&stage, &next, environment).refused(code, words);
    assert!(!next.image.exists());
}

fn up_with(stage: &Stage, volume: &Volume, environment: &[(&str, &str)]) -> Ran {
    stage.kluis_with(environment, ["up", &volume.name])
}

#[test]
fn the_sdk_and_the_service_agree_on_a_post_quantum_key_exchange() {
    let mut stage = Stage::new();
    stage.token_volume();
    stage.seed_volume();

    stage.kluis(["up"]).ok();

    let events = ["GenerateDataKey", "Decrypt"].map(|name| stage.events(name));
    for event in events.iter().flatten() {
        assert_eq!(event["tlsDetails"]["keyExchange"], "X25519MLKEM768");
        let agent = event["userAgent"].as_str().unwrap();
        assert!(agent.contains("aws-sdk-rust"), "{event}");
    }
    assert!(events.iter().all(|events| !events.is_empty()));
    stage.note_uses();
}

#[test]
fn a_key_service_that_is_down_is_to_be_tried_again() {
    let (mut stage, volume) = machine();
    let before = volume.digest();
    stage.stop_service();

    stage.kluis(["up"]).refused(
        75,
        &[
            "cannot be reached",
            "Connection refused",
            "AWS_ENDPOINT_URL",
            "run this again",
        ],
    );

    assert_eq!(volume.digest(), before);
    assert_eq!(stage.kluis(["status"]).code, 0);
}

#[test]
fn a_key_service_that_never_answers_is_waited_for_no_longer_than_the_deadline() {
    let (stage, volume) = machine();
    let before = volume.digest();
    let started = Instant::now();

    let url = silent();
    let ran = up_with(&stage, &volume, &[("AWS_ENDPOINT_URL_KMS", &url)]);

    ran.refused(75, &["cannot be reached", "timed out", "run this again"]);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    assert_eq!(volume.digest(), before);
}

#[test]
fn a_key_service_that_throttles_is_to_be_tried_again() {
    let body = r#"{"__type":"ThrottlingException","message":"You have exceeded the rate at which you may call KMS."}"#;
    let url = answering(http("400 Bad Request", "application/x-amz-json-1.1", body));
    refuses(
        &[("AWS_ENDPOINT_URL_KMS", &url)],
        75,
        &["is throttling", "ThrottlingException", "run this again"],
    );
}

#[test]
fn a_key_service_that_fails_is_to_be_tried_again() {
    let body = r#"{"__type":"KMSInternalException"}"#;
    let url = answering(http(
        "500 Internal Server Error",
        "application/x-amz-json-1.1",
        body,
    ));
    refuses(
        &[("AWS_ENDPOINT_URL_KMS", &url)],
        75,
        &["cannot be reached", "KMSInternalException"],
    );
}

#[test]
fn rubbish_is_not_taken_for_a_key() {
    let page = http(
        "200 OK",
        "text/html",
        "<html>Please log in to the guest network</html>",
    );
    let empty = http("200 OK", "application/x-amz-json-1.1", "{}");
    for (rubbish, said) in [
        (page.as_str(), "HTTP 200"),
        (&empty, "its answer has no"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
    ] {
        let url = answering(rubbish);
        refuses(
            &[("AWS_ENDPOINT_URL_KMS", &url)],
            1,
            &["is not this service", said, "AWS_ENDPOINT_URL"],
        );
    }
}

#[test]
fn a_certificate_of_another_authority_is_not_trusted() {
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stage/other-ca.pem");
    refuses(
        &[("AWS_CA_BUNDLE", other)],
        1,
        &["certificate", "AWS_CA_BUNDLE"],
    );
}

#[test]
fn a_bundle_of_authorities_that_is_not_there_is_named() {
    refuses(
        &[("AWS_CA_BUNDLE", "/nonexistent/ca.pem")],
        1,
        &["/nonexistent/ca.pem", "AWS_CA_BUNDLE", "unset it"],
    );
}

#[test]
fn who_may_not_use_the_key_is_refused() {
    refuses(
        &[("AWS_PROFILE", "nobody")],
        2,
        &["refused", "AccessDenied", "user/nobody", "key policy"],
    );
}

#[test]
fn a_machine_without_credentials_is_told_so() {
    refuses(
        &[("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")],
        2,
        &["no credentials found in chain", "[agent] credentials"],
    );
}

#[test]
fn a_key_that_is_not_there_is_named() {
    let mut stage = Stage::new();
    let volume = stage.volume("64MiB", "key = \"alias/nowhere\"");

    stage
        .kluis(["up"])
        .refused(1, &["no such key", "alias/nowhere", "check `key`"]);

    assert!(!volume.image.exists());
}

#[test]
fn an_object_that_is_not_there_is_to_be_sealed() {
    let mut stage = Stage::new();
    let volume = stage.volume(
        "64MiB",
        "key = \"alias/machines\"\nsecret = \"s3://vault/nothing\"",
    );

    stage
        .kluis(["up"])
        .refused(1, &["no such object", "s3://vault/nothing", "kluis seal"]);

    assert!(!volume.image.exists());
}

#[test]
fn who_may_not_read_the_object_is_refused() {
    let mut stage = Stage::new();
    let volume = stage.seed_volume();

    let ran = up_with(&stage, &volume, &[("AWS_PROFILE", "nobody")]);

    ran.refused(2, &["refused", "s3://vault/secret", "s3:GetObject"]);
    assert!(!volume.image.exists());
}

#[test]
fn another_machines_wrapped_key_is_not_unwrapped() {
    let (mut stage, volume) = machine();
    let before = volume.digest();
    stage.reconfigure("deadline", "machine = \"another\"\ndeadline");

    stage.kluis(["up"]).refused(
        2,
        &[
            "another machine's",
            "for machine another",
            "[agent] machine",
        ],
    );

    assert_eq!(volume.digest(), before);
}

#[test]
fn a_mistake_in_the_configuration_is_shown_with_its_line() {
    let mut stage = Stage::without_service();
    stage.volume("64MiB", "key = \"ephemeral\"");
    stage.reconfigure("mount =", "muont =");
    let text = fs::read_to_string(stage.config()).unwrap();
    let line = 1 + text
        .lines()
        .position(|line| line.starts_with("muont"))
        .unwrap();

    let ran = stage.kluis(["up"]);

    assert_eq!(ran.code, 1);
    let place = format!("{}:{line}:1: ", stage.config().display());
    let mut shown = ran.err.lines();
    let first = shown.next().unwrap();
    assert!(
        first.starts_with("kluis: ") && first.contains(&place),
        "{}",
        ran.err
    );
    assert!(
        first.contains("unknown field `muont`") && first.contains("`mount`"),
        "{first}"
    );
    let source = shown.find(|shown| shown.contains("muont = ")).unwrap();
    let below = shown.next().unwrap();
    let column = source.chars().position(|c| c == 'm').unwrap();
    assert_eq!(
        below.chars().position(|c| c == '^'),
        Some(column),
        "{}",
        ran.err
    );
    stage.reconfigure("muont =", "mount =");
}

#[test]
fn a_volume_that_is_not_configured_is_unknown() {
    let mut stage = Stage::without_service();
    let volume = stage.volume("64MiB", "key = \"ephemeral\"");

    for verb in ["up", "down", "status", "seal"] {
        stage
            .kluis_with(&[("AWS_REGION", "us-east-1")], [verb, "no-such"])
            .refused(1, &["there is no volume no-such", &volume.name]);
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let stage = Stage::without_service();
    fs::remove_file(stage.config()).unwrap();

    let ran = stage.kluis(["status"]);

    ran.refused(1, &["volumes.toml", "No such file", "--config"]);
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
