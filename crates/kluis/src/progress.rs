//! Steps as they are taken, and services as they are waited for: one line that is rewritten on a terminal; elsewhere steps are not shown,
//! and waiting is a line now and then.

use std::cell::{Cell, RefCell};
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Zoned;
use jiff::tz::TimeZone;
use volume::engine::Changed;
use volume::plan::Step;
use volume::{Progress, Wait, Waiting};

use crate::out::tell;

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(120);
/// After its first line, waiting is told again after so long where nothing can be rewritten, and then after twice as long each time.
const TOLD_AGAIN: Duration = Duration::from_mins(1);

/// Shows both on standard error.
pub(crate) struct Steps {
    is_quiet: bool,
    is_terminal: bool,
    current: RefCell<Option<ProgressBar>>,
    /// After how long a wait the next line about it is due.
    due: Cell<Duration>,
}

impl Steps {
    /// Steps are shown on a terminal, unless quiet.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            is_quiet: quiet,
            // What cannot go back to the beginning of a line gets lines.
            is_terminal: std::io::stderr().is_terminal()
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
            current: RefCell::new(None),
            due: Cell::new(Duration::ZERO),
        }
    }

    fn is_shown(&self) -> bool {
        self.is_terminal && !self.is_quiet
    }

    fn show(&self, message: String) {
        let mut current = self.current.borrow_mut();
        let bar = current.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(TURN);
            bar
        });
        bar.set_message(message);
    }

    fn clear(&self) -> bool {
        let bar = self.current.borrow_mut().take();
        bar.as_ref().map(ProgressBar::finish_and_clear).is_some()
    }
}

impl Progress for &Steps {
    fn begin(&mut self, volume: &str, step: &Step) {
        if self.is_shown() {
            self.clear();
            self.show(format!("{volume}: {step}"));
        }
    }

    fn done(&mut self, volume: &str, step: &Step, changed: Changed) {
        if self.clear() {
            let mark = if changed == Changed::Yes { "✓" } else { "·" };
            tell!("{mark} {volume}: {step}");
        }
    }
}

impl Waiting for Steps {
    fn waiting(&self, wait: &Wait<'_>) {
        if self.is_quiet {
            return;
        }
        let text = wait.text(&clock(wait.left));
        if self.is_terminal {
            self.show(text);
        } else if wait.since >= self.due.get() {
            tell!("kluis: {text}");
            self.due
                .set(self.due.get().saturating_mul(2).max(TOLD_AGAIN));
        }
    }

    fn over(&self) {
        self.due.set(Duration::ZERO);
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What the machine's clock will say after that time; with the date where that is another day.
pub(crate) fn clock(left: Duration) -> String {
    let now = Zoned::now();
    let until = now
        .checked_add(left)
        .unwrap_or_else(|_| now.timestamp().to_zoned(TimeZone::UTC));
    let format = if until.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    until.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_of_another_day_has_its_date() {
        assert_eq!(clock(Duration::ZERO).len(), "14:03:20".len());
        assert_eq!(
            clock(Duration::from_hours(48)).len(),
            "2026-12-02 14:03:20".len()
        );
    }
}
