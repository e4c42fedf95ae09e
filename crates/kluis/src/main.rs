//! `kluis`: flags, config and wiring of the agent. What it does lives in `volume`; whom it asks, in `aws`.

mod ask;
mod boot;
mod cli;
mod environment;
mod generator;
mod manual;
mod mount_helper;
mod out;
mod passphrase;
mod progress;
mod root_config;
mod run;
mod services;
mod settings;
mod show;
mod table;
mod token;
mod watch;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // The fuse engine's daemons are this program again. First thing, while there is one thread.
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == volume::fuse::DAEMON_ARGUMENT)
    {
        let name = arguments.next().unwrap_or_default();
        return volume::fuse::daemon_main(&name.to_string_lossy());
    }
    match called().as_deref() {
        Some(generator::PROGRAM) => {
            return generator::main(Path::new(cli::CONFIG), std::env::args_os().skip(1));
        }
        Some(mount_helper::PROGRAM) => return mount_helper::main(std::env::args_os().skip(1)),
        _ => {}
    }
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no error; everything else is a wrong parameter, which is 1 as with cryptsetup.
            let code = if error.use_stderr() {
                volume::ExitCode::Parameters as u8
            } else {
                0
            };
            let _ = error.print();
            return code.into();
        }
    };
    match run::run(cli) {
        // Who asked for data and has not got it must not go on as if he had.
        ExitCode::SUCCESS if out::is_lost() => (volume::ExitCode::Device as u8).into(),
        code => code,
    }
}

/// The name that this program was called by: systemd and mount(8) know it by others.
fn called() -> Option<String> {
    let name = std::env::args_os().next()?;
    let name = Path::new(&name).file_name().and_then(OsStr::to_str)?;
    Some(name.to_owned())
}
