//! When a message was sent.

use core::fmt;

/// The service centre's time stamp (3GPP 23.040, 9.2.3.11). Shown as in ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// From 2000 to 2099: the network tells two digits.
    pub year: u16,
    /// From 1 on.
    pub month: u8,
    /// From 1 on.
    pub day: u8,
    /// Local hour.
    pub hour: u8,
    /// Local minute.
    pub minute: u8,
    /// Local second.
    pub second: u8,
    /// Quarters of an hour that local time is ahead of UTC.
    pub zone_quarters: i8,
}

impl Timestamp {
    fn checked(numbers: [u8; 6], zone_quarters: i8) -> Option<Self> {
        let [year, month, day, hour, minute, second] = numbers;
        let is_time = year < 100
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            // Fourteen hours east of Greenwich is as far as zones go.
            && (-56..=56).contains(&zone_quarters);
        is_time.then_some(Self {
            year: 2_000 + u16::from(year),
            month,
            day,
            hour,
            minute,
            second,
            zone_quarters,
        })
    }

    /// From seven octets with swapped decimal digits.
    pub(super) fn of_octets(octets: &[u8]) -> Option<Self> {
        let &[.., zone] = octets else { return None };
        let mut numbers = [0; 6];
        for (number, octet) in numbers.iter_mut().zip(octets) {
            *number = swapped(*octet)?;
        }
        // The sign is the top bit of the tens, which come second.
        let quarters = i8::try_from(swapped(zone & !0x08)?).ok()?;
        let quarters = if zone & 0x08 == 0 {
            quarters
        } else {
            -quarters
        };
        Self::checked(numbers, quarters)
    }

    /// From `yy/MM/dd,hh:mm:ss±zz` of text mode (3GPP 27.005, 3.1).
    pub(super) fn of_text(source: &str) -> Option<Self> {
        let sign = source.rfind(['+', '-'])?;
        let (time, zone) = source.split_at_checked(sign)?;
        let mut parts = time.split(['/', ',', ':']);
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = parts.next()?.trim().parse().ok()?;
        }
        if parts.next().is_some() {
            return None;
        }
        Self::checked(numbers, zone.parse().ok()?)
    }
}

fn swapped(octet: u8) -> Option<u8> {
    let (tens, ones) = (octet & 0x0f, octet >> 4);
    (tens < 10 && ones < 10).then(|| 10 * tens + ones)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
            zone_quarters,
        } = self;
        let sign = if *zone_quarters < 0 { '-' } else { '+' };
        let quarters = zone_quarters.unsigned_abs();
        write!(
            f,
            "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{:02}:{:02}",
            quarters / 4,
            quarters % 4 * 15
        )
    }
}
