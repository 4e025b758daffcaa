//! The system clock: reading, stepping, formatting.

use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_settime},
};

/// Returns the time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Steps the clock.
pub(crate) fn set(time: Duration) -> io::Result<()> {
    Ok(clock_settime(
        ClockId::CLOCK_REALTIME,
        TimeSpec::from_duration(time),
    )?)
}

/// Formats a time as date and time of day in UTC.
pub(crate) fn display(time: Duration) -> String {
    let seconds = time.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Formats a duration in its two largest units.
pub(crate) fn span(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    let seconds = time.as_secs();
    let two = |unit: u64, name, small: u64, small_name| {
        let (whole, rest) = (seconds / unit, seconds % unit / small);
        match rest {
            0 => counted(whole, name),
            rest => format!("{} {}", counted(whole, name), counted(rest, small_name)),
        }
    };
    match seconds {
        ..MINUTE => format!("{:.1} s", time.as_secs_f64()),
        MINUTE..HOUR => two(MINUTE, "min", 1, "s"),
        HOUR..DAY => two(HOUR, "h", MINUTE, "min"),
        DAY..YEAR => two(DAY, "day", HOUR, "h"),
        YEAR.. => two(YEAR, "year", DAY, "day"),
    }
}

fn counted(count: u64, unit: &str) -> String {
    match (unit, count) {
        ("day" | "year", 2..) => format!("{count} {unit}s"),
        _ => format!("{count} {unit}"),
    }
}

/// Returns the Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in
/// March.
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_formatted_as_utc() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (4_102_444_800, "2100-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(display(Duration::from_secs(seconds)), text);
        }
    }
    #[test]
    fn spans_use_their_two_largest_units() {
        for (millis, text) in [
            (0, "0.0 s"),
            (740, "0.7 s"),
            (59_900, "59.9 s"),
            (60_000, "1 min"),
            (3_599_999, "59 min 59 s"),
            (3_600_000, "1 h"),
            (460_799_300, "5 days 7 h"),
            (90_000_000, "1 day 1 h"),
            (31_536_000_000, "1 year"),
            (1_796_083_200_000, "56 years 348 days"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }
}
