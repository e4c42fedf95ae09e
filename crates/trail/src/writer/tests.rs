//! A disk that fails on command: what is acknowledged stays, what is refused leaves nothing.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::disk::Folder;
use crate::{Entry, Node, Trail, recovery, verify};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Half of the bytes, then "no space".
    FullInTheMiddle,
    /// Half of the bytes, then an I/O error.
    WriteFails,
    SyncFails,
    /// "No space", and the half that was written cannot be cut.
    FullAndTruncateFails,
}

#[derive(Default)]
struct Faults {
    now: Option<Fault>,
    reserve_kept: bool,
}

struct Faulty {
    disk: Folder,
    faults: Arc<Mutex<Faults>>,
}

fn no_space() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Faulty {
    fn fault(&self) -> Option<Fault> {
        self.faults.lock().unwrap().now
    }
}

impl Disk for Faulty {
    fn begin_segment(&mut self, number: u64) -> io::Result<()> {
        self.disk.begin_segment(number)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let half = &bytes[..bytes.len() / 2];
        match self.fault() {
            // The notice fits into the room that the reserve gave free.
            Some(Fault::FullInTheMiddle)
                if !self.faults.lock().unwrap().reserve_kept && bytes.len() < 2000 =>
            {
                self.disk.append(bytes)
            }
            Some(Fault::FullInTheMiddle | Fault::FullAndTruncateFails) => {
                self.disk.append(half)?;
                Err(no_space())
            }
            Some(Fault::WriteFails) => {
                self.disk.append(half)?;
                Err(io::Error::from_raw_os_error(5))
            }
            Some(Fault::SyncFails) | None => self.disk.append(bytes),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.fault() {
            Some(Fault::SyncFails) => Err(io::Error::from_raw_os_error(5)),
            _ => self.disk.sync(),
        }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        match self.fault() {
            Some(Fault::FullAndTruncateFails) => Err(io::Error::from_raw_os_error(5)),
            _ => self.disk.truncate(length),
        }
    }

    fn keep_reserve(&mut self) -> io::Result<()> {
        if self.fault().is_some() {
            return Err(no_space());
        }
        self.faults.lock().unwrap().reserve_kept = true;
        self.disk.keep_reserve()
    }

    fn release_reserve(&mut self) -> io::Result<()> {
        self.faults.lock().unwrap().reserve_kept = false;
        self.disk.release_reserve()
    }
}

fn options() -> Options {
    Options::new(Node::new("node-1").unwrap(), "111122223333", "eu-west-1")
}

fn open_faulty(folder: &Path) -> (Trail, Arc<Mutex<Faults>>) {
    let mut recovered = recovery::recover(folder, &options()).unwrap();
    recovered.state.segments.push(1);
    let faults = Arc::new(Mutex::new(Faults::default()));
    let disk = Faulty {
        disk: Folder::begin(folder, 1).unwrap(),
        faults: Arc::clone(&faults),
    };
    let lock = std::fs::File::open(folder).unwrap();
    (
        Trail::start(folder, options(), recovered, Box::new(disk), lock).unwrap(),
        faults,
    )
}

fn record() -> Record {
    Draft::new(DraftFacts::example()).succeeded(None, Vec::new())
}

async fn append(trail: &Trail) -> Result<u64, TrailError> {
    trail
        .append(Entry::Unwritten(record()))
        .await
        .map(|appended| appended.sequence)
}

/// The names of the events in the log, which must verify.
fn events(folder: &Path) -> Vec<String> {
    verify::verify(folder, &crate::PublicKey([0; 32]), None).unwrap();
    let text = std::fs::read_to_string(folder.join("00000001.jsonl")).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .map(|line| line["event"]["eventName"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_says_so_once_and_recovers_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, faults) = open_faulty(folder.path());
    assert_eq!(append(&trail).await, Ok(1));
    faults.lock().unwrap().now = Some(Fault::FullInTheMiddle);
    for _ in 0..3 {
        assert_eq!(append(&trail).await, Err(TrailError::Full));
    }
    assert_eq!(events(folder.path()), ["Decrypt", "TrailFull"]);

    faults.lock().unwrap().now = None;
    assert_eq!(append(&trail).await, Ok(4));
    assert_eq!(append(&trail).await, Ok(5));
    drop(trail);
    assert_eq!(
        events(folder.path()),
        ["Decrypt", "TrailFull", "TrailResumed", "Decrypt", "Decrypt"]
    );
    let text = std::fs::read_to_string(folder.path().join("00000001.jsonl")).unwrap();
    assert!(
        text.lines()
            .nth(2)
            .unwrap()
            .contains(r#""recordsRefused":3"#)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_failure_poisons_until_reopened() {
    for fault in [
        Fault::WriteFails,
        Fault::SyncFails,
        Fault::FullAndTruncateFails,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (trail, faults) = open_faulty(folder.path());
        assert_eq!(append(&trail).await, Ok(1));
        faults.lock().unwrap().now = Some(fault);
        assert!(
            matches!(append(&trail).await, Err(TrailError::Poisoned { .. })),
            "{fault:?}"
        );
        faults.lock().unwrap().now = None;
        assert!(
            matches!(append(&trail).await, Err(TrailError::Poisoned { .. })),
            "{fault:?}: the disk is well again"
        );
        drop(trail);

        let trail = Trail::open(folder.path(), options()).unwrap();
        let last = append(&trail).await.unwrap();
        // What a failed sync left behind may be there; it was not acknowledged, and it is whole.
        assert_eq!(
            last,
            if fault == Fault::SyncFails { 3 } else { 2 },
            "{fault:?}"
        );
        drop(trail);
        assert_eq!(events(folder.path()).len() as u64, last);
    }
}
