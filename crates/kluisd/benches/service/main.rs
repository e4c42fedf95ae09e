//! The whole service under load on loopback, beside a bare HTTPS server that answers a constant: TLS 1.3, connections kept alive, every
//! request signed anew, every answer on record before it is given. The load generator and the servers share the machine's cores, so that
//! ratios of one run count, and requests for each second of the server's own CPU.
//!
//!   cargo bench -p kluisd --bench service -- [TABLE…] [--seconds N] [--rounds N] [--connections N] [--keys N]
//!
//! The tables: `operations`; `policies` and `grants`, how throughput goes with what hangs on a key; `keys`, how throughput, memory and the
//! time of a start go with the number of keys (a million take some minutes to make); `handshakes`, classical beside hybrid. All, when none is named.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    reason = "a benchmark stops at what it does not expect, and its figures are rounded"
)]

mod bare;
mod calls;
mod client;
mod handshake;
mod load;
mod process;
mod scale;
mod sign;
mod size;
mod tables;

use std::time::Duration;

/// What is asked on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// How long each figure is taken over.
    pub(crate) duration: Duration,
    /// How often; the median counts.
    pub(crate) rounds: usize,
    /// How many requests are under way at once, each on its own connection.
    pub(crate) connections: usize,
    /// The largest number of keys.
    pub(crate) keys: usize,
}

/// What there is to print.
const TABLES: [&str; 5] = ["operations", "policies", "grants", "keys", "handshakes"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "bare") {
        return bare::run(&arguments[1]);
    }
    let number = |name: &str, default: usize| {
        let at = arguments.iter().position(|word| word == name);
        at.map_or(default, |at| {
            let value = arguments.get(at + 1).and_then(|text| text.parse().ok());
            value.unwrap_or_else(|| panic!("{name} takes a number"))
        })
    };
    let options = Options {
        duration: Duration::from_secs(number("--seconds", 5) as u64),
        rounds: number("--rounds", 3),
        connections: number("--connections", 64),
        keys: number("--keys", 1_000_000),
    };
    let named: Vec<&str> = TABLES
        .into_iter()
        .filter(|table| arguments.iter().any(|word| word == table))
        .collect();
    let wanted = |table: &str| named.is_empty() || named.contains(&table);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    if wanted("operations") {
        runtime.block_on(tables::operations(&options));
    }
    if wanted("policies") {
        runtime.block_on(size::policies(&options));
    }
    if wanted("grants") {
        runtime.block_on(size::grants(&options));
    }
    if wanted("handshakes") {
        handshake::tables();
    }
    if wanted("keys") {
        runtime.block_on(scale::keys(&options));
    }
}
