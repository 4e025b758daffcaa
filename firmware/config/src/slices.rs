//! What each service gets to see of the file: no more than it needs.

use serde::{Deserialize, Serialize};

use crate::{Aws, Carrier, Config, Console, Dyndns, Firewall, Lan, Stick, Time, Update};

/// For `uplink`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkConfig {
    /// The carrier; nothing is dialled without it.
    pub carrier: Option<Carrier>,
    /// The stick.
    #[serde(default)]
    pub stick: Stick,
}

/// For `network`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkConfig {
    /// eth0.
    pub lan: Lan,
    /// What may pass.
    pub firewall: Firewall,
    /// Port on the LAN that takes a pushed update; none where nobody may sign one.
    #[serde(default)]
    pub update_port: Option<u16>,
}

/// For `clock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockConfig {
    /// Time servers.
    pub time: Time,
}

/// For `dyndns`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DyndnsConfig {
    /// The name and its keys; idle where absent.
    pub record: Option<(Dyndns, Aws)>,
}

/// For `update`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateConfig {
    /// Whose updates, and from where.
    pub update: Update,
}

/// For `console`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleConfig {
    /// Whether it answers, and to whom.
    pub console: Console,
    /// The settings in force as TOML, secrets shown as [`SHOWN`](crate::SHOWN).
    #[serde(default)]
    pub in_force: String,
    /// What is wrong with the file on the card and what follows from it, a sentence each.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Whether there are settings before the present ones to go back to.
    #[serde(default)]
    pub has_previous: bool,
}

impl From<&Config> for UplinkConfig {
    fn from(config: &Config) -> Self {
        Self {
            carrier: config.carrier.clone(),
            stick: config.stick.clone(),
        }
    }
}

impl From<&Config> for NetworkConfig {
    fn from(config: &Config) -> Self {
        Self {
            lan: config.lan.clone(),
            firewall: config.firewall.clone(),
            update_port: (!config.update.keys.is_empty()).then_some(config.update.port),
        }
    }
}

impl From<&Config> for ClockConfig {
    fn from(config: &Config) -> Self {
        Self {
            time: config.time.clone(),
        }
    }
}

impl From<&Config> for DyndnsConfig {
    fn from(config: &Config) -> Self {
        Self {
            record: config.dyndns.clone().zip(config.aws.clone()),
        }
    }
}

impl From<&Config> for UpdateConfig {
    fn from(config: &Config) -> Self {
        Self {
            update: config.update.clone(),
        }
    }
}

impl From<&Config> for ConsoleConfig {
    fn from(config: &Config) -> Self {
        Self {
            console: config.console.clone(),
            ..Self::default()
        }
    }
}
