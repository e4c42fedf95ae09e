//! Promise 9, the agent's half: after many unlocks no 16 bytes of a secret or of a volume key lie anywhere but where they belong. Looked at are what the
//! programs printed and logged, the state and run folders, the key service's data and trail, every process's arguments and environment, the
//! kernel's log and list of keys; that a process which is killed with a core dump asked for leaves none, and that what holds a key is locked
//! against swap. `KLUIS_UNLOCKS` says how many (4); `make promise-9` makes 1,000.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use std::collections::HashSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stage::{Stage, Volume, run, run_with_input};

/// The shortest part of a secret that counts.
const PART: usize = 16;
/// The most that is read of one file: none of these is larger.
const FILE_MAX: u64 = 256 << 20;

/// What must not be found: every 16 bytes of the secrets, as they are, in hexadecimal and in base64.
struct Marks {
    parts: HashSet<[u8; PART]>,
    /// By the first two bytes, so that most places cost nothing.
    starts: Vec<bool>,
}

impl Marks {
    fn new(secrets: &[&[u8]]) -> Self {
        let mut marks = Self {
            parts: HashSet::new(),
            starts: vec![false; 1 << 16],
        };
        for secret in secrets {
            assert!(secret.len() >= PART);
            let hex: Vec<String> = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            let hex = hex.concat();
            let base64 = run_with_input("base64", ["-w0"], secret).ok();
            let base64 = base64.trim_end_matches('=');
            for form in [secret, hex.as_bytes(), base64.as_bytes()] {
                for part in form.windows(PART) {
                    marks.add(part);
                }
            }
        }
        marks
    }

    fn add(&mut self, part: &[u8]) {
        self.starts[usize::from(u16::from_be_bytes([part[0], part[1]]))] = true;
        self.parts.insert(part.try_into().unwrap());
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        bytes.windows(PART).position(|window| {
            self.starts[usize::from(u16::from_be_bytes([window[0], window[1]]))]
                && self.parts.contains(window)
        })
    }

    fn assert_not_in(&self, what: &str, bytes: &[u8]) {
        if let Some(at) = self.find(bytes) {
            panic!("{what}: 16 bytes of a secret at {at}");
        }
    }

    /// Every file below, but for those that are skipped; how many there were.
    fn assert_not_below(&self, folder: &Path, skip: &[PathBuf]) -> usize {
        let mut count = 0;
        let Ok(entries) = fs::read_dir(folder) else {
            return 0;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let Ok(kind) = fs::symlink_metadata(&path) else {
                continue;
            };
            if skip.contains(&path) {
                continue;
            }
            if kind.is_dir() {
                count += self.assert_not_below(&path, skip);
            } else if kind.is_file() {
                assert!(kind.len() <= FILE_MAX, "{}", path.display());
                self.assert_not_in(&path.display().to_string(), &fs::read(&path).unwrap());
                count += 1;
            }
        }
        count
    }

    /// The arguments and the environment of every process; how many there were.
    fn assert_not_in_processes(&self) -> usize {
        let mut count = 0;
        for entry in fs::read_dir("/proc").unwrap() {
            let path = entry.unwrap().path();
            for name in ["cmdline", "environ"] {
                // Most of /proc is no process, and processes end.
                if let Ok(bytes) = fs::read(path.join(name)) {
                    self.assert_not_in(&path.join(name).display().to_string(), &bytes);
                    count += 1;
                }
            }
        }
        count
    }
}

/// The key that the volume's data is under.
fn volume_key(stage: &Stage, volume: &Volume, passphrase: &[u8]) -> Vec<u8> {
    // The stage's folder is looked through afterwards: what is fetched for this goes elsewhere.
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("passphrase"), folder.path().join("key"));
    fs::write(&file, passphrase).unwrap();
    let mut command = Command::new("cryptsetup");
    command
        .args(["-q", "luksDump", "--dump-volume-key", "--volume-key-file"])
        .arg(&key)
        .arg("--key-file")
        .arg(&file)
        .arg(&volume.image);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!stage.path("key").exists());
    fs::read(key).unwrap()
}

/// A stage with as many volumes of a shared secret and of the machine's own, all up once, and what must not be found of the first.
fn marked(pairs: u32) -> (Stage, Vec<Volume>, Marks) {
    let mut stage = Stage::new();
    let shared: Vec<Volume> = (0..pairs).map(|_| stage.seed_volume()).collect();
    let own: Vec<Volume> = (0..pairs).map(|_| stage.token_volume()).collect();
    stage.kluis(["up"]).ok();
    stage.kluis(["down"]).ok();
    let secret = stage.secret("s3://vault/secret");
    let mut secrets = vec![secret.trim_ascii_end().to_vec()];
    for volume in &shared {
        secrets.push(volume_key(&stage, volume, &secrets[0]));
    }
    let secrets: Vec<&[u8]> = secrets.iter().map(Vec::as_slice).collect();
    let marks = Marks::new(&secrets);
    (stage, [shared, own].concat(), marks)
}

/// How often a volume is to be unlocked; few at once or many.
fn unlocks() -> (u32, u32) {
    let count = std::env::var("KLUIS_UNLOCKS").map_or(4, |count| count.parse().unwrap());
    let pairs = if count < 100 { 1 } else { 5 };
    (pairs, u32::div_ceil(count, 2 * pairs))
}

#[test]
fn the_scan_finds_what_is_there() {
    let secret: Vec<u8> = (100..150).collect();
    let marks = Marks::new(&[&secret]);
    assert_eq!(marks.find(&secret[20..36]), Some(0));
    assert_eq!(
        marks.find(&[&[0; 9], &secret[34..], &[1; 9]].concat()),
        Some(9)
    );
    assert_eq!(marks.find(&secret[20..35]), None);
    let base64 = run_with_input("base64", ["-w0"], &secret[..24]).ok();
    assert_eq!(marks.find(base64.as_bytes()), Some(0));
    assert_eq!(
        marks.find(b"6465666768696a6b"),
        Some(0),
        "the first 8 bytes"
    );
}

#[test]
fn no_part_of_a_secret_lies_anywhere_after_many_unlocks() {
    let (pairs, times) = unlocks();
    let (stage, volumes, marks) = marked(pairs);
    let stop = AtomicBool::new(false);
    let looked = std::thread::scope(|scope| {
        // Whoever looks at the list of processes while volumes are brought up.
        let watcher = scope.spawn(|| {
            let mut looked = 0;
            while !stop.load(Ordering::Relaxed) {
                looked += marks.assert_not_in_processes();
                std::thread::sleep(Duration::from_millis(5));
            }
            looked
        });
        for _ in 0..times {
            for verb in ["up", "status", "down"] {
                let ran = stage.kluis([verb]);
                assert_eq!(ran.code, 0, "{}", ran.err);
                marks.assert_not_in(verb, ran.out.as_bytes());
                marks.assert_not_in(verb, ran.err.as_bytes());
            }
        }
        stop.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    });
    stage.kluis(["up"]).ok();
    let images: Vec<PathBuf> = volumes.iter().map(|volume| volume.image.clone()).collect();
    let mounts = volumes.iter().map(|volume| volume.mount.clone());
    let skip: Vec<PathBuf> = images.iter().cloned().chain(mounts).collect();
    // State, configuration, the service's store, objects, log and trail; what runs, and the disks as they lie there.
    let mut files = marks.assert_not_below(&stage.path(""), &skip);
    for volume in &volumes {
        // The view of an open volume is its data in the clear, not its key.
        let folder = Path::new("/run/kluis").join(&volume.name);
        files += marks.assert_not_below(&folder, &[folder.join("volume")]);
    }
    for image in &images {
        marks.assert_not_in("the image", &fs::read(image).unwrap());
    }
    assert!(files > 10, "{files} files");
    marks.assert_not_in("/proc/keys", &fs::read("/proc/keys").unwrap_or_default());
    marks.assert_not_in("dmesg", run("dmesg", ["--raw"]).out.as_bytes());
    for volume in &volumes {
        is_locked_against_swap(volume);
    }
    let count = times * 2 * pairs;
    println!(
        "{count} unlocks of {} volumes: {files} files and {looked} arguments and environments of processes, nothing found",
        volumes.len()
    );
}

fn daemon(volume: &Volume) -> String {
    let pid = fs::read_to_string(format!("/run/kluis/{}/daemon", volume.name)).unwrap();
    pid.trim().to_owned()
}

/// The daemon holds the key as long as the volume is open: nothing of it may go to a disk.
fn is_locked_against_swap(volume: &Volume) {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon(volume))).unwrap();
    let kib = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let text = line.unwrap().trim().trim_end_matches(" kB");
        text.parse().unwrap()
    };
    assert!(kib("VmLck:") >= kib("VmData:"), "{status}");
    assert_eq!(kib("VmSwap:"), 0, "{status}");
}

#[test]
fn children_are_given_no_secret() {
    let (stage, _, marks) = marked(1);
    let traced = stage.path("execve");
    let up = stage.command(["up"]);
    let mut strace = Command::new("strace");
    strace
        .args([
            "-f",
            "-qq",
            "-v",
            "-s",
            "1000000",
            "-e",
            "trace=execve",
            "-o",
        ])
        .arg(&traced)
        .arg(up.get_program())
        .args(up.get_args())
        .env_clear()
        .envs(
            up.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    // It stays as long as the daemons do.
    let mut strace = strace.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let is_up = || {
        stage
            .kluis(["status", "--json"])
            .out
            .matches("\"mounted\"")
            .count()
            == 2
    };
    while !is_up() {
        assert!(Instant::now() < deadline, "not up under strace");
        std::thread::sleep(Duration::from_millis(100));
    }
    stage.kluis(["down"]).ok();
    strace.wait().unwrap();
    let text = fs::read(&traced).unwrap();
    let calls = String::from_utf8_lossy(&text).matches("execve(").count();
    assert!(calls >= 3, "{calls}: {}", String::from_utf8_lossy(&text));
    marks.assert_not_in("arguments and environments of children", &text);
}

#[test]
fn a_process_that_dies_by_a_signal_leaves_no_core() {
    let (stage, volumes, marks) = marked(1);
    let folder = stage.path("cores");
    fs::create_dir(&folder).unwrap();
    let unlimited = |command: &mut Command| {
        let mut prlimit = Command::new("prlimit");
        prlimit
            .args(["--core=unlimited:unlimited"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .current_dir(&folder)
            .stdin(Stdio::null());
        prlimit
    };
    // That cores are written here at all is seen by a program that is not hardened.
    let mut sleeper = unlimited(Command::new("sleep").arg("60").env("PATH", "/usr/bin:/bin"));
    let sleeper = sleeper.env("PATH", "/usr/bin:/bin").spawn();
    let mut sleeper = sleeper.unwrap();
    std::thread::sleep(Duration::from_millis(200));
    run("kill", ["-ABRT", &sleeper.id().to_string()]).ok();
    sleeper.wait().unwrap();
    let writes_cores = fs::read_dir(&folder).unwrap().count() > 0;
    for entry in fs::read_dir(&folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }

    let up = unlimited(&mut stage.command(["up"]))
        .process_group(0)
        .output();
    assert!(up.unwrap().status.success());
    for volume in &volumes {
        let pid = daemon(volume);
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core"))
            .unwrap();
        let limit: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(limit, ["0", "0"], "{core}");
        run("kill", ["-ABRT", &pid]).ok();
        let deadline = Instant::now() + Duration::from_secs(10);
        while stage.stage(volume) != "dead" {
            assert!(Instant::now() < deadline, "{} lives", volume.name);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "a core dump");
    assert_eq!(marks.assert_not_below(&folder, &[]), 0);
    if !writes_cores {
        println!(
            "this system writes no cores into the working directory: only the limits were seen"
        );
    }
}
