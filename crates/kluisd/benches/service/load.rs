//! A closed loop: each connection sends its next request when it has the answer to the one before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Target;
use crate::process::Server;

/// Makes the nth request of a connection.
pub(crate) type Make = Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>;

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Requests for each second of the server's CPU.
    pub(crate) per_cpu: f64,
    /// Half of the requests took less.
    pub(crate) p50: Duration,
    /// Of a hundred requests, one took longer.
    pub(crate) p99: Duration,
}

/// Sends for as long as `duration`, on so many connections.
pub(crate) async fn run(
    server: &Server,
    target: &Target,
    connections: usize,
    duration: Duration,
    make: &Make,
) -> Measured {
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        clients.push(target.connect().await);
    }
    let cpu = server.cpu();
    let begin = Instant::now();
    let workers = clients.into_iter().enumerate().map(|(nth, mut client)| {
        let make = Arc::clone(make);
        tokio::spawn(async move {
            let mut times = Vec::with_capacity(4096);
            // Each connection counts from a number of its own, so that no two ask for the same in step.
            for turn in (nth * 1_000_003).. {
                if begin.elapsed() >= duration {
                    break;
                }
                let request = make(turn);
                let sent = Instant::now();
                let answer = client.send(&request).await;
                times.push(sent.elapsed());
                assert_eq!(
                    answer.status,
                    200,
                    "{}",
                    String::from_utf8_lossy(answer.body)
                );
            }
            times
        })
    });
    let workers: Vec<_> = workers.collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await.unwrap());
    }
    let (elapsed, cpu) = (begin.elapsed().as_secs_f64(), server.cpu() - cpu);
    times.sort_unstable();
    Measured {
        rate: times.len() as f64 / elapsed,
        per_cpu: times.len() as f64 / cpu.max(0.01),
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
    }
}

/// Of several rounds, the one in the middle by rate.
pub(crate) fn median(mut rounds: Vec<Measured>) -> Measured {
    rounds.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    rounds.swap_remove(rounds.len() / 2)
}
