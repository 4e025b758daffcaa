//! The internet behind the carrier: one address for all its services, and a resolver that knows it.

use std::{
    net::{Ipv4Addr, UdpSocket},
    path::Path,
};

use super::{ChildGuard, Namespace, NetError, server};

/// The address of everything in the internet: resolver, names below `failberry.test`, services.
pub const INTERNET_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// The address of somebody there who pretends to be whoever was asked for.
pub const IMPOSTOR_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 66);

/// How the internet's resolver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolverBehaviour {
    /// As it should.
    Correct,
    /// Every name with this address, as before the log-in to a carrier's portal.
    Always(Ipv4Addr),
    /// Questions for IPv6 addresses are refused.
    RefuseAaaa,
    /// Not at all.
    Silent,
}

/// A running resolver, or what stands in its place.
#[derive(Debug)]
pub(super) enum Resolver {
    Running {
        _server: ChildGuard,
    },
    /// Takes questions and never answers; a closed port would tell the asker at once.
    Silent {
        _socket: UdpSocket,
    },
}

/// The carrier's address towards the internet.
pub(crate) const CARRIER_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// The tap in the internet's namespace that is the carrier's uplink.
pub const CARRIER_TAP: &str = "carrier";

/// The networks from which the carrier gives its subscribers addresses: a public one, and those
/// that stand for a carrier's address translation. Answers find their way to all of them.
pub const SUBSCRIBERS: [&str; 3] = ["203.0.113.0/24", "100.64.0.0/10", "10.0.0.0/8"];

/// Makes the interface towards the carrier.
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
    // Its own domain: a question for an IPv6 address gets "none" instead of a refusal.
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
