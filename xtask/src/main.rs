//! Chores of the tree that are not the product: generated shapes, benchmarks.

mod shapes;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- shapes [--check]

  shapes            write crates/wire/src/generated from AWS's service models (fetched from PyPI)
  shapes --check    only say whether the files there are what would be written";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["shapes"] => shapes::write(),
        ["shapes", "--check"] => shapes::check(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
