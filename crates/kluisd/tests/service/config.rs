//! The configuration file: a key for every flag, flags win, and what is wrong is refused before anything is made.

use std::fs;
use std::process::Command;

use crate::daemon::{
    Daemon, Folder, KLUISD, complaint, kluisd, serve_configured, succeed, workspace,
};
use crate::start::{put_off, refusal};

#[test]
fn every_flag_is_a_key() {
    let folder = Folder::new();
    let (data, copies) = (folder.scratch("elsewhere"), folder.scratch("copies"));
    let path = folder.scratch("kluisd.toml");
    let config = format!(
        "data-dir = {:?}\nlisten = [\"127.0.0.1:0\"]\naccounts = [\"000000000001\"]\nmetrics = \"127.0.0.1:0\"\ncheckpoints = {:?}\nplain-http = true\n",
        data.to_str().unwrap(),
        copies.to_str().unwrap()
    );
    fs::write(&path, config).unwrap();
    fs::create_dir(&copies).unwrap();
    let mut command = Command::new(KLUISD);
    command
        .args(["serve", "--config"])
        .arg(&path)
        .env("KLUISD_LOG", "warn,s3s=off");
    let mut daemon = Daemon::start(command, data.clone());

    assert!(daemon.endpoint.starts_with("http://127.0.0.1:"));
    let mut env = Command::new(KLUISD);
    let lines = succeed(env.args(["env", "--config"]).arg(&path));
    assert!(lines.contains(&daemon.endpoint), "{lines}");
    succeed(Command::new(KLUISD).args(["health", "--config"]).arg(&path));
    let who = succeed(&mut daemon.client("whoami.py"));
    assert_eq!(who, "arn:aws:iam::000000000001:root us-east-1\n");
    assert!(data.join("metrics").exists());
    assert_eq!(daemon.terminate(), Some(0));
    assert!(fs::read_dir(&copies).unwrap().next().is_some());
    succeed(Command::new(KLUISD).args(["verify", "--config"]).arg(&path));
}

#[test]
fn a_flag_wins_over_its_key() {
    let folder = Folder::new();
    let mut command = serve_configured(
        &folder,
        "data-dir = \"/nowhere\"\nlisten = [\"192.0.2.1:1\"]\naccounts = [\"000000000001\"]\nmetrics = \"192.0.2.1:1\"\n",
    );
    command.args(["--listen", "127.0.0.1:0", "--plain-http"]);
    command.args(["--account", "000000000002", "--metrics", "127.0.0.1:0"]);
    let daemon = Daemon::start(command, folder.data());
    let who = succeed(&mut daemon.client("whoami.py"));
    assert_eq!(who, "arn:aws:iam::000000000002:root us-east-1\n");
}

#[test]
fn what_is_wrong_is_refused_with_its_line_and_leaves_nothing() {
    let folder = Folder::new();
    for (config, said) in [
        ("\n\nport = 7600\n", "line 3"),
        ("listen = []\n", "listen is empty"),
        ("\nlisten = [\n  \"127.0.0.1\",\n]\n", "line 2"),
        (
            "plain-http = true\nlisten = [\"0.0.0.0:0\"]\n",
            "for loopback only",
        ),
        (
            "plain-http = true\n[tls]\nnames = [\"kms\"]\n",
            "take one of them away",
        ),
        ("metrics = \"0.0.0.0:0\"\n", "for loopback only"),
        (
            "[sinks.a]\nwebhook = \"https://127.0.0.1/\"\nca = \"/nowhere\"\n",
            "the sink a",
        ),
    ] {
        let mut command = serve_configured(&folder, config);
        let command = command.stderr(std::process::Stdio::piped());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{config}");
        let complaint = complaint(&output);
        assert!(complaint.contains(said), "{config}: {complaint}");
        assert!(
            !folder.data().exists(),
            "{config}: a refused start left something"
        );
    }
}

/// Every line that is commented out in the package's example is taken.
#[test]
fn the_example_is_right() {
    let folder = Folder::new();
    let example = fs::read_to_string(workspace().join("packaging/kluisd.toml")).unwrap();
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = example.lines().map(uncommented).collect();
    // Of [tls] one half at a time; the accounts and places are this test's.
    for leave_out in [&["names"][..], &["certificate", "key"]] {
        let text: String = lines
            .iter()
            .filter(|line| {
                !leave_out
                    .iter()
                    .any(|key| line.starts_with(&format!("{key} =")))
            })
            .map(|line| line.clone() + "\n")
            .collect();
        let mut command = serve_configured(&folder, &text);
        command.args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
        if leave_out == ["names"] {
            command.stderr(std::process::Stdio::piped());
            let said = refusal(command);
            assert!(said.contains("cannot read /etc/kluisd/chain.pem"), "{said}");
        } else {
            assert_eq!(Daemon::start(command, folder.data()).terminate(), Some(0));
        }
    }
}

#[test]
fn a_configuration_that_was_named_has_to_be_there() {
    let folder = Folder::new();
    let mut command = Command::new(KLUISD);
    command
        .args(["serve", "--config", "/nowhere/kluisd.toml", "--data-dir"])
        .arg(folder.data());
    assert_eq!(
        refusal(command),
        "kluisd: there is no /nowhere/kluisd.toml\n"
    );
}

#[test]
fn each_place_of_several_is_listened_on_and_the_first_is_told() {
    let folder = Folder::new();
    let config = "listen = [\"localhost:0\", \"0.0.0.0:0\"]\n[tls]\nnames = [\"kms.example.com\", \"10.0.0.5\"]\n";
    let mut daemon = Daemon::start(serve_configured(&folder, config), folder.data());
    let first = format!("https://localhost:{}", daemon.port());
    assert_eq!(daemon.endpoint, first);
    let told = fs::read_to_string(folder.data().join("endpoint")).unwrap();
    assert_eq!(told, format!("{first}\n"));
    daemon.run("whoami.py");

    // The second, by its port, which other machines are told of.
    let others = fs::read_to_string(folder.data().join("endpoints")).unwrap();
    let others: Vec<&str> = others.lines().collect();
    let port: u16 = others[0].rsplit_once(':').unwrap().1.parse().unwrap();
    let expected = ["kms.example.com", "10.0.0.5"].map(|name| format!("https://{name}:{port}"));
    assert_eq!(others, expected);
    assert_ne!(port, daemon.port());
    daemon.endpoint = format!("https://127.0.0.1:{port}");
    daemon.run("whoami.py");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn an_ipv4_client_of_an_ipv6_listener_is_on_record_by_its_own_address() {
    if fs::read_to_string("/proc/net/if_inet6")
        .unwrap_or_default()
        .is_empty()
    {
        return; // this machine has no IPv6
    }
    let folder = Folder::new();
    let config = "listen = [\"[::]:0\"]\n";
    let mut daemon = Daemon::start(serve_configured(&folder, config), folder.data());
    daemon.endpoint = format!("https://127.0.0.1:{}", daemon.port());
    daemon.run("whoami.py");
    assert_eq!(daemon.terminate(), Some(0));
    let records: String = fs::read_dir(folder.data().join("trail"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default())
        .collect();
    assert!(
        records.contains("\"sourceIPAddress\":\"127.0.0.1\""),
        "{records}"
    );
    assert!(!records.contains("::ffff:"), "{records}");
}

#[test]
fn an_address_of_another_machine_is_refused_with_what_to_do() {
    let folder = Folder::new();
    // TEST-NET-1 is nobody's.
    let said = put_off({
        let mut command = Command::new(KLUISD);
        command
            .args(["serve", "--listen", "192.0.2.1:7600", "--data-dir"])
            .arg(folder.data());
        command
    });
    assert!(said.contains("cannot listen on 192.0.2.1:7600"), "{said}");
    let mut unknown = serve_configured(&folder, "listen = [\"nobody.invalid:7600\"]\n");
    unknown.stderr(std::process::Stdio::piped());
    let said = put_off(unknown);
    assert!(said.contains("address of nobody.invalid"), "{said}");
    assert_eq!(
        kluisd(["serve", "--listen", "192.0.2.1"]).status.code(),
        Some(1)
    );
}
