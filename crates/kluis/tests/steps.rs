//! Killed at named steps: each verb under strace(1), which kills it just before a certain system call, or holds one of the daemon's up. What
//! `kill.rs` hits by chance is hit here each time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod stage;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stage::{Stage, Volume, run};

/// How often a run is tried whose calls were not those of the run before: other tests attach loop devices at the same time.
const TRIES: usize = 8;
/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A system call: its name, what its line in strace's log holds, and which of those that do it is.
type Step = (&'static str, &'static str, usize);

/// What `up` does to make a volume and to mount it, in order.
const MAKING: [Step; 17] = [
    ("ftruncate", ".img", 0),
    ("fsync", ".img", 0),
    ("rename", ".intent", 0),
    ("rename", ".made", 0),
    ("pwrite64", ".img", 0),
    ("pwrite64", "SKUL", 0),
    ("pwrite64", "LUKS", 0),
    ("pwrite64", "LUKS", 1),
    ("unlink", ".intent\"", 0),
    ("rename", "/state\"", 0),
    ("clone", "", 0),
    ("ppoll", "", 0),
    ("ioctl", "LOOP_CTL_GET_FREE", 0),
    ("ioctl", "LOOP_CONFIGURE", 0),
    ("symlink", "/device\"", 0),
    ("wait4", "", 0),
    ("move_mount", "", 0),
];

/// What it does to open one that has been in use.
const OPENING: [Step; 8] = [
    ("mkdir", "/run/kluis/", 0),
    ("rename", "/state\"", 0),
    ("clone", "", 0),
    ("ppoll", "", 0),
    ("ioctl", "LOOP_CONFIGURE", 0),
    ("symlink", "/device\"", 0),
    ("fsmount", "", 0),
    ("move_mount", "", 0),
];

const CLOSING: [Step; 5] = [
    ("umount2", "mnt-", 0),
    ("ioctl", "LOOP_CLR_FD", 0),
    ("umount2", "/volume\"", 0),
    ("unlinkat", "\"volume\"", 0),
    ("unlinkat", "AT_REMOVEDIR", 0),
];

const REKEYING: [Step; 4] = [
    ("pwrite64", "SKUL", 0),
    ("pwrite64", "LUKS", 0),
    ("pwrite64", "LUKS", 1),
    ("rename", "", 0),
];

const ERASING: [Step; 4] = [
    ("rename", ".erasing", 0),
    ("pwrite64", ".img", 0),
    ("pwrite64", ".img", 1),
    ("unlink", ".made\"", 0),
];

/// The calls of a run: their names and their lines.
struct Log(Vec<(String, String)>);

impl Log {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let calls = text.lines().filter_map(|line| {
            let (name, _) = line.split_once('(')?;
            Some((name.to_owned(), line.to_owned()))
        });
        Log(calls.collect())
    }

    /// The how manieth call of its name a step is.
    fn number_of(&self, (name, word, nth): Step) -> usize {
        let mut of_name = self.0.iter().filter(|(called, _)| called == name);
        let mut seen = 0;
        of_name
            .position(|(_, line)| {
                let is_it = line.contains(word);
                seen += usize::from(is_it);
                is_it && seen > nth
            })
            .map_or_else(|| panic!("no {name} with {word:?} ({nth})"), |at| at + 1)
    }

    fn ends_with(&self, (name, word, _): Step) -> bool {
        self.0
            .last()
            .is_some_and(|(called, line)| called == name && line.contains(word))
    }
}

/// `kluis` under strace: of its own first thread alone, or with all that it starts.
fn traced(stage: &Stage, arguments: &[&str], options: &[&str]) -> Command {
    let plain = stage.command(arguments);
    let mut command = Command::new("strace");
    command
        .args(["-qq", "-y", "-s", "256"])
        .args(options)
        .arg(plain.get_program())
        .args(plain.get_args())
        .env_clear()
        .envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A run to its end, and its calls.
fn watched(stage: &Stage, arguments: &[&str]) -> Log {
    let log = stage.path("calls");
    let run = traced(stage, arguments, &["-o", log.to_str().unwrap()])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{arguments:?}: {said}");
    Log::read(&log)
}

/// Runs `kluis` until just before a step. `again` makes things as they were, where it died elsewhere.
fn killed_before(stage: &Stage, arguments: &[&str], step: Step, known: &Log, again: impl Fn()) {
    let path = stage.path("calls");
    let mut number = known.number_of(step);
    for _ in 0..TRIES {
        let inject = format!("inject={}:signal=KILL:when={number}", step.0);
        let status = traced(
            stage,
            arguments,
            &["-o", path.to_str().unwrap(), "-e", &inject],
        )
        .status()
        .unwrap();
        let log = Log::read(&path);
        if !status.success() && log.ends_with(step) {
            return;
        }
        again();
        number = watched(stage, arguments).number_of(step);
        again();
    }
    panic!("{arguments:?} was not killed at {step:?}");
}

/// That nothing of a volume is there any more.
fn assert_nothing_left(volume: &Volume, at: impl std::fmt::Debug) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let loops = run("losetup", ["-nO", "NAME,BACK-FILE"]).out;
    assert!(!volume.is_mounted(), "{at:?}");
    assert!(!mounts.contains(&volume.name), "{at:?}: {mounts}");
    assert!(!loops.contains(&volume.name), "{at:?}: {loops}");
}

/// The next plain `up` brings it up by itself.
fn assert_comes_up(stage: &Stage, volume: &Volume, at: impl std::fmt::Debug) {
    let ran = stage.kluis(["up", &volume.name]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{at:?}: {}", ran.out);
    assert_eq!(stage.stage(volume), "mounted", "{at:?}");
}

/// Closes what a run has left that died somewhere else than it was to: its daemon may be on its way still.
fn is_closed(stage: &Stage, volume: &Volume) {
    wait_until("what a killed run has left is closed", || {
        let is_down = stage.kluis(["down", &volume.name]).code == 0;
        sleep(Duration::from_millis(200));
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        is_down && !mounts.contains(&volume.name)
    });
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_volume_whose_making_was_cut_anywhere_is_made_by_the_next_up() {
    let mut stage = Stage::new();
    // The machine's first volume takes more: its secret is made.
    stage.token_volume();
    stage.kluis(["up"]).ok();
    let whole = stage.token_volume();
    let known = watched(&stage, &["up", &whole.name]);
    stage.kluis(["down"]).ok();

    for step in MAKING {
        let volume = stage.token_volume();
        killed_before(&stage, &["up", &volume.name], step, &known, || {
            is_closed(&stage, &volume);
            let _ = fs::remove_file(&volume.image);
            let _ = fs::remove_dir_all(stage.path("state/volumes"));
        });

        assert_comes_up(&stage, &volume, step);

        volume.write("recipe", "kept");
        stage.kluis(["down", &volume.name]).ok();
        assert_nothing_left(&volume, step);
    }
}

#[test]
fn a_volume_whose_opening_was_cut_anywhere_is_whole() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    stage.kluis(["down"]).ok();
    let known = watched(&stage, &["up"]);
    stage.kluis(["down"]).ok();

    for step in OPENING {
        killed_before(&stage, &["up"], step, &known, || {
            stage.kluis(["down"]).ok();
        });

        assert_comes_up(&stage, &volume, step);

        assert_eq!(volume.read("recipe").unwrap(), "kept", "{step:?}");
        stage.kluis(["down"]).ok();
        assert_nothing_left(&volume, step);
        // And one that is not opened again is closed as well.
        killed_before(&stage, &["up"], step, &known, || {
            stage.kluis(["down"]).ok();
        });
        stage.kluis(["down"]).ok();
        assert_nothing_left(&volume, step);
    }
}

#[test]
fn a_volume_whose_closing_was_cut_anywhere_is_whole() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    let known = watched(&stage, &["down"]);

    for step in CLOSING {
        stage.kluis(["up"]).ok();
        killed_before(&stage, &["down"], step, &known, || {
            stage.kluis(["up"]).ok();
        });

        assert_comes_up(&stage, &volume, step);

        assert_eq!(volume.read("recipe").unwrap(), "kept", "{step:?}");
        stage.kluis(["down"]).ok();
        assert_nothing_left(&volume, step);
    }
}

#[test]
fn a_volume_whose_rekeying_was_cut_anywhere_opens_and_is_rekeyed() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    let known = watched(&stage, &["rekey"]);

    for step in REKEYING {
        killed_before(&stage, &["rekey"], step, &known, || ());

        stage.kluis(["down"]).ok();
        assert_comes_up(&stage, &volume, step);
        assert_eq!(volume.read("recipe").unwrap(), "kept", "{step:?}");
        stage.kluis(["rekey"]).ok();
    }
}

#[test]
fn an_erase_that_was_cut_anywhere_is_ended_by_the_next() {
    let mut stage = Stage::new();
    let whole = stage.token_volume();
    stage.kluis(["up"]).ok();
    stage.kluis(["down"]).ok();
    let known = watched(&stage, &["erase", &whole.name, "--yes"]);

    for step in ERASING {
        let volume = stage.token_volume();
        let name = volume.name.as_str();
        stage.kluis(["up", name]).ok();
        volume.write("recipe", "soon gone");
        stage.kluis(["down", name]).ok();
        killed_before(&stage, &["erase", name, "--yes"], step, &known, || ());

        let ran = stage.kluis(["erase", name, "--yes"]);

        assert_eq!(ran.code, 0, "{step:?}: {}", ran.err);
        let image = fs::read(&volume.image).unwrap();
        let has_header = image.starts_with(b"LUKS") || image[16 << 10..].starts_with(b"SKUL");
        assert!(!has_header, "{step:?}");
        stage
            .kluis(["up", name])
            .refused(4, &["was erased", "kluis up --wipe"]);
    }
}

#[test]
fn a_daemon_whose_opener_was_killed_is_waited_out() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    stage.kluis(["down"]).ok();

    for held_up in ["delay_enter", "delay_exit"] {
        let inject = format!("inject=mount:{held_up}=1000000:when=1");
        let options = ["-f", "-o", "/dev/null", "-e", &inject];
        let mut strace = traced(&stage, &["up"], &options).spawn().unwrap();
        let mark = Path::new("/run/kluis").join(&volume.name).join("daemon");
        wait_until("no daemon", || {
            fs::read_to_string(&mark).is_ok_and(|pid| pid.ends_with('\n'))
        });
        let children = format!("/proc/{0}/task/{0}/children", strace.id());
        let opener = fs::read_to_string(children).unwrap();
        run("kill", ["-9", opener.trim()]).ok();

        // In the middle of it.
        assert_comes_up(&stage, &volume, held_up);

        assert_eq!(volume.read("recipe").unwrap(), "kept");
        stage.kluis(["down"]).ok();
        assert_nothing_left(&volume, held_up);
        let _ = strace.wait().unwrap();
    }
}
