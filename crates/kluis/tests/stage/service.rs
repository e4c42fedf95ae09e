//! The key service of a test, and things that only look like one.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A `kluisd` that runs.
pub(crate) struct Service {
    process: Child,
    pub(crate) data_dir: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
}

impl Service {
    /// Starts one in `dir` from a copy of what the administrator made once for all tests of this program.
    pub(crate) fn start(dir: &Path) -> Self {
        let data_dir = dir.join("kluisd");
        let copied = Command::new("cp")
            .arg("-a")
            .arg(template())
            .arg(&data_dir)
            .status()
            .unwrap();
        assert!(copied.success());
        Self::serve(&data_dir)
    }

    fn serve(data_dir: &Path) -> Self {
        Self::serve_at(data_dir, "127.0.0.1:0")
    }

    fn serve_at(data_dir: &Path, listen: &str) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_kluis")).with_file_name("kluisd");
        assert!(
            program.exists(),
            "{} is missing; run: make test, or cargo build -p kluisd first",
            program.display()
        );
        let mut process = Command::new(&program)
            .args(["serve", "--listen", listen, "--data-dir"])
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(data_dir.with_extension("log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let service = Self {
            process,
            data_dir: data_dir.to_owned(),
            environment: environment(&program, data_dir),
        };
        assert!(line.starts_with("kluisd: listening on "), "{line:?}");
        service
    }

    /// Starts it again at the same address.
    pub(crate) fn start_again(&mut self) {
        let listen = self
            .environment
            .iter()
            .find_map(|(name, url)| (name == "AWS_ENDPOINT_URL").then_some(url))
            .map(|url| {
                url.trim_start_matches("https://")
                    .replace("localhost", "127.0.0.1")
            })
            .unwrap();
        *self = Self::serve_at(&self.data_dir.clone(), &listen);
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let pid = self.process.id().to_string();
            let _ = Command::new("kill").arg(pid).status();
        }
        let _ = self.process.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What `kluisd env` says, taken apart.
fn environment(program: &Path, data_dir: &Path) -> Vec<(String, String)> {
    let output = Command::new(program)
        .args(["env", "--data-dir"])
        .arg(data_dir)
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect()
}

/// The data folder of a service that was set up and stopped, made once by each test program.
pub(crate) fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let program = std::env::current_exe().unwrap();
        let name = program.file_name().unwrap();
        let data_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&data_dir);
        fs::create_dir_all(data_dir.parent().unwrap()).unwrap();
        let mut service = Service::serve(&data_dir);
        let output = python()
            .envs(
                service
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .arg(scripts().join("setup.py"))
            .arg(data_dir.join("credentials"))
            .output()
            .unwrap();
        service.stop();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        data_dir
    })
}

/// The workspace's top folder.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where this file and its scripts lie.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stage")
}

/// The Python that has the AWS CLI's own SDK: several calls in one start of it, of which each costs half a second.
pub(crate) fn python() -> Command {
    let cli = std::env::var_os("KLUIS_AWS_CLI")
        .map_or_else(|| workspace().join(".tools/aws-cli/bin/aws"), PathBuf::from);
    let python = cli.with_file_name("python");
    assert!(
        python.exists(),
        "{} is missing; run: make test, or scripts/setup test first",
        python.display()
    );
    let mut command = Command::new(python);
    for name in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    command
}

/// A server that answers every HTTP request with the same bytes; its URL. It ends with the test program.
pub(crate) fn answering(bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    listening(move |mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(&bytes);
    })
}

/// A server that answers what looks like HTTP with the same bytes, and hangs up on everything else; its URL.
pub(crate) fn answering_http_alone(bytes: impl Into<Vec<u8>>) -> String {
    let bytes = bytes.into();
    listening(move |mut stream| {
        let mut request = [0; 4096];
        let count = stream.read(&mut request).unwrap_or_default();
        if request[..count].windows(5).any(|word| word == b"HTTP/") {
            let _ = stream.write_all(&bytes);
        }
    })
}

/// A server that takes every connection and never says a word.
pub(crate) fn silent() -> String {
    let mut kept = Vec::new();
    listening(move |stream| kept.push(stream))
}

pub(super) fn listening(mut each: impl FnMut(std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().flatten().for_each(&mut each));
    url
}
