//! Exit codes, and readers that have read enough.

use std::process::{Command, Stdio};

use crate::daemon::{Folder, KLUISD, Transport, complaint, kluisd};

#[test]
fn wrong_parameters_are_1_and_help_is_0() {
    for words in [
        &["serve", "--no-such-flag"][..],
        &["serve", "--listen", "7600"],
        &["serve", "--account", "12"],
        &["serve", "--metrics", "here"],
        &["env", "--region", "eu west"],
        &["no-such-command"],
        &[],
    ] {
        let output = kluisd(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}: it says nothing");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
    for words in [&["--help"][..], &["--version"], &["serve", "--help"]] {
        assert_eq!(kluisd(words).status.code(), Some(0), "{words:?}");
    }
}

/// A reader that is gone before the first byte.
fn unread(words: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(KLUISD);
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    (output.status.code(), complaint(&output))
}

#[test]
fn a_reader_who_stops_reading_is_no_error() {
    let folder = Folder::new();
    assert_eq!(folder.serve(Transport::Tls).terminate(), Some(0));
    let data = folder.data();
    let data = data.to_str().unwrap();
    for words in [
        &["env", "--data-dir", data][..],
        &["verify", "--data-dir", data],
        &["completions", "bash"],
        &["--help"],
        &["serve", "--help"],
        &["--version"],
    ] {
        assert_eq!(unread(words), (Some(0), String::new()), "{words:?}");
    }
}

#[test]
fn an_error_that_nobody_reads_keeps_its_code() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(KLUISD)
        .args(["verify", "--data-dir", "/nowhere"])
        .stdin(Stdio::null())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
