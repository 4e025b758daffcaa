//! The house: a router whose wired line is dead, with its DHCP server and resolver, and one host.

use std::{net::Ipv4Addr, path::Path};

use super::{Kept, Namespace, NetError, internet::INTERNET_ADDRESS, server};

/// The router's address in the house.
pub const ROUTER_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 1);

/// The address of the host in the house.
pub const LAN_HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 88, 10);

/// The tap in the router's namespace that is the other end of the Pi's Ethernet cable.
pub const PI_TAP: &str = "pi";

/// Makes the interfaces of the router and of the host; the wired line has none: it is dead.
pub(super) fn lay_out(router: &Namespace, lan: &Namespace) -> Result<(), NetError> {
    let host = lan.name();
    router.ip(&format!(
        "link add br0 type bridge stp_state 0 forward_delay 0\n\
         address add {ROUTER_ADDRESS}/24 dev br0\n\
         tuntap add dev {PI_TAP} mode tap\n\
         link add lan type veth peer name eth0 netns {host}\n\
         link set dev {PI_TAP} master br0\n\
         link set dev lan master br0\n\
         link set dev {PI_TAP} up\n\
         link set dev lan up\n\
         link set dev br0 up\n"
    ))?;
    router.sysctl("ipv4/ip_forward", "1")?;
    // With redirects the host would learn the Pi's address and no longer go through the router.
    router.sysctl("ipv4/conf/all/send_redirects", "0")?;
    router.sysctl("ipv4/conf/br0/send_redirects", "0")?;
    lan.ip(&format!(
        "address add {LAN_HOST}/24 dev eth0\n\
         link set dev eth0 up\n\
         route add default via {ROUTER_ADDRESS}\n"
    ))
}

/// Starts the router's DHCP server. As its resolver it forwards to the internet's, by whatever
/// default route the router has at the time.
pub(super) fn serve(router: &Namespace, dir: &Path, lease_time: &str) -> Result<Kept, NetError> {
    let leases = dir.join(super::leases::FILE);
    let arguments = [
        format!("--server={INTERNET_ADDRESS}"),
        "--interface=br0".into(),
        "--dhcp-authoritative".into(),
        // Without this it looks for 3 s whether the first address is taken.
        "--no-ping".into(),
        format!("--dhcp-range=192.168.88.50,192.168.88.99,{lease_time}"),
        format!("--dhcp-leasefile={}", leases.display()),
    ];
    server::start(router, dir, "router.log", &arguments)
}
