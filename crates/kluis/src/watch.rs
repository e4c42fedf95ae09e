//! `status --watch`: the same again whenever it has changed, until nobody reads it or Ctrl-C.

use std::io::IsTerminal as _;
use std::time::Duration;

use volume::Error;

use crate::out;

/// How often is looked.
const INTERVAL: Duration = Duration::from_secs(2);
/// Home, and clear from there to the end: what a terminal of the last forty years understands.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Prints what `look` gives, at once and again whenever it has changed.
///
/// # Errors
/// What `look` fails with at first. Later failures are shown in its place, since what vanished may come back.
pub(crate) fn until_unread(mut look: impl FnMut() -> Result<String, Error>) -> Result<(), Error> {
    let clear = if std::io::stdout().is_terminal() {
        CLEAR
    } else {
        ""
    };
    let mut shown = look()?;
    out::data(format_args!("{clear}{shown}\n"));
    while !out::is_unread() {
        std::thread::sleep(INTERVAL);
        let now = look().unwrap_or_else(|error| format!("kluis: {error}"));
        if now != shown {
            out::data(format_args!("{clear}{now}\n"));
            shown = now;
        }
    }
    Ok(())
}
