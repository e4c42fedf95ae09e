//! A thousand changes to a trail, and none unnoticed.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use trail::verify::verify;
use trail::{CheckpointOptions, Draft, DraftFacts, Entry, Node, Options, PublicKey, Trail};

fn key() -> crypto::Ed25519Key {
    let seed = crypto::Secret::build(|secret| {
        secret.fill(7);
        Ok::<(), crypto::Error>(())
    });
    crypto::Ed25519Key::from_seed(&seed.unwrap()).unwrap()
}

const RECORDS: usize = 40;

async fn make(folder: &Path) {
    let mut options = Options::new(Node::new("node-1").unwrap(), "111122223333", "eu-west-1");
    options.segment_bytes = 9000;
    options.checkpoints = Some(CheckpointOptions {
        every_records: 15,
        ..CheckpointOptions::new(key())
    });
    let trail = Trail::open(folder, options).unwrap();
    for _ in 0..RECORDS {
        let record = Draft::new(DraftFacts::example()).succeeded(None, Vec::new());
        let appended = trail.append(Entry::Unwritten(record)).await.unwrap();
        assert!(appended.is_new);
    }
    trail.close().await;
}

/// The folder's files in memory: segments and checkpoints.
type Files = Vec<(String, Vec<u8>)>;

fn load(folder: &Path) -> Files {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains(".jsonl")).collect();
    names.sort();
    names
        .into_iter()
        .map(|name| (name.clone(), fs::read(folder.join(name)).unwrap()))
        .collect()
}

/// Writes the files of `new` that are not so in `old`.
fn write_difference(folder: &Path, old: &Files, new: &Files) {
    for (name, bytes) in new.iter().filter(|file| !old.contains(file)) {
        // Made anew: cutting a file and writing it again makes some file systems flush it.
        let _ = fs::remove_file(folder.join(name));
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// `SplitMix64`: the same thousand changes each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// Changes one file, or two; says what it did.
fn tamper(files: &mut Files, random: &mut Random) -> String {
    let segments = files.len() - 1;
    let at = random.below(segments);
    let what = random.below(8);
    let (name, bytes) = &mut files[at];
    let mut rows = lines(bytes);
    let row = random.below(rows.len());
    let mut said = format!("{name} line {}: ", row + 1);
    match what {
        0 | 1 => {
            let byte = random.below(bytes.len());
            bytes[byte] ^= 1 << random.below(8);
            return format!("flip a bit of byte {byte} of {name}");
        }
        2 => {
            rows.remove(row);
            said += "delete";
        }
        3 => {
            let other = (row + 1 + random.below(rows.len() - 1)) % rows.len();
            rows.swap(row, other);
            said += "swap";
        }
        4 => {
            let again = rows[row].clone();
            rows.insert(random.below(rows.len() + 1), again);
            said += "replay";
        }
        5 => {
            let length = random.below(bytes.len());
            bytes.truncate(length);
            return format!("truncate {name} to {length}");
        }
        6 => {
            let other = (at + 1 + random.below(segments - 1)) % segments;
            let swapped = std::mem::take(&mut files[at].1);
            files[at].1 = std::mem::replace(&mut files[other].1, swapped);
            return format!("swap segments {at} and {other}");
        }
        _ => {
            let (name, bytes) = files.last_mut().unwrap();
            let mut rows = lines(bytes);
            let row = random.below(rows.len());
            let byte = random.below(rows[row].len() - 1);
            rows[row][byte] ^= 1 << random.below(8);
            *bytes = rows.concat();
            return format!("flip a bit of byte {byte} in line {} of {name}", row + 1);
        }
    }
    files[at].1 = rows.concat();
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_changes_are_all_found() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    let public = PublicKey(key().public_key());
    let sound = load(folder.path());
    assert!(sound.len() >= 4, "three segments at least, and checkpoints");
    let report = verify(folder.path(), &public, None).unwrap();
    assert_eq!((report.records, report.vouched_for), (40, 40));

    let changed = tempfile::tempdir().unwrap();
    write_difference(changed.path(), &Vec::new(), &sound);
    let mut random = Random(1);
    for round in 0..1000 {
        let mut files = sound.clone();
        let what = tamper(&mut files, &mut random);
        if files == sound {
            continue;
        }
        write_difference(changed.path(), &sound, &files);
        let found = verify(changed.path(), &public, None);
        assert!(found.is_err(), "round {round}: {what}: not found");
        write_difference(changed.path(), &files, &sound);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_bad_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    let public = PublicKey(key().public_key());
    let path = folder.path().join("00000002.jsonl");
    let mut rows = lines(&fs::read(&path).unwrap());
    rows[2][200] ^= 1;
    rows[5][200] ^= 1;
    let offset = rows[0].len() + rows[1].len();
    fs::write(&path, rows.concat()).unwrap();
    let flaw = verify(folder.path(), &public, None)
        .unwrap_err()
        .to_string();
    assert!(
        flaw.starts_with(&format!("00000002.jsonl line 3 (byte {offset}): ")),
        "{flaw}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_segment_another_key_and_a_cut_with_its_checkpoints_are_found() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    let public = PublicKey(key().public_key());
    assert!(verify(folder.path(), &PublicKey([9; 32]), None).is_err());

    let copies = tempfile::tempdir().unwrap();
    fs::copy(
        folder.path().join("checkpoints.jsonl"),
        copies.path().join("checkpoints.jsonl"),
    )
    .unwrap();
    verify(folder.path(), &public, Some(copies.path())).unwrap();

    let last = load(folder.path()).len() - 1;
    fs::remove_file(folder.path().join(format!("{last:08}.jsonl"))).unwrap();
    assert!(verify(folder.path(), &public, None).is_err());
    // Whoever cuts the log cuts the checkpoints beside it too; the copies still tell.
    fs::remove_file(folder.path().join("checkpoints.jsonl")).unwrap();
    verify(folder.path(), &public, None).unwrap();
    assert!(verify(folder.path(), &public, Some(copies.path())).is_err());

    fs::remove_file(folder.path().join("00000001.jsonl")).unwrap();
    assert!(verify(folder.path(), &public, None).is_err());
}
