//! Configuration files of the services: each gets its part of the settings, the console a view of
//! all with the secrets redacted.

use failberry_config::{
    ClockConfig, Config, ConsoleConfig, DyndnsConfig, NetworkConfig, UpdateConfig, UplinkConfig,
    redact,
};
use failberry_service::{ConfigError, Service, write_config};

/// Writes the configuration of each service from `config`, parsed from the TOML `settings`. The
/// console also gets the `problems`, and whether there are previous settings to revert to.
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
