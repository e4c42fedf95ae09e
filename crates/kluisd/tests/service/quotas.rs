//! Quotas, metrics and alarms from outside.

use std::fs;
use std::process::Command;

use crate::daemon::{Daemon, Folder, KLUISD, complaint, serve, succeed};

#[test]
fn metrics_are_read_in_three_protocols_and_calls_beyond_a_quota_are_refused() {
    let folder = Folder::new();
    let mut command = Command::new(KLUISD);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--plain-http"])
        .args(["--metrics", "127.0.0.1:0", "--data-dir"])
        .arg(folder.data())
        .env("KLUISD_LOG", "warn,s3s=off");
    let daemon = Daemon::start(command, folder.data());
    let metrics = fs::read_to_string(folder.data().join("metrics")).unwrap();

    succeed(daemon.client("quotas.py").arg(metrics.trim()));
}

#[test]
fn every_operation_of_the_key_service_counts_to_a_quota() {
    for operation in wire::kms::SERVICE.operations {
        let name = operation.name;
        // Those that count by the kind of key have their own tests in `kms`.
        let is_by_kind = name.starts_with("GenerateDataKeyPair")
            || [
                "Decapsulate",
                "Decrypt",
                "DeriveSharedSecret",
                "Encapsulate",
                "Encrypt",
                "GenerateDataKey",
                "GenerateDataKeyWithoutPlaintext",
                "GenerateMac",
                "GenerateRandom",
                "ReEncrypt",
                "Sign",
                "Verify",
                "VerifyMac",
            ]
            .contains(&name);
        let is_known = monitor::quota::by_resource(name).is_some();
        assert!(is_known != is_by_kind, "{name} has no quota");
    }
    for spec in wire::kms::DataKeyPairSpec::ALL {
        let resource = format!("GenerateDataKeyPair-{}", spec.as_str());
        assert!(
            monitor::quota::by_resource(&resource).is_some(),
            "{resource}"
        );
    }
    for kind in ["Symmetric", "Rsa", "Ecc", "MlDsa", "MlKem"] {
        let resource = format!("CryptographicOperations{kind}");
        assert!(
            monitor::quota::by_resource(&resource).is_some(),
            "{resource}"
        );
    }
}

#[test]
fn a_configuration_that_is_not_right_is_refused_with_its_place() {
    let folder = Folder::new();
    let path = folder.scratch("kluisd.toml");
    fs::write(&path, "[quotas]\nCreateKey = 5\nDecrypts = 5\n").unwrap();
    let mut command = serve(&folder.data());
    let output = command.arg("--config").arg(&path).output().unwrap();
    assert!(!output.status.success());
    let mut command = Command::new(KLUISD);
    command
        .args(["serve", "--data-dir"])
        .arg(folder.data())
        .arg("--config")
        .arg(&path);
    let said = complaint(&command.output().unwrap());
    assert!(said.contains("there is no quota \"Decrypts\""), "{said}");
    let mut command = Command::new(KLUISD);
    command
        .args(["serve", "--metrics", "0.0.0.0:0", "--data-dir"])
        .arg(folder.data());
    let said = complaint(&command.output().unwrap());
    assert!(said.contains("for loopback only"), "{said}");
    assert!(!folder.data().exists(), "a refused start left something");
}
