//! `kluisd env --for-machines`: what is pasted on another machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::daemon::{
    Daemon, Folder, KLUISD, complaint, kluisd, serve_configured, succeed, workspace,
};

const CONFIG: &str =
    "listen = [\"0.0.0.0:0\"]\n[tls]\nnames = [\"localhost\", \"kms.example.com\"]\n";

fn for_machines(folder: &Folder) -> Output {
    let words = [
        "env",
        "--for-machines",
        "--region",
        "eu-west-1",
        "--data-dir",
    ];
    Command::new(KLUISD)
        .args(words)
        .arg(folder.data())
        .output()
        .unwrap()
}

/// What it prints, with another place for /etc.
fn script(folder: &Folder, etc: &Path) -> String {
    let output = for_machines(folder);
    assert!(output.status.success(), "{}", complaint(&output));
    let script = String::from_utf8(output.stdout).unwrap();
    script.replace("/etc/kluis", etc.join("kluis").to_str().unwrap())
}

fn paste(script: &str) -> Output {
    Command::new("sh").args(["-ec", script]).output().unwrap()
}

#[test]
fn the_script_gives_a_machine_its_ca_and_its_agent() {
    let folder = Folder::new();
    let daemon = Daemon::start(serve_configured(&folder, CONFIG), folder.data());
    let etc = folder.scratch("etc");
    let script = script(&folder, &etc);
    let pasted = paste(&script);
    assert!(
        pasted.status.success() && pasted.stderr.is_empty(),
        "{}",
        complaint(&pasted)
    );

    let ca = fs::read_to_string(etc.join("kluis/ca.pem")).unwrap();
    let own = fs::read_to_string(folder.data().join("tls/ca.pem")).unwrap();
    assert_eq!(ca.trim(), own.trim());
    let volumes = fs::read_to_string(etc.join("kluis/volumes.toml")).unwrap();
    let volumes: toml::Table = volumes.parse().unwrap();
    let agent = volumes["agent"].as_table().unwrap();
    let endpoint = format!("https://kms.example.com:{}", daemon.port());
    assert_eq!(agent["endpoint"].as_str(), Some(endpoint.as_str()));
    assert_eq!(agent["ca"].as_str(), etc.join("kluis/ca.pem").to_str());
    assert_eq!(agent["region"].as_str(), Some("eu-west-1"));

    // A second time: what is there is left alone, and said to be.
    let before = fs::read(etc.join("kluis/volumes.toml")).unwrap();
    let again = paste(&script);
    assert!(again.status.success());
    assert!(
        complaint(&again).contains("has its [agent] already"),
        "{}",
        complaint(&again)
    );
    assert_eq!(fs::read(etc.join("kluis/volumes.toml")).unwrap(), before);
}

#[test]
fn nothing_in_it_is_the_root_users() {
    let folder = Folder::new();
    let _daemon = Daemon::start(serve_configured(&folder, CONFIG), folder.data());
    let script = script(&folder, Path::new("/etc"));
    let credentials = fs::read_to_string(folder.data().join("credentials")).unwrap();
    let values: Vec<&str> = credentials
        .lines()
        .filter_map(|line| Some(line.split_once(" = ")?.1))
        .collect();
    assert_eq!(values.len(), 2, "an access key has an id and a secret");
    for value in values {
        assert!(!script.contains(value), "{value}");
    }
}

#[test]
fn the_commands_in_it_make_a_user_who_may_use_the_key_and_no_more() {
    let folder = Folder::new();
    let daemon = Daemon::start(serve_configured(&folder, CONFIG), folder.data());
    let script = script(&folder, Path::new("/etc"));
    let commands: String = script
        .lines()
        .skip_while(|line| !line.contains("aws iam create-user"))
        .take_while(|line| *line != "#")
        .map(|line| line.trim_start_matches('#').to_owned() + "\n")
        .collect();
    assert_eq!(commands.matches("aws iam").count(), 3, "{commands}");
    let aws = std::env::var_os("KLUIS_AWS_CLI")
        .map_or_else(|| workspace().join(".tools/aws-cli/bin/aws"), PathBuf::from);
    let path = format!(
        "{}:{}",
        aws.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let story = format!(
        r#"eval "$({KLUISD} env --data-dir {data})"
        key=$(aws kms create-key --query KeyMetadata.Arn --output text)
        user() {{
            {commands}
        }}
        user | jq -r '.AccessKey | select(.) | "[default]\naws_access_key_id = \(.AccessKeyId)\naws_secret_access_key = \(.SecretAccessKey)"' >{scratch}/credentials
        export AWS_SHARED_CREDENTIALS_FILE={scratch}/credentials
        aws kms generate-data-key --key-id "$key" --key-spec AES_256 --query CiphertextBlob --output text | base64 --decode >{scratch}/blob
        aws kms decrypt --key-id "$key" --ciphertext-blob fileb://{scratch}/blob >/dev/null
        if aws kms encrypt --key-id "$key" --plaintext aGVsbG8= 2>{scratch}/said; then exit 1; fi
        grep -q AccessDenied {scratch}/said"#,
        data = folder.data().display(),
        scratch = folder.scratch("").display(),
        commands = commands
            .replace("MACHINE", "node-1")
            .replace("KEY", "'\"$key\"'"),
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-ec", &story])
        .env("PATH", path)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_PAGER", "")
        .env("AWS_ENDPOINT_URL", &daemon.endpoint);
    succeed(&mut shell);
}

#[test]
fn a_service_that_no_machine_can_reach_says_what_to_set() {
    let folder = Folder::new();
    let before = for_machines(&folder);
    assert_eq!(before.status.code(), Some(1));
    assert!(
        complaint(&before).contains("start it first"),
        "{}",
        complaint(&before)
    );
    for config in [
        "listen = [\"127.0.0.1:0\"]\n[tls]\nnames = [\"kms.example.com\"]\n",
        "listen = [\"0.0.0.0:0\"]\n",
        "listen = [\"127.0.0.1:0\"]\nplain-http = true\n",
    ] {
        let _daemon = Daemon::start(serve_configured(&folder, config), folder.data());
        let output = for_machines(&folder);
        assert_eq!(output.status.code(), Some(1), "{config}");
        assert!(output.stdout.is_empty(), "{config}");
        let said = complaint(&output);
        assert!(
            said.contains("set `listen = ") && said.contains("`[tls]` `names"),
            "{said}"
        );
    }
    assert_eq!(
        kluisd(["env", "--region", "eu\"\nx"]).status.code(),
        Some(1)
    );
}
