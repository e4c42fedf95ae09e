//! The three operations beside the bare server, in one run.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Options;
use crate::calls::{OPERATIONS, REGION, Stage, encrypt};
use crate::client::Target;
use crate::load::{self, Make, Measured};
use crate::process::Server;

/// What a record and its line take, about.
const RECORD_BYTES: usize = 1024;

/// Prints the table of the operations.
pub(crate) async fn operations(options: &Options) {
    let (ours, theirs) = (folder(), folder());
    let stage = Stage::start(&ours.path().join("data"));
    let bare = Server::bare(theirs.path());
    let bare_target = Target::new(bare.address, theirs.path());
    let key = stage.key().await;
    let (signer, host, id) = (stage.signer(REGION), bare_target.host(), key.clone());
    let constant: Make = Arc::new(move |_| encrypt(&signer, &host, &id));
    let mut bare_rounds = Vec::new();
    let mut rounds: Vec<Vec<Measured>> = vec![Vec::new(); OPERATIONS.len()];
    for _ in 0..options.rounds {
        bare_rounds.push(measure(options, &bare, &bare_target, &constant).await);
        for (operation, measured) in OPERATIONS.iter().zip(&mut rounds) {
            let make = stage.requests(operation, &key).await;
            measured.push(measure(options, &stage.server, &stage.target, &make).await);
        }
    }
    println!(
        "\n{} connections, {} rounds of {} s; the disk alone: {:.0} durable commits of {RECORD_BYTES} bytes a second.\n",
        options.connections,
        options.rounds,
        options.duration.as_secs(),
        commits(ours.path())
    );
    println!(
        "| 32 bytes | requests/s | ÷ bare | p50, ms | p99, ms | requests per server CPU-second | ÷ bare |\n|---|---|---|---|---|---|---|"
    );
    let bare = load::median(bare_rounds);
    row("a bare hyper server's constant", &bare, &bare);
    for (operation, rounds) in OPERATIONS.iter().zip(rounds) {
        row(operation, &load::median(rounds), &bare);
    }
}

/// One figure.
pub(crate) async fn measure(
    options: &Options,
    server: &Server,
    target: &Target,
    make: &Make,
) -> Measured {
    load::run(server, target, options.connections, options.duration, make).await
}

/// A folder on the machine's disk, gone at the end.
pub(crate) fn folder() -> tempfile::TempDir {
    let made = tempfile::Builder::new().prefix("kluis-bench-").tempdir();
    made.unwrap()
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn row(name: &str, measured: &Measured, bare: &Measured) {
    println!(
        "| {name} | {:.0} | {:.2} | {:.1} | {:.1} | {:.0} | {:.2} |",
        measured.rate,
        measured.rate / bare.rate,
        ms(measured.p50),
        ms(measured.p99),
        measured.per_cpu,
        measured.per_cpu / bare.per_cpu
    );
}

/// How many durable commits a second the disk takes from one writer, as the trail makes them.
fn commits(folder: &Path) -> f64 {
    let path = folder.join("commits");
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_secs(2) {
        file.write_all(&[b'x'; RECORD_BYTES]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}
