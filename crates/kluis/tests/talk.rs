//! What `kluis` has to say besides: completions, man pages, help, silence.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod stage;

use stage::{Stage, run_with_input};

#[test]
fn completions_are_what_bash_reads() {
    let stage = Stage::without_service();

    let script = stage.kluis(["completions", "bash"]).ok();

    run_with_input("bash", ["-n"], script.as_bytes()).ok();
    let asked = format!("{script}\ncomplete -p kluis\n");
    let answer = run_with_input("bash", ["--norc"], asked.as_bytes()).ok();
    assert!(answer.contains("_kluis"), "{answer}");
    for verb in [
        "seal", "up", "down", "status", "rekey", "erase", "check", "header",
    ] {
        assert!(script.contains(verb), "{verb}");
    }
}

#[test]
fn there_is_a_man_page_for_each_verb() {
    let stage = Stage::without_service();
    let dir = stage.path("man");

    stage.kluis(["man", dir.to_str().unwrap()]).ok();

    for page in ["kluis", "kluis-up", "kluis-erase", "kluis-header-restore"] {
        let text = std::fs::read_to_string(dir.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".TH ") && text.contains(".SH "), "{page}");
    }
}

#[test]
fn quiet_says_nothing_of_success() {
    let mut stage = Stage::new();
    let volume = stage.volume(
        "64MiB",
        "key = \"alias/machines\"\nsecret = \"s3://vault/quiet\"",
    );
    let name = volume.name.as_str();
    let backup = stage.path("backup");
    let backup = backup.to_str().unwrap();

    for arguments in [
        &["seal", name][..],
        &["seal", name],
        &["up"],
        &["up"],
        &["header", "backup", name, backup],
        &["down"],
        &["header", "restore", name, backup, "--yes"],
        &["erase", name, "--yes"],
    ] {
        let ran = stage.kluis(["--quiet"].iter().chain(arguments));
        assert_eq!(ran.ok(), "", "{arguments:?}");
    }
}

#[test]
fn check_finds_nothing_bad_on_a_machine_that_works() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let before = stage.kluis(["check"]).ok();
    assert!(
        before.contains(&format!("kluis up {}", volume.name)),
        "{before}"
    );
    stage.kluis(["up"]).ok();

    let text = stage.kluis(["check"]).ok();

    assert!(!text.contains("BAD"), "{text}");
    stage.kluis(["down"]).ok();
    stage.stop_service();
    let ran = stage.kluis(["check"]);
    assert_eq!(ran.code, 75, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("BAD") && ran.out.contains("cannot be reached"),
        "{}",
        ran.out
    );
}

/// What only the kernel's log of a boot would say.
#[test]
fn check_says_what_is_wrong_with_the_units_of_a_volume() {
    let mut stage = Stage::without_service();
    let volume = stage.volume("64MiB", "key = \"ephemeral\"");
    let fstab = stage.path("fstab");
    let line = format!("# here\n/dev/vdb {} xfs defaults\n", volume.mount.display());
    std::fs::write(&fstab, line).unwrap();
    let environment = [("SYSTEMD_FSTAB", fstab.to_str().unwrap())];

    let ran = stage.kluis_with(&environment, ["check"]);

    let bad = format!("BAD  {}: line 2 of /etc/fstab", volume.name);
    assert!(ran.out.contains(&bad), "{}", ran.out);
    assert_eq!(ran.code, 1);

    let link = stage.path("link");
    std::os::unix::fs::symlink(".", &link).unwrap();
    let linked = link.join("below");
    stage.reconfigure(
        &volume.mount.display().to_string(),
        &linked.display().to_string(),
    );
    let ran = stage.kluis(["check"]);
    assert!(ran.out.contains("leads over a link"), "{}", ran.out);
    assert_eq!(ran.code, 1);
}

#[test]
fn check_says_what_several_disks_without_their_number_come_to_at_boot() {
    let mut stage = Stage::without_service();
    let volume = stage.volume("64MiB", "key = \"ephemeral\"");
    let image = format!("file = \"{}\"\nsize = \"64MiB\"", volume.image.display());
    stage.reconfigure(&image, "device = \"instance-store\"");
    let mount = volume.mount.display().to_string();
    stage.reconfigure(&mount, &format!("{mount}/{{n}}"));

    let ran = stage.kluis(["check"]);

    let note = format!("note {}: {{n}} in mount and no `disks`", volume.name);
    assert!(ran.out.contains(&note), "{}", ran.out);
    assert!(ran.out.contains("disks = N"), "{}", ran.out);
}

#[test]
fn a_wrong_flag_is_a_wrong_parameter() {
    let stage = Stage::without_service();

    let ran = stage.kluis(["up", "--wype"]);

    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("--wipe") && ran.err.contains("Usage"),
        "{}",
        ran.err
    );
    assert_eq!(stage.kluis(["--help"]).code, 0);
    assert_eq!(stage.kluis(["--version"]).code, 0);
}

#[test]
fn an_unknown_volume_is_named_before_anybody_is_asked() {
    let mut stage = Stage::without_service();
    stage.volume("64MiB", "key = \"alias/machines\"");
    let backup = stage.path("backup");
    let backup = backup.to_str().unwrap();
    for arguments in [
        &["erase", "nope"][..],
        &["up", "--wipe", "nope"],
        &["rekey", "--rebind", "nope"],
        &["header", "restore", "nope", backup],
    ] {
        stage
            .kluis(arguments)
            .refused(1, &["there is no volume nope", "it has e2e-"]);
    }
}

/// Runs a command whose output nobody reads, as `kluis … | head -0` does.
fn unread(mut command: std::process::Command) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_reader_who_has_gone_is_no_failure() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let name = volume.name.as_str();

    for arguments in [
        &["up"][..],
        &["status"],
        &["status", name],
        &["status", "--json"],
        &["status", "--watch"],
        &["check"],
        &["header", "show", name],
        &["down", "--dry-run"],
        &["down"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (code, said) = unread(stage.command(arguments));
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn all_volumes_are_in_one_table_and_a_named_one_is_shown_whole() {
    let mut stage = Stage::new();
    let first = stage.token_volume();
    let second = stage.volume("64MiB", "key = \"ephemeral\"");
    stage.kluis(["up", &first.name]).ok();

    let table = stage.kluis(["status"]).ok();

    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    let words =
        |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    assert_eq!(
        words(lines[0]),
        [
            "VOLUME", "STATE", "SIZE", "CIPHER", "ENGINE", "DEVICE", "MOUNT"
        ]
    );
    let row = |volume: &stage::Volume| {
        let line = lines.iter().find(|line| line.contains(&volume.name));
        words(line.unwrap())
    };
    assert_eq!(row(&first)[1], "mounted", "{table}");
    assert!(row(&first).contains(&"fuse".to_owned()), "{table}");
    assert_eq!(row(&second)[1], "missing", "{table}");
    let whole = stage.kluis(["status", &first.name]).ok();
    assert!(whole.contains("is active and is in use."), "{whole}");
    assert!(whole.contains("cipher:      aes-xts-plain64"), "{whole}");
}

#[test]
fn a_watched_status_is_printed_again_when_it_has_changed() {
    use std::io::{BufRead as _, BufReader};

    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let mut watching = stage.command(["status", "--watch"]);
    let mut watching = watching
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut row = || {
        lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.starts_with(&volume.name))
            .unwrap()
    };
    assert!(row().contains("missing"));

    stage.kluis(["up"]).ok();

    assert!(row().contains("mounted"));
    watching.kill().unwrap();
    watching.wait().unwrap();
}
