//! What packages install: the unit, the user and the folder, held to systemd's own tools.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use crate::daemon::{Folder, KLUISD, complaint, succeed, workspace};

/// The greatest exposure, in tenths, that the unit may have. It is what a service of a network has left, and 0 is no service.
const EXPOSURE_MAX: &str = "15";

/// The unit, with the built program for the installed one.
fn unit(folder: &Folder) -> std::path::PathBuf {
    let text = fs::read_to_string(workspace().join("packaging/kluisd.service")).unwrap();
    let path = folder.scratch("kluisd.service");
    fs::write(&path, text.replace("/usr/bin/kluisd", KLUISD)).unwrap();
    path
}

#[test]
fn systemd_takes_every_line_of_the_unit() {
    let folder = Folder::new();
    let mut verify = Command::new("systemd-analyze");
    let output = verify
        .args(["verify", "--man=no"])
        .arg(unit(&folder))
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        complaint(&output)
    );
}

/// The service's own codes are held by `start` and `certificate`.
#[test]
fn the_unit_starts_again_what_may_pass_and_nothing_else() {
    let text = fs::read_to_string(workspace().join("packaging/kluisd.service")).unwrap();
    for line in [
        "StartLimitIntervalSec=0",
        "Restart=on-failure",
        "RestartPreventExitStatus=1",
    ] {
        assert!(text.lines().any(|have| have == line), "no {line}");
    }
}

#[test]
fn the_unit_exposes_little() {
    let folder = Folder::new();
    let mut security = Command::new("systemd-analyze");
    security
        .args(["security", "--offline=true", "--threshold", EXPOSURE_MAX])
        .arg(unit(&folder));
    succeed(&mut security);
}

#[test]
fn the_user_and_the_folder_are_made_for_each_other() {
    let folder = Folder::new();
    let root = folder.scratch("root");
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::create_dir_all(root.join("var/lib")).unwrap();
    let packaging = workspace().join("packaging");
    let at = format!("--root={}", root.display());
    let mut users = Command::new("systemd-sysusers");
    succeed(
        users
            .arg(&at)
            .arg(fs::canonicalize(packaging.join("kluisd.sysusers")).unwrap()),
    );
    let mut folders = Command::new("systemd-tmpfiles");
    folders
        .args([&at, "--create"])
        .arg(fs::canonicalize(packaging.join("kluisd.tmpfiles")).unwrap())
        .stdin(Stdio::null());
    succeed(&mut folders);

    let passwd = fs::read_to_string(root.join("etc/passwd")).unwrap();
    let user = passwd
        .lines()
        .find(|line| line.starts_with("kluisd:"))
        .unwrap();
    let fields: Vec<&str> = user.split(':').collect();
    assert_eq!(fields[5..], ["/var/lib/kluisd", "/usr/sbin/nologin"]);
    let made = fs::metadata(root.join("var/lib/kluisd")).unwrap();
    assert_eq!(made.permissions().mode() & 0o7777, 0o700);
    assert_eq!(made.uid().to_string(), fields[2]);
    assert_eq!(made.gid().to_string(), fields[3]);
}
