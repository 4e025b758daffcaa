//! The house: a router whose wired line is dead, with its DHCP server and resolver, and one host.

use std::{net::Ipv4Addr, path::Path, process::Stdio};

use super::{Kept, Namespace, NetError, internet::INTERNET_ADDRESS};

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
    let log = std::fs::File::create(dir.join("router.log")).map_err(NetError::file(dir))?;
    let mut command = router.command("dnsmasq");
    command
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--user=root",
            "--group=root",
            "--pid-file=",
        ])
        .args(["--log-facility=-", "--log-dhcp", "--log-queries"])
        .args(["--no-hosts", "--no-resolv"])
        .arg(format!("--server={INTERNET_ADDRESS}"))
        .args([
            "--interface=br0",
            "--bind-interfaces",
            "--dhcp-authoritative",
        ])
        // Without this it looks for 3 s whether the first address is taken.
        .arg("--no-ping")
        .arg(format!(
            "--dhcp-range=192.168.88.50,192.168.88.99,{lease_time}"
        ))
        .arg(format!(
            "--dhcp-leasefile={}",
            dir.join(super::leases::FILE).display()
        ))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    Kept::spawn(command).map_err(|source| NetError::ToolMissing {
        tool: "setpriv".into(),
        source,
    })
}
