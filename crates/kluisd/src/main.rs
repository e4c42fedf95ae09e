//! `kluisd`: the key service and what stands round it, on the AWS wire. Flags and wiring here; the gate, one module a step, in
//! [`gate`].

mod cli;
mod config;
mod files;
mod gate;
mod gauges;
mod roots;
mod scrape;
mod serve;
mod sinks;
mod tls;

use std::process::ExitCode;

use clap::Parser as _;

/// A request is some hundreds of small pieces of memory, which one thread gets and another gives back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line with the whole chain: what failed, and why.
            eprintln!("kluisd: {error:#}");
            ExitCode::FAILURE
        }
    }
}
