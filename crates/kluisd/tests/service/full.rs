//! A disk that fills: nothing is answered that could not be recorded.

use std::process::{Command, Stdio};

use crate::daemon::{Folder, KLUISD, client, succeed};

/// The disk's size, in KiB.
const DISK_KIB: u32 = 12 << 10;

/// In a mount namespace of its own, whose file system and processes end with it.
#[test]
fn a_full_disk_withholds_answers_and_room_brings_them_back() {
    let folder = Folder::new();
    let disk = folder.scratch("disk");
    std::fs::create_dir(&disk).unwrap();
    let client = client("full.py");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
        .args([
            "sh",
            "-ec",
            r#"mount -t tmpfs -o "size=$1k" tmpfs "$0"; disk=$0; shift; exec "$@" "$disk""#,
        ])
        .arg(&disk)
        .arg(DISK_KIB.to_string())
        .arg(client.get_program())
        .args(client.get_args())
        .arg(KLUISD)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .stdin(Stdio::null());
    succeed(&mut command);
}
