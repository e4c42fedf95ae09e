//! Steps as they are taken: a spinner on a terminal, nothing elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use volume::Progress;
use volume::engine::Changed;
use volume::plan::Step;

use crate::out::tell;

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// Shows steps on standard error.
pub(crate) struct Steps {
    is_shown: bool,
    current: Option<ProgressBar>,
}

impl Steps {
    /// Shown on a terminal, unless quiet.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            is_shown: !quiet && std::io::stderr().is_terminal(),
            current: None,
        }
    }
}

impl Progress for Steps {
    fn begin(&mut self, volume: &str, step: &Step) {
        if !self.is_shown {
            return;
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner()
            .with_style(style)
            .with_message(format!("{volume}: {step}"));
        bar.enable_steady_tick(TURN);
        self.current = Some(bar);
    }

    fn done(&mut self, volume: &str, step: &Step, changed: Changed) {
        if let Some(bar) = self.current.take() {
            bar.finish_and_clear();
            let mark = if changed == Changed::Yes { "✓" } else { "·" };
            tell!("{mark} {volume}: {step}");
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(bar) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}
