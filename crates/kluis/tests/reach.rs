//! Where the service is and who asks: the configuration alone is enough, and whatever waiting cannot mend is told within three seconds, with
//! what to do about it and the right exit code, by `up` and by `check`.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test"
)]

mod stage;

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use stage::{Ran, Stage, Volume, answering, answering_http_alone, certified, elsewhere};

/// Within how long what does not pass is told.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A machine with a volume that is not made yet, and all day to wait.
fn patient() -> (Stage, Volume) {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.reconfigure("deadline = \"1s\"", "deadline = \"24h\"");
    (stage, volume)
}

/// `up` and `check` both say so at once, and nothing is made.
#[track_caller]
fn told_at_once(
    stage: &Stage,
    volume: &Volume,
    environment: &[(&str, &str)],
    code: i32,
    words: &[&str],
) {
    let began = Instant::now();
    stage
        .kluis_with(environment, ["up", &volume.name])
        .refused(code, words);
    assert!(began.elapsed() < AT_ONCE, "up: {:?}", began.elapsed());
    assert!(!volume.image.exists());
    found_by_check(stage, volume, environment, code, words);
}

#[track_caller]
fn found_by_check(
    stage: &Stage,
    volume: &Volume,
    environment: &[(&str, &str)],
    code: i32,
    words: &[&str],
) {
    let began = Instant::now();
    let ran = stage.kluis_with(environment, ["check"]);
    assert!(began.elapsed() < AT_ONCE, "check: {:?}", began.elapsed());
    let bad = format!("BAD  {}: ", volume.name);
    let found = ran.out.lines().find(|line| line.starts_with(&bad));
    let found = found.unwrap_or_else(|| panic!("nothing about {}: {}", volume.name, ran.out));
    for word in words {
        assert!(found.contains(word), "no {word:?} in: {found}");
    }
    assert_eq!(ran.code, code, "{}", ran.out);
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A port where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

// --- the configuration is enough ---

#[test]
fn with_the_configuration_alone_a_service_without_environment_comes_up() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let file = stage.path("machine-credentials");
    fs::copy(stage.service_path("credentials"), &file).unwrap();
    let [url, ca] = ["AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"].map(|name| stage.variable(name));
    stage.reconfigure(
        "deadline",
        &format!(
            "endpoint = \"{url}\"\nca = \"{ca}\"\ncredentials = {{ file = \"{}\" }}\ndeadline",
            file.display()
        ),
    );

    for verb in ["up", "down"] {
        stage.kluis_alone([verb, &volume.name]).ok();
    }

    // By hand it is the same with a program that prints them.
    let text = fs::read_to_string(&file).unwrap();
    let key = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_once('=').unwrap().1.trim().to_owned()
    };
    let program = stage.path("print-credentials");
    fs::write(
        &program,
        format!(
            "{{\"Version\": 1, \"AccessKeyId\": \"{}\", \"SecretAccessKey\": \"{}\"}}",
            key("aws_access_key_id"),
            key("aws_secret_access_key")
        ),
    )
    .unwrap();
    stage.reconfigure(
        &format!("{{ file = \"{}\" }}", file.display()),
        &format!("{{ process = \"cat {}\" }}", program.display()),
    );
    stage.kluis_alone(["up", &volume.name]).ok();
}

#[test]
fn what_the_configuration_says_goes_before_the_environment() {
    let (mut stage, volume) = patient();
    let nobody = format!("https://{}", nobody());
    let ca = stage.variable("AWS_CA_BUNDLE");
    let url = stage.variable("AWS_ENDPOINT_URL");
    stage.reconfigure(
        "deadline",
        &format!("endpoint = \"{url}\"\nca = \"{ca}\"\nregion = \"us-east-1\"\ndeadline"),
    );

    let ran = stage.kluis_with(
        &[
            ("AWS_ENDPOINT_URL", &nobody),
            ("AWS_ENDPOINT_URL_KMS", &nobody),
            ("AWS_CA_BUNDLE", "/nonexistent/ca.pem"),
            ("AWS_REGION", "eu-west-1"),
        ],
        ["up", &volume.name],
    );

    ran.ok();
}

#[test]
fn a_profiles_bundle_of_authorities_is_taken() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let config = stage.path("aws-config");
    let ca = stage.variable("AWS_CA_BUNDLE");
    fs::write(&config, format!("[default]\nca_bundle = {ca}\n")).unwrap();

    let ran = stage.kluis_with(
        &[
            ("AWS_CA_BUNDLE", ""),
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ],
        ["up", &volume.name],
    );

    ran.ok();
}

#[test]
fn a_bundle_that_the_configuration_names_and_that_is_not_there_is_named() {
    let mut stage = Stage::new();
    stage.token_volume();
    stage.reconfigure("deadline", "ca = \"/nonexistent/ca.pem\"\ndeadline");

    stage
        .kluis(["up"])
        .refused(1, &["/nonexistent/ca.pem", "[agent] ca", "PEM"]);
}

#[test]
fn nowhere_to_ask_is_told_so() {
    let (stage, volume) = patient();
    told_at_once(
        &stage,
        &volume,
        &[
            ("AWS_ENDPOINT_URL", ""),
            ("AWS_REGION", ""),
            ("AWS_DEFAULT_REGION", ""),
        ],
        1,
        &["where the key service is", "[agent] endpoint"],
    );
}

#[test]
fn a_variable_that_is_not_a_url_does_not_lead_to_aws() {
    let (stage, volume) = patient();
    told_at_once(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL", "kms.example:7600")],
        1,
        &["AWS_ENDPOINT_URL is kms.example:7600", "https://"],
    );
}

// --- who asks ---

#[test]
fn no_credentials_are_told_at_once() {
    let (stage, volume) = patient();
    told_at_once(
        &stage,
        &volume,
        &[("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")],
        2,
        &["no credentials", "[agent] credentials"],
    );
}

#[test]
fn no_credentials_and_no_instance_metadata_either_are_told_at_once() {
    let (stage, volume) = patient();
    let nobody = format!("http://{}", nobody());
    told_at_once(
        &stage,
        &volume,
        &[
            ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &nobody),
        ],
        2,
        &["no credentials", "[agent] credentials"],
    );
}

/// A machine where nothing but an instance-metadata service could give credentials.
fn metadata_alone(instance: &str) -> [(&str, &str); 3] {
    [
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance),
    ]
}

#[test]
fn an_instance_metadata_service_that_has_no_credentials_is_told_at_once() {
    let (stage, volume) = patient();
    let token = "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n";
    for (status, headers, said) in [
        // The token is given, and then there is no role: this is no EC2 instance.
        ("404 Not Found", token, "HTTP 404"),
        ("404 Not Found", "", "HTTP 404"),
        ("403 Forbidden", "", "forbidden"),
        ("403 Forbidden", token, "forbidden"),
        ("200 OK", "", "HTTP 200"),
    ] {
        let instance = answering(http(status, headers, ""));
        let words = &["no credentials", said, "[agent] credentials"];
        told_at_once(&stage, &volume, &metadata_alone(&instance), 2, words);
    }
}

#[test]
fn an_instance_metadata_service_that_is_overloaded_is_waited_for() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let instance = answering(http("503 Service Unavailable", "", ""));

    let ran = stage.kluis_with(&metadata_alone(&instance), ["up", &volume.name]);

    assert!(ran.err.contains("kluis: waiting for "), "{}", ran.err);
    ran.refused(75, &["no credentials yet", "instance profile"]);
}

#[test]
fn a_profile_that_is_not_there_is_told_at_once_whoever_else_might_give_credentials() {
    let (mut stage, volume) = patient();
    let instance = answering(http("503 Service Unavailable", "", ""));
    let mut environment = metadata_alone(&instance).to_vec();
    environment.push(("AWS_PROFILE", "somebody-else"));
    let words = &["no profile somebody-else", "AWS_PROFILE"];
    told_at_once(&stage, &volume, &environment, 2, words);

    stage.reconfigure(
        "deadline",
        "credentials = { profile = \"nobody-else\" }\ndeadline",
    );
    let words = &["no profile nobody-else", "[agent] credentials"];
    told_at_once(&stage, &volume, &metadata_alone(&instance), 2, words);
}

/// A machine whose profile has a role, and whose service is named by the configuration alone.
fn with_a_role(credentials: &str) -> (Stage, Volume) {
    let (mut stage, volume) = patient();
    let file = stage.path("machine-credentials");
    fs::copy(stage.service_path("credentials"), &file).unwrap();
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str(credentials);
    fs::write(&file, text).unwrap();
    let [url, ca] = ["AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"].map(|name| stage.variable(name));
    stage.reconfigure(
        "deadline",
        &format!(
            "endpoint = \"{url}\"\nca = \"{ca}\"\ncredentials = {{ profile = \"machine\", file = \"{}\" }}\ndeadline",
            file.display()
        ),
    );
    (stage, volume)
}

#[test]
fn a_profiles_role_is_asked_of_the_service_that_the_configuration_names() {
    let role = "arn:aws:iam::111122223333:role/machine";
    let (stage, volume) = with_a_role(&format!(
        "\n[machine]\nrole_arn = {role}\nsource_profile = nobody\nrole_session_name = db-17\n"
    ));
    let began = Instant::now();

    // A variable for everything is not one for roles, and goes behind the configuration.
    let nobody = format!("https://{}", nobody());
    let environment = [
        ("AWS_ENDPOINT_URL", nobody.as_str()),
        ("AWS_CA_BUNDLE", ""),
        ("AWS_PROFILE", ""),
    ];
    stage.kluis_with(&environment, ["up", &volume.name]).ok();

    assert!(began.elapsed() < 3 * AT_ONCE, "{:?}", began.elapsed());
    let [assumed, used] = ["AssumeRole", "GenerateDataKey"].map(|event| stage.events(event));
    assert_eq!(assumed[0]["requestParameters"]["roleArn"], role);
    let user = used[0]["userIdentity"]["arn"].as_str().unwrap();
    assert!(user.ends_with("assumed-role/machine/db-17"), "{user}");
}

#[test]
fn a_service_for_roles_that_is_named_as_such_is_asked_instead_and_not_in_the_clear() {
    let (mut stage, volume) = with_a_role(
        "\n[machine]\nrole_arn = arn:aws:iam::111122223333:role/machine\nsource_profile = nobody\n",
    );
    // TEST-NET-1 is nobody's.
    let in_the_clear = [("AWS_ENDPOINT_URL_STS", "http://192.0.2.1:7600")];
    told_at_once(&stage, &volume, &in_the_clear, 1, &["in the clear"]);

    stage.reconfigure("deadline = \"24h\"", "deadline = \"1s\"");
    let nobody = format!("https://{}", nobody());
    let ran = stage.kluis_with(&[("AWS_ENDPOINT_URL_STS", &nobody)], ["up", &volume.name]);
    ran.refused(75, &["credentials cannot be fetched", "Connection refused"]);
    assert!(stage.events("AssumeRole").is_empty());
}

#[test]
fn a_role_that_is_not_given_and_one_that_leads_nowhere_are_told_at_once() {
    for (profile, said) in [
        (
            "role_arn = arn:aws:iam::111122223333:role/other\nsource_profile = nobody",
            "cannot be assumed",
        ),
        (
            "role_arn = arn:aws:iam::111122223333:role/machine\nsource_profile = absent",
            "no profile absent",
        ),
    ] {
        let (stage, volume) = with_a_role(&format!("\n[machine]\n{profile}\n"));
        told_at_once(&stage, &volume, &[], 2, &[said, "[agent] credentials"]);
    }
}

#[test]
fn a_program_that_fails_to_print_credentials_is_told_at_once() {
    let (mut stage, volume) = patient();
    stage.reconfigure(
        "deadline",
        "credentials = { process = \"echo the vault is sealed >&2; exit 3\" }\ndeadline",
    );
    told_at_once(
        &stage,
        &volume,
        &[],
        2,
        &["credentials", "the vault is sealed", "[agent] credentials"],
    );
}

#[test]
fn a_file_of_credentials_that_is_not_there_and_a_profile_that_is_not_in_it_are_told_at_once() {
    let (mut stage, volume) = patient();
    stage.reconfigure(
        "deadline",
        "credentials = { file = \"/nonexistent/credentials\" }\ndeadline",
    );
    let words = &["/nonexistent/credentials", "[agent] credentials"];
    told_at_once(&stage, &volume, &[], 2, words);
    stage.reconfigure(
        "file = \"/nonexistent/credentials\"",
        "profile = \"somebody-else\"",
    );
    told_at_once(
        &stage,
        &volume,
        &[],
        2,
        &["somebody-else", "[agent] credentials"],
    );
}

#[test]
fn an_access_key_that_nobody_knows_and_a_wrong_secret_are_told_at_once() {
    let (stage, volume) = patient();
    let known = fs::read_to_string(stage.service_path("credentials")).unwrap();
    let known = known
        .lines()
        .find_map(|line| line.strip_prefix("aws_access_key_id"))
        .unwrap()
        .trim_start_matches([' ', '='])
        .to_owned();
    for key in ["AKIAIOSFODNN7EXAMPLE", &known] {
        told_at_once(
            &stage,
            &volume,
            &[
                ("AWS_ACCESS_KEY_ID", key),
                ("AWS_SECRET_ACCESS_KEY", "wrong"),
            ],
            2,
            &["does not accept the credentials", "[agent] credentials"],
        );
    }
}

#[test]
fn who_may_not_use_the_key_is_told_at_once_and_no_key_is_made_by_asking() {
    let (stage, volume) = patient();
    told_at_once(
        &stage,
        &volume,
        &[("AWS_PROFILE", "nobody")],
        2,
        &["user/nobody", "key policy"],
    );

    let ran = stage.kluis(["check"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let place = stage.variable("AWS_ENDPOINT_URL");
    assert!(ran.out.contains(&format!("{place} answers")), "{}", ran.out);
    assert!(
        ran.out
            .contains("not made yet, and its key is within reach"),
        "{}",
        ran.out
    );
    let asked = stage.events("GenerateDataKey");
    assert!(!asked.is_empty());
    for event in asked
        .iter()
        .filter(|event| event["errorCode"] != "AccessDeniedException")
    {
        assert_eq!(event["errorCode"], "DryRunOperationException", "{event}");
    }
}

// --- the key ---

#[test]
fn a_disabled_key_is_told_as_one_and_works_again_when_it_is_enabled() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    stage.kluis(["down"]).ok();
    stage.reconfigure("deadline = \"1s\"", "deadline = \"24h\"");
    stage.administrator(&["disable_key", "alias/machines"]);
    let words = &["is disabled", "enable-key"];

    stage.kluis(["up"]).refused(2, words);
    found_by_check(&stage, &volume, &[], 2, words);

    stage.administrator(&["enable_key", "alias/machines"]);
    stage.kluis(["up"]).ok();
}

#[test]
fn a_key_that_is_about_to_be_deleted_is_told_as_one() {
    let (stage, volume) = patient();
    stage.administrator(&[
        "schedule_key_deletion",
        "alias/machines",
        "PendingWindowInDays=7",
    ]);
    told_at_once(
        &stage,
        &volume,
        &[],
        2,
        &["about to be deleted", "cancel-key-deletion"],
    );
}

// --- whom one asks ---

#[test]
fn a_certificate_of_an_unknown_authority_is_told_at_once() {
    let (stage, volume) = patient();
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stage/other-ca.pem");
    told_at_once(
        &stage,
        &volume,
        &[("AWS_CA_BUNDLE", other)],
        1,
        &["authority that is unknown", "[agent] ca", "AWS_CA_BUNDLE"],
    );
}

#[test]
fn a_certificate_for_another_name_is_told_at_once_with_the_names_that_it_has() {
    let (stage, volume) = patient();
    let url = elsewhere(&stage.variable("AWS_ENDPOINT_URL"));
    told_at_once(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL", &url)],
        1,
        &["another name", "localhost", &url, "[agent] endpoint"],
    );
}

#[test]
fn a_certificate_that_has_run_out_is_told_at_once() {
    let (stage, volume) = patient();
    let (url, ca) = certified(&stage.path(""), "127.0.0.1", (2019, 2020));
    told_at_once(
        &stage,
        &volume,
        &[
            ("AWS_ENDPOINT_URL", &url),
            ("AWS_CA_BUNDLE", ca.to_str().unwrap()),
        ],
        1,
        &["has run out", "2020-01-01", "renew"],
    );
}

#[test]
fn plain_http_where_tls_was_expected_is_told_at_once() {
    let (stage, volume) = patient();
    let url = answering(http("200 OK", "", "{}")).replace("http:", "https:");
    told_at_once(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL", &url)],
        1,
        &["does not speak TLS", &url],
    );
}

#[test]
fn plain_http_that_hangs_up_on_tls_is_told_at_once() {
    let (stage, volume) = patient();
    let url = answering_http_alone(http("200 OK", "", "{}")).replace("http:", "https:");
    told_at_once(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL", &url)],
        1,
        &["does not speak TLS", "plain HTTP", &url],
    );
}

#[test]
fn tls_where_plain_http_was_expected_is_told_at_once() {
    let (stage, volume) = patient();
    let url = stage
        .variable("AWS_ENDPOINT_URL")
        .replace("https:", "http:");
    told_at_once(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL", &url)],
        1,
        &["speaks TLS", "https://", &url],
    );
}

#[test]
fn another_program_at_the_endpoint_is_told_at_once_and_is_not_said_to_answer() {
    let (stage, volume) = patient();
    let date = format!("date: {}\r\n", http_date(SystemTime::now()));
    for (status, body) in [
        ("404 Not Found", "<html>no such page</html>"),
        ("200 OK", "<html>It works!</html>"),
        ("302 Found", ""),
        ("403 Forbidden", "<html>forbidden</html>"),
        (
            "400 Bad Request",
            "Client sent an HTTP request to an HTTPS server.",
        ),
        ("200 OK", "{}"),
    ] {
        let page = http(status, &date, body).replace("application/x-amz-json-1.1", "text/html");
        let url = answering(page);
        let environment = [("AWS_ENDPOINT_URL", url.as_str())];
        told_at_once(
            &stage,
            &volume,
            &environment,
            1,
            &["is not this service", &url, "[agent] endpoint"],
        );
        let ran = stage.kluis_with(&environment, ["check"]);
        assert!(!ran.out.contains("ok   key service"), "{}", ran.out);
    }
}

#[test]
fn a_variant_of_awss_that_a_service_of_ones_own_has_not_is_told_at_once() {
    let (stage, volume) = patient();
    for variable in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        let url = stage.variable("AWS_ENDPOINT_URL");
        told_at_once(
            &stage,
            &volume,
            &[(variable, "true")],
            1,
            &[variable, &url, "unset"],
        );
    }
}

#[test]
fn a_name_that_cannot_be_a_hosts_is_told_at_once() {
    let (stage, volume) = patient();
    let url = format!("https://{}.example.com", "k".repeat(64));
    told_at_once(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL", &url)],
        1,
        &["no valid host name", &url, "[agent] endpoint"],
    );
}

// --- what passes ---

#[test]
fn an_overloaded_proxy_before_the_service_is_waited_for() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    for status in ["503 Service Unavailable", "429 Too Many Requests"] {
        let url = answering(http(status, "", "<html>busy</html>"));
        waited_for(
            &stage,
            &volume,
            &[("AWS_ENDPOINT_URL", &url)],
            &[&format!("HTTP {}", &status[..3])],
        );
    }
}

/// It is tried again, says so from the first failure on, and ends with "try again".
#[track_caller]
fn waited_for(stage: &Stage, volume: &Volume, environment: &[(&str, &str)], words: &[&str]) {
    let ran = stage.kluis_with(environment, ["up", &volume.name]);
    let first = ran.err.lines().next().unwrap_or_default().to_owned();
    assert!(first.starts_with("kluis: waiting for "), "{first}");
    assert!(first.contains("; since 0 s, until "), "{first}");
    for word in words {
        assert!(first.contains(word), "no {word:?} in: {first}");
    }
    ran.refused(75, words);
    found_by_check(stage, volume, environment, 75, words);
}

#[test]
fn a_clock_that_is_off_is_waited_for_and_said_to_be_off_by_how_much() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let later = SystemTime::now() + Duration::from_secs(26 * 60 + 20);
    let body = r#"{"__type":"InvalidSignatureException","message":"Signature expired: 20261130T000000Z is now earlier than 20261130T000500Z (20261130T001000Z - 5 min.)"}"#;
    let url = answering(http(
        "400 Bad Request",
        &format!("date: {}\r\n", http_date(later)),
        body,
    ));
    waited_for(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL_KMS", &url)],
        &["this machine's clock is 26 min behind"],
    );
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_the_clocks_fault() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let (url, ca) = certified(&stage.path(""), "127.0.0.1", (2990, 2999));
    waited_for(
        &stage,
        &volume,
        &[
            ("AWS_ENDPOINT_URL", &url),
            ("AWS_CA_BUNDLE", ca.to_str().unwrap()),
        ],
        &["this machine's clock says", "2990-01-01"],
    );
}

#[test]
fn a_name_that_may_come_with_the_network_is_waited_for() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    waited_for(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL", "https://kms-nowhere")],
        &["DNS has no address for kms-nowhere"],
    );
}

#[test]
fn a_service_that_is_not_up_yet_is_waited_for() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let url = format!("https://{}", nobody());
    waited_for(
        &stage,
        &volume,
        &[("AWS_ENDPOINT_URL", &url)],
        &["Connection refused"],
    );
}

#[test]
fn what_is_said_of_waiting_is_left_out_on_demand() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let url = format!("https://{}", nobody());

    let ran = stage.kluis_with(
        &[("AWS_ENDPOINT_URL", &url)],
        ["up", "--quiet", &volume.name],
    );

    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert_eq!(ran.code, 75);
}

#[test]
fn a_service_that_comes_up_while_it_is_waited_for_is_asked() {
    let (mut stage, volume) = patient();
    stage.stop_service();
    let waiting = stage
        .command(["up", &volume.name])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    stage.start_service_again();

    let ran = Ran::from(waiting.wait_with_output().unwrap());

    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(volume.is_mounted());
}

#[test]
fn of_several_endpoints_check_says_that_the_first_is_asked() {
    let mut stage = Stage::new();
    stage.token_volume();
    let url = stage.variable("AWS_ENDPOINT_URL");
    stage.reconfigure(
        "deadline",
        &format!("endpoints = [\"{url}\", \"https://b.example\"]\ndeadline"),
    );

    let ran = stage.kluis(["check"]);

    assert_eq!(ran.code, 0, "{}", ran.out);
    let note = format!("note key service: of `endpoints` only the first is used today: {url}");
    assert!(ran.out.contains(&note), "{}", ran.out);
}

// --- a boot ---

#[test]
fn two_volumes_that_come_up_at_once_in_processes_of_their_own_are_one_call() {
    let mut stage = Stage::new();
    let volumes = [stage.token_volume(), stage.token_volume()];
    let count = |stage: &Stage| (stage.recorded("GenerateDataKey"), stage.recorded("Decrypt"));

    let at_once = |stage: &Stage| {
        let processes = volumes.each_ref().map(|volume| {
            let mut command = stage.command(["up", "--boot", &volume.name]);
            command.stdout(std::process::Stdio::piped());
            command.stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        });
        for process in processes {
            let ran = Ran::from(process.wait_with_output().unwrap());
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
        assert!(volumes.iter().all(Volume::is_mounted));
    };

    // The first boot makes one secret, and reads it back once.
    at_once(&stage);
    assert_eq!(count(&stage), (1, 1));
    // The next one finds it kept, as this is the same minute.
    stage.kluis(["down"]).ok();
    at_once(&stage);
    assert_eq!(count(&stage), (1, 1));
    // By hand it is asked for.
    stage.kluis(["down"]).ok();
    stage.kluis(["up"]).ok();
    assert_eq!(count(&stage), (1, 2));
}

/// As the `Date` header has it.
fn http_date(time: SystemTime) -> String {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let ran = stage::run(
        "date",
        [
            "-u",
            "-d",
            &format!("@{seconds}"),
            "+%a, %d %b %Y %H:%M:%S GMT",
        ],
    );
    ran.ok().trim().to_owned()
}
