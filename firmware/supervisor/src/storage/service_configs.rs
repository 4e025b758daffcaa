//! Each service its part of the settings, and the console a view of all that hides the secrets.

use failberry_config::{
    ClockConfig, Config, ConsoleConfig, DyndnsConfig, NetworkConfig, UpdateConfig, UplinkConfig,
    redact,
};
use failberry_service::{ConfigError, Service, write_config};

/// Hands out `config`, which is the TOML `settings`; the console learns of the `problems`, too, and
/// whether there are settings to go back to.
pub(super) fn write_service_configs(
    config: &Config,
    settings: &str,
    problems: &[String],
    has_previous: bool,
) -> Result<(), ConfigError> {
    write_config(Service::Uplink, &UplinkConfig::from(config))?;
    write_config(Service::Network, &NetworkConfig::from(config))?;
    write_config(Service::Clock, &ClockConfig::from(config))?;
    write_config(Service::Dyndns, &DyndnsConfig::from(config))?;
    write_config(Service::Update, &UpdateConfig::from(config))?;
    let console = ConsoleConfig {
        in_force: redact(settings),
        problems: problems.to_vec(),
        has_previous,
        ..ConsoleConfig::from(config)
    };
    write_config(Service::Console, &console)
}
