//! A machine and a key service for one test: a real `kluisd` on a port of its own, a configuration, volumes; and a guard that leaves
//! nothing mounted, looped or running, whatever becomes of the test.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's stage that cannot be set up is a failed test"
)]
#![allow(dead_code, reason = "each test program uses a part of it")]

mod service;
mod tls;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use service::Service;
#[allow(unused_imports, reason = "each test program uses a part of it")]
pub(crate) use service::{answering, answering_http_alone, silent, template, workspace};
#[allow(unused_imports, reason = "each test program uses a part of it")]
pub(crate) use tls::{certified, elsewhere};

/// Some of Debian's tools lie where a user's PATH does not.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Everything of one test.
pub(crate) struct Stage {
    service: Option<Service>,
    volumes: Vec<Volume>,
    agent: String,
    dir: TempDir,
}

/// A volume that the configuration names.
#[derive(Clone)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) image: PathBuf,
    pub(crate) mount: PathBuf,
    table: String,
}

/// What a run of a program came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    /// A stage with a key service, the keys `alias/machines` and `alias/others`, the bucket `vault` and the user `nobody`.
    pub(crate) fn new() -> Self {
        let mut stage = Self::without_service();
        stage.service = Some(Service::start(stage.dir.path()));
        stage
    }

    /// A stage without a key service, for what needs none.
    pub(crate) fn without_service() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("kluis-e2e-")
            .tempdir()
            .unwrap();
        let agent = format!(
            "[agent]\nstate = \"{}\"\ndeadline = \"1s\"\n",
            dir.path().join("state").display()
        );
        let stage = Self {
            service: None,
            volumes: Vec::new(),
            agent,
            dir,
        };
        stage.write_config();
        stage
    }

    /// A path of this test alone.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Adds a volume in a file of `size` to the configuration; `settings` are further lines of its table.
    pub(crate) fn volume(&mut self, size: &str, settings: &str) -> Volume {
        let image = self.path(&format!("{}.img", self.volumes.len()));
        self.volume_in(&image, size, settings)
    }

    /// The same in a file that the caller names.
    pub(crate) fn volume_in(&mut self, image: &Path, size: &str, settings: &str) -> Volume {
        // Mappings have names that all tests share.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e-{}-{number}", std::process::id());
        let mount = self.path(&format!("mnt-{number}"));
        let table = format!(
            "[volume.{name}]\nfile = \"{}\"\nsize = \"{size}\"\nmount = \"{}\"\nengine = \"fuse\"\n{settings}\n",
            image.display(),
            mount.display()
        );
        let volume = Volume {
            name,
            image: image.to_owned(),
            mount,
            table,
        };
        self.volumes.push(volume.clone());
        self.write_config();
        volume
    }

    /// A volume of token mode.
    pub(crate) fn token_volume(&mut self) -> Volume {
        self.volume("64MiB", "key = \"alias/machines\"")
    }

    /// A volume of seed mode whose secret is sealed.
    pub(crate) fn seed_volume(&mut self) -> Volume {
        let volume = self.volume(
            "64MiB",
            "key = \"alias/machines\"\nsecret = \"s3://vault/secret\"",
        );
        self.kluis(["seal", &volume.name]).ok();
        volume
    }

    /// Replaces a text of the configuration, which must hold it.
    pub(crate) fn reconfigure(&mut self, from: &str, to: &str) {
        let mut found = self.agent.contains(from);
        self.agent = self.agent.replace(from, to);
        for volume in &mut self.volumes {
            found |= volume.table.contains(from);
            volume.table = volume.table.replace(from, to);
        }
        assert!(found, "the configuration has no {from:?}");
        self.write_config();
    }

    /// The configuration's path.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("volumes.toml")
    }

    fn write_config(&self) {
        let tables: String = self
            .volumes
            .iter()
            .map(|volume| volume.table.as_str())
            .collect();
        fs::write(self.config(), format!("{}\n{tables}", self.agent)).unwrap();
    }

    /// Runs `kluis` with this stage's configuration and service.
    pub(crate) fn kluis<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// The same with other environment.
    pub(crate) fn kluis_with<A: AsRef<OsStr>>(
        &self,
        environment: &[(&str, &str)],
        arguments: impl IntoIterator<Item = A>,
    ) -> Ran {
        Ran::from(
            self.command(arguments)
                .envs(environment.iter().copied())
                .output()
                .unwrap(),
        )
    }

    /// The same without any environment: what a system service has.
    pub(crate) fn kluis_alone<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Ran {
        let mut command = self.command(arguments);
        Ran::from(command.env_clear().env("PATH", PATH).output().unwrap())
    }

    /// A variable of this stage's environment.
    pub(crate) fn variable(&self, name: &str) -> String {
        let environment = &self.service.as_ref().unwrap().environment;
        let found = environment.iter().find(|(known, _)| known == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {environment:?}"))
            .1
            .clone()
    }

    /// A file of the key service.
    pub(crate) fn service_path(&self, name: &str) -> PathBuf {
        self.service.as_ref().unwrap().data_dir.join(name)
    }

    /// What an administrator does to a key.
    pub(crate) fn administrator(&self, arguments: &[&str]) {
        let mut command = service::python();
        self.set_environment(&mut command);
        let output = command
            .arg(service::scripts().join("act.py"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// The command, for those who do not wait for its end.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kluis"));
        self.set_environment(&mut command);
        command
            .arg("--config")
            .arg(self.config())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn set_environment(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", PATH)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", self.path("no-aws-config"));
        if let Some(service) = &self.service {
            command.envs(
                service
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            );
        }
    }

    /// The secret of an object in the clear, got by the AWS SDK as the seed post's machine gets it.
    pub(crate) fn secret(&self, uri: &str) -> Vec<u8> {
        let mut command = service::python();
        self.set_environment(&mut command);
        let output = command
            .arg(service::scripts().join("secret.py"))
            .arg(uri)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    }

    /// How many records of `event` the service's trail has.
    pub(crate) fn recorded(&self, event: &str) -> usize {
        self.events(event).len()
    }

    /// The records of `event` in the service's trail.
    pub(crate) fn events(&self, event: &str) -> Vec<Value> {
        let trail = self.service.as_ref().unwrap().data_dir.join("trail");
        fs::read_dir(trail)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension() == Some(OsStr::new("jsonl")))
            .flat_map(|path| {
                let text = fs::read_to_string(path).unwrap();
                let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
                lines.collect::<Vec<Value>>()
            })
            .map(|mut line| line["event"].take())
            .filter(|record| record["eventName"] == event)
            .collect()
    }

    /// Notes which operations of the key service the agent has used, for the table in `docs/kms-compatibility.md`.
    pub(crate) fn note_uses(&self) {
        let status = service::python()
            .arg(workspace().join("tests/clients/uses.py"))
            .env("KLUISD_DATA", &self.service.as_ref().unwrap().data_dir)
            .env(
                "KLUIS_FACTS",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("compatibility"),
            )
            .env("KLUIS_FACTS_OF", "kluis")
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Starts the key service that was ended, where it was.
    pub(crate) fn start_service_again(&mut self) {
        self.service.as_mut().unwrap().start_again();
    }

    /// Ends the key service.
    pub(crate) fn stop_service(&mut self) {
        self.service.as_mut().unwrap().stop();
    }

    /// What `status --json` has of a volume.
    pub(crate) fn status(&self, volume: &Volume) -> Value {
        let ran = self.kluis(["status", &volume.name, "--json"]);
        let list: Value = serde_json::from_str(&ran.ok()).unwrap();
        list[0].clone()
    }

    /// The stage of a volume's life.
    pub(crate) fn stage(&self, volume: &Volume) -> String {
        self.status(volume)["stage"].as_str().unwrap().to_owned()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for volume in &self.volumes {
            let table = &volume.table;
            fs::write(self.config(), format!("{}\n{table}", self.agent)).unwrap();
            let _ = self.kluis(["down", &volume.name]);
            take_away(volume);
        }
        // An immutable folder would outlive the test.
        let _ = self.kluis(["release", "--all"]);
        if let Some(service) = &mut self.service {
            service.stop();
        }
        // A file system of the test's own, under an image.
        let _ = run("umount", [self.path("small")]);
    }
}

/// What `down` could not: after a test that failed in the middle.
fn take_away(volume: &Volume) {
    let view = Path::new("/run/kluis").join(&volume.name).join("volume");
    let _ = run("umount", [OsStr::new("-l"), volume.mount.as_os_str()]);
    for file in [&view, &volume.image] {
        let loops = run(
            "losetup",
            [OsStr::new("-nOname"), "-j".as_ref(), file.as_os_str()],
        );
        for device in loops.out.lines() {
            let _ = run("losetup", ["-d", device.trim()]);
        }
    }
    if let Ok(pid) = fs::read_to_string(view.with_file_name("daemon")) {
        let process = Path::new("/proc").join(pid.trim()).join("cmdline");
        if fs::read_to_string(process).is_ok_and(|line| line.contains(&volume.name)) {
            let _ = run("kill", ["-9", pid.trim()]);
        }
    }
    let _ = run("umount", [OsStr::new("-l"), view.as_os_str()]);
    let _ = fs::remove_dir_all(view.with_file_name(""));
    let _ = fs::remove_file(format!("/run/kluis/{}.lock", volume.name));
}

impl Volume {
    /// Writes a file and syncs it.
    pub(crate) fn write(&self, name: &str, content: &str) {
        use std::io::Write as _;
        let mut file = fs::File::create(self.mount.join(name)).unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file.sync_all().unwrap();
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> std::io::Result<String> {
        fs::read_to_string(self.mount.join(name))
    }

    /// The digest of everything in the image.
    pub(crate) fn digest(&self) -> String {
        let ran = run("sha256sum", [&self.image]);
        ran.ok()
    }

    /// Whether something is mounted at the volume's place.
    pub(crate) fn is_mounted(&self) -> bool {
        run("mountpoint", [OsStr::new("-q"), self.mount.as_os_str()]).code == 0
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

impl Ran {
    /// It succeeded and complained of nothing; what it printed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// It was refused with this code, in one line that says all of `words`; what it said of waiting came before.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        let mut lines: Vec<&str> = self.err.lines().collect();
        lines.retain(|line| !line.starts_with("kluis: waiting for "));
        let line = lines.join("\n");
        let line = line.as_str();
        assert!(
            line.starts_with("kluis: ") && !line.contains('\n'),
            "not one line of kluis: {line:?}"
        );
        for word in words {
            assert!(line.contains(word), "no {word:?} in: {line}");
        }
        assert_well_written(line);
    }
}

/// What a careful reader would stumble over.
#[track_caller]
pub(crate) fn assert_well_written(line: &str) {
    for slip in [
        "..", ".;", ",.", ";;", "::", "  ", ": :", "()", "Some(", "None", "{", "}",
    ] {
        // An IPv6 address and an ARN have two colons in a row.
        let is_there = line
            .split(' ')
            .any(|word| word.contains(slip) && !word.contains("arn:") && !word.starts_with("0::1"))
            || (slip == "  " && line.contains(slip));
        assert!(!is_there, "{slip:?} in: {line}");
    }
    let words: Vec<&str> = line.split(' ').collect();
    for pair in words.windows(2) {
        assert_ne!(pair[0], pair[1], "a doubled word in: {line}");
    }
}

/// Runs a program of the system.
pub(crate) fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Ran {
    run_with_input(program, arguments, b"")
}

/// The same with bytes on its standard input.
pub(crate) fn run_with_input<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
    input: &[u8],
) -> Ran {
    use std::io::Write as _;
    let mut child = Command::new(program)
        .args(arguments)
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    // Who does not read its input has closed it.
    let _ = child.stdin.take().unwrap().write_all(input);
    Ran::from(child.wait_with_output().unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
