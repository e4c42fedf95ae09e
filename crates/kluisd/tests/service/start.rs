//! Starting, stopping, and being refused to start.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::daemon::{Daemon, Folder, KLUISD, Transport, complaint, kluisd, serve, succeed, verify};

/// What `kluisd serve` says as it refuses to start.
pub(crate) fn refusal(command: Command) -> String {
    refusal_with(1, command)
}

/// The same of what may be better the next time, so that the unit tries again.
pub(crate) fn put_off(command: Command) -> String {
    refusal_with(75, command)
}

fn refusal_with(code: i32, mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", complaint(&output));
    assert!(output.stdout.is_empty(), "it says that it listens");
    complaint(&output)
}

#[test]
fn sigterm_lets_what_is_under_way_finish_and_exits_0() {
    let folder = Folder::new();
    let mut daemon = folder.serve(Transport::Tls);
    succeed(daemon.client("drain.py").arg(daemon.pid().to_string()));
    assert_eq!(daemon.wait(), Some(0));
    verify(&folder.data());
}

#[test]
fn a_second_service_in_the_same_folder_is_refused() {
    let folder = Folder::new();
    let _first = folder.serve(Transport::Plain);
    let said = put_off(serve(&folder.data()));
    assert!(said.contains("another kluisd runs in"), "{said}");
}

#[test]
fn a_folder_whose_root_key_is_gone_wrong_or_readable_by_others_is_refused() {
    let folder = Folder::new();
    let key = folder.data().join("root.key");
    assert_eq!(folder.serve(Transport::Plain).terminate(), Some(0));
    let right = fs::read(&key).unwrap();

    let mut damaged = right.clone();
    damaged[20] ^= 1;
    fs::write(&key, damaged).unwrap();
    let said = refusal(serve(&folder.data()));
    assert!(said.contains("it is damaged"), "{said}");

    fs::write(&key, &right[..30]).unwrap();
    let said = refusal(serve(&folder.data()));
    assert!(said.contains("it is cut short"), "{said}");

    fs::remove_file(&key).unwrap();
    let said = refusal(serve(&folder.data()));
    assert!(said.contains("root.key is gone"), "{said}");
    assert!(!key.exists(), "a missing root key was replaced");

    // A whole key, and another folder's.
    let other = Folder::new();
    assert_eq!(other.serve(Transport::Plain).terminate(), Some(0));
    fs::copy(other.data().join("root.key"), &key).unwrap();
    let said = refusal(serve(&folder.data()));
    assert!(said.contains("kluisd: cannot open"), "{said}");

    fs::write(&key, &right).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = refusal(serve(&folder.data()));
    assert!(said.contains("chmod 600"), "{said}");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(folder.serve(Transport::Plain).terminate(), Some(0));
}

#[test]
fn plain_http_is_for_loopback_only() {
    let folder = Folder::new();
    let mut command = Command::new(KLUISD);
    command
        .args([
            "serve",
            "--plain-http",
            "--listen",
            "0.0.0.0:0",
            "--data-dir",
        ])
        .arg(folder.data());
    let said = refusal(command);
    assert!(said.contains("--plain-http is for loopback only"), "{said}");
    assert!(!folder.data().exists(), "a refused start left something");
}

#[test]
fn an_account_is_added_by_a_later_start_and_none_is_ever_dropped() {
    let folder = Folder::new();
    let profiles = || {
        let text = fs::read_to_string(folder.data().join("credentials")).unwrap();
        let titles = text.lines().filter(|line| line.starts_with('['));
        titles.map(str::to_owned).collect::<Vec<_>>()
    };
    let started_with = |words: &[&str]| {
        let mut command = serve(&folder.data());
        command.arg("--plain-http").args(words);
        let mut daemon = Daemon::start(command, folder.data());
        assert_eq!(daemon.terminate(), Some(0));
    };
    started_with(&["--account", "444455556666"]);
    assert_eq!(profiles(), ["[default]"]);
    started_with(&["--account", "111122223333", "--account", "000000000001"]);
    let all = ["[default]", "[111122223333]", "[000000000001]"];
    assert_eq!(profiles(), all);

    // Without a name, all are served on; a profile that was removed comes back.
    let before = fs::read_to_string(folder.data().join("credentials")).unwrap();
    fs::remove_file(folder.data().join("credentials")).unwrap();
    started_with(&[]);
    let after = fs::read_to_string(folder.data().join("credentials")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn a_folder_of_the_format_with_one_account_is_refused_and_left_alone() {
    let folder = Folder::new();
    fs::create_dir(folder.data()).unwrap();
    fs::write(folder.data().join("account"), "111122223333\n").unwrap();
    let said = refusal(serve(&folder.data()));
    assert!(said.contains("was written by an earlier kluisd"), "{said}");
    assert!(!folder.data().join("root.key").exists());
    assert!(!folder.data().join("kluisd.db").exists());
}

#[test]
fn the_lines_of_env_make_a_shell_talk_to_the_service() {
    let folder = Folder::new();
    let none = kluisd(["env", "--data-dir", folder.data().to_str().unwrap()]);
    assert_eq!(none.status.code(), Some(1));
    assert!(complaint(&none).contains("start it first: kluisd serve"));

    let daemon = folder.serve(Transport::Tls);
    // The script stands for any client: it has its endpoint, credentials and CA from nowhere but the lines.
    let client = crate::daemon::client("whoami.py");
    let mut shell = Command::new("sh");
    shell
        .args([
            "-ec",
            r#"eval "$("$0" env --data-dir "$1" --region eu-west-1)"; exec "$2" "$3""#,
        ])
        .arg(KLUISD)
        .arg(&daemon.data)
        .arg(client.get_program())
        .args(client.get_args())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_CONFIG_FILE", "/dev/null");
    assert_eq!(
        succeed(&mut shell),
        "arn:aws:iam::111122223333:root eu-west-1\n"
    );
}

#[test]
fn what_holds_secrets_is_its_owners_alone() {
    let folder = Folder::new();
    let _daemon = folder.serve(Transport::Tls);
    for name in [
        "",
        "credentials",
        "root.key",
        "kluisd.db",
        "tls",
        "tls/ca.key",
        "trail",
    ] {
        let mode = fs::metadata(folder.data().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name:?} has mode {mode:o}");
    }
}
