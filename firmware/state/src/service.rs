//! The services, their directories and their user ids.

use serde::{Deserialize, Serialize};

/// A process that the supervisor keeps alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// PID 1 itself; not started by anyone but the kernel.
    Supervisor,
    /// One-shot at boot, and for each order about it: reads the card, hands each service its
    /// configuration.
    Storage,
    /// One-shot for each order about the boot loader's slots.
    Slots,
    /// Stick, dialling, PPP.
    Uplink,
    /// eth0, routes, rules, firewall.
    Network,
    /// Wall-clock time.
    Clock,
    /// Port 9000 and the status page.
    Health,
    /// The DNS record at the carrier address.
    Dyndns,
    /// The other slot: signed updates, confirmed or given up.
    Update,
    /// The serial console.
    Console,
}

impl Service {
    /// Every service the supervisor starts and restarts, in order of start.
    pub const SUPERVISED: [Self; 7] = [
        Self::Network,
        Self::Uplink,
        Self::Health,
        Self::Clock,
        Self::Dyndns,
        Self::Update,
        Self::Console,
    ];

    /// Root's short tasks: each does one thing and ends.
    pub const ONE_SHOTS: [Self; 2] = [Self::Storage, Self::Slots];

    /// Name as it stands in logs, directories and the process table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Storage => "storage",
            Self::Slots => "slots",
            Self::Uplink => "uplink",
            Self::Network => "network",
            Self::Clock => "clock",
            Self::Health => "health",
            Self::Dyndns => "dyndns",
            Self::Update => "update",
            Self::Console => "console",
        }
    }

    /// The service with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::SUPERVISED
            .into_iter()
            .chain(Self::ONE_SHOTS)
            .chain([Self::Supervisor])
            .find(|s| s.name() == name)
    }

    /// User and group id it runs under; 0 only where root is unavoidable.
    pub const fn uid(self) -> u32 {
        match self {
            Self::Supervisor | Self::Storage | Self::Slots => 0,
            Self::Uplink => 101,
            Self::Network => 102,
            Self::Clock => 103,
            Self::Health => 104,
            Self::Dyndns => 105,
            Self::Update => 106,
            Self::Console => 107,
        }
    }
}
