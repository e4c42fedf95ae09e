//! What `kluis` has to say besides: completions, man pages, help, silence.

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
