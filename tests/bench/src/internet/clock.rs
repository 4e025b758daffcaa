//! Host's time in the formats of the protocols.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time since the Unix epoch.
pub(crate) fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A moment as `x-amz-date` has it, `20150830T123600Z`, in seconds since 1970.
pub(crate) fn parse_basic(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<u64>().ok()).flatten()
    };
    let shaped = text.len() == 16 && text.get(8..9)? == "T" && text.ends_with('Z');
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    let real = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !(shaped && real) {
        return None;
    }
    let years: u64 = (1970..year)
        .map(|year| 365 + u64::from(is_leap(year)))
        .sum();
    let months: u64 = (1..month).map(|month| days_in(year, month)).sum();
    let days = years + months + day - 1;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Formats seconds since 1970 as `x-amz-date`.
pub(crate) fn basic(seconds: u64) -> String {
    let (mut year, mut month, mut day) = (1970, 1, seconds / 86_400);
    loop {
        let days = days_in(year, month);
        if day < days {
            break;
        }
        day -= days;
        (year, month) = if month == 12 {
            (year + 1, 1)
        } else {
            (year, month + 1)
        };
    }
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!(
        "{year:04}{month:02}{:02}T{hour:02}{minute:02}{second:02}Z",
        day + 1
    )
}

/// As XML has it, `2015-08-30T12:36:00.000Z`.
pub(crate) fn extended(time: Duration) -> String {
    let basic = basic(time.as_secs());
    let part = |from: usize, to: usize| basic.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}T{}:{}:{}.{:03}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(9, 11),
        part(11, 13),
        part(13, 15),
        time.subsec_millis()
    )
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_and_write_the_same() {
        for (text, seconds) in [
            ("19700101T000000Z", 0),
            ("20000229T000000Z", 951_782_400),
            ("20150830T123600Z", 1_440_938_160),
            ("21000101T000000Z", 4_102_444_800),
        ] {
            assert_eq!(parse_basic(text), Some(seconds));
            assert_eq!(basic(seconds), text);
        }
        assert_eq!(
            extended(Duration::from_millis(1_440_938_160_007)),
            "2015-08-30T12:36:00.007Z"
        );
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "20150830T123600",
            "20150830 123600Z",
            "20150229T000000Z",
            "20151301T000000Z",
            "20150830T240000Z",
            "+0150830T123600Z",
            "2015083éT12360Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
    }
}
