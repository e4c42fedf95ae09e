//! libcryptsetup's token plugin: plain cryptsetup opens what `kluis` made without being told how. Here on this machine, where cryptsetup
//! can test a passphrase and map nothing, and in a real kernel (`tests/token/guest`).

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod stage;

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use stage::{Ran, Stage, Volume, run};

/// The plugin, built as packages build it.
fn plugin() -> &'static Path {
    static PLUGIN: OnceLock<PathBuf> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("token-plugin");
        let built = Command::new(stage::workspace().join("scripts/token-plugin"))
            .arg(&folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
        PathBuf::from(String::from_utf8(built.stdout).unwrap().trim_end())
    })
}

/// The agent's service, as systemd would run it for `/run/kluis/token.sock`: here in a folder of the test's own.
fn serve(stage: &Stage) -> PathBuf {
    let folder = stage.path("run");
    fs::create_dir_all(&folder).unwrap();
    let listener = UnixListener::bind(folder.join("token.sock")).unwrap();
    let mut command = stage.command(["token-open", "--socket"]);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let input = std::os::fd::OwnedFd::from(stream.try_clone().unwrap());
            let output = std::os::fd::OwnedFd::from(stream);
            command.stdin(input).stdout(output);
            let _ = command.status();
            // Let go of the connection, or its other end would wait for more.
            command
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::null());
        }
    });
    folder
}

/// Runs cryptsetup with the plugin where it belongs and `socket_folder` as `/run/kluis`, in mounts of its own.
fn cryptsetup(socket_folder: &Path, arguments: &[&str]) -> Ran {
    fs::create_dir_all("/run/kluis").unwrap();
    let script = "mount --bind \"$1\" \"$2\" && mount --bind \"$3\" /run/kluis && shift 3 && exec cryptsetup \"$@\"";
    let plugins = "/usr/lib/x86_64-linux-gnu/cryptsetup";
    let mut all = vec![
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        "sh",
        plugin().parent().unwrap().to_str().unwrap(),
        plugins,
        socket_folder.to_str().unwrap(),
    ];
    all.extend(arguments);
    run("unshare", all)
}

fn test_token(folder: &Path, image: &Path) -> Ran {
    let image = image.to_str().unwrap();
    cryptsetup(
        folder,
        &[
            "--debug",
            "open",
            "--test-passphrase",
            "--token-only",
            image,
        ],
    )
}

fn made(stage: &Stage, volume: &Volume) {
    stage.kluis(["up", &volume.name]).ok();
    stage.kluis(["down", &volume.name]).ok();
}

#[test]
fn the_plugin_has_what_libcryptsetup_looks_for() {
    let shown = run(
        "readelf",
        [
            "--wide",
            "--dynamic",
            "--dyn-syms",
            "--version-info",
            plugin().to_str().unwrap(),
        ],
    )
    .ok();
    for entry in ["version", "open", "buffer_free", "validate", "dump"] {
        let symbol = format!(" cryptsetup_token_{entry}@@CRYPTSETUP_TOKEN_1.0");
        assert!(shown.contains(&symbol), "no {symbol} in:\n{shown}");
    }
    assert!(
        shown.contains("Shared library: [libcryptsetup.so.12]"),
        "{shown}"
    );
    let exported: Vec<&str> = shown
        .lines()
        .filter(|line| line.contains(" FUNC ") && line.contains("@@"))
        .collect();
    assert_eq!(exported.len(), 5, "{exported:#?}");
}

#[test]
fn cryptsetup_opens_what_kluis_made_without_being_told_how() {
    for seed in [false, true] {
        let mut stage = Stage::new();
        let volume = if seed {
            stage.seed_volume()
        } else {
            stage.token_volume()
        };
        made(&stage, &volume);
        let folder = serve(&stage);
        let calls = stage.recorded("Decrypt");

        let ran = test_token(&folder, &volume.image);

        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert_eq!(stage.recorded("Decrypt"), calls + 1);
        let image = volume.image.to_str().unwrap();
        let dump = cryptsetup(&folder, &["luksDump", image]).ok();
        for part in [
            "0: kluis",
            "generation: 1",
            "state:      ready",
            "secret:     wrapped by a key service",
        ] {
            assert!(dump.contains(part), "no {part:?} in:\n{dump}");
        }
    }
}

#[test]
fn a_key_service_that_is_down_means_try_again() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    made(&stage, &volume);
    let folder = serve(&stage);
    stage.stop_service();

    let ran = test_token(&folder, &volume.image);

    assert_eq!(ran.code, 1, "{}", ran.out);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(
        said.contains("kluis: the key service cannot be reached"),
        "{said}"
    );
    // EAGAIN
    assert!(said.contains("(kluis) open failed with -11."), "{said}");
}

#[test]
fn another_volumes_header_and_an_unknown_device_give_nothing_away() {
    let mut stage = Stage::new();
    let (volume, other) = (stage.token_volume(), stage.token_volume());
    made(&stage, &volume);
    made(&stage, &other);
    let folder = serve(&stage);
    let copy = stage.path("copy.img");
    fs::copy(&volume.image, &copy).unwrap();
    fs::copy(&other.image, &volume.image).unwrap();

    let calls = stage.recorded("Decrypt");
    let unknown = test_token(&folder, &copy);
    assert_eq!(stage.recorded("Decrypt"), calls);
    let swapped = test_token(&folder, &volume.image);

    for (ran, words) in [
        (unknown, "no volume of the configuration lies on"),
        (swapped, "is not the one that volume"),
    ] {
        let said = format!("{}{}", ran.out, ran.err);
        assert_ne!(ran.code, 0, "{said}");
        assert!(said.contains(words), "{said}");
        // ENOENT: libcryptsetup goes on to other tokens, and to a passphrase.
        assert!(said.contains("(kluis) open failed with -2."), "{said}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_through_the_socket() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    made(&stage, &volume);
    let folder = serve(&stage);
    fs::write(stage.config(), "[agent]\ndeadlin = \"1s\"\n").unwrap();

    let ran = test_token(&folder, &volume.image);

    let said = format!("{}{}", ran.out, ran.err);
    assert_ne!(ran.code, 0, "{said}");
    assert!(said.contains("unknown field `deadlin`"), "{said}");
    stage.token_volume();
}

#[test]
fn a_passphrase_goes_into_a_pipe_and_cryptsetup_takes_it() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    made(&stage, &volume);
    let image = volume.image.to_str().unwrap();

    let told = stage.kluis(["token-open", "--device", image]).ok();

    let open = ["open", "--test-passphrase", "--key-file", "-", image];
    stage::run_with_input("cryptsetup", open, told.as_bytes()).ok();
    stage
        .kluis([
            "token-open",
            "--device",
            image,
            "--uuid",
            "7d0a9d3e-6bb4-4d5e-9b0a-3d9a8b7c6d5e",
        ])
        .refused(2, &["is not the one on"]);
    stage
        .kluis(["token-open", "--device", "/dev/null"])
        .refused(4, &["/dev/null"]);
}

#[test]
fn a_terminal_is_shown_no_passphrase() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    made(&stage, &volume);
    let line = format!(
        "'{}' --config '{}' token-open --device '{}'",
        env!("CARGO_BIN_EXE_kluis"),
        stage.config().display(),
        volume.image.display()
    );
    let shown = run(
        "script",
        ["--quiet", "--return", "--command", &line, "/dev/null"],
    );
    assert_eq!(shown.code, 1, "{}", shown.out);
    assert!(
        shown
            .out
            .contains("a passphrase is not shown on a terminal"),
        "{}",
        shown.out
    );
}

#[test]
fn cryptsetup_and_systemd_open_volumes_and_an_enrolled_root_in_a_real_kernel() {
    let work = tempfile::tempdir().unwrap();
    let data = stage::template();
    let mut disks = Vec::new();
    for (name, size) in [("a", 64 << 20), ("b", 96 << 20)] {
        let disk = work.path().join(name);
        fs::File::create(&disk).unwrap().set_len(size).unwrap();
        disks.push(disk);
    }
    let results = work.path().join("results");
    fs::create_dir_all(&results).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_kluis")).parent().unwrap();
    let top = stage::workspace().canonicalize().unwrap();
    let environment = format!(
        "programs='{}'\nplugin='{}'\ndata_dir='{}'\nwords='{}'\n",
        programs.display(),
        plugin().display(),
        data.display(),
        top.join("tests/seeds/words").display()
    );
    fs::write(results.join("env"), environment).unwrap();

    let output = Command::new(top.join("tests/kernel/run"))
        .args(["-m", "1200M"])
        .arg(top.join("tests/token/guest"))
        .args(&disks)
        .env("KLUIS_RESULTS", &results)
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("--- done: token"),
        "{}\n{said}{errors}",
        output.status
    );
}
