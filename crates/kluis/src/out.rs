//! What is said to whoever reads along: data on standard output, everything else on standard error. A reader who has gone
//! (`kluis status | head -1`) is no failure of the verb, and nothing here ends the program.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once nobody reads standard output any more.
static UNREAD: AtomicBool = AtomicBool::new(false);
/// Set once something could not be printed that somebody may be waiting for.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a line of data.
macro_rules! say {
    ($($line:tt)*) => { $crate::out::data(format_args!("{}\n", format_args!($($line)*))) };
}

/// Prints a line for people.
macro_rules! tell {
    ($($line:tt)*) => { $crate::out::note(format_args!("{}\n", format_args!($($line)*))) };
}

pub(crate) use {say, tell};

/// Writes to standard output. Any other failure than a reader who has gone is told on standard error, once.
pub(crate) fn data(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) else {
        return;
    };
    if !UNREAD.swap(true, Ordering::Relaxed) && error.kind() != ErrorKind::BrokenPipe {
        LOST.store(true, Ordering::Relaxed);
        note(format_args!("kluis: cannot print: {error}\n"));
    }
}

/// Writes to standard error; where that fails, there is nobody left to tell.
pub(crate) fn note(text: Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(text);
}

/// Whether something could not be printed, for another reason than a reader who has gone.
pub(crate) fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Whether nobody reads standard output any more.
pub(crate) fn is_unread() -> bool {
    UNREAD.load(Ordering::Relaxed)
}

/// The width of the terminal that standard output is, in columns.
pub(crate) fn width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}
