//! Sizes and times as people write them.

use std::time::Duration;

/// `"2GiB"`, `"500MB"`, `"4096"`: a whole number and an optional unit. `None` when it is not one, or does not fit.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let scale: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "PiB" => 1 << 50,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    // Devices and files are addressed with signed 64-bit offsets.
    number
        .checked_mul(scale)
        .filter(|bytes| i64::try_from(*bytes).is_ok())
}

/// `"90s"`, `"5min"`, `"1h"`: a whole number and a unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let scale = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.checked_mul(scale).map(Duration::from_secs)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.strip_prefix(' ').unwrap_or(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        assert_eq!(size("2GiB"), Some(2 << 30));
        assert_eq!(size("64 MiB"), Some(64 << 20));
        assert_eq!(size("500MB"), Some(500_000_000));
        assert_eq!(size("4096"), Some(4096));
        for text in [
            "",
            "GiB",
            "2gib",
            "2.5GiB",
            "-1",
            "99999999PiB",
            "2 GiB ",
            "0x10",
        ] {
            assert_eq!(size(text), None, "{text:?}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("5min"), Some(Duration::from_mins(5)));
        assert_eq!(duration("90"), None);
    }
}
