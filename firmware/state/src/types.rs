//! The contents of the state files. Times are milliseconds since boot.

use std::{fmt, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::{BootMillis, Recovery, Service, Slot, SupervisorState};

/// A value that is one service's present, and knows whose.
pub trait State: Serialize + for<'de> Deserialize<'de> + Default {
    /// The only service that may write it.
    const OWNER: Service;
}

/// How the stick and the carrier link stand; written by `uplink`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UplinkState {
    /// Where the dialler is.
    pub phase: UplinkPhase,
    /// When it got there.
    pub since: BootMillis,
    /// The stick in use, if one is plugged in.
    pub stick: Option<Stick>,
    /// Operator name from `+COPS?`.
    pub operator: Option<String>,
    /// Received signal in dBm from `+CSQ`.
    pub signal_dbm: Option<i16>,
    /// The link, while IPCP is open.
    pub link: Option<Link>,
    /// Calls that reached IPCP since boot.
    pub calls: u32,
    /// Attempts that failed since boot.
    pub failures: u32,
    /// Bytes or frames from the stick that made no sense, since boot.
    pub bad_input: u64,
    /// Why the last attempt or link ended.
    pub last_error: Option<String>,
    /// Sticks that are plugged in and not used, by their place on the bus.
    pub unused: Vec<String>,
    /// What was done about failures, and how often.
    pub recovery: Recovery,
}

/// Phases of the carrier link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UplinkPhase {
    /// No stick on the bus.
    #[default]
    NoStick,
    /// A stick is there, its port is being found or opened.
    Opening,
    /// AT dialogue up to registration.
    Registering,
    /// `ATD` sent.
    Dialling,
    /// LCP, authentication, IPCP.
    Negotiating,
    /// IPCP open: packets flow.
    Up,
    /// Waiting before the next try.
    BackingOff,
    /// The stick is restarted, its sockets are without power, or the board is to be restarted.
    Recovering,
    /// A person is needed: refused PIN, PUK, no SIM, no configuration. All but the last are tried
    /// again after ten minutes.
    Blocked,
}

/// In words, as pages show it.
impl fmt::Display for UplinkPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoStick => "no stick",
            Self::Opening => "opening the stick's port",
            Self::Registering => "looking for the network",
            Self::Dialling => "dialling",
            Self::Negotiating => "negotiating",
            Self::Up => "up",
            Self::BackingOff => "waiting to dial again",
            Self::Recovering => "reviving the stick",
            Self::Blocked => "blocked, needs a person",
        })
    }
}

/// The stick in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stick {
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id.
    pub product: u16,
    /// Place on the bus, for instance `1-1.2`.
    pub bus_path: String,
    /// Modem port, for instance `ttyUSB2`.
    pub tty: String,
    /// Model from `+CGMM`, once known.
    pub model: Option<String>,
}

/// An open PPP link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Network interface, for instance `ppp0`.
    pub interface: String,
    /// Our address at the carrier.
    pub local: Ipv4Addr,
    /// The peer's address, where it told one.
    pub peer: Option<Ipv4Addr>,
    /// Resolvers offered by the peer.
    pub dns: Vec<Ipv4Addr>,
    /// Largest packet in bytes.
    pub mtu: u16,
    /// When IPCP opened.
    pub since: BootMillis,
}

/// eth0, routes, firewall; written by `network`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkState {
    /// The wired side's address, leased or configured.
    pub lan: Option<LanAddress>,
    /// Whether the cable has carrier.
    pub lan_carrier: bool,
    /// Whether the firewall stands in the kernel.
    pub firewall: bool,
    /// Interface of the present default route.
    pub default_via: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// An address on eth0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
    /// The router.
    pub gateway: Option<Ipv4Addr>,
    /// Resolvers.
    pub dns: Vec<Ipv4Addr>,
    /// Length of the DHCP lease in seconds; none where it is static.
    pub lease_seconds: Option<u32>,
    /// When it was set.
    pub since: BootMillis,
}

/// Wall-clock time; written by `clock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClockState {
    /// Whether a time server has been heard since boot.
    pub synced: bool,
    /// Whether more than one server's word stands behind the time.
    pub settled: bool,
    /// The server heard last.
    pub server: Option<String>,
    /// When it was heard.
    pub since: BootMillis,
    /// When the clock was stepped last.
    pub stepped: BootMillis,
    /// No time before it is believed, in seconds since 1970.
    pub floor: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// The DNS record; written by `dyndns`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DyndnsState {
    /// Name kept.
    pub name: Option<String>,
    /// Address last accepted by the zone's server.
    pub published: Option<Ipv4Addr>,
    /// When it was accepted.
    pub since: BootMillis,
    /// When the request that was accepted last had been signed.
    pub signed: BootMillis,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// Port 9000; written by `health`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthState {
    /// Whether the port answers.
    pub listening: bool,
    /// Requests answered since start.
    pub answered: u64,
    /// Requests that made no sense since start.
    pub malformed: u64,
}

/// The slots and what is being written to them; written by `update`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateState {
    /// Version of the image that runs.
    pub version: String,
    /// What is being done.
    pub phase: UpdatePhase,
    /// The key by which a laptop knows this box, where it listens for updates.
    pub key: Option<String>,
    /// How the latest update went, in words.
    pub last_update: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// What is being done about an update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdatePhase {
    /// Nothing.
    #[default]
    Idle,
    /// An image is being written to the other slot.
    Writing {
        /// Its version.
        version: String,
        /// Bytes written.
        done: u64,
        /// Bytes it has.
        of: u64,
    },
    /// The image in the other slot is tried at the next start.
    Written {
        /// Its version.
        version: String,
    },
    /// The image that runs has to prove itself.
    OnTrial {
        /// Its version.
        version: String,
    },
}

/// The serial console; written by `console`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsoleState {
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// What the boot loader does at the next start; written by the one-shot `slots`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlotsState {
    /// The order in which slots are tried; empty where nothing could be read.
    pub order: Vec<Slot>,
    /// The slot that is tried before all others, while tries are left.
    pub trial: Option<Slot>,
    /// How often it may still be started.
    pub tries: u8,
}

macro_rules! owned_by {
    ($($state:ty => $owner:ident),+ $(,)?) => {
        $(impl State for $state { const OWNER: Service = Service::$owner; })+
    };
}
owned_by! {
    UplinkState => Uplink,
    NetworkState => Network,
    ClockState => Clock,
    DyndnsState => Dyndns,
    HealthState => Health,
    UpdateState => Update,
    ConsoleState => Console,
    SlotsState => Slots,
    SupervisorState => Supervisor,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_read_as_words_and_not_as_names_in_the_source() {
        use UplinkPhase::{
            BackingOff, Blocked, Dialling, Negotiating, NoStick, Opening, Recovering, Registering,
            Up,
        };
        for phase in [
            NoStick,
            Opening,
            Registering,
            Dialling,
            Negotiating,
            Up,
            BackingOff,
            Recovering,
            Blocked,
        ] {
            let words = phase.to_string();
            assert!(
                words.starts_with(char::is_lowercase) && !words.contains("  "),
                "{phase:?}: {words}"
            );
        }
        assert_eq!(BackingOff.to_string(), "waiting to dial again");
    }
}
