//! A running `kluisd`, and the scripts that talk to it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program under test.
pub(crate) const KLUISD: &str = env!("CARGO_BIN_EXE_kluisd");
/// What precedes the address in the line that says that the service is ready.
const READY: &str = "kluisd: listening on ";

/// How the service is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tls,
    Plain,
}

/// A service's data folder; gone with the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(
            tempfile::Builder::new()
                .prefix("kluisd-")
                .tempdir()
                .unwrap(),
        )
    }

    /// The service's folder, which its first start makes.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// A place for a test's own files.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn serve(&self, transport: Transport) -> Daemon {
        let mut command = serve(&self.data());
        if transport == Transport::Plain {
            command.arg("--plain-http");
        }
        Daemon::start(command, self.data())
    }
}

/// `kluisd serve` on a free port of loopback.
pub(crate) fn serve(data: &Path) -> Command {
    let mut command = Command::new(KLUISD);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .arg("--config")
        .arg(workspace().join("tests/clients/kluisd.toml"))
        .env("KLUISD_LOG", "warn,s3s=off")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// `kluisd serve` with a configuration alone, and what it says in a file.
pub(crate) fn serve_configured(folder: &Folder, config: &str) -> Command {
    let path = folder.scratch("kluisd.toml");
    fs::write(&path, config).unwrap();
    let mut command = Command::new(KLUISD);
    command
        .args(["serve", "--data-dir"])
        .arg(folder.data())
        .arg("--config")
        .arg(&path)
        .env("KLUISD_LOG", "info,s3s=off")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stderr(File::create(folder.scratch("log")).unwrap());
    command
}

/// `kluisd`, with these words.
pub(crate) fn kluisd<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Output {
    Command::new(KLUISD)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Standard error, as text.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `kluisd verify`; what it says of a trail that is whole.
pub(crate) fn verify(data: &Path) -> String {
    let output = kluisd([
        OsStr::new("verify"),
        OsStr::new("--data-dir"),
        data.as_os_str(),
    ]);
    assert!(output.status.success(), "{}", complaint(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The service; killed, and waited for, at the latest when the test ends.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) data: PathBuf,
    pub(crate) endpoint: String,
}

impl Daemon {
    pub(crate) fn start(mut command: Command, data: PathBuf) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let mut daemon = Self {
            child,
            data,
            endpoint: String::new(),
        };
        let endpoint = line.trim_end().strip_prefix(READY);
        let endpoint = endpoint.unwrap_or_else(|| panic!("the service does not start: {line:?}"));
        endpoint.clone_into(&mut daemon.endpoint);
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The port's number.
    pub(crate) fn port(&self) -> u16 {
        self.endpoint.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// As `kill -9`, or the power, does it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the wait for it to drain; its exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        self.wait()
    }

    /// SIGHUP: read the certificate again.
    pub(crate) fn hang_up(&self) {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
    }

    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// A script of `tests/clients`, to be run against this service.
    pub(crate) fn client(&self, script: &str) -> Command {
        self.environment(client(script))
    }

    /// The same, by the Python of one of the project's environments.
    pub(crate) fn client_of(&self, environment: &str, script: &str) -> Command {
        let python = workspace()
            .join(".tools")
            .join(environment)
            .join("bin/python");
        self.environment(run_by(&python, script))
    }

    fn environment(&self, mut command: Command) -> Command {
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_SHARED_CREDENTIALS_FILE", self.data.join("credentials"))
            .env("AWS_CA_BUNDLE", self.data.join("tls/ca.pem"))
            .env("KLUISD_DATA", &self.data)
            .env("KLUIS_FACTS", facts());
        command
    }

    /// Runs a script; the test fails where the script does.
    pub(crate) fn run(&self, script: &str) {
        succeed(&mut self.client(script));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script of `tests/clients`, run by the AWS CLI's own Python, without anything of this machine's AWS configuration.
pub(crate) fn client(script: &str) -> Command {
    let cli = std::env::var_os("KLUIS_AWS_CLI")
        .map_or_else(|| workspace().join(".tools/aws-cli/bin/aws"), PathBuf::from);
    run_by(&cli.with_file_name("python"), script)
}

/// The workspace's top folder.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where scripts note what they have shown, for `scripts/compatibility`.
pub(crate) fn facts() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compatibility")
}

fn run_by(python: &Path, script: &str) -> Command {
    assert!(
        python.exists(),
        "there is no {}; run: make test",
        python.display()
    );
    let mut command = Command::new(python);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .arg(workspace().join("tests/clients").join(script))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end, and fails with what it said.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{said}{}",
        output.status,
        complaint(&output)
    );
    said
}

/// All that a command writes to its standard output until it closes it.
pub(crate) fn rest(child: &mut Child) -> String {
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}
