//! How throughput, memory and the time of a start go with the number of keys.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::Options;
use crate::calls::{Stage, encrypt};
use crate::load::Make;
use crate::tables::{measure, ms};

/// Keys lie in several regions: a region's quota is 100,000.
const PER_REGION: usize = 90_000;
const REGIONS: [&str; 12] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "eu-south-1",
    "ap-south-1",
    "ap-east-1",
    "sa-east-1",
];
/// The small number of keys that the large one is held against.
const FEW: usize = 1000;

/// A key's region and id.
type Made = Arc<Mutex<Vec<(usize, String)>>>;

/// Prints the table, with few keys and many.
pub(crate) async fn keys(options: &Options) {
    // In memory: how fast the disk takes a million keys is not the question.
    let folder = tempfile::Builder::new()
        .prefix("kluis-bench-")
        .tempdir_in("/dev/shm")
        .unwrap();
    let data = folder.path().join("data");
    let empty = Stage::start(&data).server.resident();
    let made: Made = Arc::default();
    println!(
        "\n| keys | made/s | start, s | memory, MiB | bytes per key | Encrypt/s, a key at random | p99, ms | requests per server CPU-second |\n|---|---|---|---|---|---|---|---|"
    );
    for wanted in [FEW, options.keys] {
        let begin = Instant::now();
        let before = made.lock().unwrap().len();
        fill(&data, &made, wanted, options.connections).await;
        let rate = (wanted - before) as f64 / begin.elapsed().as_secs_f64();
        let stage = Stage::start(&data);
        let resident = stage.server.resident();
        let per_key = resident.saturating_sub(empty) / wanted as u64;
        let measured = measure(
            options,
            &stage.server,
            &stage.target,
            &requests(&stage, &made),
        )
        .await;
        println!(
            "| {wanted} | {rate:.0} | {:.2} | {:.0} | {per_key} | {:.0} | {:.1} | {:.0} |",
            stage.server.start.as_secs_f64(),
            resident as f64 / f64::from(1 << 20),
            measured.rate,
            ms(measured.p99),
            measured.per_cpu
        );
    }
}

/// Makes keys through the service's own door until there are `wanted`.
async fn fill(data: &Path, made: &Made, wanted: usize, connections: usize) {
    let stage = Stage::start(data);
    let first = made.lock().unwrap().len();
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(first));
    let mut workers = Vec::new();
    for _ in 0..connections {
        let (mut client, host, data) = (
            stage.target.connect().await,
            stage.target.host(),
            data.to_owned(),
        );
        let (next, made) = (Arc::clone(&next), Arc::clone(made));
        workers.push(tokio::spawn(async move {
            let mut signer = None;
            loop {
                let nth = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if nth >= wanted {
                    return;
                }
                let region = nth / PER_REGION;
                // A signature is good for a quarter of an hour: a region's worth of keys takes less.
                if signer.as_ref().is_none_or(|(of, _)| *of != region) {
                    signer = Some((region, crate::sign::Signer::new(&data, REGIONS[region])));
                }
                let (_, signer) = signer.as_ref().unwrap();
                let answer = client.send(&signer.request(&host, "CreateKey", "{}")).await;
                assert_eq!(
                    answer.status,
                    200,
                    "{}",
                    String::from_utf8_lossy(answer.body)
                );
                let answer: serde_json::Value = serde_json::from_slice(answer.body).unwrap();
                let id = answer["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
                made.lock().unwrap().push((region, id));
            }
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
}

/// Encrypts under keys that jump about.
fn requests(stage: &Stage, made: &Made) -> Make {
    let signers: Vec<_> = REGIONS.iter().map(|region| stage.signer(region)).collect();
    let (host, keys) = (stage.target.host(), made.lock().unwrap().clone());
    Arc::new(move |turn| {
        // A multiplicative step through all of them: any order will do that is not theirs.
        let (region, id) = &keys[turn.wrapping_mul(0x9E37_79B9_7F4A_7C15_usize) % keys.len()];
        encrypt(&signers[*region], &host, id)
    })
}
