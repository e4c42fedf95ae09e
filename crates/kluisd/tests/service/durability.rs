//! What was acknowledged outlives a kill, and so does its record, once.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use store::{Sqlite, Store as _};

use crate::daemon::{Folder, Transport, succeed, verify};

/// How often the service is killed.
const KILLS: u64 = 3;

#[test]
fn whatever_was_acknowledged_before_a_kill_is_there_after_it_and_recorded_once() {
    let folder = Folder::new();
    let notes = folder.scratch("acknowledged");

    for round in 0..KILLS {
        let mut daemon = folder.serve(Transport::Plain);
        let mut writer = daemon
            .client("writer.py")
            .arg(&notes)
            .arg(round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(writer.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "under way\n");
        // Another instant each time.
        std::thread::sleep(Duration::from_millis(37 * round));
        daemon.kill();
        assert!(writer.wait().unwrap().success());
    }

    let mut daemon = folder.serve(Transport::Plain);
    succeed(daemon.client("survivors.py").arg(&notes));
    assert_eq!(daemon.terminate(), Some(0));
    verify(&folder.data());
    let store = Sqlite::open(folder.data().join("kluisd.db")).unwrap();
    let waiting = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(store.scan(trail::OUTBOX_PREFIX, None, 10))
        .unwrap();
    assert!(waiting.is_empty(), "the outbox is not drained: {waiting:?}");
}
