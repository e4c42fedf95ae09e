//! A handshake of TLS 1.3 with the service, classical beside hybrid: the bytes of each flight, and the time on either side.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ContentType};

use crate::client::roots;
use crate::process::Server;
use crate::tables::{folder, ms};

/// Handshakes of each kind in one round.
const HANDSHAKES: u32 = 250;
/// Rounds, in which the kinds take turns.
const ROUNDS: u32 = 8;
/// What goes before a record: its type, version and length.
const RECORD_HEADER: usize = 5;

/// One kind of key exchange.
struct Exchange {
    name: &'static str,
    groups: Vec<&'static dyn SupportedKxGroup>,
}

fn exchanges() -> [Exchange; 3] {
    let exchange = |name, groups| Exchange { name, groups };
    [
        exchange("ECDHE secp256r1", vec![kx_group::SECP256R1]),
        exchange("ECDHE X25519", vec![kx_group::X25519]),
        // As clients offer it: with a classical share too, for servers that know no better.
        exchange(
            "hybrid X25519MLKEM768",
            vec![kx_group::X25519MLKEM768, kx_group::X25519],
        ),
    ]
}

/// What one handshake took.
#[derive(Default)]
struct Taken {
    client_hello: usize,
    server_hello: usize,
    /// Encrypted: extensions, certificate, its signature, finished.
    server_rest: usize,
    client_finished: usize,
    client: Duration,
    total: Duration,
}

/// What many took.
#[derive(Default)]
struct Tally {
    last: Taken,
    clients: Vec<Duration>,
    totals: Vec<Duration>,
    server_cpu: f64,
}

/// Prints the two tables.
pub(crate) fn tables() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::kluisd(&data);
    let exchanges = exchanges();
    let configs: Vec<_> = exchanges
        .iter()
        .map(|each| config(&data, &each.groups))
        .collect();
    let mut tallies: Vec<Tally> = exchanges.iter().map(|_| Tally::default()).collect();
    for _ in 0..ROUNDS {
        for (config, tally) in configs.iter().zip(&mut tallies) {
            let cpu = server.cpu();
            for _ in 0..HANDSHAKES {
                let taken = shake(&server, config);
                tally.clients.push(taken.client);
                tally.totals.push(taken.total);
                tally.last = taken;
            }
            tally.server_cpu += server.cpu() - cpu;
        }
    }
    let names: Vec<_> = exchanges.iter().map(|each| each.name).collect();
    println!(
        "\n| bytes on the wire | {} |\n|---|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    let row = |name: &str, bytes: &dyn Fn(&Taken) -> usize| {
        let cells: Vec<_> = tallies
            .iter()
            .map(|tally| bytes(&tally.last).to_string())
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    row("ClientHello", &|taken| taken.client_hello);
    row("ServerHello", &|taken| taken.server_hello);
    row(
        "the server's encrypted rest (certificate, signature, finished)",
        &|taken| taken.server_rest,
    );
    row("the client's finished", &|taken| taken.client_finished);
    row("all", &|taken| {
        taken.client_hello + taken.server_hello + taken.server_rest + taken.client_finished
    });
    println!(
        "\n| ms, median of {} handshakes | {} |\n|---|{}",
        HANDSHAKES * ROUNDS,
        names.join(" | "),
        "---|".repeat(names.len())
    );
    let count = f64::from(HANDSHAKES * ROUNDS);
    let line = |name: &str, time: &dyn Fn(&Tally) -> f64| {
        let cells: Vec<_> = tallies
            .iter()
            .map(|tally| format!("{:.3}", time(tally)))
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    line(
        "server processing time (its CPU, connection and all; mean)",
        &|tally| tally.server_cpu * 1000.0 / count,
    );
    line("client processing time", &|tally| {
        ms(median(&tally.clients))
    });
    line("total handshake time", &|tally| ms(median(&tally.totals)));
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

fn config(data: &Path, groups: &[&'static dyn SupportedKxGroup]) -> Arc<ClientConfig> {
    let provider = CryptoProvider {
        kx_groups: groups.to_vec(),
        ..aws_lc_rs::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots(data))
        .with_no_client_auth();
    // Each handshake is a whole one.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

fn shake(server: &Server, config: &Arc<ClientConfig>) -> Taken {
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut taken = Taken::default();
    let begin = Instant::now();
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    taken.client += begin.elapsed();
    let (mut flight, mut answer) = (Vec::new(), vec![0; 32 * 1024]);
    let mut received = Vec::new();
    loop {
        let working = Instant::now();
        flight.clear();
        while connection.wants_write() {
            connection.write_tls(&mut flight).unwrap();
        }
        taken.client += working.elapsed();
        socket.write_all(&flight).unwrap();
        if taken.client_hello == 0 {
            taken.client_hello = flight.len();
        } else {
            taken.client_finished += flight.len();
        }
        if !connection.is_handshaking() {
            break;
        }
        let read = socket.read(&mut answer).unwrap();
        assert!(read > 0, "the server hung up");
        received.extend_from_slice(&answer[..read]);
        let working = Instant::now();
        let mut unread = &answer[..read];
        while !unread.is_empty() {
            connection.read_tls(&mut unread).unwrap();
            connection.process_new_packets().unwrap();
        }
        taken.client += working.elapsed();
    }
    taken.total = begin.elapsed();
    (taken.server_hello, taken.server_rest) = flights(&received);
    taken
}

/// The bytes of the server's records in the clear, and of those that are encrypted.
fn flights(mut records: &[u8]) -> (usize, usize) {
    let (mut hello, mut rest) = (0, 0);
    while let [kind, _, _, high, low, ..] = *records {
        let length = RECORD_HEADER + usize::from(u16::from_be_bytes([high, low]));
        if kind == u8::from(ContentType::Handshake) {
            hello += length;
        } else {
            rest += length;
        }
        records = &records[length..];
    }
    (hello, rest)
}
