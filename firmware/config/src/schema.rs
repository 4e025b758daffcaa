//! The tables of the file.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{Cidr, PublicKey, Secret};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The mobile carrier and the SIM; without it nothing is dialled.
    pub carrier: Option<Carrier>,
    /// Which stick, and what may be done to it.
    pub stick: Stick,
    /// eth0.
    pub lan: Lan,
    /// The DNS name kept at the carrier address; without it none is.
    pub dyndns: Option<Dyndns>,
    /// AWS keys for the name.
    pub aws: Option<Aws>,
    /// What may pass.
    pub firewall: Firewall,
    /// Time servers.
    pub time: Time,
    /// Signed updates.
    pub update: Update,
    /// The serial console.
    pub console: Console,
    /// The box itself.
    pub system: System,
}

/// `[carrier]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    /// Access point name for `AT+CGDCONT`.
    pub apn: String,
    /// Dial string after `ATD`.
    #[serde(default = "Carrier::default_dial")]
    pub dial: String,
    /// PAP or CHAP user name; empty where the carrier asks none.
    #[serde(default)]
    pub user: String,
    /// PAP or CHAP password.
    #[serde(default)]
    pub password: Secret,
    /// SIM PIN, four to eight digits.
    #[serde(default)]
    pub pin: Option<Secret>,
    /// Sends the PIN also where the stick does not say how many tries are left.
    #[serde(default)]
    pub pin_without_counter: bool,
}

/// `[stick]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stick {
    /// Place on the bus of the stick to use where there are several, for instance `1-1.3`; the
    /// first in order where absent.
    pub port: Option<String>,
    /// Leave the stick's CD-ROM as it is, and show it again where it was switched off.
    pub keep_cdrom: bool,
}

/// `[lan]`: eth0, by DHCP unless `address` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lan {
    /// Static address with prefix length, for instance `192.168.88.2/24`.
    pub address: Option<Cidr>,
    /// The router, where the address is static.
    pub gateway: Option<Ipv4Addr>,
    /// Resolvers, where the address is static.
    pub dns: Vec<Ipv4Addr>,
    /// Host name told to the DHCP server.
    pub hostname: Option<String>,
}

/// `[dyndns]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dyndns {
    /// The record, for instance `gsm.example.org`.
    pub name: String,
    /// Route 53 hosted zone id, for instance `Z0123456789ABC`.
    pub zone: String,
    /// Time to live of the record in seconds.
    #[serde(default = "Dyndns::default_ttl")]
    pub ttl: u32,
    /// Publish an address that the internet cannot reach (carrier NAT).
    #[serde(default)]
    pub publish_private: bool,
    /// Base URL of the Route 53 API.
    #[serde(default = "Dyndns::default_endpoint")]
    pub endpoint: String,
    /// PEM certificates to trust instead of the public authorities.
    #[serde(default)]
    pub ca: Option<String>,
}

/// `[aws]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: Secret,
    /// Region that requests are signed for; Route 53 is signed for `us-east-1`.
    #[serde(default = "Aws::default_region")]
    pub region: String,
}

/// `[firewall]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Firewall {
    /// LAN networks that may use the mobile link; everybody where absent.
    pub allow: Option<Vec<Cidr>>,
    /// Ports of the carrier address that lead to LAN hosts.
    pub forward: Vec<Forward>,
}

/// One `[[firewall.forward]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// `tcp` or `udp`.
    pub protocol: Protocol,
    /// Port at the carrier address.
    pub port: u16,
    /// LAN host.
    pub to: Ipv4Addr,
    /// Port there; the same where absent.
    #[serde(default)]
    pub to_port: Option<u16>,
}

/// Transport protocol of a forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

/// `[time]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Time {
    /// SNTP servers, asked in turn.
    pub servers: Vec<String>,
}

/// `[update]`: without keys nothing is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Update {
    /// Ed25519 keys, one of which must have signed an update.
    pub keys: Vec<PublicKey>,
    /// Where updates are looked for; nowhere where absent.
    pub url: Option<String>,
    /// PEM certificates to trust instead of the public authorities.
    pub ca: Option<String>,
    /// Look also over the mobile link, where the wire is down or leads nowhere.
    pub over_mobile: bool,
    /// Hours between two looks.
    pub every_hours: u32,
    /// Port on the LAN that takes a pushed update.
    pub port: u16,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            url: None,
            ca: None,
            over_mobile: false,
            every_hours: 24,
            port: 9002,
        }
    }
}

/// `[console]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Console {
    /// Whether it answers.
    pub enabled: bool,
    /// What it asks for first; nothing where absent.
    pub password: Option<Secret>,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            enabled: true,
            password: None,
        }
    }
}

/// `[system]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct System {
    /// Leave secrets in the file on the card that a laptop reads.
    pub keep_secrets: bool,
}

impl Default for Time {
    fn default() -> Self {
        Self {
            servers: (0..4).map(|n| format!("{n}.pool.ntp.org")).collect(),
        }
    }
}

impl Carrier {
    pub(crate) fn default_dial() -> String {
        "*99#".into()
    }
}

impl Dyndns {
    pub(crate) const fn default_ttl() -> u32 {
        60
    }

    pub(crate) fn default_endpoint() -> String {
        "https://route53.amazonaws.com".into()
    }
}

impl Aws {
    pub(crate) fn default_region() -> String {
        "us-east-1".into()
    }
}
