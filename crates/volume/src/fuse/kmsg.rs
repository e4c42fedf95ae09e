//! The daemon's log: the kernel's, where block devices report their errors, since it has no terminal and may have no journal.
//!
//! The kernel limits how much a process writes there and stamps the time; a journal, where there is one, collects it.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;

/// Syslog priorities (RFC 5424, 6.2.1) of the user facility.
const ERROR: u8 = 8 + 3;
const NOTICE: u8 = 8 + 5;

/// Logs what went wrong with the volume `name`.
pub(crate) fn error(name: &str, message: fmt::Arguments<'_>) {
    log(ERROR, name, message);
}

/// Logs what befell the volume `name`.
pub(crate) fn notice(name: &str, message: fmt::Arguments<'_>) {
    log(NOTICE, name, message);
}

fn log(priority: u8, name: &str, message: fmt::Arguments<'_>) {
    let line = format!("<{priority}>kluis[{name}]: {message}\n");
    // A record is one write. Where there is no kernel log (some containers) there is nobody to tell.
    if let Ok(mut log) = OpenOptions::new().write(true).open("/dev/kmsg") {
        let _ = log.write_all(line.as_bytes());
    }
}
