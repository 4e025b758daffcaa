//! Reading each table of the file.

use std::{collections::HashSet, net::Ipv4Addr};

use crate::{
    Aws, Carrier, Cidr, Console, Dyndns, Firewall, Forward, Lan, Protocol, Stick, System, Time,
    Update,
    reader::Reader,
    rules::{self, in_host_range},
};

/// More than `/etc/resolv.conf` readers look at (3) or anybody has.
const MAX_SERVERS: usize = 8;

/// Each is some rules in the kernel; a house has a handful.
const MAX_RULES: usize = 256;

/// Answers the health checks at the carrier address itself.
const HEALTH_PORT: u16 = 9000;

/// Status for the LAN, beside the health checks.
const TAKEN_PORTS: [u16; 2] = [HEALTH_PORT, 9001];

/// Ports below it take a privilege that `update` does not have.
const LEAST_PORT: u32 = 1024;

/// A key for each of those who build images, and the ones they are changed to.
const MAX_KEYS: usize = 8;

/// A month: whoever looks more rarely does not look.
const MAX_HOURS: u32 = 744;

/// Route 53 takes more; a day is already useless for an address that changes daily.
const MAX_TTL: u32 = 86_400;

pub(crate) fn carrier(t: &mut Reader<'_>) -> Option<Carrier> {
    let apn = t.required("apn", &rules::APN);
    let dial = t
        .optional("dial", &rules::DIAL)
        .unwrap_or_else(Carrier::default_dial);
    let user = t.optional("user", &rules::USER).unwrap_or_default();
    let password = t.optional("password", &rules::PASSWORD).unwrap_or_default();
    let pin = t.optional("pin", &rules::PIN);
    let pin_without_counter = t.flag("pin_without_counter").unwrap_or_default();
    Some(Carrier {
        apn: apn?,
        dial,
        user,
        password,
        pin,
        pin_without_counter,
    })
}

pub(crate) fn stick(t: &mut Reader<'_>) -> Stick {
    Stick {
        port: t.optional("port", &rules::USB_PORT),
        keep_cdrom: t.flag("keep_cdrom").unwrap_or_default(),
    }
}

pub(crate) fn lan(t: &mut Reader<'_>) -> Lan {
    let address = t.optional("address", &rules::STATIC_ADDRESS);
    let gateway = t.optional("gateway", &rules::HOST);
    let dns = t.list("dns", &rules::HOST, MAX_SERVERS).unwrap_or_default();
    let hostname = t.optional("hostname", &rules::HOSTNAME);
    if t.is_good() {
        check_static(t, address, gateway, &dns);
    }
    Lan {
        address,
        gateway,
        dns,
        hostname,
    }
}

fn check_static(
    t: &mut Reader<'_>,
    address: Option<Cidr>,
    gateway: Option<Ipv4Addr>,
    dns: &[Ipv4Addr],
) {
    let Some(own) = address else {
        let only_static = "expected only together with address, got no address (it comes by DHCP)";
        if gateway.is_some() {
            t.object("gateway", only_static.into());
        }
        if !dns.is_empty() {
            t.object("dns", only_static.into());
        }
        return;
    };
    match gateway {
        None => t.object(
            "gateway",
            format!("expected the router's address for the static {own}, got nothing"),
        ),
        Some(gateway) if gateway == own.address => {
            t.object(
                "gateway",
                format!("expected the router's address, got our own {gateway}"),
            );
        }
        Some(gateway) if !in_host_range(own, gateway) => {
            t.object(
                "gateway",
                format!("expected a host in the network of {own}, got {gateway}"),
            );
        }
        Some(_) => {}
    }
}

pub(crate) fn dyndns(t: &mut Reader<'_>) -> Option<Dyndns> {
    let name = t.required("name", &rules::RECORD);
    let zone = t.required("zone", &rules::ZONE);
    let ttl = t.number("ttl", 1, MAX_TTL).unwrap_or(Dyndns::default_ttl());
    let publish_private = t.flag("publish_private").unwrap_or_default();
    let endpoint = t
        .optional("endpoint", &rules::ENDPOINT)
        .unwrap_or_else(Dyndns::default_endpoint);
    let ca = t.optional("ca", &rules::CERTIFICATES);
    Some(Dyndns {
        name: name?,
        zone: zone?,
        ttl,
        publish_private,
        endpoint,
        ca,
    })
}

pub(crate) fn aws(t: &mut Reader<'_>) -> Option<Aws> {
    let access_key_id = t.required("access_key_id", &rules::ACCESS_KEY);
    let secret_access_key = t.required("secret_access_key", &rules::SECRET_KEY);
    let region = t
        .optional("region", &rules::REGION)
        .unwrap_or_else(Aws::default_region);
    Some(Aws {
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        region,
    })
}

pub(crate) fn time(t: &mut Reader<'_>) -> Time {
    let servers = t.list("servers", &rules::SERVER, MAX_SERVERS);
    if servers.as_ref().is_some_and(Vec::is_empty) {
        t.object(
            "servers",
            "expected at least one server, got an empty list".into(),
        );
    }
    servers.map_or_else(Time::default, |servers| Time { servers })
}

pub(crate) fn update(t: &mut Reader<'_>) -> Update {
    let default = Update::default();
    let update = Update {
        keys: t
            .list("keys", &rules::PUBLIC_KEY, MAX_KEYS)
            .unwrap_or_default(),
        url: t.optional("url", &rules::DOWNLOAD),
        ca: t.optional("ca", &rules::CERTIFICATES),
        over_mobile: t.flag("over_mobile").unwrap_or_default(),
        every_hours: t
            .number("every_hours", 1, MAX_HOURS)
            .unwrap_or(default.every_hours),
        port: t
            .number("port", LEAST_PORT, u16::MAX.into())
            .and_then(|port| port.try_into().ok())
            .unwrap_or(default.port),
    };
    if TAKEN_PORTS.contains(&update.port) {
        t.object(
            "port",
            format!("expected another port than {}: it is taken", update.port),
        );
    }
    update
}

pub(crate) fn console(t: &mut Reader<'_>) -> Console {
    Console {
        enabled: t.flag("enabled").unwrap_or(true),
        password: t.optional("password", &rules::CONSOLE_PASSWORD),
    }
}

pub(crate) fn system(t: &mut Reader<'_>) -> System {
    System {
        keep_secrets: t.flag("keep_secrets").unwrap_or_default(),
    }
}

/// Nobody may use the mobile link, and nothing is forwarded.
pub(crate) fn nobody() -> Firewall {
    Firewall {
        allow: Some(Vec::new()),
        forward: Vec::new(),
    }
}

/// `[firewall]`, failing safe; reports its unknown keys too.
pub(crate) fn firewall(t: &mut Reader<'_>) -> Firewall {
    let allow = t.list("allow", &rules::NETWORK, MAX_RULES);
    let allow_is_good = t.is_good();
    let forward = forwards(t);
    // A key that does not exist may be `allow` misspelt.
    let all_known = t.no_others();
    Firewall {
        allow: if allow.is_some() || (allow_is_good && all_known) {
            allow
        } else {
            Some(Vec::new())
        },
        forward: if t.is_good() && all_known {
            forward
        } else {
            Vec::new()
        },
    }
}

fn forwards(t: &mut Reader<'_>) -> Vec<Forward> {
    let tables = t.tables("forward");
    if tables.len() > MAX_RULES {
        t.object(
            "forward",
            format!(
                "expected at most {MAX_RULES} forwards, got {}",
                tables.len()
            ),
        );
        return Vec::new();
    }
    let mut taken = HashSet::new();
    let mut forwards = Vec::new();
    for (table, line) in tables {
        let mut inner = t.inner(table, line, "firewall.forward");
        if let Some(forward) = forward(&mut inner) {
            let at = (forward.protocol, forward.port);
            if at == (Protocol::Tcp, HEALTH_PORT) {
                inner.object(
                    "port",
                    format!(
                        "expected another port than {HEALTH_PORT}: it answers the health checks"
                    ),
                );
            } else if !taken.insert(at) {
                inner.object(
                    "port",
                    format!(
                        "expected each port once, got {} a second time",
                        forward.port
                    ),
                );
            }
            forwards.push(forward);
        }
        t.absorb(inner);
    }
    forwards
}

fn forward(t: &mut Reader<'_>) -> Option<Forward> {
    let protocol = t.required("protocol", &rules::PROTOCOL);
    let port = t.required_port("port");
    let to = t.required("to", &rules::HOST);
    let to_port = t.port("to_port");
    Some(Forward {
        protocol: protocol?,
        port: port?,
        to: to?,
        to_port,
    })
}
