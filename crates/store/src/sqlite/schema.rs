//! The file: its identity, its version, its tables, its checks.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, Row};

use super::failure::Failure;
use crate::{Key, Result, Revision, StoreError, Versioned};

/// "Kluis" among SQLite's application ids.
const APPLICATION_ID: i32 = 0x4B_4C_75_73;
/// The version of the tables below.
const SCHEMA_VERSION: u32 = 1;
/// How long a connection waits for another's short lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What stands for the key in the checksum of the latest revision.
const LATEST: &[u8] = b"latest";
/// The bytes of a record's checksum.
const SUM_LEN: usize = 8;

/// Keys are blobs so that their order is their bytes' order. `sum` finds damage that leaves the tree intact.
const TABLES: &str = "
    CREATE TABLE record (
        key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, revision INTEGER NOT NULL, sum BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE latest (
        one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL, sum BLOB NOT NULL
    ) STRICT;
";

pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&connection)?;
    Ok(connection)
}

pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    configure(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted is overwritten: a deleted key must not linger in a free page.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Makes the tables in a new file, or makes sure that an existing one is ours, understood and sound; the latest
/// revision.
pub(super) fn prepare(connection: &Connection) -> Result<Revision> {
    let lift = Failure::before_commit;
    let application: i32 = pragma(connection, "application_id").map_err(lift)?;
    let version: u32 = pragma(connection, "user_version").map_err(lift)?;
    // A kill before the tables were committed leaves a file without any.
    let is_new = application == 0 && version == 0 && count_tables(connection).map_err(lift)? == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(StoreError::Corrupt {
            place: "the file's header: it is an SQLite file but no Kluis store".into(),
        });
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::Newer {
            found: version,
            supported: SCHEMA_VERSION,
        });
    }
    write_ahead(connection)?;
    if is_new {
        make_tables(connection).map_err(lift)?;
    } else {
        check_structure(connection, "quick_check")?;
    }
    revision(connection)
}

fn make_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
    ))?;
    set_revision(connection, Revision::ZERO)?;
    connection.execute_batch("COMMIT")
}

fn write_ahead(connection: &Connection) -> Result<()> {
    let lift = Failure::before_commit;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(lift)?;
    if mode != "wal" {
        let reason = format!(
            "its file system does not carry SQLite's write-ahead log (journal mode stays {mode})"
        );
        return Err(StoreError::Unavailable { reason });
    }
    // Checkpoints are the writer's, which looks at how they end.
    connection
        .query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))
        .map_err(lift)
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn count_tables(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

pub(super) fn revision(connection: &Connection) -> Result<Revision> {
    let read = || {
        let mut statement =
            connection.prepare_cached("SELECT revision, sum FROM latest WHERE one = 1")?;
        statement.query_row([], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
    };
    let (revision, sum) = read().map_err(Failure::before_commit)?;
    let corrupt = || StoreError::Corrupt {
        place: "the latest revision".into(),
    };
    if checksum(LATEST, &[], revision)[..] != sum {
        return Err(corrupt());
    }
    Ok(Revision(u64::try_from(revision).map_err(|_| corrupt())?))
}

/// Sets the latest revision, as a part of the transaction that makes it so.
pub(super) fn set_revision(connection: &Connection, revision: Revision) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO latest (one, revision, sum) VALUES (1, ?1, ?2)";
    let revision = as_sql(revision);
    connection
        .prepare_cached(sql)?
        .execute((revision, &checksum(LATEST, &[], revision)[..]))?;
    Ok(())
}

/// Revisions count commits, and 2^63 of them do not fit a lifetime.
pub(super) fn as_sql(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// Everything: structure, indexes, and each record against its checksum.
pub(super) fn integrity(connection: &Connection) -> Result<()> {
    check_structure(connection, "integrity_check")?;
    let latest = revision(connection)?;
    let lift = Failure::before_commit;
    let mut statement = connection
        .prepare("SELECT key, value, revision, sum FROM record ORDER BY key")
        .map_err(lift)?;
    let mut rows = statement.query([]).map_err(lift)?;
    while let Some(row) = rows.next().map_err(lift)? {
        let (key, record) = decode(row)?;
        if record.revision > latest {
            return Err(StoreError::Corrupt {
                place: format!("record {key}: it is newer than the store"),
            });
        }
    }
    Ok(())
}

fn check_structure(connection: &Connection, check: &str) -> Result<()> {
    let found: String = connection
        .query_row(&format!("PRAGMA {check}(1)"), [], |row| row.get(0))
        .map_err(Failure::before_commit)?;
    if found == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt { place: found })
    }
}

/// A row of `key, value, revision, sum`, checked.
pub(super) fn decode(row: &Row<'_>) -> Result<(Key, Versioned)> {
    let (key, record) = columns(row).map_err(Failure::before_commit)?;
    let corrupt = || StoreError::Corrupt {
        place: format!("record {}", String::from_utf8_lossy(&key)),
    };
    let (value, revision, sum) = record;
    let name = String::from_utf8(key.clone())
        .ok()
        .and_then(|name| Key::new(name).ok())
        .ok_or_else(corrupt)?;
    if checksum(&key, &value, revision)[..] != sum {
        return Err(corrupt());
    }
    let revision = Revision(u64::try_from(revision).map_err(|_| corrupt())?);
    Ok((
        name,
        Versioned {
            value: Bytes::from(value),
            revision,
        },
    ))
}

type Columns = (Vec<u8>, (Vec<u8>, i64, Vec<u8>));

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)))
}

/// A record's checksum, against damage and not against an attacker: the first bytes of SHA-256 over key length, key,
/// revision and value (integers as 8 bytes, big endian).
pub(super) fn checksum(key: &[u8], value: &[u8], revision: i64) -> [u8; SUM_LEN] {
    let digest = crypto::sha256(&[
        &(key.len() as u64).to_be_bytes(),
        key,
        &revision.to_be_bytes(),
        value,
    ]);
    let mut sum = [0; SUM_LEN];
    sum.copy_from_slice(&digest[..SUM_LEN]);
    sum
}
