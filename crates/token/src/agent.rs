//! Who is asked: the service behind `/run/kluis/token.sock`, or where nobody listens there (an initramfs, a container, a machine
//! without systemd) `kluis` itself, by its absolute path and over a socket pair, so that the two speak the same. Neither name
//! comes from the token.
#![expect(
    unsafe_code,
    reason = "send(2) without SIGPIPE, which a library must not raise in another's program, and getauxval(3)"
)]

use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::exchange::{ANSWER_MAX, Refusal};
use crate::plugin::Wiped;

/// Where the service listens; root alone may connect.
pub(crate) const SOCKET: &str = "/run/kluis/token.sock";
/// The agent.
pub(crate) const PROGRAM: &str = "/usr/bin/kluis";
/// How long an answer is waited for: a minute more than the longest deadline that may be configured, which is the agent's to keep.
const ANSWER_WAIT: Duration = Duration::from_mins(24 * 60 + 1);

/// Asks, and gives back the bytes of the answer.
///
/// # Errors
/// [`Refusal`] and words for a person, when there is nobody to ask or no answer comes.
pub(crate) fn ask(
    socket: &Path,
    program: &Path,
    request: &[u8],
) -> Result<Wiped<ANSWER_MAX>, (Refusal, String)> {
    match UnixStream::connect(socket) {
        Ok(stream) => exchange(&stream, request),
        Err(error) if is_nobody(&error) => {
            let (stream, mut child) = run(program)?;
            let answer = exchange(&stream, request);
            drop(stream);
            // It ends once it has answered, or has nobody to answer to; its code is in the answer.
            let _ = child.wait();
            answer
        }
        Err(error) => Err(silence(&error)),
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn run(program: &Path) -> Result<(UnixStream, Child), (Refusal, String)> {
    if !program.exists() {
        let words = format!("{} is not installed", program.display());
        return Err((Refusal::NotOurs, words));
    }
    let fault = |error: io::Error| {
        let words = format!("{} cannot be run: {error}", program.display());
        (Refusal::TryAgain, words)
    };
    let (ours, theirs) = UnixStream::pair().map_err(fault)?;
    let reader = OwnedFd::from(theirs.try_clone().map_err(fault)?);
    let mut command = Command::new(program);
    if has_raised_privileges() {
        command.env_clear();
    }
    let child = command
        .args(["--quiet", "token-open", "--socket"])
        .stdin(Stdio::from(reader))
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        // What there is to say is in the answer.
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()
        .map_err(fault)?;
    // `command` is dropped here, and with it this process's copies of the other end: an agent that dies is heard.
    Ok((ours, child))
}

/// Whether whoever runs this program is not whom it runs as: then the environment is not root's, and must not name the agent's
/// key service.
fn has_raised_privileges() -> bool {
    // SAFETY: getauxval(3) only reads what the kernel passed to the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

fn exchange(stream: &UnixStream, request: &[u8]) -> Result<Wiped<ANSWER_MAX>, (Refusal, String)> {
    let silence = |error: io::Error| silence(&error);
    stream
        .set_write_timeout(Some(ANSWER_WAIT))
        .map_err(silence)?;
    send(stream, request).map_err(silence)?;
    stream
        .shutdown(std::net::Shutdown::Write)
        .map_err(silence)?;
    receive(stream, Instant::now() + ANSWER_WAIT).map_err(silence)
}

fn silence(error: &io::Error) -> (Refusal, String) {
    if error.kind() == io::ErrorKind::Interrupted {
        return (Refusal::Interrupted, "interrupted".to_owned());
    }
    let words = format!("the agent cannot be reached: {error}");
    (Refusal::TryAgain, words)
}

fn send(stream: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of one slice, and the socket is open.
        let sent = unsafe {
            libc::send(
                stream.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                libc::MSG_NOSIGNAL,
            )
        };
        match usize::try_from(sent) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(_) => return Err(io::Error::last_os_error()),
        }
    }
    Ok(())
}

/// Reads to the end, or until there is more than an answer has.
fn receive(mut stream: &UnixStream, until: Instant) -> io::Result<Wiped<ANSWER_MAX>> {
    let mut answer = Wiped::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let room = answer.room();
        if room.is_empty() {
            return Ok(answer);
        }
        match stream.read(room)? {
            0 => return Ok(answer),
            count => answer.advance(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A service that reads a request to its end and answers with `bytes`.
    fn service(bytes: Vec<u8>) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("token.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            stream.read_to_end(&mut request).unwrap();
            if request == b"question" {
                let _ = stream.write_all(&bytes);
            }
        });
        (folder, socket)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is called on what was just answered"
    )]
    fn refusal(outcome: Result<Wiped<ANSWER_MAX>, (Refusal, String)>) -> Refusal {
        match outcome {
            Ok(_) => unreachable!("there was an answer"),
            Err((refusal, _)) => refusal,
        }
    }

    const NOBODY: &str = "/nonexistent/nobody";

    #[test]
    fn the_service_is_asked_where_there_is_one() {
        let (_folder, socket) = service(b"\0secret".to_vec());
        let answer = ask(&socket, Path::new(NOBODY), b"question").unwrap();
        assert_eq!(answer.bytes(), b"\0secret");
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let (_folder, socket) = service(vec![7; 1 << 20]);
        let answer = ask(&socket, Path::new(NOBODY), b"question").unwrap();
        assert_eq!(answer.bytes().len(), ANSWER_MAX);
    }

    #[test]
    fn without_service_and_agent_the_token_is_not_ours() {
        let nobody = Path::new(NOBODY);
        assert_eq!(refusal(ask(nobody, nobody, b"question")), Refusal::NotOurs);
    }

    #[test]
    fn without_a_service_the_agent_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("kluis");
        let script = "#!/bin/sh\n[ \"$*\" = '--quiet token-open --socket' ] || exit\n[ \"$(cat)\" = question ] && printf '\\113not yet'\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let answer = ask(Path::new(NOBODY), &program, b"question").unwrap();
        assert_eq!(answer.bytes(), b"Knot yet");
    }

    #[test]
    fn an_agent_that_dies_is_heard() {
        let answer = ask(Path::new(NOBODY), Path::new("/bin/false"), b"question");
        // It may be gone before the question is sent, or after.
        match answer {
            Ok(answer) => assert!(answer.bytes().is_empty()),
            Err((refusal, _)) => assert_eq!(refusal, Refusal::TryAgain),
        }
    }

    #[test]
    fn what_cannot_be_run_may_be_later() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = ask(Path::new(NOBODY), folder.path(), b"question");
        assert_eq!(refusal(outcome), Refusal::TryAgain);
    }
}
