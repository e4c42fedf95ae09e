//! Standard output of the commands that print: whoever closes it early has read enough, and nothing went wrong.

use std::io::{ErrorKind, Write as _};

use anyhow::{Context as _, Result};

/// Prints all of it.
///
/// # Errors
/// It cannot be written, and there is somebody to read it.
pub(crate) fn print(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// One line on standard error.
pub(crate) fn complain(line: &str) {
    // There is nobody left to tell that this failed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
