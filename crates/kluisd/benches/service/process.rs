//! The servers as processes: started in a folder, watched from outside, killed at the end.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the kernel counts CPU time in.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// How long it took to be ready.
    pub(crate) start: Duration,
}

impl Server {
    /// `kluisd`, over a data folder.
    pub(crate) fn kluisd(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kluisd"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            // What is measured is the service, not its quotas.
            .arg("--config")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../tests/clients/kluisd.toml"
            ))
            .env("KLUISD_LOG", "error,s3s=off");
        Self::start(&mut command)
    }

    /// The bare server, whose certificate goes into the folder.
    pub(crate) fn bare(folder: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        Self::start(Command::new(program).arg("bare").arg(folder))
    }

    fn start(command: &mut Command) -> Self {
        let begin = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("https://").map(|(_, text)| text);
        let address = address.unwrap_or_else(|| panic!("the server does not start: {line:?}"));
        Self {
            address: address.parse().unwrap(),
            start: begin.elapsed(),
            child,
        }
    }

    /// Seconds of CPU that the server has had.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS_PER_SECOND
    }

    /// Bytes of memory that it has.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        kib * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
