//! Settings of the carrier and the SIM.

use core::fmt;

use heapless::String;
use thiserror::Error;

/// Longest access point name (3GPP 23.003, 9.1).
const APN_MAX: usize = 100;

/// Longest dial string; `*99***1#` has 8.
const DIAL_MAX: usize = 32;

/// Time from `ATD` to `CONNECT`, in milliseconds: a stick may search for a packet service first.
const DIAL_MS: u64 = 60_000;

/// Longest PIN (3GPP 11.11).
const PIN_MAX: usize = 8;

/// Shortest PIN.
const PIN_MIN: usize = 4;

/// Access point, dial string and PIN, validated against command injection.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) apn: String<APN_MAX>,
    pub(super) dial: String<DIAL_MAX>,
    pub(super) pin: Pin,
    /// The PIN may be sent although the tries left are unknown.
    pub(super) uncounted: bool,
    pub(super) dial_ms: u64,
}

/// The PIN and whether it may be sent.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Pin {
    Absent,
    Usable(String<PIN_MAX>),
    /// Not to be sent: it was sent once and the SIM did not accept it.
    Withheld,
}

/// An invalid setting. The PIN itself is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// The access point name.
    #[error(
        "access point name: expected 1 to {APN_MAX} letters, digits, dots, dashes or underscores"
    )]
    Apn,
    /// The dial string.
    #[error("dial string: expected 1 to {DIAL_MAX} digits, stars and hashes, as in *99#")]
    Dial,
    /// The PIN.
    #[error("SIM PIN: expected {PIN_MIN} to {PIN_MAX} digits")]
    Pin,
}

impl Settings {
    /// Validates the settings.
    ///
    /// # Errors
    /// Names the invalid one of the three.
    pub fn new(apn: &str, dial: &str, pin: Option<&str>) -> Result<Self, SettingsError> {
        let in_apn = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let in_dial = |byte: u8| byte.is_ascii_digit() || b"*#".contains(&byte);
        let pin = match pin {
            None => Pin::Absent,
            Some(pin) => checked(pin, PIN_MIN, |byte| byte.is_ascii_digit())
                .map(Pin::Usable)
                .ok_or(SettingsError::Pin)?,
        };
        Ok(Self {
            apn: checked(apn, 1, in_apn).ok_or(SettingsError::Apn)?,
            dial: checked(dial, 1, in_dial).ok_or(SettingsError::Dial)?,
            pin,
            uncounted: false,
            dial_ms: DIAL_MS,
        })
    }

    /// Sets the time from `ATD` to `CONNECT`, in milliseconds; the default is one minute. After it the
    /// dial is aborted and the stick probed for liveness.
    pub const fn dial_within(&mut self, ms: u64) {
        self.dial_ms = ms;
    }

    /// Allows the PIN to be sent to a stick that does not report the tries left; by default it is
    /// withheld. A stick that reports fewer than two never gets it.
    pub const fn allow_pin_without_counter(&mut self, allowed: bool) {
        self.uncounted = allowed;
    }

    /// Withholds the PIN from now on; to be called after
    /// [`DialError::pin_spent`](super::DialError::pin_spent). Two more wrong PINs would lock the SIM.
    pub fn withhold_pin(&mut self) {
        if let Pin::Usable(_) = self.pin {
            self.pin = Pin::Withheld;
        }
    }
}

fn checked<const N: usize>(
    source: &str,
    least: usize,
    allowed: impl Fn(u8) -> bool,
) -> Option<String<N>> {
    if source.len() < least || !source.bytes().all(allowed) {
        return None;
    }
    String::try_from(source).ok()
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pin = match self.pin {
            Pin::Absent => "none",
            Pin::Usable(_) => "given",
            Pin::Withheld => "spent",
        };
        f.debug_struct("Settings")
            .field("apn", &self.apn)
            .field("dial", &self.dial)
            .field("pin", &pin)
            .field("uncounted", &self.uncounted)
            .field("dial_ms", &self.dial_ms)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn settings_that_could_inject_commands_are_refused() {
        for (apn, dial, pin, error) in [
            ("", "*99#", None, SettingsError::Apn),
            ("inter\"net", "*99#", None, SettingsError::Apn),
            ("inter\rnet", "*99#", None, SettingsError::Apn),
            ("internet", "", None, SettingsError::Dial),
            ("internet", "*99#;+CFUN=0", None, SettingsError::Dial),
            ("internet", "*99#", Some("123"), SettingsError::Pin),
            ("internet", "*99#", Some("123456789"), SettingsError::Pin),
            ("internet", "*99#", Some("12\"4"), SettingsError::Pin),
        ] {
            assert_eq!(Settings::new(apn, dial, pin).unwrap_err(), error);
        }
        let long = "a".repeat(101);
        assert_eq!(
            Settings::new(&long, "*99#", None).unwrap_err(),
            SettingsError::Apn
        );
    }

    #[test]
    fn debug_output_hides_the_pin() {
        let settings = Settings::new("internet", "*99***1#", Some("2468")).unwrap();
        let shown = std::format!("{settings:?}");
        assert!(
            !shown.contains("2468") && shown.contains("given"),
            "{shown}"
        );
    }
}
