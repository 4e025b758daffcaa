//! Internet behind the carrier: one address for all services, and a DNS resolver for it.

use std::{
    net::{Ipv4Addr, UdpSocket},
    path::Path,
};

use super::{ChildGuard, Namespace, NetError, server};

/// Address of all internet hosts: resolver, names below `failberry.test`, services.
pub const INTERNET_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// Address of an impostor that pretends to be any requested host.
pub const IMPOSTOR_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 66);

/// Behaviour of the internet's resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolverBehaviour {
    /// Correct answers.
    Correct,
    /// Answers every name with this address, as a captive portal does.
    Always(Ipv4Addr),
    /// Refuses AAAA queries.
    RefuseAaaa,
    /// Answers nothing.
    Silent,
}

/// Running resolver, or its silent replacement.
#[derive(Debug)]
pub(super) enum Resolver {
    Running {
        _server: ChildGuard,
    },
    /// Receives queries and never answers; a closed port would be refused at once.
    Silent {
        _socket: UdpSocket,
    },
}

/// Carrier's address on the internet side.
pub(crate) const CARRIER_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// Tap in the internet's namespace: the carrier's uplink.
pub const CARRIER_TAP: &str = "carrier";

/// Networks of subscriber addresses: a public one, and those of carrier-grade NAT. The internet has
/// return routes to all.
pub const SUBSCRIBERS: [&str; 3] = ["203.0.113.0/24", "100.64.0.0/10", "10.0.0.0/8"];

/// Creates the interface towards the carrier.
pub(super) fn create_interfaces(internet: &Namespace) -> Result<(), NetError> {
    internet.ip(&format!(
        "tuntap add dev {CARRIER_TAP} mode tap\n\
         address add {INTERNET_ADDRESS}/24 dev {CARRIER_TAP}\n\
         address add {IMPOSTOR_ADDRESS}/24 dev {CARRIER_TAP}\n\
         link set dev {CARRIER_TAP} up\n"
    ))?;
    let route = |network| internet.ip(&format!("route add {network} via {CARRIER_ADDRESS}\n"));
    SUBSCRIBERS.into_iter().try_for_each(route)
}

/// Starts the resolver.
pub(super) fn serve(
    internet: &Namespace,
    dir: &Path,
    names: ResolverBehaviour,
) -> Result<Resolver, NetError> {
    let known = format!("--address=/failberry.test/{INTERNET_ADDRESS}");
    // Authoritative for the domain: an AAAA query gets an empty answer instead of a refusal.
    let own = "--local=/failberry.test/".to_owned();
    let mut arguments = vec![format!("--listen-address={INTERNET_ADDRESS}")];
    match names {
        ResolverBehaviour::Correct => arguments.extend([known, own]),
        ResolverBehaviour::RefuseAaaa => arguments.push(known),
        ResolverBehaviour::Always(address) => {
            arguments.extend([format!("--address=/#/{address}"), "--local=/#/".to_owned()]);
        }
        ResolverBehaviour::Silent => {
            let socket = internet.run(|| UdpSocket::bind((INTERNET_ADDRESS, 53)));
            return Ok(Resolver::Silent {
                _socket: socket.map_err(NetError::file("a socket on port 53"))?,
            });
        }
    }
    let server = server::start(internet, dir, "internet.log", &arguments)?;
    Ok(Resolver::Running { _server: server })
}
