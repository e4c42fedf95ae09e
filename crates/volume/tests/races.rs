//! A header exchanged between its check and its use: whoever has the disk puts others in its place while `up` looks, at any read, and back again.
//! He wins where the volume is then open under anything else than its own header, or its data is gone. `KLUIS_RACES` says how many (300);
//! `make promise-7` tries 100,000.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use stage::{Dice, FILE, Stage, TOKEN, forge};
use volume::sim::Disk;

/// The two copies: what is exchanged.
const COPIES: usize = 0x8000;
/// As far as there is key material of a keyslot.
const WITH_KEYSLOTS: usize = 0x4_7000;

/// What the mapping of an open volume is, which the header decided. (What is on the disk by now may be another.)
fn seen(stage: &Stage) -> String {
    let status = stage.status();
    format!(
        "{:?}",
        (
            (status.kind, status.cipher, status.keysize, status.size),
            (status.offset, status.sector_size, status.discards),
            (status.file_system, status.mode),
        )
    )
}

fn front(disk: &Disk, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    assert!(disk.read(0, &mut bytes));
    bytes
}

fn with_data(label: &str) -> Stage {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    assert!(stage.machine.write_file("/mnt/v", label));
    stage
}

/// Headers that are not to be believed, each with its checksums right.
fn forgeries(good: &Disk) -> Vec<Vec<u8>> {
    let changes = [
        (
            "aes-xts-plain64\",\"sector_size\"",
            "cipher_null-ecb\",\"sector_size\"",
        ),
        (
            "aes-xts-plain64\",\"sector_size\"",
            "aes-xts-plain\",\"sector_size\"",
        ),
        ("\"state\":\"ready\"", "\"state\":\"provisioning\""),
        ("\"gen\":1", "\"gen\":2"),
        ("\"sector_size\":4096", "\"sector_size\":512"),
        ("\"iv_tweak\":\"0\"", "\"iv_tweak\":\"8\""),
        ("\"offset\":\"16777216\"", "\"offset\":\"16781312\""),
        ("\"type\":\"kluis\"", "\"type\":\"other\""),
        ("\"iterations\":1000", "\"iterations\":1001"),
        (
            "\"keyslots_size\":\"16744448\"",
            "\"keyslots_size\":\"16744448\",\"flags\":[\"allow-discards\"]",
        ),
    ];
    let mut all: Vec<Vec<u8>> = changes
        .iter()
        .map(|(from, to)| front(&forge::replace(good, from, to).expect(from), COPIES))
        .collect();
    // Another volume's header, with the keyslots that go with it: whole, and of the same machine and key.
    let other = with_data("another's").machine.disk(FILE).unwrap();
    all.push(front(&other, WITH_KEYSLOTS));
    all.push(front(&other, COPIES));
    // None at all, and one half of each.
    all.push(vec![0; COPIES]);
    let mut halves = front(good, COPIES / 2);
    halves.extend(&front(&other, COPIES)[COPIES / 2..]);
    all.push(halves);
    all
}

#[test]
fn each_forgery_alone_is_refused() {
    let stage = with_data("precious");
    stage.down().unwrap();
    let good = stage.machine.disk(FILE).unwrap();
    for (forged, number) in forgeries(&good).iter().zip(0..) {
        stage.machine.poke(FILE, 0, forged);
        // The last is half of a good one, and that half opens.
        let is_half = number == forgeries(&good).len() - 1;
        assert_eq!(stage.up().is_ok(), is_half, "forgery {number}");
        stage.down().unwrap();
        stage.machine.set_disk(FILE, good.clone());
    }
}

/// A volume that is raced for, over and over.
struct Track {
    stage: Stage,
    /// Its own header and key material.
    own: Vec<u8>,
    whole: Disk,
    forgeries: Vec<Vec<u8>>,
    /// What the mapping is when nobody interferes.
    honest: String,
    /// Reads of the disk until then.
    reads: u64,
}

impl Track {
    fn new() -> Self {
        let stage = with_data("precious");
        stage.down().unwrap();
        let before = stage.machine.reads();
        stage.up().unwrap();
        let reads = stage.machine.reads() - before;
        let honest = seen(&stage);
        stage.down().unwrap();
        let good = stage.machine.disk(FILE).unwrap();
        Self {
            own: front(&good, WITH_KEYSLOTS),
            forgeries: forgeries(&good),
            whole: good,
            honest,
            reads,
            stage,
        }
    }

    /// One race; whether the volume's own header was opened in it.
    fn run(&self, seed: u64) -> bool {
        let machine = &self.stage.machine;
        let mut dice = Dice::new(seed);
        let (mut at, mut touched, mut is_own) = (0, COPIES, true);
        // In and out again, up to four times.
        for _ in 0..=dice.roll(4) {
            at += 1 + dice.roll(self.reads);
            let bytes = if is_own {
                let forged = dice.pick(&self.forgeries);
                touched = touched.max(forged.len());
                forged
            } else {
                self.own[..touched].to_vec()
            };
            machine.exchange_at_read(at % (self.reads + 2), FILE, 0, &bytes);
            is_own = !is_own;
        }
        let outcome = self.stage.up();
        if outcome.is_ok() {
            let found = seen(&self.stage);
            assert_eq!(found, self.honest, "seed {seed}: open under another header");
            assert_eq!(
                self.stage.text().as_deref(),
                Some("precious"),
                "seed {seed}"
            );
        } else {
            let (mounted, mapped) = (machine.mounted(), machine.mapped_names());
            assert!(
                mounted.is_empty() && mapped.is_empty(),
                "seed {seed}: refused, and open all the same: {mounted:?} {mapped:?}"
            );
        }
        machine.restart();
        let no = |error| -> volume::engine::Changed { panic!("seed {seed}: {error}") };
        self.stage.down().unwrap_or_else(no);
        machine.poke(FILE, 0, &self.own[..touched]);
        // With its own header back the disk is as it was, whatever was done to it.
        assert!(
            machine.disk(FILE).as_ref() == Some(&self.whole),
            "seed {seed}: written to: {outcome:?}"
        );
        outcome.is_ok()
    }
}

#[test]
fn no_race_for_a_header_is_won() {
    let count: u64 = std::env::var("KLUIS_RACES").map_or(300, |count| count.parse().unwrap());
    let lanes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let opened: u64 = std::thread::scope(|scope| {
        let lane = |lane: usize| {
            let track = Track::new();
            let seeds = (0..count).skip(lane).step_by(lanes);
            seeds.filter(|seed| track.run(*seed)).count() as u64
        };
        let lanes: Vec<_> = (0..lanes).map(|n| scope.spawn(move || lane(n))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).sum()
    });
    let refused = count - opened;
    println!(
        "{count} races: {opened} opened the volume's own header, {refused} were refused, none was won"
    );
    assert!(opened > 0 && refused > 0, "{opened} and {refused}");
}
