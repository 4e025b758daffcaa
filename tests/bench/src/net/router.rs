//! The house: a router whose wired line is dead, with its DHCP server and resolver, and one host.

use std::{net::Ipv4Addr, path::Path};

use super::{ChildGuard, Namespace, NetError, internet::INTERNET_ADDRESS, server};

/// The router's address in the house as it is set up.
pub const ROUTER_ADDRESS: Ipv4Addr = LAN_SUBNET.router();

/// The address of the host in the house as it is set up.
pub const LAN_HOST: Ipv4Addr = LAN_SUBNET.host();

/// The network of the house as it is set up.
pub const LAN_SUBNET: Subnet = Subnet(88);

/// A network 192.168.x.0/24 of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet(pub u8);

impl Subnet {
    /// The router in it.
    pub const fn router(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, self.0, 1)
    }

    /// The host in it.
    pub const fn host(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, self.0, 10)
    }
}

/// What the router's DHCP server lends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpConfig {
    /// In which network; the router and the host move there.
    pub subnet: Subnet,
    /// First and last of the addresses lent, by their last number.
    pub pool: (u8, u8),
    /// For how long, as dnsmasq writes it; `2m` is the shortest.
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

/// The tap in the router's namespace that is the other end of the Pi's Ethernet cable.
pub const PI_TAP: &str = "pi";

/// Makes the interfaces of the router and of the host; the wired line has none: it is dead.
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
    // With redirects the host would learn the Pi's address and no longer go through the router.
    router.sysctl("ipv4/conf/all/send_redirects", "0")?;
    router.sysctl("ipv4/conf/br0/send_redirects", "0")?;
    lan.ip("link set dev eth0 up\n")?;
    number(router, lan, LAN_SUBNET)
}

/// Gives router and host their addresses in `subnet`, and no others.
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

/// The router's address on its wired line, and the other end's.
const LINE: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 18, 0, 2), Ipv4Addr::new(198, 18, 0, 1)];

/// Makes the wired line to the internet, which is the router's way out from then on. Nothing
/// translates addresses, so that servers see which host of the house asks, and by which way.
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

/// Whether what the internet sends to the house comes through. Without it the router's end of the
/// line looks as before.
pub(super) fn set_wan_return_path(internet: &Namespace, alive: bool) -> Result<(), NetError> {
    let Subnet(third) = LAN_SUBNET;
    let [ours, _] = LINE;
    let verb = if alive { "replace" } else { "delete" };
    internet.ip(&format!("route {verb} 192.168.{third}.0/24 via {ours}\n"))
}

/// Starts the router's DHCP server. As its resolver it forwards to the internet's, by whatever
/// default route the router has at the time.
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
        // Without this it looks for 3 s whether the first address is taken.
        "--no-ping".into(),
        format!("--dhcp-range=192.168.{third}.{first},192.168.{third}.{last},{lease_time}"),
        format!("--dhcp-leasefile={}", leases.display()),
    ];
    server::start(router, dir, "router.log", &arguments)
}
