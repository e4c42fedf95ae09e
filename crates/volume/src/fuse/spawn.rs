//! Starting the daemon: the same executable, a unit of its own where systemd runs, the key through a pipe.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::handover::{Failure, Handover, Report};
use super::{DAEMON_ARGUMENT, process};

/// How long a daemon may take until the view is mounted; it needs milliseconds unless its backing hangs.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// The longest report that is read.
const REPORT_MAX: usize = 64 * 1024;

/// Starts the daemon of a volume as `program fuse-daemon NAME` and returns once it serves.
///
/// # Errors
/// What the daemon reported, or that it did not.
pub(crate) fn spawn(program: &Path, handover: &Handover, key: &[u8]) -> Result<(), Failure> {
    let what = || format!("the daemon of {}", handover.name);
    let failed = |error: io::Error| Failure::new(what(), &error);
    let mut command = command(program, &handover.name);
    let mut child = process::detach(&mut command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| {
            Failure::new(
                format!("starting {}", command.get_program().display()),
                &error,
            )
        })?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed(io::ErrorKind::BrokenPipe.into()));
    };
    // A daemon that has died already says why in its report, which is worth more than "broken pipe".
    let sent = handover.send(key, stdin);
    let report =
        receive(OwnedFd::from(stdout)).map_err(|error| abandon(&mut child, failed(error)))?;
    match (Report::parse(&report), sent) {
        (Some(Report::Ready), _) => Ok(()),
        (Some(Report::Failed(failure)), _) => Err(abandon(&mut child, failure)),
        (None, Err(error)) => Err(abandon(&mut child, failed(error))),
        (None, Ok(())) => Err(abandon(
            &mut child,
            failed(io::Error::other(
                "it ended without a word; the kernel log may say why",
            )),
        )),
    }
}

/// Makes sure that a daemon which has failed is gone, and leaves no zombie.
fn abandon(child: &mut Child, failure: Failure) -> Failure {
    let _ = child.kill();
    let _ = child.wait();
    failure
}

/// Under systemd a scope of its own: else stopping or restarting the unit that ran `kluis up` would take the volume with it. Without the
/// default dependencies, so that shutdown unmounts the file system above before anything touches the daemon.
fn command(program: &Path, name: &str) -> Command {
    let Some(systemd_run) = systemd_run() else {
        let mut command = Command::new(program);
        command.args([DAEMON_ARGUMENT, name]);
        return command;
    };
    let mut command = Command::new(systemd_run);
    command
        .args([
            "--scope",
            "--quiet",
            "--collect",
            "--slice=system.slice",
            "--property=DefaultDependencies=no",
        ])
        .arg(format!("--unit=kluis-fuse-{name}"))
        .arg(format!("--description=Kluis volume {name}"))
        .arg("--")
        .arg(program)
        .args([DAEMON_ARGUMENT, name]);
    command
}

fn systemd_run() -> Option<PathBuf> {
    let runs = Path::new("/run/systemd/system").is_dir();
    let program = Path::new("/usr/bin/systemd-run");
    (runs && program.exists()).then(|| program.to_owned())
}

/// Reads to the end of the pipe, which comes when the daemon lets go of it.
fn receive(pipe: OwnedFd) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + START_TIMEOUT;
    let mut pipe = std::fs::File::from(pipe);
    let mut report = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: left.as_secs().cast_signed(),
            tv_nsec: left.subsec_nanos().into(),
        };
        let ready = poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&timeout));
        match ready {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "it is not ready after a minute; does the backing hang?",
                ));
            }
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let mut part = [0; 4096];
        match pipe.read(&mut part)? {
            0 => return Ok(report),
            len if report.len() + len > REPORT_MAX => return Err(io::ErrorKind::InvalidData.into()),
            len => report.extend_from_slice(&part[..len]),
        }
    }
}
