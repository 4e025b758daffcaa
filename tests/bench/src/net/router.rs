//! LAN: a router whose wired WAN is down, with DHCP server and resolver, and one host.

use std::{net::Ipv4Addr, path::Path};

use super::{ChildGuard, Namespace, NetError, internet::INTERNET_ADDRESS, server};

/// Initial LAN address of the router.
pub const ROUTER_ADDRESS: Ipv4Addr = LAN_SUBNET.router();

/// Initial address of the LAN host.
pub const LAN_HOST: Ipv4Addr = LAN_SUBNET.host();

/// Initial subnet of the LAN.
pub const LAN_SUBNET: Subnet = Subnet(88);

/// LAN subnet 192.168.x.0/24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet(pub u8);

impl Subnet {
    /// Returns the router's address.
    pub const fn router(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, self.0, 1)
    }

    /// Returns the host's address.
    pub const fn host(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, self.0, 10)
    }
}

/// Configuration of the router's DHCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpConfig {
    /// Subnet; router and host are renumbered to it.
    pub subnet: Subnet,
    /// First and last leased address, by their last octet.
    pub pool: (u8, u8),
    /// Lease time in dnsmasq's notation; `2m` is the shortest.
    pub lease_time: String,
}

impl Default for DhcpConfig {
    fn default() -> Self {
        Self {
            subnet: LAN_SUBNET,
            pool: (50, 99),
            lease_time: "1h".into(),
        }
    }
}

/// Tap in the router's namespace: the far end of the Pi's Ethernet cable.
pub const PI_TAP: &str = "pi";

/// Creates the interfaces of router and host; the wired WAN has none, it is down.
pub(super) fn create_interfaces(router: &Namespace, lan: &Namespace) -> Result<(), NetError> {
    let host = lan.name();
    router.ip(&format!(
        "link add br0 type bridge stp_state 0 forward_delay 0\n\
         tuntap add dev {PI_TAP} mode tap\n\
         link add lan type veth peer name eth0 netns {host}\n\
         link set dev {PI_TAP} master br0\n\
         link set dev lan master br0\n\
         link set dev {PI_TAP} up\n\
         link set dev lan up\n\
         link set dev br0 up\n"
    ))?;
    router.sysctl("ipv4/ip_forward", "1")?;
    // With ICMP redirects the host would send to the Pi directly, past the router.
    router.sysctl("ipv4/conf/all/send_redirects", "0")?;
    router.sysctl("ipv4/conf/br0/send_redirects", "0")?;
    lan.ip("link set dev eth0 up\n")?;
    number(router, lan, LAN_SUBNET)
}

/// Assigns router and host their addresses in `subnet`, and removes others.
pub(super) fn number(router: &Namespace, lan: &Namespace, subnet: Subnet) -> Result<(), NetError> {
    let (gateway, host) = (subnet.router(), subnet.host());
    router.ip(&format!(
        "address flush dev br0\n\
         address add {gateway}/24 dev br0\n"
    ))?;
    lan.ip(&format!(
        "address flush dev eth0\n\
         address add {host}/24 dev eth0\n\
         route replace default via {gateway}\n"
    ))
}

/// Addresses of the wired WAN: router and far end.
const LINE: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 18, 0, 2), Ipv4Addr::new(198, 18, 0, 1)];

/// Creates the wired WAN and sets the router's default route to it. There is no NAT, so servers see
/// which LAN host asks and by which path.
pub(super) fn connect_wan(router: &Namespace, internet: &Namespace) -> Result<(), NetError> {
    let [ours, theirs] = LINE;
    router.ip(&format!(
        "link add wan type veth peer name line netns {}\n\
         address add {ours}/30 dev wan\n\
         link set dev wan up\n",
        internet.name()
    ))?;
    internet.ip(&format!(
        "address add {theirs}/30 dev line\n\
         link set dev line up\n"
    ))?;
    router.ip(&format!("route replace default via {theirs} dev wan\n"))?;
    set_wan_return_path(internet, true)
}

/// Adds or removes the internet's return route to the LAN. Without it the router's interface looks
/// unchanged.
pub(super) fn set_wan_return_path(internet: &Namespace, alive: bool) -> Result<(), NetError> {
    let Subnet(third) = LAN_SUBNET;
    let [ours, _] = LINE;
    let verb = if alive { "replace" } else { "delete" };
    internet.ip(&format!("route {verb} 192.168.{third}.0/24 via {ours}\n"))
}

/// Starts the router's DHCP server. Its resolver forwards to the internet's over the router's
/// current default route.
pub(super) fn serve(
    router: &Namespace,
    dir: &Path,
    dhcp: &DhcpConfig,
) -> Result<ChildGuard, NetError> {
    let DhcpConfig {
        subnet: Subnet(third),
        pool: (first, last),
        lease_time,
    } = dhcp;
    let leases = dir.join(super::leases::FILE);
    let arguments = [
        format!("--server={INTERNET_ADDRESS}"),
        "--interface=br0".into(),
        "--dhcp-authoritative".into(),
        // Otherwise it pings the first address for 3 s to see whether it is in use.
        "--no-ping".into(),
        format!("--dhcp-range=192.168.{third}.{first},192.168.{third}.{last},{lease_time}"),
        format!("--dhcp-leasefile={}", leases.display()),
    ];
    server::start(router, dir, "router.log", &arguments)
}
