//! `kluis`: flags, config and wiring of the agent. What it does lives in `volume`; whom it asks, in `aws`.

mod ask;
mod cli;
mod passphrase;
mod progress;
mod root_config;
mod run;
mod services;
mod settings;
mod show;
mod token;

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
    run::run(cli)
}
