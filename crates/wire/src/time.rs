//! Instants as the services write them: a number of seconds in JSON, ISO 8601 in Query answers.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An instant in a request or an answer, to the millisecond.
///
/// Within the program it is a `jiff::Timestamp`; this type only says how it is written: as seconds since 1970, with a fraction where
/// there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochSeconds(pub Timestamp);

impl From<Timestamp> for EpochSeconds {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl From<EpochSeconds> for Timestamp {
    fn from(at: EpochSeconds) -> Self {
        at.0
    }
}

impl Serialize for EpochSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.as_millisecond();
        if millis % 1000 == 0 {
            serializer.serialize_i64(millis / 1000)
        } else {
            #[expect(
                clippy::cast_precision_loss,
                reason = "jiff's range is below 2^53 milliseconds"
            )]
            serializer.serialize_f64(millis as f64 / 1000.0)
        }
    }
}

impl<'de> Deserialize<'de> for EpochSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        from_number(&number)
            .map(Self)
            .ok_or_else(|| D::Error::custom("not an instant"))
    }
}

/// The instant that a number of seconds means; `None` outside the calendar.
pub(crate) fn from_number(number: &serde_json::Number) -> Option<Timestamp> {
    if let Some(seconds) = number.as_i64() {
        return Timestamp::from_second(seconds).ok();
    }
    let millis = (number.as_f64()? * 1000.0).round();
    // Far beyond any calendar, and still exact as an integer.
    if !(-1e15..=1e15).contains(&millis) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded on the line above")]
    Timestamp::from_millisecond(millis as i64).ok()
}

/// The number of seconds that means this instant.
pub(crate) fn to_number(at: Timestamp) -> serde_json::Value {
    serde_json::to_value(EpochSeconds(at)).unwrap_or_default()
}

/// The instant as Query answers write it: `2026-01-02T03:04:05Z`.
pub(crate) fn to_iso8601(at: Timestamp) -> String {
    if at.subsec_millisecond() == 0 {
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::to_iso8601;

    #[test]
    fn a_fraction_is_written_only_where_there_is_one() {
        let text = |at: &str| to_iso8601(at.parse().unwrap());
        assert_eq!(text("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05Z");
        assert_eq!(text("2026-01-02T03:04:05.0006Z"), "2026-01-02T03:04:05Z");
        assert_eq!(text("2026-01-02T03:04:05.678Z"), "2026-01-02T03:04:05.678Z");
        assert_eq!(text("1969-12-31T23:59:59.5Z"), "1969-12-31T23:59:59.500Z");
    }
}
