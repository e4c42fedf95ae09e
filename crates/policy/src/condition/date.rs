//! Dates as conditions write them: W3C profiles of ISO 8601, or seconds since the epoch.

use jiff::{Timestamp, civil, tz::Offset};

/// `2026`, `2026-11`, `2026-11-21`, `2026-11-21T01:02Z`, `2026-11-21T01:02:03.4+01:00`, or whole epoch seconds.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() != 4 {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    match text.split_once('T') {
        None => Offset::UTC.to_timestamp(day(text)?.at(0, 0, 0, 0)).ok(),
        Some((date, time)) => {
            let at = time.find(['Z', '+', '-'])?;
            let (clock, zone) = time.split_at(at);
            let offset = offset(zone)?;
            offset
                .to_timestamp(day(date)?.to_datetime(clock_time(clock)?))
                .ok()
        }
    }
}

fn day(text: &str) -> Option<civil::Date> {
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
    if parts.next().is_some() {
        return None;
    }
    civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn clock_time(text: &str) -> Option<civil::Time> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.split(':');
    let hour = i8::try_from(number(parts.next()?, 2)?).ok()?;
    let minute = i8::try_from(number(parts.next()?, 2)?).ok()?;
    let second = i8::try_from(parts.next().map_or(Some(0), |part| number(part, 2))?).ok()?;
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !digits || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    civil::Time::new(hour, minute, second, nanoseconds).ok()
}

fn offset(zone: &str) -> Option<Offset> {
    if zone == "Z" {
        return Some(Offset::UTC);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = i32::from(number(hours, 2)?) * 3600 + i32::from(number(minutes, 2)?) * 60;
    Offset::from_seconds(sign * seconds).ok()
}

/// Exactly `digits` decimal digits.
fn number(text: &str, digits: usize) -> Option<i16> {
    let well_formed = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { text.parse().ok() } else { None }
}
