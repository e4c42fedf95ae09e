//! Temporary failures of a port, tried again until a deadline, with full jitter: each wait is uniformly random between
//! nothing and a bound that doubles, so that ten thousand machines booting in one second spread themselves out.

use std::time::Duration;

use crate::host::Host;

/// The bound of the first wait.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The bound of every later wait.
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// The instant after which a run stops trying; one for all calls of a run, so that a service which is down is waited for once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    pub(crate) fn after(host: &dyn Host, time: Duration) -> Self {
        Self(host.monotonic().saturating_add(time))
    }

    /// Calls until it succeeds, fails for good, or the next wait would pass the deadline. At least one call is made.
    pub(crate) fn retry<T, E>(
        self,
        host: &dyn Host,
        is_temporary: impl Fn(&E) -> bool,
        mut call: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut bound = BACKOFF_FIRST;
        loop {
            let error = match call() {
                Ok(value) => return Ok(value),
                Err(error) if !is_temporary(&error) => return Err(error),
                Err(error) => error,
            };
            let wait = host.jitter(bound);
            if host.monotonic().saturating_add(wait) >= self.0 {
                return Err(error);
            }
            host.sleep(wait);
            bound = bound.saturating_mul(2).min(BACKOFF_MAX);
        }
    }
}
