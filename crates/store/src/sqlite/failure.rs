//! What SQLite's errors mean here.

use rusqlite::{ErrorCode, ffi};

use crate::StoreError;

/// A failure of SQLite, sorted by what may be done after it.
#[derive(Debug)]
pub(super) enum Failure {
    /// No room: the transaction is rolled back, and the handle goes on.
    Full,
    /// The bytes are wrong.
    Corrupt(String),
    /// Anything else, I/O errors first of all: the handle ends.
    Fatal(String),
}

impl Failure {
    /// What the failure means while the transaction was certainly not durable.
    pub(super) fn before_commit(error: rusqlite::Error) -> StoreError {
        Self::from(error).into()
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                    Self::Corrupt(error.to_string())
                }
                _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Self::Full,
                _ => Self::Fatal(error.to_string()),
            },
            // A column that is missing or of another type than the schema's.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::QueryReturnedNoRows
            | rusqlite::Error::SqlInputError { .. } => Self::Corrupt(error.to_string()),
            _ => Self::Fatal(error.to_string()),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Full => Self::Full,
            Failure::Corrupt(place) => Self::Corrupt { place },
            Failure::Fatal(reason) => Self::Unavailable { reason },
        }
    }
}
