//! How far the services' clock is from this machine's, by the `Date` of their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use aws_sdk_kms::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_kms::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kms::error::BoxError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// Beyond this, a bad signature is put down to the clocks; below, to the key. AWS itself allows five minutes.
const SUSPICIOUS_SECONDS: u64 = 4 * 60;
/// Nothing was measured yet.
const UNKNOWN: i64 = i64::MIN;

/// What was last measured; shared by both services' clients.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(UNKNOWN)))
    }

    /// How many seconds their clock is ahead (behind, if negative).
    pub(crate) fn ahead(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|ahead| *ahead != UNKNOWN)
    }

    /// Whether the clocks differ by so much that a signature cannot hold.
    pub(crate) fn is_suspicious(&self) -> bool {
        self.ahead()
            .is_some_and(|ahead| ahead.unsigned_abs() > SUSPICIOUS_SECONDS)
    }

    /// The difference in words.
    pub(crate) fn text(&self) -> String {
        match self.ahead() {
            Some(ahead) if ahead > 0 => {
                format!(
                    "this machine's clock is {} behind the service's",
                    span(ahead)
                )
            }
            Some(ahead) => format!(
                "this machine's clock is {} ahead of the service's",
                span(ahead)
            ),
            None => "this machine's clock is not the service's".to_owned(),
        }
    }

    /// Whoever answered was not the service.
    pub(crate) fn forget(&self) {
        self.0.store(UNKNOWN, Ordering::Relaxed);
    }

    fn note(&self, date: &str) {
        let Ok(theirs) = DateTime::from_str(date, Format::HttpDate) else {
            return;
        };
        let ours = DateTime::from(SystemTime::now());
        self.0
            .store(theirs.secs().saturating_sub(ours.secs()), Ordering::Relaxed);
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.note(date);
        }
        Ok(())
    }
}

/// Seconds as people say them.
fn span(seconds: i64) -> String {
    match seconds.unsigned_abs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_said_to_be_off_by_how_much_and_which_way() {
        let clock = Clock::new();
        assert!(!clock.is_suspicious());
        clock.note("not a date");
        assert_eq!(clock.ahead(), None);
        clock.note("Thu, 01 Jan 1970 00:00:00 GMT");
        assert!(clock.is_suspicious());
        assert!(clock.text().contains("days ahead of"), "{}", clock.text());
        let now = DateTime::from(SystemTime::now());
        let soon = DateTime::from_secs(now.secs() + 26 * 60 + 5);
        clock.note(&soon.fmt(Format::HttpDate).unwrap());
        assert!(clock.text().contains("26 min behind"), "{}", clock.text());
        clock.forget();
        assert_eq!(clock.ahead(), None);
    }

    #[test]
    fn a_clock_that_is_nearly_right_is_not_blamed() {
        let clock = Clock::new();
        let soon = DateTime::from_secs(DateTime::from(SystemTime::now()).secs() + 200);
        clock.note(&soon.fmt(Format::HttpDate).unwrap());
        assert!(!clock.is_suspicious());
    }
}
