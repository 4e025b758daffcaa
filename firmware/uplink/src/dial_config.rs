//! The configuration of a call: dial settings, credentials, and the CD-ROM preference.

use failberry_config::{Carrier, Secret, Stick};
use tokio_modem::dial::Settings;

/// Everything needed to dial and to authenticate.
#[derive(Clone)]
pub(crate) struct DialConfig {
    pub(crate) settings: Settings,
    pub(crate) user: String,
    pub(crate) password: Secret,
    /// The stick keeps showing its CD-ROM at each start.
    pub(crate) keep_cdrom: bool,
}

impl DialConfig {
    /// Builds it from the tables `[carrier]` and `[stick]`.
    ///
    /// # Errors
    /// Why nothing can be dialled, as a text for the log.
    pub(crate) fn new(carrier: Option<Carrier>, stick: &Stick) -> Result<Self, String> {
        let carrier =
            carrier.ok_or("failberrypi.toml has no [carrier] table with the carrier's apn")?;
        let pin = carrier.pin.as_ref().map(Secret::reveal);
        let mut settings = Settings::new(&carrier.apn, &carrier.dial, pin)
            .map_err(|error| format!("failberrypi.toml, table [carrier]: {error}"))?;
        settings.allow_pin_without_counter(carrier.pin_without_counter);
        Ok(Self {
            settings,
            user: carrier.user,
            password: carrier.password,
            keep_cdrom: stick.keep_cdrom,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use failberry_config::parse;

    use super::*;

    fn dial_config_of(text: &str) -> Result<DialConfig, String> {
        let config = parse(text).config;
        DialConfig::new(config.carrier, &config.stick)
    }

    #[test]
    fn pin_without_counter_is_off_by_default() {
        for (line, allowed) in [
            ("", "uncounted: false"),
            ("pin_without_counter = false", "uncounted: false"),
            ("pin_without_counter = true", "uncounted: true"),
        ] {
            let text = format!("[carrier]\napn = 'a'\npin = '1234'\n{line}\n");
            let settings = format!("{:?}", dial_config_of(&text).unwrap().settings);
            assert!(settings.contains(allowed), "{line}: {settings}");
        }
    }

    #[test]
    fn missing_carrier_table_names_the_missing_key() {
        let why = dial_config_of("").err().unwrap();
        assert!(why.contains("[carrier]") && why.contains("apn"), "{why}");
    }
}
