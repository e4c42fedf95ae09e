//! Temporary failures of a port, tried again until a deadline, with full jitter: each wait is uniformly random between
//! nothing and a bound that doubles, so that ten thousand machines booting in one second spread themselves out. Whoever waits
//! says so, from the first failure on.

use std::time::Duration;

use crate::host::Host;

/// The bound of the first wait.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The bound of every later wait.
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// A service that is waited for: told after every failure that is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait<'a> {
    /// The service, as people know it: its URL.
    pub place: &'a str,
    /// Why it is still waited for.
    pub why: &'a str,
    /// How long it has been waited for.
    pub since: Duration,
    /// How long it is waited for yet, at the most.
    pub left: Duration,
}

impl Wait<'_> {
    /// The event in words: for whom, why, how long, and until when by `clock`, the reader's own time of day.
    ///
    /// `waiting for https://kms.example: connection refused; since 12 s, until 14:03:20`
    pub fn text(&self, clock: &str) -> String {
        let since = match self.since.as_secs() {
            seconds @ 0..120 => format!("{seconds} s"),
            seconds @ 120..7200 => format!("{} min", seconds / 60),
            seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        };
        format!(
            "waiting for {}: {}; since {since}, until {clock}",
            self.place, self.why
        )
    }
}

/// Told of waiting. Shared by everything of a run that may have to wait.
pub trait Waiting {
    /// It failed in a way that passes, and is tried again.
    fn waiting(&self, wait: &Wait<'_>) {
        let _ = wait;
    }

    /// It answered, or failed for good, or time is up: nothing is waited for any more. Only after [`Waiting::waiting`].
    fn over(&self) {}
}

/// The instant after which a run stops trying; one for all calls of a run, so that a service which is down is waited for once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    pub(crate) fn after(host: &dyn Host, time: Duration) -> Self {
        Self(host.monotonic().saturating_add(time))
    }

    /// How long there is yet.
    pub(crate) fn left(self, host: &dyn Host) -> Duration {
        self.0.saturating_sub(host.monotonic())
    }

    /// Calls until it succeeds, fails for good, or the next wait would pass the deadline. At least one call is made.
    /// `temporary` gives the cause of a failure that is worth another call.
    pub(crate) fn retry<T, E>(
        self,
        host: &dyn Host,
        waiting: &dyn Waiting,
        place: impl Fn() -> String,
        temporary: impl Fn(&E) -> Option<&str>,
        mut call: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let began = host.monotonic();
        let mut bound = BACKOFF_FIRST;
        let mut has_waited = false;
        let result = loop {
            let result = call();
            let Err(error) = &result else { break result };
            let Some(why) = temporary(error) else {
                break result;
            };
            let pause = host.jitter(bound);
            let now = host.monotonic();
            if now.saturating_add(pause) >= self.0 {
                break result;
            }
            has_waited = true;
            waiting.waiting(&Wait {
                place: &place(),
                why,
                since: now.saturating_sub(began),
                left: self.0.saturating_sub(now),
            });
            host.sleep(pause);
            bound = bound.saturating_mul(2).min(BACKOFF_MAX);
        };
        if has_waited {
            waiting.over();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(since: Duration) -> String {
        Wait {
            place: "https://kms.example",
            why: "connection refused",
            since,
            left: Duration::from_mins(1),
        }
        .text("14:03:20")
    }

    #[test]
    fn waiting_says_for_whom_why_how_long_and_until_when() {
        assert_eq!(
            text(Duration::from_secs(12)),
            "waiting for https://kms.example: connection refused; since 12 s, until 14:03:20"
        );
        assert!(text(Duration::from_secs(119)).contains("since 119 s"));
        assert!(text(Duration::from_secs(7199)).contains("since 119 min"));
        assert!(text(Duration::from_secs(11_000)).contains("since 3 h 3 min"));
    }
}
