//! `kluisd`: the key service and what stands round it, on the AWS wire. Flags and wiring here; the gate, one module a step, in
//! [`gate`].

mod cli;
mod config;
mod endpoint;
mod env;
mod files;
mod gate;
mod gauges;
mod health;
mod listen;
mod manual;
mod print;
mod reload;
mod roots;
mod scrape;
mod serve;
mod settings;
mod sinks;
mod tls;

use std::process::ExitCode;

use clap::Parser as _;

/// A request is some hundreds of small pieces of memory, which one thread gets and another gives back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Wrong parameters, and what will be no better the next time: as cryptsetup, and `kluis`, have it. The unit does not start it again.
const FAILURE: u8 = 1;
/// Try again later: `EX_TEMPFAIL`. The unit does.
const TEMPORARY: u8 = 75;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no error, and whoever stops reading them has read enough.
            let _ = error.print();
            let code = if error.use_stderr() { FAILURE } else { 0 };
            return code.into();
        }
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line with the whole chain: what failed, and why.
            print::complain(&format!("kluisd: {error:#}"));
            let is_temporary = error.is::<cli::Unhealthy>() || error.is::<serve::Passing>();
            if is_temporary { TEMPORARY } else { FAILURE }.into()
        }
    }
}
