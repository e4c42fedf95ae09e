//! The process that serves one volume.

use std::io;
use std::mem::ManuallyDrop;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crypto::{SecretBytes, XtsKey};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::backing::Storage;
use super::device::Device;
use super::handover::{Class, Failure, Handover, Report};
use super::record::Teller;
use super::run_dir::RunDir;
use super::sectors::{Geometry, View};
use super::serve::Server;
use super::{kmsg, process, stack};

/// How long the daemon of a run that was killed may take to go.
const MARK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it keeps its backing once it has given up its mark.
const BACKING_TIMEOUT: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(5);

/// The daemon of the volume `name`: what the program runs when its first argument is [`super::DAEMON_ARGUMENT`].
///
/// To be called first thing, before any thread is started. Standard input is the handover, standard output the report; both are closed
/// before this serves. Returns when the view is unmounted.
#[must_use]
pub fn daemon_main(name: &str) -> ExitCode {
    process::spared_at_shutdown(name);
    match start(name) {
        Ok(daemon) => daemon.serve(),
        Err(failure) => {
            kmsg::error(
                name,
                format_args!("not served: {}: {}", failure.what, failure.message),
            );
            // One that has gone does not want to know.
            let _ = Report::Failed(failure).send(io::stdout());
            ExitCode::FAILURE
        }
    }
}

/// Everything that is up once the opener may be told so.
struct Daemon {
    name: String,
    run_dir: RunDir,
    server: Server<Storage>,
    key: XtsKey,
    /// The mark that the daemon lives. Never dropped: the kernel lets go of it when the process ends, after its memory.
    _alive: ManuallyDrop<std::fs::File>,
}

fn start(name: &str) -> Result<Daemon, Failure> {
    process::prepare(name).map_err(|error| Failure::new("the daemon's memory", &error))?;
    let (handover, key) = Handover::receive(io::stdin())
        .map_err(|error| Failure::new("the handover of the key", &error))?;
    let key = xts_key(&key)?;
    let Handover {
        name,
        run_dir,
        backing,
        payload,
        sector_size,
        iv_start,
        read_only,
        state,
        ..
    } = handover;
    let run_dir = RunDir::new(&run_dir, &name);
    // First of all: who comes after an opener that was killed waits for what has this mark.
    let alive = until_free(MARK_TIMEOUT, || run_dir.mark_alive())
        .map_err(|error| Failure::new(format!("the daemon of {name}"), &error))?;
    if !process::is_heard() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        return Err(Failure::new("whoever opened the volume", &gone));
    }
    let on_backing = |error: io::Error| Failure::new(backing.display().to_string(), &error);
    let geometry = Geometry::new(payload, sector_size, iv_start).map_err(on_backing)?;
    let open = || Storage::open(&backing, &geometry, read_only);
    let storage = until_free(BACKING_TIMEOUT, open).map_err(on_backing)?;
    let target = run_dir.volume();
    let device = Device::mount(&target, &format!("kluis-{name}"), read_only).map_err(|error| {
        let failure = Failure::new(format!("mounting {}", target.display()), &error);
        if error.kind() == io::ErrorKind::NotFound {
            failure.with_class(Class::Unavailable)
        } else {
            failure
        }
    })?;
    retire_when_told(&name, run_dir.clone())
        .map_err(|error| Failure::new("the daemon's signals", &error))?;
    let teller = Teller::new(run_dir.clone(), state);
    let view = View::new(storage, geometry);
    let server = Server::start(device, view, teller, &name, read_only)
        .map_err(|error| Failure::new(format!("serving {}", target.display()), &error))?;
    Ok(Daemon {
        name,
        run_dir,
        server,
        key,
        _alive: ManuallyDrop::new(alive),
    })
}

/// Tries until nobody else has it, for a while: the daemon of a run that was killed may be on its way out.
fn until_free<T>(most: Duration, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + most;
    loop {
        match open() {
            Err(error)
                if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline =>
            {
                std::thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
}

/// A request to end (of systemd, at shutdown) takes the volume down if nobody uses it. If somebody does, ending would be to pull the disk
/// from under a file system, so this goes on; whoever means that has SIGKILL.
fn retire_when_told(name: &str, run_dir: RunDir) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let name = name.to_owned();
    std::thread::Builder::new()
        .name("kluis-signals".to_owned())
        .spawn(move || {
            for _ in signals.forever() {
                if let Err(error) = stack::retire(&run_dir) {
                    kmsg::notice(&name, format_args!("told to end, but goes on: {error}"));
                }
            }
        })?;
    Ok(())
}

fn xts_key(key: &SecretBytes) -> Result<XtsKey, Failure> {
    XtsKey::new(key.danger_expose()).map_err(|error| {
        let class = if matches!(error, crypto::Error::SecretMemory(_)) {
            Class::Memory
        } else {
            Class::Unsupported
        };
        Failure {
            what: "the volume key".to_owned(),
            message: error.to_string(),
            errno: None,
            class,
        }
    })
}

impl Daemon {
    fn serve(self) -> ExitCode {
        if Report::Ready.send(io::stdout()).is_err() {
            // Whoever opened it was killed meanwhile: nobody knows of it, and the next run would find its name taken.
            if let Err(error) = stack::forsake(&self.run_dir) {
                kmsg::notice(&self.name, format_args!("not taken away: {error}"));
            }
            return ExitCode::FAILURE;
        }
        let outcome = process::release_stdio().and_then(|()| self.server.run(&self.key));
        match outcome {
            Ok(()) => {
                kmsg::notice(&self.name, format_args!("closed"));
                ExitCode::SUCCESS
            }
            Err(error) => {
                kmsg::error(&self.name, format_args!("no longer served: {error}"));
                ExitCode::FAILURE
            }
        }
    }
}
